"""Cloud Scheduler: every bound of a cron line from both sides.

The cases know no data file. That they stand exactly on the boundaries is itself tested: whichever number of
the data file is moved by one step, some case notices.
"""

from __future__ import annotations

import pytest

from plimsoll.limits import ScheduleShape, check_schedule
from plimsoll.limits.cloud_scheduler import shortest_interval
from tests.limits.boundaries import Boundaries, Case, Move


def due(cron: str, time_zone: str | None = None) -> ScheduleShape:
    return ScheduleShape(cron=cron, time_zone=time_zone)


# rule, what it is about, the last that passes, the first that does not
CASES: list[Case] = [
    *[
        ("cron", f"{passes}, not {fails}", due(passes), due(fails))
        for passes, fails in (
            ("0 * * * *", "-1 * * * *"),
            ("59 * * * *", "60 * * * *"),
            ("0 0 * * *", "0 -1 * * *"),
            ("0 23 * * *", "0 24 * * *"),
            ("0 0 1 * *", "0 0 0 * *"),
            ("0 0 31 * *", "0 0 32 * *"),
            ("0 0 1 1 *", "0 0 1 0 *"),
            ("0 0 1 12 *", "0 0 1 13 *"),
            ("0 0 * * 0", "0 0 * * -1"),
            ("0 0 * * 7", "0 0 * * 8"),
            ("0 0 1 JAN-DEC *", "0 0 1 JAM *"),
            ("0 0 * * MON-FRI", "0 0 * * FRI-MON"),
            ("0 0 * * SUN", "0 0 * * sun"),
            ("*/15 * * * *", "*/0 * * * *"),
            ("*/59 * * * *", "*/60 * * * *"),
            ("0-30/10 * * * *", "0/10 * * * *"),
            ("0,30 * * * *", "0,,30 * * * *"),
            ("5-5 * * * *", "5-4 * * * *"),
            ("0 0 31 * *", "0 0 L * *"),
            ("0 0 * * *", "0 0 * * * *"),
            ("0 0 * * *", "@daily"),
            ("0 0 * * *", "every 24 hours"),
            ("0 0 * * *", "0  0 * * *"),
            ("0 0 * * *", ""),
            ("* * * * *", "*-5 * * * *"),
        )
    ],
    ("never", "29 February", due("0 0 29 2 *"), due("0 0 30 2 *")),
    ("never", "30 of April", due("0 0 30 APR,JUN *"), due("0 0 31 APR,JUN *")),
    ("never", "or a Monday", due("0 0 30 2 1"), due("0 0 30 2 *")),
    *[
        ("clock-change", says, due(passes, zone), due(fails, zone))
        for says, zone, passes, fails in (
            ("skipped from 2 to 3", "Europe/Berlin", "0 3 * * *", "59 2 * * *"),
            ("repeated from 2 to 3", "Europe/Berlin", "59 1 * 10 *", "0 2 * 10 *"),
            ("on a Sunday", "Europe/Berlin", "30 2 * * 1-6", "30 2 * * 0"),
            ("not all day long", "Europe/Berlin", "30 * * * *", "30 1-3 * * *"),
            ("half an hour", "Australia/Lord_Howe", "30 2 * 10 *", "29 2 * 10 *"),
        )
    ],
]
BOUNDARIES = Boundaries("cloud_scheduler", check_schedule, CASES)


@pytest.mark.parametrize(("rule", "says", "passes", "fails"), CASES)
def test_one_step_across_a_boundary_breaks_its_rule_and_no_other(rule, says, passes, fails):
    assert BOUNDARIES.broken(passes) == []
    assert BOUNDARIES.broken(fails) == [BOUNDARIES.rule(rule)], says


def test_nothing_is_noticed_where_nothing_is_moved():
    assert not BOUNDARIES.one_notices()


@pytest.mark.parametrize(
    "move",
    BOUNDARIES.moves(
        # No line can say less than 0: a minus sign is a range's.
        *[Move("cron", (field, "from"), -1) for field in ("minute", "hour", "day of the week")]
    ),
    ids=lambda move: move.id,
)
def test_a_number_that_is_moved_is_noticed(move, monkeypatch):
    assert BOUNDARIES.notice(monkeypatch, move)


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("* * * * *", 1),
        ("*/15 * * * *", 15),
        ("0,50 * * * *", 10),
        ("*/59 * * * *", 1),
        ("0 3 * * *", 24 * 60),
        ("0 3 * * MON", 7 * 24 * 60),
        ("0 3 * * 1,3", 2 * 24 * 60),
        ("0 0,23 * * *", 60),
        ("0 0,23 * * 1", 23 * 60),
        ("0 3 1 * *", 28 * 24 * 60),
        ("0 3 31 * *", 31 * 24 * 60),
        ("0 3 31 4 *", None),
        ("0 3 29 2 *", 1461 * 24 * 60),
        ("0 3 1 * MON", 24 * 60),  # either of them
        ("@daily", None),
    ],
)
def test_the_shortest_time_from_one_start_to_the_next(cron: str, minutes: int | None):
    assert shortest_interval(cron) == minutes


def test_who_ends_a_week_with_its_first_day_is_told():
    [problem] = check_schedule(due("0 0 * * MON-SUN"))
    assert "SUN is 0" in problem.remedy


def test_the_clock_that_changes_is_told_with_a_date_and_a_way_out():
    [problem] = check_schedule(due("30 2 * * *", "Europe/Berlin"))
    assert "in Europe/Berlin 02:30 of 2026-03-29 does not exist" in problem.message
    assert "Etc/UTC" in problem.remedy


def test_a_wrong_field_is_named_with_its_bounds():
    [problem] = check_schedule(due("0 25 * * *"))
    assert problem.value == "'25'"
    assert "the hour is 0 to 23" in problem.message
