"""What a run of the engine would do, or did, to each resource, and what is lost by it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plimsoll.preview.plan import Secret, Step, Unknown
from plimsoll.preview.stateful import Stateful, stateful

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plimsoll.engine.events import StepEvent
    from plimsoll.preview.plan import Value

_STEPS: Final = {
    "create": Step.CREATE,
    "update": Step.UPDATE,
    "replace": Step.REPLACE,
    "read-replacement": Step.REPLACE,
    "delete": Step.DELETE,
    "import": Step.IMPORT,
    "import-replacement": Step.IMPORT,
}
"""What is shown, by the engine's word. A replacement's own create and delete are part of its `replace`."""

_SEGMENT: Final = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """One property that differs, by its path in the inputs.

    `before` and `after` are None where there is none. `replaces`: it is this one that cannot be changed in
    place.
    """

    path: str
    before: Value
    after: Value
    replaces: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What would happen to one resource. `stateful` says what a replacement or a delete would lose.

    `held_back_by` are the protected resources (URNs) that keep the engine from coming to it at all.
    """

    urn: str
    type: str
    name: str
    step: Step
    properties: tuple[PropertyChange, ...] = ()
    stateful: Stateful | None = None
    held_back_by: tuple[str, ...] = ()

    @property
    def loses(self) -> Stateful | None:
        """What would be lost; None where nothing is."""
        return self.stateful if self.step in {Step.REPLACE, Step.DELETE} else None


@dataclass(frozen=True, slots=True)
class Changes:
    """Everything that changes, in the engine's order. `same` counts the resources that stay as they are."""

    changed: tuple[Change, ...]
    same: int

    @property
    def counts(self) -> Counter[Step]:
        """How many resources take each step."""
        return Counter(change.step for change in self.changed)

    @property
    def losses(self) -> tuple[Change, ...]:
        """The changes that lose something."""
        return tuple(change for change in self.changed if change.loses)


def changes(events: Iterable[StepEvent]) -> Changes:
    """Read a run's steps. Of several events about one step of a resource the first counts."""
    changed: dict[tuple[str, Step], Change] = {}
    same: set[str] = set()
    events = list(events)
    replaced = {event.urn for event in events if event.operation in {"replace", "create-replacement"}}
    for event in events:
        step = _STEPS.get(event.operation)
        if event.operation == "delete-replaced" and event.urn not in replaced:
            # It goes with what it stood on, and nothing comes in its place.
            step = Step.DELETE
        if step is not None:
            changed.setdefault((event.urn, step), _change(event, step))
        elif event.operation == "same":
            same.add(event.urn)
    return Changes(tuple(changed.values()), len(same - {urn for urn, _ in changed}))


def _change(event: StepEvent, step: Step) -> Change:
    return Change(
        urn=event.urn,
        type=event.type,
        name=event.urn.rpartition("::")[2],
        step=step,
        properties=_properties(event) if step in {Step.UPDATE, Step.REPLACE} else (),
        stateful=stateful(event.type),
    )


def _properties(event: StepEvent) -> tuple[PropertyChange, ...]:
    """What differs: by the provider's detailed diff, else by the names that it gave."""
    kinds = {path: change.kind for path, change in event.changes.items()}
    kinds = kinds or dict.fromkeys((*event.diffs, *event.replaces), "update")
    # A component has no provider that would say; what it registers (a flow's budget, say) is compared here.
    kinds = kinds or dict.fromkeys(_differing(event.old, event.new, ""), "update")
    return tuple(
        PropertyChange(
            path,
            _value(event.old, path),
            _value(event.new, path),
            replaces=kind.endswith("-replace") or path in event.replaces,
        )
        for path, kind in sorted(kinds.items())
    )


def _differing(old: Value, new: Value, path: str) -> Iterator[str]:
    """Paths of the leaves that are not the same on both sides."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            quoted = name if re.fullmatch(r"[^.\[\]\"]+", name) else f'["{name}"]'
            inner = f"{path}.{quoted}" if path and not quoted.startswith("[") else f"{path}{quoted}"
            yield from _differing(old.get(name), new.get(name), inner)
    elif old != new:
        yield path


def _value(properties: dict[str, Value], path: str) -> Value:
    """The value at a path, or the secret or unknown that it is in; None where there is none."""
    value: Value = properties
    for quoted, index, name in _SEGMENT.findall(path):
        if isinstance(value, Secret | Unknown):
            return value
        if isinstance(value, list) and index:
            value = value[int(index)] if int(index) < len(value) else None
        else:
            key = name or index or quoted.replace('\\"', '"')
            value = value.get(key) if isinstance(value, dict) else None
    return value
