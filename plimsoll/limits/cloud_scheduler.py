"""What Cloud Scheduler accepts of a schedule. The bounds of a cron line stand in `data/cloud_scheduler.json`.

The line is read here, not by a library: those for Python read more than Cloud Scheduler does (seconds, `L`,
`#`, `@daily`), so they would pass what it refuses.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plimsoll.limits.facts import Facts
from plimsoll.limits.problem import Severity
from plimsoll.limits.rules import Breach, Shape, judge, listed, quoted, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.limits.problem import Problem

FACTS = Facts("cloud_scheduler")

_ITEM = re.compile(
    r"(?P<low>[A-Z]{3}|[0-9]{1,2}|\*)(?:-(?P<high>[A-Z]{3}|[0-9]{1,2}))?(?:/(?P<step>[0-9]{1,2}))?"
)
_LEAP_YEAR = 2024
_DAY = 24 * 60
"""Minutes."""
_YEARS_AHEAD = 3
_CALENDAR = timedelta(days=28 * 365 + 7)
"""After 28 years (until 2100) every date falls on the same day of the week again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleShape(Shape):
    """When something is due."""

    cron: str | None = None
    """Minute, hour, day of the month, month and day of the week, as unix cron writes them."""
    time_zone: str | None = None
    """A name of the tz database."""


def check_schedule(shape: ScheduleShape) -> list[Problem]:
    """Return everything that is wrong with a schedule, as far as `shape` tells."""
    return judge(RULES, shape)


def shortest_interval(cron: str) -> int | None:
    """The fewest minutes from one time that it is due to the next, by the clock.

    `None` where it is no schedule, or is due at most once in 28 years.
    """
    due = _Due.read(cron)
    if due is None:
        return None
    within = [later - earlier for earlier, later in pairwise(due.minutes)]
    overnight = due.minutes[0] + _DAY - due.minutes[-1]
    first = date(_LEAP_YEAR, 1, 1)
    last: date | None = None
    fewest: int | None = None
    for day in (first + timedelta(days=count) for count in range(_CALENDAR.days)):
        if due.on(day):
            if last is not None:
                fewest = min(fewest or _CALENDAR.days, (day - last).days)
            last = day
        if fewest == 1:
            break
    if last is None:
        return None
    over_days = [] if fewest is None else [overnight + (fewest - 1) * _DAY]
    return min([*within, *over_days], default=None)


@dataclass(frozen=True, slots=True)
class _Due:
    """A schedule that was read: minutes of the day, and on which days."""

    minutes: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either: bool
    """Whether both kinds of days are said: then a day is due that is one of either (unix cron's "or")."""

    @classmethod
    def read(cls, cron: str) -> _Due | None:
        names, fields = FACTS["cron"].names(), cron.split()
        if len(fields) != len(names):
            return None
        read = [_values(name, field) for name, field in zip(names, fields, strict=True)]
        minutes, hours, days, months, weekdays = read
        if minutes is None or hours is None or days is None or months is None or weekdays is None:
            return None
        return cls(
            tuple(sorted(hour * 60 + minute for hour in hours for minute in minutes)),
            frozenset(days),
            frozenset(months),
            frozenset(day % 7 for day in weekdays),
            not fields[2].startswith("*") and not fields[4].startswith("*"),
        )

    def on(self, day: date) -> bool:
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        chosen = (of_month or of_week) if self.either else (of_month and of_week)
        return day.month in self.months and chosen


@rule("cloud-scheduler/cron", rows=(), fact="cron")
def line_is_a_schedule(shape: ScheduleShape) -> Iterator[Breach]:
    """Five fields, each of numbers, names, ranges, lists and steps within its bounds."""
    if shape.cron is None:
        return
    fields, names = shape.cron.split(), FACTS["cron"].names()
    if len(fields) != len(names) or shape.cron != " ".join(fields):
        yield Breach(
            ("cron",),
            quoted(shape.cron),
            f"a schedule is {len(names)} fields with one space between them ({listed(names)}), "
            f"not {quoted(shape.cron)}",
            "write it as in 30 2 * * MON-FRI",
        )
        return
    for name, field in zip(names, fields, strict=True):
        if _values(name, field) is None:
            low, high = FACTS["cron"].count(name, "from"), FACTS["cron"].count(name, "to")
            called = _names(name)
            also = f" or {called[0]} to {called[-1]}" if called else ""
            # The week that ends with its first day: whoever writes it means all days, or 1-7.
            sunday = " (SUN is 0, so a range that ends with it ends with 7)" if field.endswith("-SUN") else ""
            yield Breach(
                ("cron",),
                quoted(field),
                f"the {name} is {low} to {high}{also}, as a number, a range upwards, a list, or * or a "
                f"range with a step, not {quoted(field)}",
                f"write it as in *, {low}, {low}-{high}, {low},{high} or */2{sunday}",
            )


@rule("cloud-scheduler/never", rows=(), fact="days")
def day_comes(shape: ScheduleShape) -> Iterator[Breach]:
    """Some day of the month occurs in some of the months; a day of the week beside it would be an "or"."""
    names = FACTS["cron"].names()
    fields = (shape.cron or "").split()
    if len(fields) != len(names) or fields[4] != "*":
        return
    days, months = _values(names[2], fields[2]), _values(names[3], fields[3])
    if days is None or months is None:
        return
    if min(days) > max(monthrange(_LEAP_YEAR, month)[1] for month in months):
        yield Breach(
            ("cron",),
            quoted(" ".join(fields)),
            f"day {min(days)} comes in none of these months, so this is never due",
            "choose a day that comes",
        )


@rule("cloud-scheduler/clock-change", rows=(), fact="clock_change", severity=Severity.ADVICE)
def clock_change_passes_it_by(shape: ScheduleShape) -> Iterator[Breach]:
    """An hour that summer time skips, or repeats, is a bad one for what is to run once a day."""
    due = _Due.read(shape.cron or "")
    if due is None or (shape.cron or "").split()[1].startswith("*"):
        return  # what is due all day long loses or gains one time of many
    year = int(FACTS["clock_change"].as_of[:4])
    for begin, end, skipped in _clock_changes(shape.time_zone or "UTC", year, year + _YEARS_AHEAD):
        hit = [
            minute
            for minute in due.minutes
            if due.on(begin.date()) and begin <= _at(begin.date(), minute) < end
        ]
        if hit:
            time = f"{_at(begin.date(), hit[0]):%H:%M} of {begin:%Y-%m-%d}"
            yield Breach(
                ("cron", "time_zone"),
                quoted(shape.cron or ""),
                f"in {shape.time_zone} {time} {'does not exist' if skipped else 'comes twice'}, because the "
                "clock changes then: it may be left out, or run twice",
                "choose an hour at which the clock does not change, or time zone Etc/UTC",
            )
            return


def _at(day: date, minute: int) -> datetime:
    return datetime(day.year, day.month, day.day, minute // 60, minute % 60)  # noqa: DTZ001 (wall clock)


def _clock_changes(zone: str, first: int, last: int) -> Iterator[tuple[datetime, datetime, bool]]:
    """The stretches of the zone's wall clock that are skipped (True) or come twice, within these years."""
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return  # said where the name is checked

    def offset(moment: datetime) -> timedelta:
        return moment.astimezone(info).utcoffset() or timedelta()

    moment, end = datetime(first, 1, 1, tzinfo=UTC), datetime(last, 1, 1, tzinfo=UTC)
    while moment < end:
        after = moment + timedelta(days=1)
        old, new = offset(moment), offset(after)
        if old != new:
            low, high = moment, after
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if offset(middle) == old else (low, middle)
            instant = high.replace(second=0, microsecond=0, tzinfo=None)
            yield instant + min(old, new), instant + max(old, new), new > old
        moment = after


def _names(field: str) -> tuple[str, ...]:
    return FACTS["cron"].names(field, "names") if "names" in FACTS["cron"].at(field) else ()


def _values(name: str, field: str) -> set[int] | None:
    """Every value that a field of a line stands for; `None` where it is not written as one."""
    low, high, called = FACTS["cron"].count(name, "from"), FACTS["cron"].count(name, "to"), _names(name)

    def number(text: str) -> int:
        return called.index(text) + low if text in called else int(text) if text.isdecimal() else -1

    found: set[int] = set()
    for item in field.split(","):
        match = _ITEM.fullmatch(item)
        if match is None or (match["low"] == "*" and match["high"]):
            return None
        ends = (
            (low, high)
            if match["low"] == "*"
            else (number(match["low"]), number(match["high"] or match["low"]))
        )
        step = int(match["step"] or 1)
        single = match["low"] != "*" and match["high"] is None
        if not low <= ends[0] <= ends[1] <= high or not 1 <= step <= high or (single and match["step"]):
            return None
        found.update(range(ends[0], ends[1] + 1, step))
    return found


RULES = (line_is_a_schedule, day_comes, clock_change_passes_it_by)
