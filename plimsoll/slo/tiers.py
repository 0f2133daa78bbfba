"""Which alerts an objective gets: burn-rate tiers that can fire, and do not cry wolf at the flow's traffic.

burn rate = share of the error budget x period / long window (SRE Workbook, chapter 5). A tier fires while the
share of bad requests is above burn rate x (1 - goal) in both of its windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING

from plimsoll.limits import Problem, Severity
from plimsoll.limits.facts import Facts
from plimsoll.slo.false_firing import Question, expected, safe_from
from plimsoll.slo.objective import number, percent
from plimsoll.slo.windows import Row, Signal, windows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from decimal import Decimal

    from plimsoll.slo.objective import Objective

_MINUTE, _HOUR = 60, 3600
_REMEDIES = {
    "slo/burns-within-budget": "choose a longer period, or a larger share of the error budget",
    "slo/unreachable": "raise the goal, or give the tier a smaller share of the error budget",
    "slo/false-firings": "merge flows into one objective, lower the goal, or add synthetic traffic",
}


class Response(StrEnum):
    """What a tier that fires asks for."""

    PAGE = "page"
    """Somebody looks at once, whatever the hour."""
    TICKET = "ticket"
    """Somebody looks during working hours."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many requests come, as far as it is known."""

    requests_per_hour: Decimal | None = None
    """In the quietest hours of a usual week, above 0; `None`: not known, and false firings are not judged."""
    dispersion: Decimal | int = 1
    """How many failures come together on average, 1 or more."""
    min_instances: int | None = None
    """Kept warm; `None`: not known."""

    def __post_init__(self) -> None:
        if self.requests_per_hour is not None and self.requests_per_hour <= 0:
            raise ValueError(f"traffic is more than 0 requests an hour, not {self.requests_per_hour}")
        if self.dispersion < 1:
            raise ValueError(f"a dispersion is 1 or more failures at once, not {self.dispersion}")


@dataclass(frozen=True, slots=True)
class Tier:
    """One alert: two windows that both burn too fast."""

    name: str
    long: int
    """Seconds."""
    short: int
    """Seconds."""
    burn_rate: Fraction
    """Above 1: how many times faster than allowed the error budget is spent while it fires."""
    response: Response

    @property
    def windows(self) -> str:
        """As people write them: `2h/20m`."""
        return f"{span(self.long)}/{span(self.short)}"

    def threshold(self, objective: Objective) -> Fraction:
        """The share of bad requests above which it fires."""
        return self.burn_rate * objective.error_budget


def burn_rate(share: Fraction, period: int, long: int) -> Fraction:
    """How fast the error budget burns where `share` of it goes in `long` of `period` seconds."""
    return share * Fraction(period, long)


def reachable(rate: Fraction, goal: Fraction) -> bool:
    """Whether a full outage burns faster than `rate`: what needs more than 100 % errors never fires."""
    return rate * (1 - goal) < 1


def one_failure_fires_below(threshold: Fraction, long: int) -> Fraction:
    """Requests an hour below which a single bad one fills the long window's share."""
    return 1 / (threshold * Fraction(long, _HOUR))


def tiers(
    objective: Objective,
    traffic: Traffic,
    *,
    pages: Collection[str] = (),
    instead: Mapping[str, Row | None] | None = None,
) -> tuple[tuple[Tier, ...], tuple[Problem, ...]]:
    """Return the tiers of `objective` at `traffic`, and why others were lowered or left out.

    `pages` names the tiers that page. `instead` has by name what replaces a row of the windows file, `None`
    where the tier is switched off; a row of that kind that cannot work is an error.
    """
    found: list[Tier] = []
    problems: list[Problem] = []
    for row in windows().rows[objective.signal]:
        replaced = instead is not None and row.name in instead
        chosen = instead[row.name] if instead is not None and replaced else row
        if chosen is None:
            continue
        if wrong := list(_row_problems(objective, chosen)):
            problems += wrong
            continue
        response = Response.PAGE if chosen.name in pages else Response.TICKET
        rate, reasons = _most_sensitive(objective, chosen, traffic)
        if rate is not None:
            found.append(Tier(chosen.name, chosen.long, chosen.short, rate, response))
        if reasons:
            own = Severity.ERROR if replaced else Severity.ADVICE
            problems.append(_explain(objective, chosen, rate, reasons, own=own))
    return tuple(found), tuple(problems)


@dataclass(frozen=True, slots=True)
class _Reason:
    """Why a rung of a ladder was not taken."""

    rule: str
    text: str


def _most_sensitive(
    objective: Objective, row: Row, traffic: Traffic
) -> tuple[Fraction | None, list[_Reason]]:
    """The burn rate of the first rung that can fire and is safe, and why those before it were not taken."""
    reasons: list[_Reason] = []
    key = _Key(objective.goal, objective.signal, objective.period.seconds)
    for share in row.shares:
        rung = _rung(key, row.long, share, float(traffic.dispersion))
        reason = _reason(rung, row, objective.period.days, traffic)
        if reason is None:
            return rung.rate, reasons
        reasons.append(reason)
    return None, reasons


@dataclass(frozen=True, slots=True)
class _Rung:
    """What a share of the error budget comes to, whatever the traffic."""

    rate: Fraction
    sum: str
    never: _Reason | None
    """Why no traffic helps."""
    question: Question | None
    safe: int | None


@lru_cache(maxsize=4096)
def _rung(objective: _Key, long: int, share: Fraction, dispersion: float) -> _Rung:
    rate = burn_rate(share, objective.period, long)
    threshold, rest = rate * (1 - objective.goal), 1 - objective.goal
    sum_ = f"{percent(share)} × {objective.period // _HOUR}h / {span(long)} = {number(rate, 4)}"
    if rate <= 1:
        text = f"{sum_} is no faster than the error budget allows"
        return _Rung(rate, sum_, _Reason("slo/burns-within-budget", text), None, None)
    if not reachable(rate, objective.goal):
        text = f"{sum_}, times {percent(rest)} is {percent(threshold)}: not even a full outage exceeds it"
        return _Rung(rate, sum_, _Reason("slo/unreachable", text), None, None)
    file = windows()
    question = Question(
        true_rate=rest * file.true_share[objective.signal],
        threshold=threshold,
        long=long,
        delay=file.typical_delay,
        period=objective.period,
        dispersion=dispersion,
        factor=file.simulated_over_formula,
    )
    return _Rung(rate, sum_, None, question, safe_from(question, file.allowed_false_firings))


@dataclass(frozen=True, slots=True)
class _Key:
    """What of an objective its tiers depend on: the same for many flows."""

    goal: Fraction
    signal: Signal
    period: int


def _reason(rung: _Rung, row: Row, days: int, traffic: Traffic) -> _Reason | None:
    """Why not to take this rung; None where it can fire and is safe."""
    question, per_hour = rung.question, traffic.requests_per_hour
    if question is None or per_hour is None:
        return rung.never
    if rung.safe is not None and per_hour >= rung.safe:
        return None
    times = Fraction(expected(question, float(per_hour)))
    one = ceil(one_failure_fires_below(question.threshold, row.long))
    often = (
        f"a single failure is enough below {one} an hour"
        if times < Fraction(windows().allowed_false_firings)
        else f"expected {number(times)} times in {days} days at {per_hour} an hour"
    )
    enough = "no traffic is enough" if rung.safe is None else f"safe from {rung.safe}"
    return _Reason("slo/false-firings", f"{rung.sum} fires falsely: {often}, {enough}")


def _explain(
    objective: Objective, row: Row, rate: Fraction | None, reasons: list[_Reason], *, own: Severity
) -> Problem:
    worst = reasons[-1].rule
    tier = f"{objective.subject}'s {objective.signal} tier {row.name} ({span(row.long)}/{span(row.short)})"
    text = "; ".join(reason.text for reason in reasons)
    if rate is not None:
        share = percent(rate * objective.error_budget)
        return Problem(
            rule=worst,
            severity=Severity.ADVICE,
            fields=(objective.signal.value, row.name),
            value=number(rate, 4),
            message=f"{tier} is lowered to burn rate {number(rate, 4)}, above {share} bad: {text}",
            remedy="nothing to do; with more traffic, or synthetic traffic, it sees less",
            source=windows().source,
        )
    return Problem(
        rule=worst,
        # Traffic is nobody's mistake.
        severity=Severity.ADVICE if worst == "slo/false-firings" else own,
        fields=(objective.signal.value, row.name),
        value=f"{span(row.long)}/{span(row.short)}",
        message=f"{tier} is left out: {text}",
        remedy=_REMEDIES[worst],
        source=windows().source,
    )


def _row_problems(objective: Objective, row: Row) -> Iterator[Problem]:
    file = windows()

    def wrong(rule: str, message: str, remedy: str, source: str = "Plimsoll's design") -> Problem:
        return Problem(
            rule=rule,
            severity=Severity.ERROR,
            fields=(objective.signal.value, row.name),
            value=f"{span(row.long)}/{span(row.short)}",
            message=message,
            remedy=remedy,
            source=source,
        )

    if row.short >= row.long or row.short % _MINUTE or row.long % _MINUTE:
        yield wrong(
            "slo/windows",
            f"the short window, {span(row.short)}, is to be whole minutes and shorter than the long one, "
            f"{span(row.long)}",
            "write it as in 2h and 20m",
        )
    if row.long > file.longest_window:
        yield wrong(
            "slo/lookback",
            f"a burn rate looks back {span(file.longest_window)} at most, not {span(row.long)}",
            f"choose at most {span(file.longest_window)}",
            Facts("cloud_monitoring")["lookback"].citation,
        )
    if row.short <= file.worst_delay:
        yield wrong(
            "slo/window-within-delay",
            f"requests are counted up to {span(file.worst_delay)} late, so a window of {span(row.short)} may "
            "be empty, and an empty window never fires",
            f"choose a short window longer than {span(file.worst_delay)}, such as 15m",
            file.source,
        )
    if not row.shares or any(not 0 < share <= 1 for share in row.shares):
        yield wrong(
            "slo/share", "a share of the error budget is above 0 % and at most 100 %", "write one or more"
        )


def span(seconds: int) -> str:
    """Whole seconds as people write them: `2h`, `20m`, `90s`."""
    for size, unit in ((_HOUR, "h"), (_MINUTE, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
