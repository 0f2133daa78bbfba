"""Which changes come of made-up outputs alone."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.preview.plan import UNKNOWN, Step
from plimsoll.rehearse.changes import Change, Changes, PropertyChange
from plimsoll.rehearse.dynamic import without_made_up

BELL, LAMP = "pulumi-python:dynamic:Resource", "a:b:C"


def urn(name: str, type_: str = LAMP) -> str:
    return f"urn:pulumi:dev::shop::{type_}::{name}"


DOOR = urn("door", BELL)


def update(name: str, *properties: tuple[str, Any], step: Step = Step.UPDATE, type_: str = LAMP) -> Change:
    changed = tuple(PropertyChange(path, 1, after, replaces=False) for path, after in properties)
    return Change(urn(name, type_), type_, name, step, changed)


def state(**depends: dict[str, list[str]]) -> dict[str, Any]:
    readers = [
        {"urn": urn(name), "type": LAMP, "propertyDependencies": several} for name, several in depends.items()
    ]
    return {"deployment": {"resources": [{"urn": DOOR, "type": BELL}, *readers]}}


READS = {"it": [DOOR], "more": [urn("other")]}
CASES: dict[str, tuple[list[Change], dict[str, Any], list[str]]] = {
    "reads-it": ([update("a", ("it.deep[0]", UNKNOWN))], {"a": READS}, ["a"]),
    "reads-a-reader": (
        [update("b", ("it", UNKNOWN)), update("a", ("it", UNKNOWN))],
        {"a": READS, "b": {"it": [urn("a")]}},
        ["b", "a"],
    ),
    "something-else-changes-too": ([update("a", ("it", UNKNOWN), ("more", 2))], {"a": READS}, []),
    "unknown-for-another-reason": ([update("a", ("more", UNKNOWN))], {"a": READS}, []),
    "becomes-a-value": ([update("a", ("it", 2))], {"a": READS}, []),
    "is-replaced": ([update("a", ("it", UNKNOWN), step=Step.REPLACE)], {"a": READS}, []),
    "nothing-named": ([update("a")], {"a": READS}, []),
    "the-dynamic-one-changes": (
        [update("door", ("tone", 2), type_=BELL), update("a", ("it", UNKNOWN))],
        {"a": READS},
        [],
    ),
    "not-in-the-state": ([update("a", ("it", UNKNOWN))], {}, []),
}


@pytest.mark.parametrize(("changed", "depends", "made_up"), CASES.values(), ids=CASES)
def test_an_update_is_made_up(changed: list[Change], depends: dict[str, Any], made_up: list[str]):
    found, names = without_made_up(Changes(tuple(changed), 3), state(**depends))
    assert list(names) == made_up
    assert [one.name for one in found.changed] == [one.name for one in changed if one.name not in made_up]
    assert found.same == 3 + len(made_up)
