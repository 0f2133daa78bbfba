"""Who says whether inputs are right and what a change of them takes, where no provider can be asked.

The project's own SDK classes check, dated data plans replacements. It does not imitate a vendor's enums,
formats and quotas: what it lets pass, a real provider may still refuse.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.localcloud.diff import compare
from plimsoll.localcloud.rules import package
from plimsoll.localcloud.templates import ALPHABETS, pick
from plimsoll.localcloud.wire import bare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.localcloud.diff import Change
    from plimsoll.localcloud.rules import Rules
    from plimsoll.localcloud.sdk import InstalledSdks, Problem, Shape
    from plimsoll.localcloud.wire import Properties

MADE_UP = "__defaults"
"""The input in which bridged providers keep the names of the inputs that they made up."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which judge was at work, and where it could not judge: types, sorted.

    `unproven` are the packages whose real provider was not asked: what it would add, change or refuse is not
    known, so that an empty second preview proves nothing there. `unchecked` types have no class in an
    installed SDK, so that any input passed; for `unplanned` ones there is no data about replacements, so that
    each change was planned as an update.
    """

    judge: str
    unchecked: tuple[str, ...]
    unplanned: tuple[str, ...]
    unproven: tuple[str, ...] = ()


class Judge:
    """Checks and plans for one cloud, and remembers what it could not judge. Thread-safe."""

    def __init__(self, sdks: InstalledSdks, rules: Rules) -> None:
        self._sdks = sdks
        self._rules = rules
        self._lock = threading.Lock()
        self._unchecked: set[str] = set()
        self._unplanned: set[str] = set()
        self._packages: set[str] = set()

    def judgement(self, providers: Mapping[str, str]) -> Judgement:
        """What can be said of the judging so far, beside that of real providers, by package."""
        with self._lock:
            packages = tuple(sorted(self._packages - providers.keys()))
            said = [f"{name}: {who}" for name, who in sorted(providers.items())]
            own = (
                f"installed SDK classes and replacement data of {self._rules.replacements_as_of}; "
                "no provider was asked"
            )
            if packages or not said:
                said.append(f"{', '.join(packages)}: {own}" if said else own)
            return Judgement(
                " · ".join(said), tuple(sorted(self._unchecked)), tuple(sorted(self._unplanned)), packages
            )

    def shape(self, type_: str) -> Shape | None:
        """The class of a type, or None where no installed SDK has it."""
        return self._sdks.shape(type_)

    def check(self, type_: str, inputs: Properties) -> tuple[Problem, ...]:
        """All that is wrong with a resource's inputs."""
        problems = self._sdks.check(type_, inputs)
        with self._lock:
            self._packages.add(package(type_))
            if problems is None:
                self._unchecked.add(type_)
        return problems or ()

    def complete(self, type_: str, name: str, inputs: Properties, olds: Properties, seed: str) -> Properties:
        """The inputs with a name made up, where the type's provider would make one up.

        `name` is the resource's own in the program. The one made up before is kept.
        """
        shape = self.shape(type_)
        if bare(inputs.get("name")) is not None or shape is None:
            return inputs
        if "name" not in shape.inputs or not self._rules.autonamed(type_):
            return inputs
        made_up = f"{name}-{pick(ALPHABETS['hex'], 7, seed)}"
        if "name" in olds.get(MADE_UP, ()):
            made_up = olds["name"]
        return {**inputs, "name": made_up, MADE_UP: ["name"]}

    def compare(self, type_: str, old: Properties, new: Properties) -> list[Change]:
        """What changed, and which of it replaces the resource."""
        forcing = self._rules.forcing(type_, old.keys() | new.keys())
        changes = compare(old, new, forcing or (), self._rules.conditions.get(type_, ()))
        if changes and forcing is None:
            with self._lock:
                self._unplanned.add(type_)
        return changes

    def compare_config(self, old: Properties, new: Properties) -> list[Change]:
        """What changed in a provider's own configuration. Nothing of it replaces what the provider made."""
        return compare(old, new)

    def deletes_first(self, type_: str, new: Properties) -> bool:
        """Whether a replacement deletes before it creates: where the physical name is the program's own.

        So do bridged providers (`nameRequiresDeleteBeforeReplace` in pulumi-terraform-bridge), for `name`
        alone: a resource that another input identifies collides with itself.
        """
        shape = self.shape(type_)
        named = shape is not None and "name" in shape.inputs and new.get("name") is not None
        return named and self._rules.autonamed(type_) and "name" not in new.get(MADE_UP, ())
