"""What differs between two plans: pure, on plans made here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from plimsoll.paths import read_path, write_path
from plimsoll.preview.comparison import compare
from plimsoll.preview.difference import difference
from plimsoll.preview.plan import (
    STACK_TYPE,
    UNKNOWN,
    Alias,
    Options,
    Plan,
    ProviderReference,
    Resource,
    Secret,
    Source,
    Step,
)
from plimsoll.preview.promises_difference import flow_differences
from plimsoll.preview.report import changes

if TYPE_CHECKING:
    from plimsoll.preview.comparison import Comparison
    from plimsoll.preview.plan import Value

STACK = f"urn:pulumi:dev::shop::{STACK_TYPE}::shop-dev"
RUN = "gcp:cloudrunv2/service:Service"
OPTIONS = Options()


def resource(name: str, inputs: dict[str, Value] | None = None, **changes: Any) -> Resource:
    type_ = changes.pop("type", RUN)
    parent = changes.get("parent", STACK)
    above = "" if parent in {None, STACK} else parent.split("::")[2] + "$"
    given: dict[str, Any] = {
        "urn": f"urn:pulumi:dev::shop::{above}{type_}::{name}",
        "type": type_,
        "name": name,
        "parent": STACK,
        "custom": True,
        "read": False,
        "provider": None,
        "inputs": inputs or {},
        "outputs": {},
        "dependencies": (),
        "property_dependencies": {},
        "options": OPTIONS,
        "source": None,
        "steps": (Step.CREATE,),
        **changes,
    }
    return Resource(**given)


def plan(*resources: Resource, knows_state: bool = False) -> Plan:
    source = Source.ENGINE if knows_state else Source.OFFLINE
    stack = resource("shop-dev", type=STACK_TYPE, urn=STACK, parent=None, custom=False)
    return Plan("shop", "dev", source, knows_state, (stack, *resources), {})


def forcing(one: Resource) -> tuple[str, ...] | None:
    return ("name", "labels{}", "disks[].size") if one.type == RUN else None


def steps(before: Plan | None, after: Plan) -> dict[str, Step | None]:
    return {one.resource.name: one.step for one in difference(before, after, forcing).changed}


def paths(before: dict[str, Value], after: dict[str, Value]) -> list[tuple[str, Value, Value]]:
    found = difference(plan(resource("a", before)), plan(resource("a", after)), forcing)
    return [(one.path, one.before, one.after) for of in found.changed for one in of.properties]


PATHS = {
    "nothing": ({"a": 1, "b": {"c": [1]}}, {"a": 1, "b": {"c": [1]}}, []),
    "deep": ({"b": {"c": [{"d": 1}]}}, {"b": {"c": [{"d": 2}]}}, [("b.c[0].d", 1, 2)]),
    "added": ({}, {"a": {"b": 1}}, [("a", None, {"b": 1})]),
    "removed": ({"a": 1}, {}, [("a", 1, None)]),
    "inserted-in-a-list": ({"l": ["b", "c"]}, {"l": ["a", "b", "c"]}, [("l[0]", None, "a")]),
    "taken-out-of-a-list": ({"l": ["a", "b", "c"]}, {"l": ["a", "c"]}, [("l[1]", "b", None)]),
    "a-quoted-name": ({"l": {"a.b": 1}}, {"l": {"a.b": 2}}, [('l["a.b"]', 1, 2)]),
    "flag-is-no-number": ({"a": 1}, {"a": True}, [("a", 1, True)]),
    "unknown-on-both-sides": ({"a": UNKNOWN}, {"a": UNKNOWN}, []),
    "became-unknown": ({"a": 1}, {"a": UNKNOWN}, [("a", 1, UNKNOWN)]),
    "secret-on-both-sides": ({"a": Secret()}, {"a": Secret(unknown=True)}, []),
    "became-secret": ({"a": "b"}, {"a": Secret()}, [("a", "b", Secret())]),
    "the-providers-own-notes": ({"__defaults": []}, {"__defaults": ["name"]}, []),
}


@pytest.mark.parametrize(("before", "after", "expected"), PATHS.values(), ids=PATHS)
def test_properties_differ_by_path(
    before: dict[str, Value], after: dict[str, Value], expected: list[tuple[str, Value, Value]]
):
    assert paths(before, after) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab.[", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("ab.[", max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
inputs = st.dictionaries(st.text("ab", min_size=1, max_size=3), json_values, max_size=4)


@given(inputs)
def test_nothing_differs_from_itself(values: dict[str, Value]):
    assert paths(values, values) == []


@given(inputs, inputs)
def test_a_difference_is_the_same_from_the_other_side(one: dict[str, Value], other: dict[str, Value]):
    there, back = paths(one, other), paths(other, one)
    assert len(there) == len(back)
    assert bool(there) == bool(back)


@given(st.lists(st.integers(0, 9) | st.text("ab.[]\"'* é", min_size=1), min_size=1).map(tuple))
def test_a_path_that_is_written_can_be_read(steps: tuple[str | int, ...]):
    steps = ("a", *steps)
    assert read_path(write_path(steps)) == steps


EU, US = (f"urn:pulumi:dev::shop::pulumi:providers:gcp::{name}" for name in ("eu", "us"))


def provider(name: str, **inputs: str) -> Resource:
    return resource(name, dict(inputs), type="pulumi:providers:gcp")


@pytest.mark.parametrize(
    ("before", "after", "reconfigured", "expected"),
    [
        pytest.param((provider("eu", project="a"), EU), (provider("eu", project="a"), EU), (), {}, id="same"),
        pytest.param(
            (provider("eu", project="a"), EU),
            (provider("eu", project="b"), EU),
            (),
            {"db": None, "eu": Step.UPDATE},
            id="another-project",
        ),
        pytest.param(
            (provider("eu"), EU),
            (provider("us"), US),
            (),
            {"db": None, "us": Step.CREATE, "eu": Step.DELETE},
            id="another-provider",
        ),
        pytest.param((provider("eu"), "gcp"), (provider("eu"), "gcp"), ("gcp",), {"db": None}, id="default"),
        pytest.param((provider("eu"), EU), (provider("eu"), EU), ("gcp",), {}, id="not-the-default"),
    ],
)
def test_what_another_provider_would_replace_is_not_known(
    before: tuple[Resource, str], after: tuple[Resource, str], reconfigured: tuple[str, ...], expected: Any
):
    def made(one: Resource, by: str) -> Plan:
        reference = ProviderReference(by, explicit=by.startswith("urn"))
        return plan(one, resource("db", {"size": 1}, provider=reference))

    found = difference(made(*before), made(*after), lambda _: (), reconfigured)
    assert {one.resource.name: one.step for one in found.changed} == expected
    assert all(one.provider_differs for one in found.changed if one.resource.name == "db")


def test_outputs_differ_too_and_secrets_are_counted_not_compared():
    one = resource("db", {"password": Secret(), "keys": [Secret(), "a"]})
    before, after = plan(one), plan(one)
    before, after = replace(before, outputs={"url": "a"}), replace(after, outputs={"url": "b", "new": 1})
    found = difference(before, after, lambda _: ())
    assert [(each.path, each.before, each.after) for each in found.outputs] == [
        ("new", None, 1),
        ("url", "a", "b"),
    ]
    assert found.secrets == 2


STEPS = {
    "in-place": ({"memory": 1}, {"memory": 2}, RUN, Step.UPDATE),
    "forced": ({"name": "a"}, {"name": "b"}, RUN, Step.REPLACE),
    "forced-within-a-map": ({"labels": {"x": 1}}, {"labels": {"x": 2}}, RUN, Step.REPLACE),
    "forced-below-a-list-that-is-new": ({}, {"disks": [{"size": 1}]}, RUN, Step.REPLACE),
    "a-list-that-is-new-without-it": ({}, {"disks": [{"kind": 1}]}, RUN, Step.UPDATE),
    "perhaps-the-same-name": ({"name": "a"}, {"name": UNKNOWN}, RUN, None),
    "no-data": ({"name": "a"}, {"name": "b"}, "aws:s3/bucket:Bucket", None),
    "a-provider": ({"project": "a"}, {"project": "b"}, "pulumi:providers:gcp", Step.UPDATE),
}


@pytest.mark.parametrize(("before", "after", "type_", "step"), STEPS.values(), ids=STEPS)
def test_a_change_is_made_in_place_or_by_replacing(
    before: dict[str, Value], after: dict[str, Value], type_: str, step: Step | None
):
    found = steps(plan(resource("a", before, type=type_)), plan(resource("a", after, type=type_)))
    assert found == {"a": step}


@pytest.mark.parametrize(
    ("options", "step"),
    [
        (Options(ignore_changes=("name",)), Step.SAME),
        (Options(ignore_changes=("names",)), Step.REPLACE),
        (Options(ignore_changes=("*",)), Step.SAME),
    ],
    ids=["ignored", "another", "all"],
)
def test_what_is_ignored_changes_nothing(options: Options, step: Step):
    before = plan(resource("a", {"name": "a"}, options=options))
    assert steps(before, plan(resource("a", {"name": "b"}, options=options))) == {"a": step}


def test_what_the_program_replaces_on_change_is_known_without_data():
    options = Options(replace_on_changes=("size",))
    before, after = (plan(resource("a", {"size": size}, options=options, type="a:b:C")) for size in (1, 2))
    assert steps(before, after) == {"a": Step.REPLACE}


def test_resources_come_go_and_stay():
    before = plan(resource("old"), resource("same"))
    after = plan(resource("same"), resource("new"))
    found = difference(before, after, forcing)
    assert {one.resource.name: one.step for one in found.changed} == {"new": Step.CREATE, "old": Step.DELETE}
    assert found.same == 2


def test_without_a_former_environment_everything_is_new():
    assert steps(None, plan(resource("a"))) == {"a": Step.CREATE}


def test_protection_that_is_taken_away_is_seen():
    before = plan(resource("a", options=Options(protect=True)))
    [one] = difference(before, plan(resource("a")), forcing).changed
    assert (one.step, [(it.name, it.before, it.after) for it in one.options]) == (
        Step.SAME,
        [("protect", True, None)],
    )


HOUSE = "shop:index:House"
ALIASES = {
    "another-name": (resource("a"), resource("b", options=Options(aliases=(Alias(name="a"),)))),
    "a-whole-urn": (resource("a"), resource("b", options=Options(aliases=(Alias(urn=resource("a").urn),)))),
    "another-type": (
        resource("a", type="gcp:cloudrun/service:Service"),
        resource("a", options=Options(aliases=(Alias(type="gcp:cloudrun/service:Service"),))),
    ),
    "a-parent": (
        resource("a"),
        resource(
            "a", parent=resource("h", type=HOUSE).urn, options=Options(aliases=(Alias(no_parent=True),))
        ),
    ),
}


@pytest.mark.parametrize(("was", "becomes"), ALIASES.values(), ids=ALIASES)
def test_an_alias_leads_back_to_the_former_resource(was: Resource, becomes: Resource):
    [one] = difference(plan(was), plan(becomes), forcing).changed
    assert (one.step, one.renamed_from) == (Step.SAME, was.urn)


def test_children_of_a_renamed_parent_are_renamed_with_it():
    old, new = (
        resource("h", type=HOUSE),
        resource("g", type=HOUSE, options=Options(aliases=(Alias(name="h"),))),
    )
    before = plan(old, resource("h-door", parent=old.urn), resource("wall", parent=old.urn))
    after = plan(new, resource("g-door", parent=new.urn), resource("wall", parent=new.urn))
    assert set(steps(before, after).values()) == {Step.SAME}


def test_the_engine_knows_its_steps():
    after = plan(resource("a", {"x": 2}, steps=(Step.REPLACE,)), knows_state=True)
    assert steps(plan(resource("a", {"x": 1})), after)["a"] is Step.REPLACE


# Promises ---------------------------------------------------------------------------------------------------


def promising(**flow: Value) -> Plan:
    flows: Value = {"list": {"p95": "300ms", "availability": "99.5", **flow}}
    return plan(resource("env", {"flows": flows}, type="plimsoll:infra:Environment", custom=False))


MEASURES = {
    "slower": ({"p95": "400ms"}, ("p95", "weaker", 33.3)),
    "faster": ({"p95": "150ms"}, ("p95", "tighter", -50.0)),
    "twice-the-errors": ({"availability": "99"}, ("availability", "weaker", 100.0)),
    "a-fifth-of-the-errors": ({"availability": "99.9"}, ("availability", "tighter", -80.0)),
    "a-tail-is-new": ({"p99": "1s"}, ("p99", "tighter", None)),
    "critical": ({"critical": True}, ("critical", "tighter", None)),
    "nothing-that-can-be-read": ({"p95": "soon"}, ("p95", "weaker", None)),
}


@pytest.mark.parametrize(("flow", "expected"), MEASURES.values(), ids=MEASURES)
def test_a_budget_is_weaker_or_tighter_by_how_much(
    flow: dict[str, Value], expected: tuple[str, str, float | None]
):
    [found] = flow_differences(promising(), promising(**flow))
    [one] = found.measures
    percent = None if one.percent is None else round(float(one.percent), 1)
    assert (one.measure, one.verdict.value, percent) == expected


def test_another_way_of_writing_is_no_difference():
    [found] = flow_differences(promising(), promising(p95="0.3s"))
    assert found.measures == ()


def test_a_flow_that_is_gone_is_no_longer_promised():
    [found] = flow_differences(promising(), plan())
    assert found.verdicts == {"weaker"}


# Reports ----------------------------------------------------------------------------------------------------


def comparison() -> Comparison:
    before = plan(
        *promising().resources[1:],
        resource("api", {"name": "api", "memory": "1Gi", "url": UNKNOWN}),
        resource("bucket", {"x": 1}, type="aws:s3/bucket:Bucket"),
        resource("gone", options=Options(protect=True)),
    )
    after = plan(
        *promising(p95="400ms").resources[1:],
        resource("api", {"name": "web", "memory": "2Gi", "url": UNKNOWN}),
        resource("bucket", {"x": UNKNOWN}, type="aws:s3/bucket:Bucket"),
        resource("fresh", {"password": Secret()}),
    )
    return compare(
        before,
        after,
        forcing,
        against="main (1234567)",
        tells="plimsoll rehearse dev --from main",
        seconds=1.0,
    )


def rendered(comparison: Comparison) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(changes.report(comparison))
    return captured.get()


def test_a_reader_is_told_promises_first_and_what_is_not_known():
    text = rendered(comparison())
    assert text.splitlines()[0].startswith("dev against main (1234567) · offline")
    for said in (
        "p95  300ms → 400ms  weaker by 33.3 %",
        "CHANGES  1 to create, 1 to change or replace, 1 to replace, 1 to delete",
        "name  api → web  forces the replacement",
        "x  1 → [known after the update]  may force a replacement",
        "- gone  Cloud Run service  protected: the engine refuses",
        "NOT KNOWN OFFLINE  ask the engine: plimsoll rehearse dev --from main",
        "whether a change replaces: aws:s3/bucket:Bucket",
    ):
        assert said in text, text
    assert text.index("BUDGETS") < text.index("CHANGES") < text.index("NOT KNOWN")


def test_a_machine_is_told_the_same():
    told = changes.to_json(comparison())
    assert told["counts"] == {"create": 1, "delete": 1, "replace": 1, "unknown": 1, "same": 1}
    assert told["unknown"] == {
        "replacements": ["aws:s3/bucket:Bucket"],
        "secrets": 0,
        "notes": [],
        "tells": "plimsoll rehearse dev --from main",
    }
    [api] = [one for one in told["changes"] if one["name"] == "api"]
    assert api["step"] == "replace"
    assert [(one["path"], one["replaces"]) for one in api["properties"]] == [
        ("memory", False),
        ("name", True),
    ]
    assert told["budgets"]["list"]["differences"][0]["percent"] == 33.333
