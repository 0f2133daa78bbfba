"""Cloud Scheduler: every bound of a cron line from both sides.

The cases know no data file. That they stand exactly on the boundaries is itself tested: whichever number of
the data file is moved by one step, some case notices.
"""

from __future__ import annotations

import pytest

from plimsoll.limits import ScheduleShape, check_schedule
from tests.limits.boundaries import Boundaries, Case, Move


def due(cron: str) -> ScheduleShape:
    return ScheduleShape(cron=cron)


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


def test_a_wrong_field_is_named_with_its_bounds():
    [problem] = check_schedule(due("0 25 * * *"))
    assert problem.value == "'25'"
    assert "the hour is 0 to 23" in problem.message
