"""What Cloud Scheduler accepts of a schedule. The bounds of a cron line stand in `data/cloud_scheduler.json`.

The line is read here, not by a library: those for Python read more than Cloud Scheduler does (seconds, `L`,
`#`, `@daily`), so they would pass what it refuses.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.limits.facts import Facts
from plimsoll.limits.rules import Breach, Shape, judge, listed, quoted, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.limits.problem import Problem

FACTS = Facts("cloud_scheduler")

_ITEM = re.compile(
    r"(?P<low>[A-Z]{3}|[0-9]{1,2}|\*)(?:-(?P<high>[A-Z]{3}|[0-9]{1,2}))?(?:/(?P<step>[0-9]{1,2}))?"
)
_LEAP_YEAR = 2024


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleShape(Shape):
    """When something is due."""

    cron: str | None = None
    """Minute, hour, day of the month, month and day of the week, as unix cron writes them."""


def check_schedule(shape: ScheduleShape) -> list[Problem]:
    """Return everything that is wrong with a schedule, as far as `shape` tells."""
    return judge(RULES, shape)


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
            yield Breach(
                ("cron",),
                quoted(field),
                f"the {name} is {low} to {high}{also}, as a number, a range upwards, a list, or * or a "
                f"range with a step, not {quoted(field)}",
                f"write it as in *, {low}, {low}-{high}, {low},{high} or */2",
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


RULES = (line_is_a_schedule, day_comes)
