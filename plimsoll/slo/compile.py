"""The way in: from a flow's budget, or a service's goal, to objectives with their alerts.

A pure function of plain values; what it leaves out or lowers it says, with the arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import exp
from typing import TYPE_CHECKING

from plimsoll.limits import Problem, Severity
from plimsoll.slo import agreements, grid
from plimsoll.slo.data import read
from plimsoll.slo.objective import P95_GOAL, TAIL_GOAL, Objective, Period, goal_problems, number
from plimsoll.slo.tiers import Tier, Traffic, tiers
from plimsoll.slo.windows import Signal
from plimsoll.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from decimal import Decimal

    from plimsoll.settings.model import Budget
    from plimsoll.slo.windows import Row


@dataclass(frozen=True, slots=True)
class Alerted:
    """An objective and the alerts that watch it."""

    objective: Objective
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a flow or a service comes to."""

    subject: str
    alerted: tuple[Alerted, ...]
    problems: tuple[Problem, ...]
    """Errors, for which an objective or a tier is missing, and advice."""

    def of(self, signal: Signal) -> Alerted | None:
        """The objective of this signal, where there is one."""
        return next((one for one in self.alerted if one.objective.signal is signal), None)


def compile_flow(
    name: str,
    budget: Budget,
    traffic: Traffic,
    *,
    critical: bool = False,
    period: Period | None = None,
    overrides: Mapping[Signal, Mapping[str, Row | None]] | None = None,
    stands_on: Sequence[str] = (),
) -> Compiled:
    """Return availability, p95 and tail of a flow; the fast tiers page where it is `critical`.

    `overrides` has, by signal and name of a tier, what replaces a row of the windows file; `None` switches
    the tier off. `stands_on`: vendors' services as `agreements.parts` names them, against which the
    availability is held.
    """
    period = period or Period.rolling()
    promised, problems = _availability(name, Fraction(budget.availability) / 100, period, stands_on)
    wrong = list(_latency_problems(budget))
    problems += wrong
    tail = budget.p99 if budget.p99 is not None else grid.tail_of(budget.p95)
    if not any(problem.fields == ("p95",) for problem in wrong):
        promised.append(Objective(name, Signal.P95, P95_GOAL, budget.p95, period))
    if not wrong and tail is not None:
        promised.append(Objective(name, Signal.TAIL, TAIL_GOAL, tail, period))
        problems += _cold_starts(name, traffic)
    pages = ["fast"] if critical else []
    return _compiled(
        name, promised=promised, problems=problems, traffic=traffic, pages=pages, overrides=overrides
    )


def compile_service(
    name: str,
    goal: Fraction,
    traffic: Traffic,
    *,
    period: Period | None = None,
    overrides: Mapping[Signal, Mapping[str, Row | None]] | None = None,
    stands_on: Sequence[str] = (),
) -> Compiled:
    """Return the availability of a whole service, whose fast and slow tiers page: one outage, one page."""
    promised, problems = _availability(name, goal, period or Period.rolling(), stands_on)
    pages = ["fast", "slow"]
    return _compiled(
        name, promised=promised, problems=problems, traffic=traffic, pages=pages, overrides=overrides
    )


def _availability(
    name: str, goal: Fraction, period: Period, stands_on: Sequence[str]
) -> tuple[list[Objective], list[Problem]]:
    problems = list(goal_problems("availability", goal))
    if any(problem.severity is Severity.ERROR for problem in problems):
        return [], problems
    if beyond := agreements.beyond(goal, stands_on):
        problems.append(beyond)
    return [Objective(name, Signal.AVAILABILITY, goal, period=period)], problems


def _compiled(
    subject: str,
    *,
    promised: Sequence[Objective],
    problems: Sequence[Problem],
    traffic: Traffic,
    pages: Collection[str],
    overrides: Mapping[Signal, Mapping[str, Row | None]] | None,
) -> Compiled:
    alerted: list[Alerted] = []
    said = list(problems)
    for objective in promised:
        instead = None if overrides is None else overrides.get(objective.signal)
        several, reasons = tiers(objective, traffic, pages=pages, instead=instead)
        alerted.append(Alerted(objective, several))
        said += reasons
    return Compiled(subject, tuple(alerted), tuple(said))


def _latency_problems(budget: Budget) -> Iterator[Problem]:
    """What keeps a budget's latency from being measured, each at its key."""
    longest = grid.longest_p95()
    if budget.p95 > longest:
        yield _refused(
            "p95",
            "slo/p95-too-long",
            budget.p95,
            f"a p95 is at most {format_seconds(longest)}: its tail, four times that, is the last edge",
            f"lower it to {format_seconds(longest)}, or make the work a job",
        )
    elif problem := grid.off_grid("p95", budget.p95):
        yield problem
    if budget.p99 is None:
        return
    if budget.p99 <= budget.p95:
        yield _refused(
            "p99",
            "slo/tail-below-p95",
            budget.p99,
            f"95 % of requests may take {format_seconds(budget.p95)}, so 99 % cannot take less",
            "raise p99 above p95, or remove it",
        )
    elif problem := grid.off_grid("p99", budget.p99):
        yield problem


def _refused(key: str, rule: str, seconds: Decimal, message: str, remedy: str) -> Problem:
    return Problem(
        rule, Severity.ERROR, (key,), format_seconds(seconds), message, remedy, source="Plimsoll's design"
    )


def _cold_starts(name: str, traffic: Traffic) -> Iterator[Problem]:
    """A tail objective that cold starts alone break: advised against."""
    cold = read("windows")["cold_starts"]
    rate = traffic.requests_per_hour
    if rate is None or traffic.min_instances != 0 or rate >= cold["tail_from"]:
        return
    share = Fraction(exp(-float(rate) / 4))
    yield Problem(
        rule="slo/tail-of-cold-starts",
        severity=Severity.ADVICE,
        fields=(Signal.TAIL.value,),
        value=f"{rate} an hour",
        message=f"at {rate} requests an hour and no instance kept warm, e^(-{rate} / 4) = "
        f"{number(share * 100)} % of {name}'s requests start an instance, and its tail leaves 1 %",
        remedy="keep a minimum of 1 instance, or do without the tail",
        source=cold["source"],
    )
