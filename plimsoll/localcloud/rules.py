"""What vendors decide about the types that we declare: replacements and shapes, from dated data files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plimsoll.localcloud.conditions import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plimsoll.localcloud.wire import Wire

DATA: Final = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Within:
    """Where a thing lives, and is gone with: the one of `type` whose property `of` is this one's `by`."""

    type: str
    by: str
    of: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What a cloud answers for one type. Texts are templates (`plimsoll.localcloud.templates`).

    `identity` is what no two may share; where it is "", the id is, unless the id holds noise. `shared`: to
    create what exists already is no conflict (a grant, an API that is on). `protected_by` is the flag that
    refuses a delete, `counted_by` the series that `{count}` in the templates numbers. `defaults` are merged
    below the inputs, `outputs` are what the cloud adds.
    """

    id: str = ""
    identity: str = ""
    shared: bool = False
    protected_by: str = ""
    counted_by: str = ""
    within: Within | None = None
    outputs: Mapping[str, Wire] = field(default_factory=dict)
    defaults: Mapping[str, Wire] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules. `replacements_as_of` is the date of the data about replacements."""

    replacements: Mapping[str, tuple[str, ...]]
    conditions: Mapping[str, tuple[Condition, ...]]
    replacements_as_of: str
    replaced_on_any_change: frozenset[str]
    not_autonamed: frozenset[str]
    by_name: tuple[tuple[re.Pattern[str], str], ...]
    resources: Mapping[str, Rule]
    functions: Mapping[str, Mapping[str, Wire]]

    def forcing(self, type_: str, inputs: Iterable[str]) -> tuple[str, ...] | None:
        """The paths whose change replaces a resource of a type, or None where no data says.

        `inputs` are the names of its inputs.
        """
        if package(type_) in self.replaced_on_any_change:
            return tuple(inputs)
        return self.replacements.get(type_)

    def autonamed(self, type_: str) -> bool:
        """Whether the type's provider makes up a missing `name`."""
        return package(type_) not in self.not_autonamed


def package(type_: str) -> str:
    """The package that serves a type: "gcp" for "gcp:sql/user:User" and for "pulumi:providers:gcp"."""
    parts = type_.split(":")
    return parts[2] if parts[:2] == ["pulumi", "providers"] else parts[0]


@cache
def load_rules() -> Rules:
    """The rules of this version."""
    replacements = json.loads((DATA / "replacements.json").read_text("utf-8"))
    shapes = json.loads((DATA / "shapes.json").read_text("utf-8"))
    return Rules(
        replacements={
            type_: tuple(map(camel, said["replace_on_change"]))
            for type_, said in replacements["resources"].items()
        },
        conditions={
            type_: tuple(map(_condition, said.get("replace_when", ())))
            for type_, said in replacements["resources"].items()
        },
        replacements_as_of=replacements["as_of"],
        replaced_on_any_change=frozenset(shapes["replace_on_any_change"]["packages"]),
        not_autonamed=frozenset(shapes["autonamed"]["packages_without"]),
        by_name=tuple((re.compile(pattern), template) for pattern, template in shapes["by_name"]),
        resources={type_: _rule(said) for type_, said in shapes["resources"].items()},
        functions=shapes["functions"],
    )


def _rule(said: dict[str, Wire]) -> Rule:
    within = said.pop("within", None)
    return Rule(within=Within(**within) if within else None, **said)


def _condition(said: dict[str, Wire]) -> Condition:
    return Condition(
        camel(said["path"]),
        said["when"],
        {camel(path): value for path, value in said.get("only_with", {}).items()},
        tuple(map(camel, said.get("unless_changed", ()))),
    )


def camel(path: str) -> str:
    """A path in Python's names as the protocol has it: "settings.disk_size", "settings.diskSize"."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), path)
