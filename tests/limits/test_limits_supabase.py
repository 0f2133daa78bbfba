"""Supabase: every limit from both sides, the last value that passes and the first that does not.

The cases know no data file. That they stand exactly on the boundaries is itself tested: whichever number of
the data file is moved by one step, some case notices.
"""

from __future__ import annotations

import pytest

from plimsoll.limits import ComputeSize, PoolShape, check_pool, compute_size, is_shared_host
from tests.limits.boundaries import Boundaries, Case, LookUp

SIZES = [
    ("nano", 60, 200),
    ("micro", 60, 200),
    ("small", 90, 400),
    ("medium", 120, 600),
    ("large", 160, 800),
    ("xl", 240, 1000),
    ("2xl", 380, 1500),
    ("4xl", 480, 3000),
    ("8xl", 490, 6000),
    ("12xl", 500, 9000),
    ("16xl", 500, 12000),
]


# rule, what it is about, the last that passes, the first that does not
CASES: list[Case] = [
    *[
        case
        for size, direct, clients in SIZES
        for case in (
            (
                "server-pool",
                size,
                PoolShape(compute=size, pool=direct),
                PoolShape(compute=size, pool=direct + 1),
            ),
            (
                "pooler-clients",
                size,
                PoolShape(compute=size, clients=clients),
                PoolShape(compute=size, clients=clients + 1),
            ),
            (
                "max-connections",
                size,
                PoolShape(compute=size, max_connections=direct),
                PoolShape(compute=size, max_connections=direct + 1),
            ),
        )
    ],
    (
        "server-pool",
        "less the reserve",
        PoolShape(compute="small", pool=60, reserve=30),
        PoolShape(compute="small", pool=61, reserve=30),
    ),
    (
        "server-pool",
        "of a declared limit",
        PoolShape(max_connections=20, pool=17, reserve=3),
        PoolShape(max_connections=20, pool=18, reserve=3),
    ),
    ("compute", "any case", PoolShape(compute="2XL"), PoolShape(compute="3XL")),
]
LOOKED_UP: list[LookUp] = [
    (compute_size, "Small", ComputeSize("small", direct=90, pooler_clients=400)),
    (compute_size, "huge", None),
    (is_shared_host, "aws-0-eu-central-1.pooler.supabase.com", True),
    (is_shared_host, "AWS-0-EU-CENTRAL-1.POOLER.SUPABASE.COM", True),
    (is_shared_host, "db.qwertyuiopasdfghjklz.supabase.co", False),
]
BOUNDARIES = Boundaries("supabase", check_pool, CASES, LOOKED_UP)


@pytest.mark.parametrize(("rule", "says", "passes", "fails"), CASES)
def test_one_step_across_a_boundary_breaks_its_rule_and_no_other(rule, says, passes, fails):
    before, after = BOUNDARIES.broken(passes), BOUNDARIES.broken(fails)
    assert BOUNDARIES.rule(rule) not in before
    assert after.count(BOUNDARIES.rule(rule)) == 1
    assert set(after) - set(before) == {BOUNDARIES.rule(rule)}, says


@pytest.mark.parametrize(("look_up", "asked", "answer"), LOOKED_UP)
def test_what_the_vendor_decides_can_be_looked_up(look_up, asked, answer):
    assert look_up(asked) == answer


def test_nothing_is_noticed_where_nothing_is_moved():
    assert not BOUNDARIES.one_notices()


@pytest.mark.parametrize("move", BOUNDARIES.moves(), ids=lambda move: move.id)
def test_a_number_that_is_moved_is_noticed(move, monkeypatch):
    assert BOUNDARIES.notice(monkeypatch, move)
