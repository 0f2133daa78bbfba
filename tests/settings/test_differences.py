"""In what two environments differ, setting by setting."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from plimsoll.cli.differences import pairs
from plimsoll.settings import model
from plimsoll.settings.differences import Difference, Setting, compare
from plimsoll.settings.load import from_stack
from plimsoll.settings.project import find_project
from tests.conftest import STACKS

DEV = from_stack(find_project(STACKS), "dev").settings
PROD = from_stack(find_project(STACKS), "prod").settings


def with_service(**changes: Any) -> model.Settings:
    return DEV.model_copy(update={"services": {"api": DEV.services["api"].model_copy(update=changes)}})


def said(text: str) -> Setting:
    return Setting(text, default=False)


def test_an_environment_does_not_differ_from_itself():
    comparison = compare(DEV, DEV)
    assert comparison.differences == ()
    assert comparison.same > 100


@pytest.mark.parametrize(
    ("changes", "path", "left", "right"),
    [
        ({"memory": 2**31}, "api.memory", "512Mi", "2Gi"),
        ({"cpu": Decimal("0.5")}, "api.cpu", "1", "500m"),
        ({"timeout": Decimal("0.3")}, "api.timeout", "60s", "300ms"),
        ({"concurrency": 80}, "api.concurrency", "40", "80"),
        ({"env": {"LOG_LEVEL": "info"}}, "api.env.LOG_LEVEL", "debug", "info"),
    ],
)
def test_both_values_stand_as_a_file_would_say_them(
    changes: dict[str, Any], path: str, left: str, right: str
):
    (one,) = compare(DEV, with_service(**changes)).differences
    assert one == Difference("services", path, said(left), said(right))


def test_a_default_is_said_to_be_one_and_is_no_difference_to_the_same_value_written_out():
    api = DEV.services["api"]
    assert "http2" not in api.model_fields_set
    assert compare(DEV, with_service(http2=False)).differences == ()
    (one,) = compare(DEV, with_service(http2=True)).differences
    assert (one.path, one.left, one.right) == ("api.http2", Setting("false", default=True), said("true"))
    (one,) = compare(
        DEV, with_service(scaling=model.Scaling.model_validate({"cpuUtilization": 0.5}))
    ).differences
    assert (one.path, one.left) == ("api.scaling.cpuUtilization", Setting("none", default=True))


@pytest.mark.parametrize(
    ("secrets", "right"),
    [
        ({"OPENAI_API_KEY": model.SecretReference(secret="openai-api-key", version=2)}, said("set")),
        ({"OPENAI_API_KEY": model.SecretReference(secret="another-one", version=1)}, said("set")),
        ({}, None),
    ],
    ids=["another-version", "another-secret", "none"],
)
def test_of_a_secret_neither_name_nor_version_is_told(secrets: dict[str, Any], right: Setting | None):
    (one,) = compare(DEV, with_service(secrets=secrets)).differences
    assert one == Difference("services", "api.secrets.OPENAI_API_KEY", said("set"), right, secret=True)


def test_a_sensitive_value_is_not_told():
    assert DEV.frontend is not None
    variable = model.Variable(value="hunter2", sensitive=True, targets=("production",))
    other = variable.model_copy(update={"value": "hunter3"})
    both = [
        DEV.model_copy(update={"frontend": DEV.frontend.model_copy(update={"env": {"WORD": word}})})
        for word in (variable, other)
    ]
    (one,) = compare(*both).differences
    assert (one.path, one.left, one.right, one.secret) == ("env.WORD.value", said("set"), said("set"), True)


def test_what_only_one_has_is_told_by_its_parts():
    one_sided = [one for one in compare(DEV, PROD).differences if one.section == "network"]
    assert [(one.path, one.right) for one in one_sided] == [("subnet", None), ("servicesPrefix", None)]


def test_it_reads_the_same_from_the_other_side():
    def turned(one: Difference) -> Difference:
        return Difference(one.section, one.path, one.right, one.left, one.secret)

    there, back = compare(DEV, PROD), compare(PROD, DEV)
    assert {turned(one) for one in there.differences} == set(back.differences)
    assert there.same == back.same


@pytest.mark.parametrize(
    ("production", "named", "compared"),
    [
        ({"dev": False, "prod": True, "stage": False}, [], [("dev", "prod"), ("stage", "prod")]),
        ({"dev": False, "prod": True, "stage": False}, ["stage"], [("stage", "prod")]),
        ({"dev": False, "prod": True, "stage": False}, ["prod"], [("dev", "prod"), ("stage", "prod")]),
        ({"dev": False, "stage": False}, ["stage", "dev"], [("stage", "dev")]),
        ({"a": False, "b": False, "c": False}, ["a", "b", "c"], [("a", "c"), ("b", "c")]),
        ({"dev": False, "stage": False}, [], []),
        ({"prod": True}, [], []),
        ({"dev": False}, ["dev", "dev"], []),
    ],
)
def test_who_is_compared_with_whom(
    production: dict[str, bool], named: list[str], compared: list[tuple[str, str]]
):
    assert pairs(production, named) == compared
