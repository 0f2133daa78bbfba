"""Which promises of a plan are weaker or tighter than those of another, and by how much. Pure.

A budget is weaker where users may wait longer or see more errors. Latencies are compared as they are,
availabilities by the share of errors that they allow: from 99.5 to 99 percent is twice the errors, which
"0.5 percent less" would hide.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from plimsoll.preview.promises import Undecided, connection_budget, promises
from plimsoll.units import parse_duration, parse_percent

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from plimsoll.connections import ConnectionBudget
    from plimsoll.preview.plan import Plan
    from plimsoll.preview.promises import Promise


class Verdict(StrEnum):
    """What a change does to whoever relies on a promise."""

    WEAKER = "weaker"
    TIGHTER = "tighter"


@dataclass(frozen=True, slots=True)
class MeasureDifference:
    """One number of a budget; `before` or `after` is "" where it is not promised.

    `percent` is by how much what is allowed grows (positive: weaker), None where there is nothing to compare
    with.
    """

    measure: str
    before: str
    after: str
    verdict: Verdict
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class FlowDifference:
    """One flow; `before` or `after` is None where it is not declared. `measures` are those that differ."""

    before: Promise | None
    after: Promise | None
    measures: tuple[MeasureDifference, ...] = ()

    @property
    def promise(self) -> Promise:
        """The flow as it is to be, or as it was where it is to be no more."""
        promise = self.after or self.before
        if promise is None:
            raise AssertionError("one of the two is there")
        return promise

    @property
    def verdicts(self) -> frozenset[Verdict]:
        """What happens to its promises, in one direction or both."""
        if self.after is None:
            return frozenset({Verdict.WEAKER})
        if self.before is None:
            return frozenset({Verdict.TIGHTER})
        return frozenset(one.verdict for one in self.measures)

    @property
    def differs(self) -> bool:
        """Whether anything of it does."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class ConnectionsDifference:
    """The connection budget on both sides; None where nothing uses a database."""

    before: ConnectionBudget | Undecided | None
    after: ConnectionBudget | Undecided | None

    @property
    def differs(self) -> bool:
        """Whether anything of it does."""
        return self.before != self.after

    def headroom(self, side: str) -> tuple[int | None, int | None]:
        """What is left of usable connections on one side ("database", "pooler"), before and after.

        Negative where it does not fit, None where it cannot be said.
        """
        before, after = (_left(budget, side) for budget in (self.before, self.after))
        return before, after


def _left(budget: ConnectionBudget | Undecided | None, side: str) -> int | None:
    if budget is None or isinstance(budget, Undecided):
        return None
    return next((one.usable - one.used for one in budget.sums if one.side == side), None)


def flow_differences(before: Plan | None, after: Plan) -> tuple[FlowDifference, ...]:
    """Every flow of both plans, in the order of `after`; what is gone comes last."""
    old = {} if before is None else {promise.flow: promise for promise in promises(before)}
    found = [_flow(old.pop(promise.flow, None), promise) for promise in promises(after)]
    return (*found, *(FlowDifference(gone, None) for gone in old.values()))


def connections_difference(before: Plan | None, after: Plan) -> ConnectionsDifference:
    """The connection budget of both plans."""
    return ConnectionsDifference(
        None if before is None else connection_budget(before), connection_budget(after)
    )


def _flow(before: Promise | None, after: Promise) -> FlowDifference:
    if before is None:
        return FlowDifference(None, after)
    pairs = (
        ("p95", before.p95, after.p95, parse_duration),
        ("p99", before.p99, after.p99, parse_duration),
        ("availability", before.availability, after.availability, _errors),
    )
    measures = [
        _measure(name, was, becomes, allowed) for name, was, becomes, allowed in pairs if was != becomes
    ]
    if before.critical != after.critical:
        verdict = Verdict.TIGHTER if after.critical else Verdict.WEAKER
        was, becomes = ("critical" if one.critical else "" for one in (before, after))
        measures.append(MeasureDifference("critical", was, becomes, verdict))
    return FlowDifference(before, after, tuple(one for one in measures if one is not None))


def _errors(availability: str) -> Decimal:
    """The percentage of requests that may fail."""
    return 100 - parse_percent(availability)


def _measure(
    name: str, was: str, becomes: str, allowed: Callable[[str], Decimal]
) -> MeasureDifference | None:
    old, new = _number(was, allowed), _number(becomes, allowed)
    if old is None or new is None:
        return MeasureDifference(name, was, becomes, Verdict.WEAKER if new is None else Verdict.TIGHTER)
    if old == new:  # the same number, written another way
        return None
    verdict = Verdict.WEAKER if new > old else Verdict.TIGHTER
    return MeasureDifference(name, was, becomes, verdict, (new / old - 1) * 100 if old else None)


def _number(text: str, allowed: Callable[[str], Decimal]) -> Decimal | None:
    """What a text allows; None where nothing is promised, or nothing that can be read."""
    try:
        return allowed(text)
    except ValueError:
        return None
