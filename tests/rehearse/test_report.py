"""What a rehearsal found, in words and in JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from plimsoll.checkout.git import Commit
from plimsoll.engine.events import PropertyChange, StepEvent
from plimsoll.localcloud.judge import Judgement
from plimsoll.preview.plan import UNKNOWN, PolicyViolation, Secret, Step
from plimsoll.rehearse.changes import changes
from plimsoll.rehearse.outcome import Rehearsal
from plimsoll.rehearse.report import report, to_json

URN = "urn:pulumi:dev::shop::"


def step(operation: str, type_: str, name: str, **given: Any) -> StepEvent:
    urn = f"{URN}{type_}::{name}"
    return StepEvent(stage="begins", preview=True, operation=operation, urn=urn, type=type_, **given)


NOTHING = changes([step("same", "pulumi:pulumi:Stack", "shop-dev"), step("same", "a:b:C", "kept")])
SOME = changes(
    [
        step("same", "pulumi:pulumi:Stack", "shop-dev"),
        step("create", "gcp:pubsub/topic:Topic", "news"),
        step(
            "update",
            "gcp:cloudrunv2/service:Service",
            "api",
            old={"scaling": {"max": 3}, "list": [1, 2], "env": {"a.b": "x"}},
            new={"scaling": {"max": 5}, "list": [1, Secret()], "env": {"a.b": UNKNOWN}},
            changes={
                "scaling.max": PropertyChange("update", of_inputs=True),
                "list[1]": PropertyChange("update", of_inputs=True),
                'env["a.b"]': PropertyChange("update", of_inputs=True),
                "gone[7].x": PropertyChange("delete", of_inputs=True),
            },
        ),
        step(
            "replace",
            "gcp:sql/databaseInstance:DatabaseInstance",
            "main",
            old={"region": "here"},
            new={"region": "there"},
            changes={"region": PropertyChange("update-replace", of_inputs=True)},
        ),
        step("create-replacement", "gcp:sql/databaseInstance:DatabaseInstance", "main"),
        step("delete-replaced", "gcp:sql/databaseInstance:DatabaseInstance", "main"),
        step("delete", "aws:s3/bucket:Bucket", "attic"),
        step("delete", "gcp:cloudrunv2/job:Job", "old-job"),
        step("refresh", "gcp:cloudrunv2/job:Job", "old-job"),
    ]
)

FINE = Rehearsal(
    project="shop",
    environment="dev",
    base=Commit("0123456789abcdef", "the merge base with main"),
    changes=NOTHING,
    violations=(),
    pack=False,
    refused=(),
    failed=(),
    left=NOTHING,
    judgement=Judgement("the installed SDKs", (), ()),
    warnings=(),
    notes=(),
    engine="3.259.0",
    seconds=4.2,
)

ADVICE = PolicyViolation("rules", "small", "advisory", "keep it small", f"{URN}a:b:C::api")
BLOCK = PolicyViolation("rules", "all", "mandatory", "not like this", "")


def printed(rehearsal: Rehearsal, width: int = 110) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(report(rehearsal))
    return captured.get()


def test_changes_are_told_by_resource_and_property():
    assert [(one.name, one.step) for one in SOME.changed] == [
        ("news", Step.CREATE),
        ("api", Step.UPDATE),
        ("main", Step.REPLACE),
        ("attic", Step.DELETE),
        ("old-job", Step.DELETE),
    ]
    assert [(one.path, one.before, one.after, one.replaces) for one in SOME.changed[1].properties] == [
        ('env["a.b"]', "x", UNKNOWN, False),
        ("gone[7].x", None, None, False),
        ("list[1]", 2, Secret(), False),
        ("scaling.max", 3, 5, False),
    ]
    assert SOME.same == 1
    assert [(one.name, one.loses and one.loses.guessed) for one in SOME.losses] == [
        ("main", False),
        ("attic", True),
    ]


def test_without_a_detailed_diff_the_names_count():
    (change,) = changes(
        [step("replace", "a:b:C", "c", diffs=("x", "y"), replaces=("x",), old={"x": 1}, new={"x": 2})]
    ).changed
    assert [(one.path, one.before, one.after, one.replaces) for one in change.properties] == [
        ("x", 1, 2, True),
        ("y", None, None, False),
    ]


@pytest.mark.parametrize(
    ("changed", "promising"),
    [
        ({}, True),
        ({"changes": SOME}, False),
        ({"left": SOME}, False),
        ({"left": None, "refused": ("protected",)}, False),
        ({"left": None, "failed": ("409",)}, False),
        ({"violations": (ADVICE,), "pack": True}, True),
        ({"warnings": ("deprecated",), "notes": ("a lock differs",)}, True),
    ],
)
def test_a_promise_is_broken_by_a_loss_a_refusal_a_failure_or_restlessness(
    changed: dict[str, Any], *, promising: bool
):
    rehearsal = replace(FINE, **changed)
    assert rehearsal.promising == promising
    assert to_json(rehearsal)["ok"] == promising


def test_a_loss_cannot_be_overlooked():
    said = printed(replace(FINE, changes=SOME))
    assert said.index("WHAT WOULD BE LOST") < said.index("CHANGES")
    assert "main  DatabaseInstance, a database, would be replaced" in said
    assert "because of region: here → there" in said
    assert "attic  Bucket, a bucket, by its name, would be deleted" in said
    assert "old-job" not in said[: said.index("CHANGES")]
    assert "1 to create, 1 to update, 1 to replace, 2 to delete, 1 unchanged" in said
    assert "list[1]: 2 → [secret]" in said
    assert 'env["a.b"]: x → [known after the update]' in said


def test_what_goes_with_what_it_stood_on_is_a_delete():
    gone = "gcp:sql/user:User"
    (change,) = changes([step("delete-replaced", gone, "app")]).changed
    assert (change.step, change.loses is not None) == (Step.DELETE, True)


def test_a_components_own_inputs_are_compared_here():
    before = {"flows": {"goal-list": {"p95": "300ms", "critical": True}, "a.b": 1}}
    after = {"flows": {"goal-list": {"p95": "250ms", "critical": True}, "a.b": 2}}
    found = changes([step("update", "plimsoll:infra:Environment", "environment", old=before, new=after)])
    (change,) = found.changed
    assert [(one.path, one.before, one.after) for one in change.properties] == [
        ("flows.goal-list.p95", "300ms", "250ms"),
        ('flows["a.b"]', 1, 2),
    ]


def test_what_was_applied_is_said():
    assert "applied; a second preview is empty" in printed(replace(FINE, changes=SOME))
    unproven = replace(FINE, judgement=Judgement("the installed SDKs", (), (), ("gcp", "random")))
    assert "unproven for gcp, random: the real provider was not asked" in printed(unproven)
    assert "unproven" not in printed(FINE)
    assert to_json(unproven)["judge"]["unproven"] == ["gcp", "random"]


def test_without_a_loss_there_is_no_frame():
    assert "LOST" not in printed(FINE)


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        (
            {},
            [
                "from the merge base with main (0123456789ab)",
                "none: there is no policies/PulumiPolicy.yaml",
                "there is nothing to apply",
                "the installed SDKs",
            ],
        ),
        ({"base": None}, ["from nothing"]),
        ({"pack": True}, ["POLICIES  all hold"]),
        (
            {"pack": True, "violations": (ADVICE, BLOCK)},
            ["2 violated", "advisory  small  api", "keep it small", "mandatory  all  the whole stack"],
        ),
        (
            {"left": None, "refused": ("main is protected",)},
            ["REFUSED  nothing was changed", "• main is protected"],
        ),
        ({"left": None, "failed": ("main: 409",)}, ["failed half-way", "• main: 409"]),
        ({"left": SOME}, ["this change would never settle", "scaling.max: 3 → 5"]),
        ({"warnings": ("main: deprecated",)}, ["WARNINGS", "main: deprecated"]),
        (
            {"judgement": Judgement("j", ("a:b:C",), ("d:e:F",))},
            ["inputs not checked, for want of an SDK: a:b:C", "every change planned as an update: d:e:F"],
        ),
        (
            {"notes": ("uv.lock differs",), "kept": Path("/somewhere")},
            ["• uv.lock differs", "KEPT  /somewhere"],
        ),
    ],
    ids=[
        "fine",
        "new",
        "policies-hold",
        "policies",
        "refused",
        "failed",
        "restless",
        "warned",
        "unjudged",
        "noted",
    ],
)
def test_what_is_said(changed: dict[str, Any], shown: list[str]):
    said = printed(replace(FINE, **changed))
    assert [one for one in shown if one not in said] == [], said


def test_json_has_every_key_whatever_was_found():
    everything = replace(
        FINE, changes=SOME, left=SOME, violations=(ADVICE, BLOCK), pack=True, kept=Path("x"), base=None
    )
    keys = set(to_json(FINE))
    for rehearsal in (FINE, everything):
        said = json.loads(json.dumps(to_json(rehearsal)))
        assert set(said) == keys
        assert "[secret]" not in json.dumps(said["changes"])  # A marker, never the word.
    assert said["counts"] == {"create": 1, "update": 1, "replace": 1, "delete": 2, "same": 1}
    assert said["losses"][0] == {
        "urn": f"{URN}gcp:sql/databaseInstance:DatabaseInstance::main",
        "step": "replace",
        "kind": "database",
        "holds": "data",
        "guessed": False,
    }
    assert said["changes"][1]["properties"][2] == {
        "path": "list[1]",
        "before": 2,
        "after": {"$": "secret", "unknown": False},
        "replaces": False,
    }
