"""The monthly floor of a plan, whoever declared it, and how it is shown."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from plimsoll.cost import CostFloor
from plimsoll.preview.floor import cost_floor
from plimsoll.preview.plan import UNKNOWN, Plan, ProviderReference, Secret, Step
from plimsoll.preview.promises import INSTANCE, SERVICE, Undecided
from plimsoll.preview.report.machine import promises_json
from plimsoll.preview.report.terminal import report
from tests.preview.test_report_promises import plan, resource, text


def web(*containers: Any, service: Any = None, revision: Any = None, location: Any = "europe-west1") -> Any:
    inputs = {"template": {"containers": list(containers)}, "location": location}
    if service is not None:
        inputs["scaling"] = service
    if revision is not None:
        inputs["template"] = {**inputs["template"], "scaling": revision}
    return resource(SERVICE, "web", inputs)


def container(cpu: Any = "1", memory: Any = "1Gi", **more: Any) -> dict[str, Any]:
    return {"resources": {"limits": {"cpu": cpu, "memory": memory}, "cpuIdle": True, **more}}


def database(**settings: Any) -> Any:
    inputs = {
        "region": "us-central1",
        "databaseVersion": "POSTGRES_17",
        "settings": {"tier": "db-g1-small", **settings},
    }
    return resource(INSTANCE, "db", inputs)


def decided(one: Plan) -> CostFloor:
    found = cost_floor(one)
    assert isinstance(found, CostFloor)
    return found


# 1 vCPU and 1 GiB, idle for 2,628,000 s at 0.0000025 each: 13.14 an instance.
TOTALS = [
    pytest.param(web(container(), service={"minInstanceCount": 1}), "13.14", id="of-the-service"),
    pytest.param(web(container(), revision={"minInstanceCount": 2}), "26.28", id="of-the-revision"),
    pytest.param(
        web(container(), service={"minInstanceCount": 1}, revision={"minInstanceCount": 2}),
        "26.28",
        id="of-both-levels-the-larger",
    ),
    pytest.param(
        web(container(), service={"scalingMode": "MANUAL", "manualInstanceCount": 3, "maxInstanceCount": 9}),
        "39.42",
        id="a-fixed-number",
    ),
    pytest.param(
        web(container(), service={"scalingMode": "MANUAL", "minInstanceCount": 3}), "0", id="a-fixed-zero"
    ),
    pytest.param(web(container(), service={"minInstanceCount": 0}), "0", id="scales-to-zero"),
    pytest.param(web(container(), location=UNKNOWN), "0", id="where-nothing-is-kept-its-place-is-no-matter"),
    pytest.param(
        web(container("500m", "256Mi"), container("500m", "768Mi"), service={"minInstanceCount": 1}),
        "13.14",
        id="containers-together",
    ),
    pytest.param(web({}, service={"minInstanceCount": 1.0}), "9.855", id="the-defaults-of-a-container"),
    # 0.000018 x 2,628,000 = 47.304, and 5.256 for the memory.
    pytest.param(web(container(cpuIdle=False), service={"minInstanceCount": 1}), "52.56", id="always-billed"),
    pytest.param(
        web({"resources": {"limits": {"memory": "1Gi"}}}, service={"minInstanceCount": 1}),
        "52.56",
        id="the-trap-resources-without-cpu-idle",
    ),
    pytest.param(database(), "27.25", id="database"),
    pytest.param(database(diskSize=20, availabilityType="REGIONAL"), "57.9", id="regional-database"),
    pytest.param(database(activationPolicy="NEVER"), "1.7", id="stopped-database"),
]


@pytest.mark.parametrize(("one", "total"), TOTALS)
def test_the_floor_of_a_plan(one: Any, total: str):
    assert decided(plan(one)).total == Decimal(total)


@pytest.mark.parametrize(
    ("one", "missing"),
    [
        (web(container(), service={"minInstanceCount": UNKNOWN}), "minInstanceCount of web"),
        (web(container(memory=UNKNOWN), service={"minInstanceCount": 1}), "memory of web"),
        (web(container(memory="1"), service={"minInstanceCount": 1}), "memory of web"),
        (web(container(cpuIdle=UNKNOWN), service={"minInstanceCount": 1}), "cpuIdle of web"),
        (web(container(), service={"minInstanceCount": 1}, location=Secret()), "location of web"),
        (web(UNKNOWN, service={"minInstanceCount": 1}), "a container of web"),
        (database(tier=UNKNOWN), "tier of db"),
        (database(tier=None), "tier of db"),
        (database(diskSize=UNKNOWN), "diskSize of db"),
        (database(diskSize="much"), "diskSize of db"),
        (resource(INSTANCE, "db", database().inputs | {"region": None}), "the region of db"),
    ],
)
def test_what_is_not_known_leaves_it_undecided(one: Any, missing: str):
    if missing == "the region of db":
        del one.inputs["region"]
    assert cost_floor(plan(one)) == Undecided((missing,))


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (resource("gcp:compute/routerNat:RouterNat", "exit", {}), "no price for Cloud NAT"),
        (database(diskType="PD_HDD"), "no price for 10 GB of PD_HDD"),
        (
            resource(INSTANCE, "db", {"databaseVersion": "SQLSERVER_2022_WEB"}),
            "no price for SQLSERVER_2022_WEB",
        ),
        (
            web(
                {"resources": {"limits": {"nvidia.com/gpu": "1"}, "cpuIdle": False}},
                service={"minInstanceCount": 2},
            ),
            "no price for the GPU of 2 × its instance",
        ),
    ],
)
def test_what_is_billed_and_has_no_price_is_named(one: Any, why: str):
    assert why in [missing.why for missing in decided(plan(one)).unpriced]


def test_a_resource_is_where_its_provider_is_unless_it_says_otherwise():
    provider = resource("pulumi:providers:gcp", "gcp", {"region": "us-central1"})
    one = database()
    del one.inputs["region"]
    there = resource(INSTANCE, "db", one.inputs, provider=ProviderReference(provider.urn, explicit=True))
    assert decided(plan(provider, there)).total == Decimal("27.25")


def test_what_is_only_read_or_goes_is_not_billed():
    read = resource(INSTANCE, "db", database().inputs, read=True, steps=(Step.READ,))
    gone = resource(INSTANCE, "db", database().inputs, steps=(Step.DELETE,))
    assert cost_floor(plan(read, gone)) is None


def test_a_plan_without_anything_billed_says_nothing():
    assert cost_floor(plan(resource("random:index/randomPet:RandomPet", "pet", {}))) is None
    assert "COST FLOOR" not in text(report(plan()))
    assert promises_json(plan())["costFloor"] is None


def test_the_report_has_a_line_for_each_item():
    shown = text(report(plan(web(container(), service={"minInstanceCount": 1}), database())))
    assert "COST FLOOR  $40.39 a month  idle, at list prices of 2026-11" in shown
    assert "  web  1 instance × 1 vCPU, idle   $6.57\n" in shown
    assert re.search(r"  db   db-g1-small +\$25\.55\n", shown)


def test_where_a_price_is_missing_the_sum_is_a_least():
    nat = resource("gcp:compute/routerNat:RouterNat", "exit", {})
    shown = text(report(plan(database(), nat)))
    assert "COST FLOOR  at least $27.25 a month" in shown
    assert "  exit  no price for Cloud NAT\n" in shown
    found = promises_json(plan(database(), nat))["costFloor"]
    assert isinstance(found, dict)
    assert (found["total"], found["complete"]) == ("27.25", False)
    assert found["unpriced"] == [{"owner": "exit", "why": "no price for Cloud NAT"}]


def test_undecided_is_said_in_both_forms():
    one = plan(database(tier=UNKNOWN))
    assert "cannot decide: unknown are tier of db" in text(report(one))
    assert promises_json(one)["costFloor"] == {"undecided": ["tier of db"]}
