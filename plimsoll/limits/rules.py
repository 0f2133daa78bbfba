"""How a rule is written: a predicate over a shape, with its id, its rows, its severity and its source.

A shape says what is known of something declared, whoever declared it. A predicate yields a `Breach` for each
thing that is wrong and nothing where it cannot decide, because a value that it needs is not known.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, TypeVar

from plimsoll.limits.facts import Facts
from plimsoll.limits.problem import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

# Beyond every limit that there is, yet short to print and quick to multiply.
_BEYOND = 10**18
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is known of something declared: `None` where a value was not said, or is not known yet.

    The difference matters to the few rules that ask for something to be said: they stay silent about the
    names in `unknown`, such as a value that only a deployment will tell.

    Numbers that are not finite are taken as unknown, and those beyond 10^18 as 10^18: whatever a file or a
    foreign program holds, a rule can judge it and print it.
    """

    unknown: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Decimal) and not value.is_finite():
                object.__setattr__(self, field.name, None)
                object.__setattr__(self, "unknown", self.unknown | {field.name})
            elif isinstance(value, int | Decimal) and abs(value) > _BEYOND:
                object.__setattr__(self, field.name, type(value)(_BEYOND if value > 0 else -_BEYOND))

    def leaves_out(self, field: str) -> bool:
        """Whether `field` was not said, and nothing else will say it either."""
        return getattr(self, field) is None and field not in self.unknown


@dataclass(frozen=True, slots=True)
class Breach:
    """What a predicate found; with its rule it becomes a `Problem`, whose fields these are."""

    fields: tuple[str, ...]
    value: str
    message: str
    remedy: str


S = TypeVar("S", bound=Shape)


@dataclass(frozen=True, slots=True)
class Rule(Generic[S]):
    """A predicate with what is known about it. Called with a shape, it returns what is wrong."""

    id: str
    rows: tuple[int, ...]
    """Rows of `cloud-run.md`, table 1, that it holds; none where it stands elsewhere in the references."""
    severity: Severity
    fact: str
    """Name of the fact whose source a problem cites."""
    find: Callable[[S], Iterator[Breach]]

    def __call__(self, shape: S) -> list[Problem]:
        """Judge `shape`."""
        return [
            Problem(
                rule=self.id,
                severity=self.severity,
                fields=breach.fields,
                value=breach.value,
                message=breach.message,
                remedy=breach.remedy,
                source=self.source,
            )
            for breach in self.find(shape)
        ]

    @property
    def vendor(self) -> str:
        """The data file that it stands on."""
        return self.id.partition("/")[0].replace("-", "_")

    @property
    def source(self) -> str:
        """The document that says so, and when we read it."""
        return Facts(self.vendor)[self.fact].citation


def rule(
    id: str,  # noqa: A002 (the field's own name)
    *,
    rows: tuple[int, ...],
    fact: str,
    severity: Severity = Severity.ERROR,
) -> Callable[[Callable[[S], Iterator[Breach]]], Rule[S]]:
    """Make a rule of a predicate. `id` starts with the vendor whose `fact` it cites."""

    def decorate(find: Callable[[S], Iterator[Breach]]) -> Rule[S]:
        return Rule(id, rows, severity, fact, find)

    return decorate


def judge(rules: Iterable[Rule[S]], shape: S) -> list[Problem]:
    """Ask every rule, in their order."""
    return [problem for one in rules for problem in one(shape)]


def quoted(text: str) -> str:
    """Text of unknown origin for a message: on one line, and not longer than a reader reads."""
    return repr(text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…")


def listed(names: Sequence[object], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    words = [str(name) for name in names]
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""
