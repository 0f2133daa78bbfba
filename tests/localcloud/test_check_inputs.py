"""Inputs judged by the SDK's own classes, under an interpreter of its own."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.localcloud.sdk import CHECKER, InstalledSdks, Problem, SdkError
from plimsoll.localcloud.wire import UNKNOWN, secret
from tests.test_architecture import imports, modules, reaches

if TYPE_CHECKING:
    from plimsoll.localcloud.wire import Properties

RUN = "gcp:cloudrunv2/service:Service"


def service(**template: Any) -> Properties:
    return {"location": "europe-west1", "template": {"containers": [{"image": "an-image"}], **template}}


RIGHT = {
    "plain": service(maxInstanceRequestConcurrency=80, timeout="60s"),
    "text-for-a-number": service(maxInstanceRequestConcurrency="80"),
    "number-for-a-text": service(timeout=60),
    "text-for-a-flag": {**service(), "deletionProtection": "false"},
    "whole-number-with-a-point": service(maxInstanceRequestConcurrency=80.0),
    "unknown-text": service(timeout=UNKNOWN),
    "unknown-object": {"location": UNKNOWN, "template": UNKNOWN},
    "secret-number": service(maxInstanceRequestConcurrency=secret(80)),
    "secret-object": {"location": "europe-west1", "template": secret(service()["template"])},
    "nothing-for-an-optional": service(scaling=None),
    "the-engines-own-notes": {**service(), "__defaults": ["name"]},
    "any-key-in-a-map": {**service(), "labels": {"a.b/c": "d"}},
}

WRONG = {
    "unknown-key": (
        {**service(), "locaton": "x"},
        [Problem("locaton", "is no input of Service; did you mean location?")],
    ),
    "unknown-key-far-from-all": (
        service(scaling={"quux": 1}),
        [
            Problem(
                "template.scaling.quux",
                "is no input of ServiceTemplateScaling; it knows concurrencyUtilization, cpuUtilization, "
                "maxInstanceCount, minInstanceCount",
            )
        ],
    ),
    "python-name-inside": (
        service(max_instance_request_concurrency=80),
        [
            Problem(
                "template.max_instance_request_concurrency",
                "is no input of ServiceTemplate; did you mean maxInstanceRequestConcurrency?",
            )
        ],
    ),
    "missing": ({"template": {}}, [Problem("location", "is required, and missing")]),
    "missing-inside-a-secret": (
        {"location": "x", "template": secret({"containers": [{"name": "api"}]})},
        [Problem("template.containers[0].image", "is required, and missing")],
    ),
    "words-for-a-number": (
        service(maxInstanceRequestConcurrency="eighty"),
        [Problem("template.maxInstanceRequestConcurrency", "must be a whole number, and is text")],
    ),
    "fraction-for-a-whole-number": (
        service(maxInstanceRequestConcurrency=80.5),
        [Problem("template.maxInstanceRequestConcurrency", "must be a whole number, and is a number")],
    ),
    "flag-for-a-number": (
        service(maxInstanceRequestConcurrency=True),
        [Problem("template.maxInstanceRequestConcurrency", "must be a whole number, and is true or false")],
    ),
    "object-for-a-list": (
        service(containers={"image": "an-image"}),
        [Problem("template.containers", "must be a list, and is an object")],
    ),
    "text-for-an-object": (
        service(scaling="many"),
        [Problem("template.scaling", "must be an object (ServiceTemplateScalingArgs), and is text")],
    ),
    "list-for-a-text": (
        {**service(), "labels": {"a.b": ["c"]}},
        [Problem('labels["a.b"]', "must be text, and is a list")],
    ),
}


@pytest.mark.parametrize("inputs", RIGHT.values(), ids=RIGHT)
def test_right_inputs_pass(sdks: InstalledSdks, inputs: Properties):
    assert sdks.check(RUN, inputs) == ()


@pytest.mark.parametrize(("inputs", "problems"), WRONG.values(), ids=WRONG)
def test_wrong_inputs_are_named_by_their_path(
    sdks: InstalledSdks, inputs: Properties, problems: list[Problem]
):
    assert sdks.check(RUN, inputs) == tuple(problems)


def test_all_problems_come_at_once(sdks: InstalledSdks):
    problems = sdks.check(
        RUN, {"locaton": "x", "template": {"timeout": [], "containers": [{}, {"image": {}}]}}
    )
    assert problems is not None
    assert [problem.path for problem in problems] == [
        "location",
        "locaton",
        "template.timeout",
        "template.containers[0].image",
        "template.containers[1].image",
    ]


def test_a_problem_never_repeats_a_value(sdks: InstalledSdks):
    assert "hunter2" not in str(sdks.check(RUN, service(scaling=secret("hunter2"))))


@pytest.mark.parametrize(
    "type_", ["parcel:index:Parcel", "gcp:cloudrunv2/service:Servce", "pulumi:providers:gcp"]
)
def test_what_no_sdk_has_is_not_judged(sdks: InstalledSdks, type_: str):
    assert sdks.check(type_, {"anything": 1}) is None
    assert sdks.shape(type_) is None


def test_an_args_class_of_another_name_is_found(sdks: InstalledSdks):
    problems = sdks.check(
        "gcp:compute/instanceGroupNamedPort:InstanceGroupNamedPort", {"group": "a", "name": "b"}
    )
    assert problems == (Problem("port", "is required, and missing"),)


def test_packages_are_those_that_are_installed(sdks: InstalledSdks):
    assert {"gcp", "random", "vercel"} <= sdks.packages().keys()


def test_an_interpreter_that_is_none_is_named(tmp_path: Path):
    with pytest.raises(SdkError, match=r"python cannot be started.*runtime.options.virtualenv"):
        InstalledSdks(tmp_path / "python").packages()


def test_an_interpreter_without_pulumi_is_named(tmp_path: Path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(SdkError, match="ended while it was asked for"):
        InstalledSdks(broken).check(RUN, {})


def test_the_check_needs_pulumi_alone():
    for node in ast.walk(ast.parse(CHECKER.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.partition(".")[0] in {*sys.stdlib_module_names, "pulumi", "__future__"}, name


def test_the_local_cloud_serves_any_program():
    rooms = ("infra", "policies", "plimsoll.cli", "plimsoll.settings")
    wrong = [
        name
        for file in modules("plimsoll/localcloud")
        for name in imports(file)
        if any(reaches(name, room) for room in rooms)
    ]
    assert not wrong
