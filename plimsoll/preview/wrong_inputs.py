"""What the SDK's own classes find wrong with a program's inputs, as the end record of its run has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from plimsoll.preview.plan import Diagnostic, Severity, SourcePosition, reading_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.preview.decode import Mask


@dataclass(frozen=True, slots=True)
class InputProblem:
    """What is wrong with one input of one resource; `place` is where the program declares the resource.

    `reason` reads on from `path`, and never repeats a value.
    """

    urn: str
    path: str
    reason: str
    place: SourcePosition | None

    @property
    def of(self) -> str:
        """The resource by its name and type."""
        *_, type_, name = self.urn.split("::")
        return f"{name}, a {type_.rpartition('$')[2]}"

    @override
    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.path} {self.reason} ({self.of})"


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found, each in the order of the source: what is wrong, and what is advised."""

    wrong: tuple[InputProblem, ...]
    advice: tuple[Diagnostic, ...]


def findings(record: Mapping[str, Any], places: Mapping[str, SourcePosition | None], mask: Mask) -> Findings:
    """What an end record says of the inputs. `places` is where resources are declared, by URN.

    Where the SDK's classes could not be read, the advice says why.
    """
    found: dict[bool, list[InputProblem]] = {True: [], False: []}
    for one in record.get("problems", ()):
        path, reason = mask.text(one["path"]), mask.text(one["reason"])
        found[one["advice"]].append(InputProblem(one["urn"], path, reason, places.get(one["urn"])))
    for problems in found.values():
        problems.sort(key=lambda it: (reading_order(it.place), it.urn))
    advice = [Diagnostic(Severity.WARNING, str(one), one.urn) for one in found[True]]
    if because := record.get("unchecked"):
        text = mask.text(f"Inputs were not checked, because the SDK's classes cannot be read: {because}")
        advice.append(Diagnostic(Severity.WARNING, text))
    return Findings(tuple(found[False]), tuple(advice))
