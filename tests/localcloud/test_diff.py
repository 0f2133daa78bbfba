"""What counts as a change, at which path, and which changes replace."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.localcloud.diff import Change, Kind, compare
from plimsoll.localcloud.rules import load_rules
from plimsoll.localcloud.wire import UNKNOWN, same, secret

SAME = {
    "numbers-by-value": (80, 80.0),
    "text-that-spells-a-number": ("80", 80),
    "text-that-spells-a-flag": ("true", True),
    "json-by-meaning": ('{"a": 1, "b": [2]}', '{"b":[2],"a":1}'),
    "json-lists": ("[1, 2]", "[1,2]"),
    "nothing-and-absent": ({"a": None}, {}),
    "secrets-by-what-is-inside": (secret("a"), "a"),
    "deep": ({"a": [{"b": 1}]}, {"a": [{"b": 1.0}]}),
}

DIFFERENT = {
    "numbers": (80, 81),
    "text": ("a", "b"),
    "text-that-spells-another-number": ("80", 81),
    "one-is-not-true": (1, True),
    "zero-is-not-nothing": (0, None),
    "false-is-not-nothing": (False, None),
    "empty-is-not-nothing": ("", None),
    "json-with-another-meaning": ('{"a": 1}', '{"a": 2}'),
    "half-json": ('{"a": 1}', '{"a": 1'),
    "json-scalars-are-text": ("1.0", "1"),
    "order-of-a-list": ([1, 2], [2, 1]),
    "length-of-a-list": ([1], [1, 1]),
    "an-unknown": (UNKNOWN, UNKNOWN),
    "an-unknown-inside": ({"a": [UNKNOWN]}, {"a": [UNKNOWN]}),
    "a-secret-unknown": (secret(UNKNOWN), secret("a")),
}


@pytest.mark.parametrize(("old", "new"), SAME.values(), ids=SAME)
def test_the_same(old: Any, new: Any):
    assert same(old, new)
    assert same(new, old)
    assert compare({"it": old}, {"it": new}) == []


@pytest.mark.parametrize(("old", "new"), DIFFERENT.values(), ids=DIFFERENT)
def test_not_the_same(old: Any, new: Any):
    assert not same(old, new)
    assert not same(new, old)
    assert compare({"it": old}, {"it": new})


PATHS = {
    "nested": ({"a": {"b": [{"c": 1}]}}, {"a": {"b": [{"c": 2}]}}, {"a.b[0].c": Kind.UPDATE}),
    "added": ({"a": {}}, {"a": {"b": 1}}, {"a.b": Kind.ADD}),
    "deleted": ({"a": {"b": 1}}, {"a": None}, {"a": Kind.DELETE}),
    "list-grew": ({"a": [1]}, {"a": [1, 2]}, {"a[1]": Kind.ADD}),
    "list-shrank": ({"a": [1, 2]}, {"a": [1]}, {"a[1]": Kind.DELETE}),
    "odd-key": ({"a": {"b.c": 1}}, {"a": {"b.c": 2}}, {'a["b.c"]': Kind.UPDATE}),
    "inside-a-secret": ({"a": secret({"b": 1})}, {"a": secret({"b": 2})}, {"a.b": Kind.UPDATE}),
    "another-kind": ({"a": [1]}, {"a": {"b": 1}}, {"a": Kind.UPDATE}),
    "became-unknown": ({"a": {"b": 1}}, {"a": UNKNOWN}, {"a": Kind.UPDATE}),
    "providers-notes": ({"__defaults": ["name"]}, {"__defaults": []}, {}),
    "several": ({"b": 1, "a": 1, "c": 1}, {"b": 2, "a": 2, "c": 1}, {"a": Kind.UPDATE, "b": Kind.UPDATE}),
}


@pytest.mark.parametrize(("old", "new", "changes"), PATHS.values(), ids=PATHS)
def test_changes_are_named_by_their_path(old: Any, new: Any, changes: dict[str, Kind]):
    assert {change.path: change.kind for change in compare(old, new)} == changes


FORCED = {
    "itself": ("location", {"location": "a"}, {"location": "b"}, True),
    "another": ("location", {"region": "a"}, {"region": "b"}, False),
    "below": ("replication", {"replication": {"auto": {"x": 1}}}, {"replication": {"auto": {"x": 2}}}, True),
    "around-and-different": ("a.b", {"a": {"b": 1, "c": 1}}, {"a": None}, True),
    "around-and-untouched": ("a.b", {"a": {"c": 1}}, {"a": None}, False),
    "beside": ("a.b", {"a": {"b": 1, "c": 1}}, {"a": {"b": 1, "c": 2}}, False),
    "any-element": ("labels[].key", {"labels": [{"key": "a"}]}, {"labels": [{"key": "b"}]}, True),
    "any-element-beside": ("labels[].key", {"labels": [{"x": 1}]}, {"labels": [{"x": 2}]}, False),
    "new-element": ("labels[].key", {"labels": []}, {"labels": [{"key": "a"}]}, True),
    "any-value": ("tags{}", {"tags": {"a": "b"}}, {"tags": {"a": "c"}}, True),
    "unknown": ("network", {"network": "a"}, {"network": UNKNOWN}, True),
    "longer-name": ("name", {"names": 1}, {"names": 2}, False),
}


@pytest.mark.parametrize(("pattern", "old", "new", "replaces"), FORCED.values(), ids=FORCED)
def test_some_paths_force_a_replacement(pattern: str, old: Any, new: Any, replaces: object):
    changes = compare(old, new, [pattern])
    assert changes
    assert any(change.replaces for change in changes) is replaces


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("ab[{1", max_size=3) | st.just(UNKNOWN),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abc"), VALUES))
def test_a_change_has_a_path_if_and_only_if_there_is_one(old: dict[str, Any], new: dict[str, Any]):
    changes = compare(old, new)
    assert bool(changes) is not same(old, new)
    assert len({change.path for change in changes}) == len(changes)
    backwards = {Kind.ADD: Kind.DELETE, Kind.DELETE: Kind.ADD, Kind.UPDATE: Kind.UPDATE}
    assert sorted(compare(new, old), key=str) == sorted(
        (Change(change.steps, backwards[change.kind]) for change in changes), key=str
    )


def test_the_data_about_replacements_is_read_in_the_protocols_names():
    rules = load_rules()
    forcing = rules.forcing("gcp:sql/databaseInstance:DatabaseInstance", [])
    assert forcing is not None
    assert {"region", "settings.collation", "replicaConfiguration.caCertificate"} <= set(forcing)
    assert rules.forcing("random:index/randomPassword:RandomPassword", ["length"]) == ("length",)
    assert rules.forcing("parcel:index:Parcel", []) is None
