"""A policy pack's configuration: what comes of it, and the engine's words for what is wrong."""

from __future__ import annotations

import json

import pytest

from plimsoll.preview.policies.configuration import (
    ConfigurationError,
    PolicyInfo,
    PolicySettings,
    parse,
    reconcile,
)


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a": "disabled"}', {"a": PolicySettings("disabled")}),
        ('{"a": {"n": 1}}', {"a": PolicySettings("", {"n": 1})}),
        ('{"a": {"enforcementLevel": "remediate", "n": 1}}', {"a": PolicySettings("remediate", {"n": 1})}),
        ('{"a": {}}', {}),
    ],
)
def test_a_configuration_is_read_as_the_engine_reads_it(content: str, settings: dict[str, PolicySettings]):
    assert parse(content) == settings


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "it is not JSON"),
        ("[]", "it is not a JSON object"),
        ('{"a": 3}', 'parsing "a": 3 is not a valid value; must be a string or object'),
        ('{"a": "never"}', 'parsing enforcement level for "a": "never" is not a valid enforcement level'),
        (
            '{"a": {"enforcementLevel": 1}}',
            'parsing enforcement level for "a": 1 is not a valid enforcement level; must be a string',
        ),
        ('{"environments": []}', "Pulumi ESC"),
    ],
)
def test_what_cannot_be_read_is_said_in_the_engines_words(content: str, said: str):
    with pytest.raises(ConfigurationError) as caught:
        parse(content)
    assert said in str(caught.value)


def test_later_configurations_win_and_all_is_weaker_than_a_name():
    policies = [
        PolicyInfo("a", "advisory", {"n": {"type": "integer", "default": 1}, "m": {"default": "x"}}),
        PolicyInfo("b", "mandatory"),
    ]
    initial = {"all": PolicySettings("remediate"), "a": PolicySettings("", {"n": 2})}
    file = {
        "all": PolicySettings("disabled"),
        "b": PolicySettings("advisory"),
        "c": PolicySettings("advisory"),
    }
    assert reconcile(policies, initial, file) == {
        "a": PolicySettings("disabled", {"n": 2, "m": "x"}),
        "b": PolicySettings("advisory"),
    }


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "integer"}, "3", "p: p: Invalid type. Expected: integer, given: string"),
        ({"type": "integer"}, 1.5, "p: p: Invalid type. Expected: integer, given: number"),
        ({"type": "string"}, 3, "p: p: Invalid type. Expected: string, given: integer"),
        ({"type": ["string", "null"]}, [], "p: p: Invalid type. Expected: [string,null], given: array"),
        ({"enum": ["a", "b"]}, "c", 'p: p: p must be one of the following: "a", "b"'),
        ({"minimum": 1}, 0, "p: p: Must be greater than or equal to 1"),
        ({"maximum": 1}, 2, "p: p: Must be less than or equal to 1"),
        ({"minLength": 2}, "a", "p: p: String length must be greater than or equal to 2"),
        ({"pattern": "^a"}, "b", "p: p: Does not match pattern '^a'"),
        ({"minItems": 1}, [], "p: p: Array must have at least 1 items"),
        ({"items": {"type": "string"}}, ["a", 3], "p: p.1: Invalid type. Expected: string, given: integer"),
    ],
    ids=lambda one: json.dumps(one) if isinstance(one, dict) else None,
)
def test_what_a_schema_refuses_is_said_in_the_engines_words(
    schema: dict[str, object], value: object, said: str
):
    with pytest.raises(ConfigurationError) as caught:
        reconcile([PolicyInfo("p", "advisory", {"p": schema})], {"p": PolicySettings("", {"p": value})})
    assert str(caught.value) == said


def test_everything_that_is_wrong_is_said_at_once():
    policies = [
        PolicyInfo("b", "advisory", required=("x", "y")),
        PolicyInfo("a", "advisory", required=("z",)),
    ]
    with pytest.raises(ConfigurationError) as caught:
        reconcile(policies, {})
    assert str(caught.value) == "a: z is required; b: x is required; b: y is required"
