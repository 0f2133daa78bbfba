"""What a flow or a service promises: the share of good requests over a period.

Exact: goals are fractions, thresholds decimal seconds. "p95 below 300 ms" and "at least 95 % of successful
requests take less than 300 ms" are one statement, so a budget's p95 is an objective with goal 0.95.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

from typing_extensions import override

from plimsoll.limits import Problem, Severity
from plimsoll.limits.facts import Facts
from plimsoll.slo.windows import Signal, windows
from plimsoll.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

P95_GOAL, TAIL_GOAL = Fraction(95, 100), Fraction(99, 100)
_DAY = 86_400
_FACTS = Facts("cloud_monitoring")


class Calendar(StrEnum):
    """Periods that begin anew, instead of rolling."""

    DAY = "DAY"
    WEEK = "WEEK"
    FORTNIGHT = "FORTNIGHT"
    MONTH = "MONTH"


# A month as the SRE Workbook counts it; burn rates need one length for all of them.
_CALENDAR_DAYS = {Calendar.DAY: 1, Calendar.WEEK: 7, Calendar.FORTNIGHT: 14, Calendar.MONTH: 30}


@dataclass(frozen=True, slots=True)
class Period:
    """Over what an objective is judged: a rolling number of days, or a calendar's."""

    days: int
    calendar: Calendar | None = None

    @classmethod
    def rolling(cls, days: int | None = None) -> Period:
        """The last `days` days, 1 to 30; by default those of the windows file (28: whole weeks)."""
        days = windows().rolling_days if days is None else days
        least, most = (_FACTS["period"].count("rolling", end) for end in ("least", "most"))
        if isinstance(days, bool) or not isinstance(days, int) or not least <= days <= most:
            raise ValueError(f"a rolling period is {least} to {most} whole days, not {days}")
        return cls(days)

    @classmethod
    def of(cls, calendar: Calendar) -> Period:
        """A day, week, fortnight or month of the calendar; a month counts 30 days."""
        return cls(_CALENDAR_DAYS[calendar], calendar)

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.days * _DAY

    @override
    def __str__(self) -> str:
        return f"{self.days} days" if self.calendar is None else f"a calendar {self.calendar.value.lower()}"


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise. Raises ValueError where the API would refuse it."""

    subject: str
    """The flow or the service that promises."""
    signal: Signal
    goal: Fraction
    """The share of good requests, above 0 and at most 0.9999."""
    threshold: Decimal | None = None
    """Seconds that a good request takes less than; of the latency signals alone."""
    period: Period = field(default_factory=Period.rolling)

    def __post_init__(self) -> None:
        if not 0 < self.goal <= highest_goal():
            raise ValueError(next(goal_problems("goal", self.goal)).message)
        if (self.threshold is None) != (self.signal is Signal.AVAILABILITY):
            raise ValueError("an objective of latency has a threshold, and availability has none")

    @property
    def id(self) -> str:
        """Of the SLO, explicit and stable, so that an alert's filter is a pure function: `goal-list-p95`."""
        return f"{self.subject}-{self.signal}"

    @property
    def error_budget(self) -> Fraction:
        """The share of requests that may be bad."""
        return 1 - self.goal

    @property
    def true_rate(self) -> Fraction:
        """The share that is taken to be bad while all is well."""
        return self.error_budget * windows().true_share[self.signal]

    @property
    def promise(self) -> str:
        """In words, for titles: `95 % of goal-list below 300ms`."""
        what = "available" if self.threshold is None else f"below {format_seconds(self.threshold)}"
        return f"{percent(self.goal)} of {self.subject} {what}"


@cache
def highest_goal() -> Fraction:
    """What the API accepts at most."""
    return Fraction(_FACTS["goal"].number("at_most"))


def goal_problems(field: str, goal: Fraction) -> Iterator[Problem]:
    """What the API refuses of a goal, and what it accepts but nobody advises."""
    highest, advised = highest_goal(), Fraction(_FACTS["goal"].number("advised"))
    if not 0 < goal <= highest:
        yield Problem(
            rule="slo/goal",
            severity=Severity.ERROR,
            fields=(field,),
            value=percent(goal),
            message=f"a goal is above 0 % and at most {percent(highest)}, not {percent(goal)}"
            + (": nothing could ever be spent" if goal >= 1 else ""),
            remedy=f"write at most {percent(highest)}" if goal > 0 else "write a share above 0",
            source=_FACTS["goal"].citation,
        )
    elif goal > advised:
        minutes = (1 - goal) * Period.rolling().seconds / 60
        yield Problem(
            rule="slo/goal-above-advised",
            severity=Severity.ADVICE,
            fields=(field,),
            value=percent(goal),
            message=f"{percent(goal)} leaves {number(minutes, 4)} minutes of outage in {Period.rolling()}"
            f", and the console goes up to {percent(advised)}",
            remedy="promise what users notice, and no more",
            source=_FACTS["goal"].citation,
        )


def percent(share: Fraction, digits: int = 4) -> str:
    """A share for people: `99.5 %`, with at most so many digits after the point."""
    return f"{number(share * 100, digits)} %"


def number(value: Fraction, digits: int = 2) -> str:
    """An exact number for people, rounded half up to `digits` after the point, without trailing zeros."""
    # By whole numbers: fractions would reduce at every step, and messages are many.
    top, bottom = abs(value.numerator) * 10**digits, value.denominator
    scaled = (2 * top + bottom) // (2 * bottom)
    text = f"{Decimal(scaled).scaleb(-digits):f}"
    sign = "-" if value < 0 and scaled else ""
    return sign + (text.rstrip("0").rstrip(".") if "." in text else text)
