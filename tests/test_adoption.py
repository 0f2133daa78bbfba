"""What differs between what lives and what is asked for, and what may be overwritten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.adoption import Difference, Veiled, differences, not_allowed, refusal

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)

DIFFERENT = [
    pytest.param({"a": 1}, {"a": 2}, ["a"], id="a value"),
    pytest.param({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, ["a.c"], id="one more below"),
    pytest.param({"a": 1, "b": 2}, {"a": 1}, ["b"], id="one that the program does not say"),
    pytest.param({"a.b": 1}, {"a.b": 2}, ['["a.b"]'], id="a name with a dot"),
    pytest.param({"a": [1, 2]}, {"a": [1]}, ["a[1]"], id="a longer list"),
    pytest.param({"a": [{"name": "x"}]}, {"a": [{"name": "y"}]}, ["a[0].name"], id="one element, renamed"),
    pytest.param({"__defaults": ["a"]}, {"__defaults": []}, [], id="the providers' own notes"),
    pytest.param({"a": None}, {}, [], id="nothing, said and not said"),
    pytest.param({"a": 80}, {"a": 80.0}, [], id="one number, two ways"),
    pytest.param({"a": Veiled("secret", "x")}, {"a": Veiled("secret", "x")}, [], id="the same secret"),
    pytest.param({"a": Veiled("secret", "x")}, {"a": Veiled("secret", "y")}, ["a"], id="another secret"),
    pytest.param(
        {"envs": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]},
        {"envs": [{"name": "B", "value": "3"}, {"name": "A", "value": "1"}]},
        ['envs["B"].value', "envs"],
        id="elements by their names, and their order",
    ),
    pytest.param(
        {"envs": [{"name": "A"}, {"name": "__NEXT_SECRET"}]},
        {"envs": [{"name": "A"}]},
        ['envs["__NEXT_SECRET"]'],
        id="a variable that is called like a note",
    ),
    pytest.param({"labels": {"__team": "a"}}, {"labels": {}}, ["labels.__team"], id="a label likewise"),
    pytest.param(
        {"labels": {"__defaults": "a", "__meta": "b"}},
        {"labels": {}},
        ["labels.__defaults", "labels.__meta"],
        id="labels named as notes are",
    ),
    pytest.param(
        {"a": {"__defaults": ["b"]}, "__meta": "{}", "__internal": {}}, {"a": {}}, [], id="notes alone"
    ),
    pytest.param(
        {"envs": [{"name": "A"}, {"name": "B"}]},
        {"envs": [{"name": "N"}, {"name": "A"}, {"name": "B"}]},
        ['envs["N"]'],
        id="one more before the others is no other order",
    ),
]


@pytest.mark.parametrize(("live", "asked", "paths"), DIFFERENT)
def test_differences_are_named_by_their_paths(live: object, asked: object, paths: list[str]):
    assert [one.path for one in differences(live, asked)] == paths


@given(VALUES)
def test_nothing_differs_from_itself(value: object):
    assert list(differences(value, value)) == []


@given(VALUES, VALUES)
def test_both_sides_differ_in_the_same_places(live: object, asked: object):
    there = [one.path for one in differences(live, asked)]
    assert there == [one.path for one in differences(asked, live)]


@pytest.mark.parametrize(
    ("path", "listed", "allowed"),
    [
        ("template.timeout", "template.timeout", True),
        ("template.timeout", "template", True),
        ("labels[0].x", "labels", True),
        ("templates.x", "template", False),
        ("template", "template.timeout", False),
    ],
)
def test_what_is_listed_may_be_overwritten_with_all_below_it(path: str, listed: str, allowed: object):
    one = Difference(path, 1, 2)
    assert not_allowed([one], [listed]) == ([] if allowed else [one])


def test_a_refusal_names_every_property_and_shows_no_secret():
    live = {
        "envs": {"value": "hunter2"},
        "password": "hunter2",
        "key": Veiled("secret", "hunter2"),
        "tier": "a",
    }
    asked = {
        "envs": {"value": "x"},
        "password": Veiled("secret", "y"),
        "key": Veiled("secret", "z"),
        "tier": "b",
    }
    said = refusal("service/api", "an-id", list(differences(live, asked)))
    assert "hunter2" not in said
    assert 'tier ("a" → "b")' in said
    assert 'changes: ["envs.value", "key", "password", "tier"]' in said
