"""The Plan's lookups, and its JSON, which other machines read."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from plimsoll.preview.plan import (
    UNKNOWN,
    Alias,
    Archive,
    Asset,
    Diagnostic,
    Options,
    Plan,
    ProviderReference,
    Resource,
    ResourceReference,
    Secret,
    Severity,
    Source,
    SourcePosition,
    Step,
    Unknown,
    Value,
    to_json,
    value_to_json,
)


def resource(urn: str, type_: str, name: str, parent: str | None, **given: Any) -> Resource:
    plain = Resource(
        urn=urn,
        type=type_,
        name=name,
        parent=parent,
        custom=True,
        read=False,
        provider=None,
        inputs={},
        outputs={},
        dependencies=(),
        property_dependencies={},
        options=Options(),
        source=None,
        steps=(Step.CREATE,),
    )
    return dataclasses.replace(plain, **given)


STACK = resource("urn:stack", "pulumi:pulumi:Stack", "shop-dev", None, custom=False)
SERVICE = resource(
    "urn:service",
    "gcp:cloudrunv2/service:Service",
    "api",
    "urn:stack",
    provider=ProviderReference("urn:google", explicit=True),
    inputs={"location": "europe-west1", "password": Secret(), "uri": UNKNOWN},
    dependencies=("urn:account",),
    property_dependencies={"uri": ("urn:account",)},
    options=Options(
        protect=True,
        delete_before_replace=False,
        aliases=(Alias(name="old", no_parent=True),),
        ignore_changes=("template",),
        replacement_trigger=Secret(),
        custom_timeouts={"create": "10m"},
    ),
    source=SourcePosition("infra/service.py", 112),
    steps=(Step.IMPORT, Step.UPDATE),
)
ACCOUNT = resource("urn:account", "gcp:serviceaccount/account:Account", "api", "urn:service")
PLAN = Plan(
    project="shop",
    stack="dev",
    source=Source.OFFLINE,
    knows_state=False,
    resources=(STACK, SERVICE, ACCOUNT),
    outputs={"url": UNKNOWN},
    diagnostics=(Diagnostic(Severity.WARNING, "careful", "urn:service"),),
    program_output=("hello",),
    seconds=1.23456,
    sdk_version="3.272.0",
)


class TestLookups:
    def test_find_by_urn(self):
        assert PLAN.resource("urn:account") is ACCOUNT
        assert PLAN.resource("urn:nothing") is None

    def test_find_the_root_and_children(self):
        assert PLAN.root is STACK
        assert PLAN.children(None) == (STACK,)
        assert PLAN.children("urn:stack") == (SERVICE,)
        assert PLAN.children("urn:account") == ()

    def test_find_by_name_and_by_type(self):
        assert PLAN.named("api") == (SERVICE, ACCOUNT)
        assert PLAN.of_type("gcp:cloudrunv2/service:Service") == (SERVICE,)

    def test_find_no_root_in_a_plan_without_one(self):
        assert dataclasses.replace(PLAN, resources=(SERVICE,)).root is None


def test_a_plan_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAN.stack = "prod"  # ty: ignore[invalid-assignment] (that it cannot be is the point)


def test_a_place_reads_as_editors_take_it():
    assert str(SERVICE.source) == "infra/service.py:112"


def test_an_unknown_is_like_any_other():
    assert Unknown() == UNKNOWN


def test_json_has_everything_that_a_machine_needs():
    written = to_json(PLAN)
    assert json.loads(json.dumps(written)) == written
    assert {name: value for name, value in written.items() if name != "resources"} == {
        "schema": 1,
        "project": "shop",
        "stack": "dev",
        "source": "offline",
        "knowsState": False,
        "sdkVersion": "3.272.0",
        "seconds": 1.235,
        "outputs": {"url": {"$": "unknown"}},
        "diagnostics": [{"severity": "warning", "message": "careful", "urn": "urn:service"}],
        "programOutput": ["hello"],
        "policies": None,
    }
    resources = written["resources"]
    assert isinstance(resources, list)
    assert resources[1] == {
        "urn": "urn:service",
        "type": "gcp:cloudrunv2/service:Service",
        "name": "api",
        "parent": "urn:stack",
        "custom": True,
        "component": False,
        "read": False,
        "provider": {"name": "urn:google", "explicit": True},
        "steps": ["import", "update"],
        "inputs": {
            "location": "europe-west1",
            "password": {"$": "secret", "unknown": False},
            "uri": {"$": "unknown"},
        },
        "outputs": {},
        "dependencies": ["urn:account"],
        "propertyDependencies": {"uri": ["urn:account"]},
        "options": {
            "protect": True,
            "deleteBeforeReplace": False,
            "aliases": [{"name": "old", "noParent": True}],
            "ignoreChanges": ["template"],
            "replacementTrigger": {"$": "secret", "unknown": False},
            "customTimeouts": {"create": "10m"},
        },
        "source": {"file": "infra/service.py", "line": 112},
    }


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param([1, 2.5, None, True, "x"], [1, 2.5, None, True, "x"], id="plain"),
        pytest.param({"a": [UNKNOWN]}, {"a": [{"$": "unknown"}]}, id="nested"),
        pytest.param({"$": "unknown"}, {"$": "object", "value": {"$": "unknown"}}, id="no marker by chance"),
        pytest.param(
            Archive("assets", assets={"a": Asset("text", sha256="0f")}),
            {
                "$": "archive",
                "kind": "assets",
                "location": "",
                "assets": {"a": {"$": "asset", "kind": "text", "location": "", "sha256": "0f"}},
            },
            id="archive",
        ),
        pytest.param(
            ResourceReference("urn:x", UNKNOWN),
            {"$": "resource", "urn": "urn:x", "id": {"$": "unknown"}},
            id="resource",
        ),
    ],
)
def test_values_that_json_lacks_have_a_mark(value: Value, written: object):
    assert value_to_json(value) == written
