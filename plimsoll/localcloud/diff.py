"""What changed between two sets of inputs, by property path, and which changes force a replacement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from plimsoll.localcloud.wire import at, bare, same, signature
from plimsoll.paths import ANY_ELEMENT, Steps, agree, read_path, write_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from plimsoll.localcloud.conditions import Condition
    from plimsoll.localcloud.wire import Properties, Wire


class Kind(StrEnum):
    """What happened to a property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Change:
    """One property that differs. `replaces` says that the resource has to be replaced for it."""

    steps: Steps
    kind: Kind
    replaces: bool = False

    @property
    def path(self) -> str:
        """The path as Pulumi writes it."""
        return write_path(self.steps)

    @property
    def property(self) -> str:
        """The input that the path begins with."""
        return str(self.steps[0])


def compare(
    old: Properties, new: Properties, forcing: Iterable[str] = (), conditions: Iterable[Condition] = ()
) -> list[Change]:
    """All that differs, in the order of the names. An unknown always differs.

    `forcing` has the paths whose change replaces the resource: names joined by dots, `[]` for any element of
    a list and `{}` for any value of a map. A change at, below or around such a property counts; one around
    it only if the property itself differs. So does one of a property for which a condition holds.
    """
    met = [condition.path for condition in conditions if condition.holds(old, new)]
    patterns = [read_path(pattern) for pattern in (*forcing, *met)]
    return [
        Change(steps, kind, any(_touches(pattern, steps, old, new) for pattern in patterns))
        for steps, kind in _walk((), old, new)
    ]


def _walk(steps: Steps, old: Wire, new: Wire) -> Iterator[tuple[Steps, Kind]]:
    if same(old, new):
        return
    before, after = bare(old), bare(new)
    if before is None or after is None:
        yield steps, Kind.ADD if before is None else Kind.DELETE
        return
    match before, after:
        case (dict(), dict()) if signature(before) is None and signature(after) is None:
            for name in sorted(before.keys() | after.keys()):
                if steps or not name.startswith("__"):
                    yield from _walk((*steps, name), before.get(name), after.get(name))
        case (list(), list()):
            for index, (was, becomes) in enumerate(zip(before, after, strict=False)):
                yield from _walk((*steps, index), was, becomes)
            for index in range(min(len(before), len(after)), max(len(before), len(after))):
                yield (*steps, index), Kind.ADD if index < len(after) else Kind.DELETE
        case _:
            yield steps, Kind.UPDATE


def _touches(pattern: Steps, steps: Steps, old: Properties, new: Properties) -> bool:
    if not agree(pattern, steps):
        return False
    if len(steps) >= len(pattern):
        return True
    rest = pattern[len(steps) :]
    return not same(list(_pick(at(old, steps), rest)), list(_pick(at(new, steps), rest)))


def _pick(value: Wire, rest: Steps) -> Iterator[Wire]:
    """Every value below one that a pattern's remaining steps lead to."""
    value = bare(value)
    if not rest:
        if value is not None:
            yield value
    elif rest[0] in ANY_ELEMENT:
        for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            yield from _pick(item, rest[1:])
    elif isinstance(value, dict):
        yield from _pick(value.get(rest[0]), rest[1:])
