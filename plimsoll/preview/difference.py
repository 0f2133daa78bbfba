"""What differs between two plans of one environment: resources added, removed and changed, by property path.

Pure. Between two offline plans nobody knows what exists, so that the difference is what the *program* asks
for now and did not ask for then; whether a change is made in place is known as far as dated data say. Where
the engine made the plan, its steps are taken.

Secrets are compared by whether there is one: their values are in no plan. An unknown is like any other, and
a known value that becomes unknown, or the other way round, may turn out to be the same.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from plimsoll.paths import ANY_ELEMENT, Steps, agree, read_path, write_path
from plimsoll.preview.plan import (
    STACK_TYPE,
    Alias,
    Secret,
    Step,
    Unknown,
    resource_to_json,
    value_to_json,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from plimsoll.preview.plan import Plan, Resource, Value

Forcing: TypeAlias = "Callable[[Resource], Iterable[str] | None]"
"""The paths whose change replaces a resource; None where nobody says."""

LONGEST_ALIGNED: Final = 500
"""Elements. Longer lists are compared by position: to find what was inserted takes quadratic time."""

PROVIDER_TYPE: Final = "pulumi:providers:"
"""How the types of providers start. No change of one replaces it; it may well replace what it made."""


@dataclass(frozen=True, slots=True)
class PropertyDifference:
    """One input that differs; `before` or `after` is None where there is none.

    `replaces` is None where it is not known whether this can be changed in place. `ignored`: the resource
    option `ignoreChanges` names it, so that the engine leaves it as it is.
    """

    steps: Steps
    before: Value
    after: Value
    replaces: bool | None = False
    ignored: bool = False

    @property
    def path(self) -> str:
        """The path as Pulumi writes it."""
        return write_path(self.steps)

    @property
    def certain(self) -> bool:
        """Whether it surely differs: an unknown may turn out to be what was there."""
        return not isinstance(self.before, Unknown) and not isinstance(self.after, Unknown)


@dataclass(frozen=True, slots=True)
class OptionDifference:
    """One resource option that differs, as JSON has it; None where it is not given."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ResourceDifference:
    """What happens to one resource; `before` or `after` is None where the program does not have it.

    `step` is None where it is not known whether it is updated or replaced, and "same" where options alone
    differ, or properties that are ignored.
    """

    before: Resource | None
    after: Resource | None
    step: Step | None
    properties: tuple[PropertyDifference, ...] = ()
    options: tuple[OptionDifference, ...] = ()
    provider_differs: bool = False
    """Whether its provider, or that one's configuration, differs: a project or region that it does not name
    itself may be another one, which replaces it."""

    @property
    def resource(self) -> Resource:
        """The resource as it is to be, or as it was where it is to be no more."""
        resource = self.after or self.before
        if resource is None:
            raise AssertionError("one of the two is there")
        return resource

    @property
    def renamed_from(self) -> str:
        """The former URN of a resource that an alias leads back to; "" where it is the same."""
        if self.before is None or self.after is None or self.before.urn == self.after.urn:
            return ""
        return self.before.urn


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs, in the order of the program, then what is removed. `same` counts the other resources.

    The stack itself and components count as resources here: what they register is part of what they promise.
    `outputs` are the stack's. `secrets` counts the values that are secret on both sides, never compared.
    """

    before: Plan | None
    after: Plan
    changed: tuple[ResourceDifference, ...]
    same: int
    outputs: tuple[PropertyDifference, ...] = ()
    secrets: int = 0

    @property
    def counts(self) -> Counter[Step | None]:
        """How many managed resources take each step."""
        return Counter(one.step for one in self.changed if one.resource.custom)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The types of resources of which it is not known whether they are replaced."""
        return tuple(sorted({one.resource.type for one in self.changed if one.step is None}))


def difference(
    before: Plan | None, after: Plan, forcing: Forcing, reconfigured: Collection[str] = ()
) -> Difference:
    """What differs from `before`, or everything where there was no such environment.

    `reconfigured` are the packages whose configuration of the stack differs: that of their default providers.
    """
    old = {} if before is None else {resource.urn: resource for resource in before.resources}
    pairs: list[tuple[Resource | None, Resource]] = []
    former: dict[str, tuple[str, ...]] = {}
    moved: dict[str, str] = {}
    for resource in after.resources:
        former[resource.urn] = _former_urns(resource, former)
        candidates = (resource.urn, *former[resource.urn])
        urn = next((one for one in candidates if one in old), None)
        pairs.append((old.pop(urn) if urn is not None else None, resource))
        if urn is not None:
            moved[urn] = resource.urn
    other = {
        resource.urn
        for was, resource in pairs
        if resource.type.startswith(PROVIDER_TYPE)
        and (was is None or [*walk((), was.inputs, resource.inputs)])
    }
    found = [_compare(was, resource, moved, forcing, after) for was, resource in pairs]
    if not after.knows_state:
        found = [
            _doubted(one, *pair) if _provider_differs(*pair, moved, other, reconfigured) else one
            for one, pair in zip(found, pairs, strict=True)
        ]
    changed = [one for one in found if one is not None]
    changed += [
        ResourceDifference(gone, None, Step.DELETE)
        for gone in old.values()
        if not gone.read and gone.type != STACK_TYPE
    ]
    return Difference(
        before,
        after,
        tuple(changed),
        sum(one is None for one in found),
        () if before is None else tuple(_outputs(before, after)),
        sum(_secrets(was.inputs, resource.inputs) for was, resource in pairs if was is not None),
    )


def _provider_differs(
    before: Resource | None,
    after: Resource,
    moved: Mapping[str, str],
    other: Collection[str],
    reconfigured: Collection[str],
) -> bool:
    if before is None or not after.custom or after.type.startswith(PROVIDER_TYPE):
        return False
    if before.provider is None or after.provider is None:
        return before.provider is not after.provider
    if moved.get(before.provider.name, before.provider.name) != after.provider.name:
        return True
    return after.provider.name in (other if after.provider.explicit else reconfigured)


def _doubted(
    found: ResourceDifference | None, before: Resource | None, after: Resource
) -> ResourceDifference:
    """The difference where the resource's provider differs: it may be replaced, if it is not anyway."""
    found = found or ResourceDifference(before, after, None)
    step = found.step if found.step in {Step.REPLACE, Step.READ} else None
    return replace(found, step=step, provider_differs=True)


def _outputs(before: Plan, after: Plan) -> Iterator[PropertyDifference]:
    for name in sorted(before.outputs.keys() | after.outputs.keys()):
        for steps, was, becomes in walk((name,), before.outputs.get(name), after.outputs.get(name)):
            yield PropertyDifference(steps, was, becomes)


def _secrets(before: Value, after: Value) -> int:
    """How many values are secret on both sides, at the same path."""
    match before, after:
        case (Secret(), Secret()):
            return 1
        case (dict(), dict()):
            return sum(_secrets(before[name], after[name]) for name in before.keys() & after.keys())
        case (list(), list()):
            return sum(map(_secrets, before, after))
        case _:
            return 0


def _former_urns(resource: Resource, former: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Every URN that an alias of the resource or of its parents names, as the engine derives them.

    (`pkg/resource/deploy/step_generator.go`, `generateAliases`; a child whose name starts with its parent's
    was renamed with it: `sdk/go/common/resource/alias.go`.)
    """
    urns = [_aliased(resource, alias) for alias in resource.options.aliases]
    for parent in former.get(resource.parent or "", ()):
        name, own, old = resource.name, _name(resource.parent or ""), _name(parent)
        if name.startswith(own):
            name = old + name.removeprefix(own)
        urns.append(_urn(resource.urn, parent, resource.type, name))
        urns += [
            _aliased(resource, alias, parent)
            for alias in resource.options.aliases
            if not (alias.urn or alias.parent or alias.no_parent)
        ]
    return tuple(dict.fromkeys(urns))


def _aliased(resource: Resource, alias: Alias, parent: str | None = None) -> str:
    if alias.urn:
        return alias.urn
    above = "" if alias.no_parent else alias.parent or parent or resource.parent or ""
    urn = _urn(resource.urn, above, alias.type or resource.type, alias.name or resource.name)
    stack, project, *rest = urn.split("::")
    stack = f"urn:pulumi:{alias.stack}" if alias.stack else stack
    return "::".join([stack, alias.project or project, *rest])


def _urn(like: str, parent: str, type_: str, name: str) -> str:
    """A URN in the stack of `like`; a parent's type leads its child's, but for the stack's own."""
    above = parent.split("::")[2] if parent else STACK_TYPE
    qualified = type_ if above == STACK_TYPE else f"{above}${type_}"
    return "::".join([*like.split("::")[:2], qualified, name])


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def _compare(
    before: Resource | None, after: Resource, moved: Mapping[str, str], forcing: Forcing, plan: Plan
) -> ResourceDifference | None:
    if before is None:
        if after.type == STACK_TYPE:
            return None
        return ResourceDifference(None, after, after.steps[0])
    paths = None if after.component else _forced(after, forcing)
    ignored = [read_path(path) for path in after.options.ignore_changes]
    properties = tuple(
        PropertyDifference(
            steps,
            was,
            becomes,
            replaces=after.custom and _replaces(paths, after, steps, was, becomes),
            ignored=any(len(path) <= len(steps) and agree(path, steps) for path in ignored),
        )
        for steps, was, becomes in walk((), before.inputs, after.inputs)
    )
    options = tuple(_options(before, after, moved))
    step = _known_step(after) if plan.knows_state else _step(after, properties, options)
    unchanged = step in {Step.SAME, Step.READ} and before.urn == after.urn
    if unchanged and not properties and not options:
        return None
    return ResourceDifference(before, after, step, properties, options)


def _known_step(after: Resource) -> Step:
    return Step.REPLACE if Step.REPLACE in after.steps else after.steps[-1]


def _step(
    after: Resource, properties: Sequence[PropertyDifference], options: Sequence[OptionDifference]
) -> Step | None:
    """What the difference takes; None where that is not known."""
    effective = [one for one in properties if not one.ignored]
    if any(one.replaces for one in effective) or any(one.name == "replacementTrigger" for one in options):
        return Step.REPLACE
    if not effective:
        return Step.SAME
    if after.read:
        return Step.READ
    return None if any(one.replaces is None for one in effective) else Step.UPDATE


def _forced(after: Resource, forcing: Forcing) -> list[Steps] | None:
    """The paths whose change replaces the resource; None where no data say."""
    if after.read or after.type.startswith(PROVIDER_TYPE):
        return []
    own = [read_path(path) for path in after.options.replace_on_changes]
    known = forcing(after)
    if known is None:
        # What the program itself says is known all the same, if it is everything.
        return own if ("*",) in own else None
    return [*own, *map(read_path, known)]


def _replaces(
    paths: Sequence[Steps] | None, after: Resource, steps: Steps, was: Value, becomes: Value
) -> bool | None:
    """Whether a difference at a path replaces the resource: at, below or around a path that does."""
    if paths is None:
        own = (read_path(path) for path in after.options.replace_on_changes)
        return True if any(len(one) <= len(steps) and agree(one, steps) for one in own) else None
    for path in paths:
        if not agree(path, steps):
            continue
        rest = path[len(steps) :]
        old, new = list(_pick(was, rest)), list(_pick(becomes, rest))
        if rest and old == new:
            continue
        # What is unknown may turn out to be as it was.
        return None if any(isinstance(value, Unknown) for value in (*old, *new)) else True
    return False


def _options(before: Resource, after: Resource, moved: Mapping[str, str]) -> Iterator[OptionDifference]:
    old, new = (resource_to_json(one)["options"] for one in (before, after))
    old["dependsOn"] = sorted(moved.get(urn, urn) for urn in before.dependencies) or None
    new["dependsOn"] = list(after.dependencies) or None
    old["provider"], new["provider"] = (
        one.provider.name if one.provider else None for one in (before, after)
    )
    old["provider"] = moved.get(str(old["provider"]), old["provider"])
    for name in sorted((old.keys() | new.keys()) - {"aliases", "importId"}):
        if old.get(name) != new.get(name):
            yield OptionDifference(name, old.get(name), new.get(name))


# By path ----------------------------------------------------------------------------------------------------


def walk(steps: Steps, before: Value, after: Value) -> Iterator[tuple[Steps, Value, Value]]:
    """The outermost paths at which two values differ."""
    match before, after:
        case (Secret(), Secret()):
            return
        case (dict(), dict()):
            for name in sorted(before.keys() | after.keys()):
                if steps or not name.startswith("__"):  # what a bridged provider notes for itself
                    yield from walk((*steps, name), before.get(name), after.get(name))
        case (list(), list()):
            for was, becomes in _aligned(before, after):
                index = was if becomes is None else becomes
                old = None if was is None else before[was]
                new = None if becomes is None else after[becomes]
                yield from walk((*steps, index or 0), old, new)
        case _ if _plain(before) != _plain(after):
            yield steps, before, after
        case _:
            return


def _aligned(before: list[Value], after: list[Value]) -> Iterator[tuple[int | None, int | None]]:
    """Indices of the elements that belong together; None where one was inserted or taken out."""
    if max(len(before), len(after)) > LONGEST_ALIGNED:
        shared = min(len(before), len(after))
        yield from ((at, at) for at in range(shared))
        yield from ((at, None) for at in range(shared, len(before)))
        yield from ((None, at) for at in range(shared, len(after)))
        return
    old, new = ([_plain(value) for value in values] for values in (before, after))
    for _, old_from, old_to, new_from, new_to in SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        shared = min(old_to - old_from, new_to - new_from)
        yield from ((old_from + at, new_from + at) for at in range(shared))
        yield from ((at, None) for at in range(old_from + shared, old_to))
        yield from ((None, at) for at in range(new_from + shared, new_to))


def _plain(value: Value) -> str:
    """A value as text that is the same for what counts as the same here."""
    return json.dumps(value_to_json(_without_detail(value)), sort_keys=True)


def _without_detail(value: Value) -> Value:
    match value:
        case Secret():
            return Secret()
        case list():
            return [_without_detail(item) for item in value]
        case dict():
            return {name: _without_detail(item) for name, item in value.items() if item is not None}
        case _:
            return value


def _pick(value: Value, rest: Steps) -> Iterator[Value]:
    """Every value below one that the remaining steps of a path lead to."""
    if not rest or isinstance(value, Unknown):
        if value is not None:
            yield value
    elif rest[0] in ANY_ELEMENT:
        for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
            yield from _pick(item, rest[1:])
    elif isinstance(value, dict):
        yield from _pick(value.get(str(rest[0])), rest[1:])
