"""What the engine's event log says, as records: lines as the engine 3.259 wrote them, shortened."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.engine.events import (
    PropertyChange,
    StepEvent,
    Summary,
    decode,
    parse_event,
)
from plimsoll.preview.decode import MASKED, SIGNATURE_KEY, UNKNOWN_TEXT, Signature
from plimsoll.preview.plan import UNKNOWN, Asset, Diagnostic, PolicyViolation, Secret, Severity

URN = "urn:pulumi:dev::tiny::pulumi:index:Stash::stash"
HIDDEN = {SIGNATURE_KEY: Signature.SECRET.value, "ciphertext": MASKED}


def line(name: str, **event: object) -> str:
    return json.dumps({"sequence": 7, "timestamp": 1795526605, name: event})


def test_a_step():
    metadata = {
        "op": "create-replacement",
        "urn": URN,
        "type": "pulumi:index:Stash",
        "old": {"id": "1", "inputs": {"size": 3}, "outputs": {}},
        "new": {
            "id": "",
            "inputs": {"size": 4, "token": HIDDEN},
            "outputs": {"id": UNKNOWN_TEXT},
            "protect": True,
        },
        "keys": ["size"],
        "diffs": ["size", "token"],
        "detailedDiff": {"size": {"diffKind": "update-replace", "inputDiff": True}},
        "provider": "urn:pulumi:dev::tiny::pulumi:providers:pulumi::default::1",
    }
    assert parse_event(line("resourcePreEvent", metadata=metadata, planning=True)) == StepEvent(
        stage="begins",
        preview=True,
        operation="create-replacement",
        urn=URN,
        type="pulumi:index:Stash",
        diffs=("size", "token"),
        replaces=("size",),
        changes={"size": PropertyChange("update-replace", of_inputs=True)},
        old={"size": 3},
        new={"size": 4, "token": Secret()},
        outputs={"id": UNKNOWN},
        protect=True,
    )


@pytest.mark.parametrize(
    ("name", "stage"),
    [("resourcePreEvent", "begins"), ("resOutputsEvent", "done"), ("resOpFailedEvent", "failed")],
)
def test_the_stages_of_a_step(name: str, stage: str):
    metadata = {
        "op": "delete",
        "urn": URN,
        "type": "t",
        "old": {"id": "9"},
        "new": None,
        "detailedDiff": None,
    }
    event = parse_event(line(name, metadata=metadata))
    assert isinstance(event, StepEvent)
    assert (event.stage, event.id, event.preview) == (stage, "9", False)


@pytest.mark.parametrize(
    ("level", "blocks"), [("mandatory", True), ("advisory", False), ("remediate", False)]
)
def test_a_violation(level: str, *, blocks: bool):
    event = parse_event(
        line(
            "policyEvent",
            resourceUrn=URN,
            message="too large\n",
            color="never",
            policyName="size",
            policyPackName="pack",
            policyPackVersion="1",
            policyPackVersionTag="1",
            enforcementLevel=level,
        )
    )
    assert event == PolicyViolation("pack", "size", level, "too large", URN)
    assert event.blocks is blocks


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"severity": "info#err", "message": "printed\n\n"}, Diagnostic(Severity.INFO, "printed")),
        (
            {"severity": "error", "prefix": "error: ", "message": "error: no\n", "urn": URN},
            Diagnostic(Severity.ERROR, "no", URN),
        ),
        ({"severity": "debug", "message": "registering"}, None),
        ({"severity": "info", "message": "50 %", "ephemeral": True}, None),
        ({"severity": "info", "message": "\n"}, None),
    ],
)
def test_a_diagnostic(given: dict[str, object], said: Diagnostic | None):
    assert parse_event(line("diagnosticEvent", color="never", **given)) == said


def test_the_summary():
    event = parse_event(
        line(
            "summaryEvent",
            maybeCorrupt=False,
            durationSeconds=2,
            resourceChanges={"create": 3, "same": 1},
            PolicyPacks={"b": "1", "a": "2"},
            isPreview=True,
            result="succeeded",
        )
    )
    assert event == Summary(
        preview=True, seconds=2, changes={"create": 3, "same": 1}, packs=("a", "b"), result="succeeded"
    )


def test_what_is_no_news_and_what_newer_engines_say_is_left_out():
    assert parse_event(line("preludeEvent", config={"a": "b"})) is None
    assert parse_event(line("cancelEvent")) is None
    assert parse_event(line("someLaterEvent", anything=1)) is None


@pytest.mark.parametrize("text", ["", '{"sequence": 3, "diagno', "[1]", "7"])
def test_half_a_line_is_no_event(text: str):
    with pytest.raises(ValueError):  # noqa: PT011 (of the text, whatever its class says of it)
        parse_event(text)


def test_every_way_to_write_a_secret_is_one():
    asset = {SIGNATURE_KEY: Signature.ASSET.value, "hash": "61", "path": "helper.py"}
    assert decode({"a": MASKED, "b": [HIDDEN], "c": {"d": UNKNOWN_TEXT}, "e": asset, "f": None}) == {
        "a": Secret(),
        "b": [Secret()],
        "c": {"d": UNKNOWN},
        "e": Asset("file", "helper.py"),
        "f": None,
    }


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inside: (
        st.lists(inside, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inside, max_size=4)
    ),
    max_leaves=20,
).filter(lambda value: MASKED not in json.dumps(value) and UNKNOWN_TEXT not in json.dumps(value))


@given(st.dictionaries(st.text("xyz", min_size=1), plain, max_size=4))
def test_plain_values_are_kept(properties: dict[str, object]):
    assert decode(properties) == properties
