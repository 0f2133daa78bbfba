"""What the tests of limits share: cases on both sides of a boundary, and numbers that move by one step."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from plimsoll.limits.facts import load
from plimsoll.units import parse_duration, parse_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pytest

    from plimsoll.limits import Problem

KI, MI, GI = 2**10, 2**20, 2**30

Path = tuple[str | int, ...]
Case = tuple[str, str, Any, Any]
"""Rule without its vendor, what it is about, the last shape that passes, the first that does not."""
LookUp = tuple["Callable[[Any], Any]", Any, Any]
"""A function, what it is asked, what it answers."""


def of(shape: Any, **changes: Any) -> Any:
    """Change some fields of a shape."""
    return dataclasses.replace(shape, **changes)


def not_known(shape: Any, field: str) -> Any:
    """A shape in which only a deployment will tell `field`."""
    return of(shape, **{field: None}, unknown=frozenset({field}))


@dataclass(frozen=True)
class Boundaries:
    """The cases of one vendor, and how it is asked."""

    vendor: str
    """Of the data file."""
    check: Callable[[Any], list[Problem]]
    cases: Sequence[Case]
    looked_up: Sequence[LookUp] = ()

    def rule(self, name: str) -> str:
        """A rule's whole id."""
        return f"{self.vendor.replace('_', '-')}/{name}"

    def broken(self, shape: Any) -> list[str]:
        """Ids of the rules that a shape breaks."""
        return [problem.rule for problem in self.check(shape)]

    def one_notices(self) -> bool:
        """Whether some case no longer comes out as it should."""
        return any(
            self.rule(name) in self.broken(passes) or self.rule(name) not in self.broken(fails)
            for name, _, passes, fails in self.cases
        ) or any(look_up(asked) != answer for look_up, asked, answer in self.looked_up)

    def notice(self, monkeypatch: pytest.MonkeyPatch, move: Move) -> bool:
        """Whether some case notices that a number of the data file has moved."""
        facts: Any = load(self.vendor)
        fact = facts[move.fact]
        monkeypatch.setitem(facts, move.fact, dataclasses.replace(fact, value=move.applied(fact.value)))
        try:
            return self.one_notices()
        except (ArithmeticError, ValueError):
            return True  # a step to 0: divided by, or refused by the parser

    def moves(self, *equivalent: Move) -> list[Move]:
        """Every number of the data file, moved one step down and one up; `equivalent` ones change nothing."""
        moves = [
            Move(name, path, step)
            for name, fact in load(self.vendor).items()
            for path in _numbers(fact.value)
            for step in (-1, +1)
        ]
        assert set(equivalent) <= set(moves)
        return [move for move in moves if move not in equivalent]


@dataclass(frozen=True)
class Move:
    """A number of a data file, moved by one step of the last digit that is written."""

    fact: str
    path: Path
    step: int

    @property
    def id(self) -> str:
        """For a test's name."""
        return ".".join(map(str, (self.fact, *self.path))) + f"{self.step:+}"

    def applied(self, value: Any, path: Path | None = None) -> Any:
        """A copy of a fact's value with the number moved."""
        match self.path if path is None else path:
            case ():
                return _moved(value, self.step)
            case (key, *rest) if isinstance(value, dict):
                return {**value, key: self.applied(value[key], tuple(rest))}
            case (int(index), *rest):
                return [*value[:index], self.applied(value[index], tuple(rest)), *value[index + 1 :]]
        raise AssertionError(path)


def _numbers(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where numbers stand in a fact's value, quantities with units among them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _numbers(inner, (*path, index))
    elif not isinstance(value, str) or _is_quantity(value):
        yield path


def _is_quantity(text: str) -> bool:
    for parse in (parse_memory, parse_duration):
        try:
            parse(text)
        except ValueError:
            continue
        return True
    return False


def _moved(value: Any, step: int) -> Any:
    if isinstance(value, str):
        digits = value.rstrip("KMGikmsh")
        return f"{int(digits) + step}{value[len(digits) :]}"
    if isinstance(value, Decimal):
        return value + step * Decimal((0, (1,), int(value.as_tuple().exponent)))
    return value + step
