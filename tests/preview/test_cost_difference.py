"""By how much a month's floor differs between two plans, line by line, and how it is said."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from plimsoll.preview.comparison import compare
from plimsoll.preview.cost_difference import cost_difference
from plimsoll.preview.plan import UNKNOWN
from plimsoll.preview.report.changes import report, to_json
from plimsoll.preview.report.costs import cost_difference_json
from tests.preview.test_floor import container, database, web
from tests.preview.test_report_promises import plan, text


def kept(count: int, cpu: str = "1") -> Any:
    return web(container(cpu), service={"minInstanceCount": count})


# 1 vCPU and 1 GiB idle are 13.14 a month, of which the vCPU is half (see test_floor.py).
DIFFERENCES = [
    pytest.param(kept(1), kept(2), "13.14", ["1 more idle instance of web"], id="one-more"),
    pytest.param(kept(3), kept(1), "-26.28", ["2 fewer idle instances of web"], id="two-fewer"),
    pytest.param(kept(0), kept(1), "13.14", ["1 more idle instance of web"], id="the-first"),
    pytest.param(kept(1), kept(1), "0", [], id="the-same"),
    pytest.param(
        kept(1),
        kept(1, "2"),
        "6.57",
        [
            "web: 1 instance × 1 vCPU, idle and 1 instance × 1Gi, idle → "
            "1 instance × 2 vCPU, idle and 1 instance × 1Gi, idle"
        ],
        id="a-larger-one",
    ),
]


@pytest.mark.parametrize(("before", "after", "usd", "why"), DIFFERENCES)
def test_a_difference_says_whose_it_is(before: Any, after: Any, usd: str, why: list[str]):
    found = cost_difference(plan(before), plan(after))
    assert found.usd == Decimal(usd)
    assert [one.why for one in found.owners] == why
    assert sum(one.usd for one in found.owners) == found.usd


def test_what_has_no_price_is_named_and_where_it_differs_nobody_says_by_how_much():
    unpriced = plan(kept(1), database(tier="db-perf-optimized-N-8"))
    for before, after in ((None, unpriced), (plan(kept(1)), unpriced), (unpriced, plan(kept(1)))):
        found = cost_difference(before, after)
        assert (found.differs, found.usd) == (True, None)
    assert [one.owner for one in cost_difference(None, unpriced).unpriced] == ["db"]
    more = plan(kept(2), database(tier="db-perf-optimized-N-8"))
    assert cost_difference(unpriced, more).usd == Decimal("13.14")
    said = text(report(compare(plan(kept(1)), unpriced, lambda _: (), against="main", seconds=1.0)))
    assert "no price for what differs" in said


def test_an_unknown_on_either_side_leaves_it_undecided():
    unknown = web(container(UNKNOWN), service={"minInstanceCount": 1})
    for before, after in ((unknown, kept(1)), (kept(1), unknown)):
        found = cost_difference(plan(before), plan(after))
        assert found.usd is None
        assert cost_difference_json(found)["difference"] is None


def test_it_stands_in_the_report_and_in_the_json():
    comparison = compare(plan(kept(1)), plan(kept(2)), lambda _: (), against="main", seconds=1.0)
    said = text(report(comparison))
    assert "COST FLOOR  $26.28 a month  +$13.14  idle, at list prices of" in said
    assert "  +$13.14: 1 more idle instance of web" in said
    cost = to_json(comparison)["costFloor"]
    assert (cost["difference"], cost["because"][0]["usd"], cost["after"]["total"]) == (
        "13.14",
        "13.14",
        "26.28",
    )
    same = compare(plan(kept(1)), plan(kept(1)), lambda _: (), against="main", seconds=1.0)
    assert "COST FLOOR  $13.14 a month  unchanged" in text(report(same))
