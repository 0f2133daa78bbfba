"""What a month costs at least: by hand, and what no price and no size may break."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll import cost
from plimsoll.cost import CostFloor, IdleInstances, SqlInstance, Unpriced, cost_floor, dollars
from plimsoll.limits import facts

if TYPE_CHECKING:
    from collections.abc import Iterator

API = IdleInstances(service="api", region="europe-west1", count=2, cpu=Decimal(2), memory=2**30, always=False)
DATABASE = SqlInstance(
    name="db", region="us-central1", tier="db-custom-2-7680", regional=False, disk_gb=Decimal(100)
)

BY_HAND = [
    # 2 x 2 vCPU x 0.0000025 x 2,628,000 s = 26.28, and 2 x 1 GiB at the same price.
    pytest.param(API, "39.42", id="request-based-idle"),
    # 0.0000035 in the second tier.
    pytest.param(replace(API, region="europe-west3"), "55.188", id="second-tier"),
    # 2 x 2 x 0.000018 x 2,628,000 = 189.216; 2 x 0.000002 x 2,628,000 = 10.512.
    pytest.param(replace(API, always=True), "199.728", id="instance-based"),
    pytest.param(replace(API, count=0), "0", id="scales-to-zero"),
    pytest.param(replace(API, count=1, cpu=Decimal("0.5"), memory=2**29), "6.57", id="halves"),
    # (2 x 0.0413 + 7.5 x 0.007) x 730 = 98.623; infracost says $115.62 with 100 GB of SSD at 0.17.
    pytest.param(DATABASE, "115.623", id="dedicated"),
    pytest.param(replace(DATABASE, regional=True), "231.246", id="regional-is-twice"),
    # Two lines of infracost/infracost#1446: $25.55 and $7.67, each with 10 GB for $1.70.
    pytest.param(replace(DATABASE, tier="db-g1-small", disk_gb=Decimal(10)), "27.25", id="small"),
    pytest.param(replace(DATABASE, tier="db-f1-micro", disk_gb=Decimal(10)), "9.365", id="micro"),
    pytest.param(replace(DATABASE, runs=False), "17", id="stopped-keeps-its-disk"),
    pytest.param(replace(DATABASE, region="europe-west1", disk_gb=Decimal(0)), "98.623", id="belgium"),
]


PARTS: list[Any] = [case.values[0] for case in BY_HAND]


def one(part: IdleInstances | SqlInstance) -> CostFloor:
    return cost_floor([part], []) if isinstance(part, IdleInstances) else cost_floor([], [part])


@pytest.mark.parametrize(("part", "total"), BY_HAND)
def test_by_hand(part: IdleInstances | SqlInstance, total: str):
    assert one(part).total == Decimal(total)


def test_vcpu_and_memory_are_lines_of_their_own():
    assert [(item.owner, item.what, item.usd) for item in cost_floor([API], []).items] == [
        ("api", "2 instances × 2 vCPU, idle", Decimal("26.28")),
        ("api", "2 instances × 1Gi, idle", Decimal("13.14")),
    ]


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (replace(API, region="mars-north1"), "no price for 2 instances × 2 vCPU, idle, in mars-north1"),
        *[
            (
                replace(API, region="us-west2", always=True),
                f"no price for 2 instances × {what}, always billed, in us-west2",
            )
            for what in ("2 vCPU", "1Gi")
        ],
        (replace(DATABASE, region="us-east9"), "no price for db-custom-2-7680 in us-east9"),
        (
            replace(DATABASE, tier="db-perf-optimized-N-2", regional=True),
            "no price for db-perf-optimized-N-2, regional in us-central1",
        ),
        (replace(DATABASE, region="europe-west1"), "no price for 100 GB of SSD in europe-west1"),
    ],
)
def test_what_has_no_price_is_named_and_never_guessed(part: IdleInstances | SqlInstance, why: str):
    assert why in [missing.why for missing in one(part).unpriced]


def test_what_others_are_billed_for_is_handed_on():
    nat = Unpriced("exit", "no price for Cloud NAT")
    assert cost_floor([API], [], [nat]) == CostFloor(cost_floor([API], []).items, (nat,))


@pytest.mark.parametrize(
    ("usd", "text"), [("39.42", "$39.42"), ("9.365", "$9.37"), ("1041.1", "$1,041.10"), ("0", "$0.00")]
)
def test_dollars(usd: str, text: str):
    assert dollars(Decimal(usd)) == text


regions = st.sampled_from(["europe-west1", "europe-west3"])
services = st.builds(
    IdleInstances,
    service=st.just("api"),
    region=regions,
    count=st.integers(0, 100),
    cpu=st.sampled_from([Decimal("0.08"), Decimal("0.5"), Decimal(1), Decimal(8)]),
    memory=st.integers(128, 32768).map(lambda mebibytes: mebibytes * 2**20),
    always=st.just(value=False),
)


@given(services, st.integers(1, 10), st.integers(1, 1024))
def test_more_never_costs_less(service: IdleInstances, instances: int, mebibytes: int):
    total = one(service).total
    assert one(replace(service, count=service.count + instances)).total > total
    larger = one(replace(service, memory=service.memory + mebibytes * 2**20)).total
    assert larger > total or (service.count == 0 and larger == total)


@given(st.lists(services, max_size=5), st.sampled_from([[], [DATABASE]]))
def test_the_whole_is_the_sum_of_its_parts(several: list[IdleInstances], databases: list[SqlInstance]):
    together = cost_floor(several, databases)
    assert together.total == sum((one(part).total for part in [*several, *databases]), Decimal(0))


@given(st.lists(services))
def test_what_scales_to_zero_without_a_database_costs_nothing(several: list[IdleInstances]):
    assert cost_floor([replace(service, count=0) for service in several], []) == CostFloor(())


DATA: dict[str, Any] = json.loads(
    files("plimsoll.limits").joinpath("data/prices.json").read_text("utf-8"), parse_float=Decimal
)["values"]


def numbers(value: object, *path: str) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers(inner, *path, key)
    elif isinstance(value, int | Decimal):
        yield path


def stepped(value: Any, path: tuple[str, ...]) -> Any:
    """`value` with the number at `path` raised by one step of its last digit."""
    if path:
        return {**value, path[0]: stepped(value[path[0]], path[1:])}
    return value + 1 if isinstance(value, int) else value + Decimal(1).scaleb(int(value.as_tuple().exponent))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param(name, path, id=".".join([name, *path]))
        for name, entry in DATA.items()
        for path in numbers(entry["value"])
    ],
)
def test_every_price_that_moves_by_one_step_is_noticed(
    name: str, path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
):
    prices, load = facts.load("prices"), facts.load
    moved = {**prices, name: replace(prices[name], value=stepped(prices[name].value, path))}
    before = [one(part).total for part in PARTS]
    monkeypatch.setattr(facts, "load", lambda vendor: moved if vendor == "prices" else load(vendor))
    after = [one(part).total for part in PARTS]
    assert after != before
    # Each of them is a rate: where it rises, nothing gets cheaper.
    assert all(now >= then for now, then in zip(after, before, strict=True))


def test_a_region_has_one_tier():
    tiers = [cost.PRICES["cloud_run_tiers"].names(name) for name in ("tier 1", "tier 2")]
    assert len({*tiers[0], *tiers[1]}) == len(tiers[0]) + len(tiers[1])
