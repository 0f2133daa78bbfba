"""What stands behind a protection, and whose it is."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.preview.plan import Step
from plimsoll.rehearse.changes import Change, Changes
from plimsoll.rehearse.protection import hold_back


def urn(name: str) -> str:
    return f"urn:pulumi:dev::shop::a:b:C::{name}"


def going(*names: str, step: Step = Step.DELETE) -> Changes:
    return Changes(tuple(Change(urn(name), "a:b:C", name, step) for name in names), 1)


def resource(name: str, *, protect: bool = False, **stands_on: Any) -> dict[str, Any]:
    return {"urn": urn(name), "protect": protect, **stands_on}


DOOR = resource("door", protect=True, dependencies=[urn("wall")])
CASES = {
    "what-it-depends-on": ([DOOR, resource("wall")], {"wall": ["door"]}),
    "what-that-depends-on": (
        [DOOR, resource("wall", dependencies=[urn("ground")]), resource("ground")],
        {"ground": ["door"]},
    ),
    "its-parent": (
        [resource("door", protect=True, parent=urn("house")), resource("house")],
        {"house": ["door"]},
    ),
    "its-provider": (
        [resource("door", protect=True, provider=f"{urn('smith')}::0b4a-an-id"), resource("smith")],
        {"smith": ["door"]},
    ),
    "what-it-is-deleted-with": (
        [resource("door", protect=True, deletedWith=urn("wall")), resource("wall")],
        {"wall": ["door"]},
    ),
    "itself": ([DOOR, resource("gate", protect=True)], {"gate": ["gate"]}),
    "one-of-two": (
        [DOOR, resource("gate", protect=True, dependencies=[urn("fence")]), resource("fence")],
        {"fence": ["gate"]},
    ),
    "nobody-stands-on-it": ([DOOR, resource("lamp")], {"lamp": ["door"]}),
    "a-circle": (
        [DOOR, resource("wall", dependencies=[urn("roof")]), resource("roof", dependencies=[urn("wall")])],
        {"roof": ["door"]},
    ),
    "a-protected-one-that-stays": (
        [DOOR, resource("stays", protect=True, dependencies=[urn("wall")]), resource("wall")],
        {"wall": ["door"]},
    ),
}


@pytest.mark.parametrize(("resources", "held"), CASES.values(), ids=CASES)
def test_what_only_the_whole_preview_shows_is_held_back(
    resources: list[dict[str, Any]], held: dict[str, list[str]]
):
    gate = ("gate",) if urn("gate") in {one["urn"] for one in resources} else ()
    whole = going(*dict.fromkeys(("door", *gate, *held)))
    found = hold_back(going("door"), whole, {"deployment": {"resources": resources}})
    by_name = {change.name: change.held_back_by for change in found.changed}
    assert by_name.pop("door") == ()
    assert {name: list(by_name[name]) for name in held} == {
        name: [urn(one) for one in several] for name, several in held.items()
    }


def test_what_was_shown_anyway_is_held_back_by_nobody():
    state = {"deployment": {"resources": [DOOR, resource("wall")]}}
    shown = going("door", "wall", step=Step.UPDATE)
    found = hold_back(shown, shown, state)
    assert found == shown
