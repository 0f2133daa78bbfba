"""What a lint finds, and how rules say it: where in the document, what, why, and what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from plimsoll.limits import Problem, Severity
from plimsoll.limits.facts import Facts
from plimsoll.limits.rules import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.slo.lint.places import Path

FACTS = Facts("cloud_monitoring")
_DURATION = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,9})?)s")


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem and where it stands."""

    path: Path
    problem: Problem


@dataclass(slots=True)
class Document:
    """One object of the file: its content with the API's names, and what was found in it."""

    path: Path
    content: Mapping[str, object]
    findings: list[Finding] = field(default_factory=list)

    def wrong(
        self,
        where: str,
        rule: str,
        message: str,
        remedy: str,
        *,
        fact: str | None = None,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note a finding at the dotted path `where`, whose source is a fact's or our own."""
        path: Path = tuple(int(step) if step.isdecimal() else step for step in where.split(".") if step)
        source = FACTS[fact].citation if fact is not None else "Plimsoll's design"
        value = self.at(where)
        said = "" if isinstance(value, dict | list) or value is None else quoted(str(value))
        problem = Problem(f"slo-lint/{rule}", severity, (where,), said, message, remedy, source)
        self.findings.append(Finding((*self.path, *path), problem))

    def at(self, where: str) -> object:
        """The value at a dotted path, None where there is none."""
        value: object = self.content
        for step in filter(None, where.split(".")):
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        return value

    def text(self, where: str) -> str | None:
        """The text there."""
        value = self.at(where)
        return value if isinstance(value, str) else None

    def number(self, where: str) -> Fraction | None:
        """The number there, as it is written."""
        value = self.at(where)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        exact = Decimal(str(value)) if abs(value) < 10**18 else Decimal("Infinity")
        return Fraction(exact) if exact.is_finite() else None

    def seconds(self, where: str) -> Fraction | None:
        """The duration there, as JSON writes one (`3600s`); one of another form is a finding."""
        value = self.at(where)
        if value is None:
            return None
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            self.wrong(where, "duration", "a duration is seconds with an s", "write it as in 3600s")
            return None
        return Fraction(Decimal(match[1]))
