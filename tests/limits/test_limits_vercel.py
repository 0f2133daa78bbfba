"""Vercel: every limit from both sides, the last value that passes and the first that does not.

The cases know no data file. That they stand exactly on the boundaries is itself tested: whichever number of
the data file is moved by one step, some case notices.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from plimsoll.limits import (
    DrainShape,
    FunctionShape,
    Problem,
    VariableShape,
    check_drain,
    check_function,
    check_project_name,
    check_region,
    check_variable,
    region_neighbours,
)
from tests.limits.boundaries import Boundaries, Case, LookUp, not_known, of

D = Decimal
FUNCTION = FunctionShape(plan="pro", timeout=D(60), fluid=True, cpu_type="standard")
VARIABLE = VariableShape(key="API_URL", sensitive=False, targets=("production",), standalone=True)


DRAIN = DrainShape(plan="pro", secret_characters=64)


@dataclass(frozen=True)
class Name:
    """A project's name, beside the shapes."""

    name: str


@dataclass(frozen=True)
class Regions:
    """Google's and Vercel's, beside the shapes."""

    google: str
    vercel: str


def check(declared: Any) -> list[Problem]:
    match declared:
        case FunctionShape():
            return check_function(declared)
        case VariableShape():
            return check_variable(declared)
        case DrainShape():
            return check_drain(declared)
        case Name():
            return check_project_name(declared.name)
        case Regions():
            return check_region(declared.google, declared.vercel)
    raise AssertionError(declared)


# rule, what it is about, the last that passes, the first that does not
CASES: list[Case] = [
    *[
        (
            "function-timeout",
            f"{plan} to {most}",
            of(FUNCTION, plan=plan, timeout=D(most)),
            of(FUNCTION, plan=plan, timeout=D(most + 1)),
        )
        for plan, most in (("hobby", 300), ("pro", 800), ("enterprise", 800), (None, 800))
    ],
    ("function-timeout", "from 1", of(FUNCTION, timeout=D(1)), of(FUNCTION, timeout=D(0))),
    ("function-timeout", "whole seconds", of(FUNCTION, timeout=D(2)), of(FUNCTION, timeout=D("2.5"))),
    *[
        (
            "function-timeout-without-fluid",
            plan,
            of(FUNCTION, plan=plan, fluid=False, timeout=D(most)),
            of(FUNCTION, plan=plan, fluid=False, timeout=D(most + 1)),
        )
        for plan, most in (("hobby", 60), ("pro", 300), ("enterprise", 900))
    ],
    (
        "function-timeout-without-fluid",
        "fluid",
        of(FUNCTION, timeout=D(301)),
        of(FUNCTION, fluid=False, timeout=D(301)),
    ),
    *[
        ("function-cpu", cpu, of(FUNCTION, cpu_type=cpu), of(FUNCTION, cpu_type="fast"))
        for cpu in ("standard_legacy", "standard", "performance")
    ],
    ("function-bundle", "250 MB", of(FUNCTION, bundle=250 * 10**6), of(FUNCTION, bundle=250 * 10**6 + 1)),
    ("variable-name", "letters", of(VARIABLE, key="_A1"), of(VARIABLE, key="A-B")),
    ("variable-name", "no digit first", of(VARIABLE, key="A1"), of(VARIABLE, key="1A")),
    ("variable-name", "not Vercel's", of(VARIABLE, key="VERCEL"), of(VARIABLE, key="VERCEL_URL")),
    ("region-unknown", "a region", Regions("mars-north1", "cdg1"), Regions("mars-north1", "cdg9")),
    ("variable-sensitive", "said", VARIABLE, of(VARIABLE, sensitive=None)),
    ("variable-sensitive", "not known yet", not_known(VARIABLE, "sensitive"), of(VARIABLE, sensitive=None)),
    (
        "variable-development",
        "other targets",
        of(VARIABLE, sensitive=True),
        of(VARIABLE, sensitive=True, targets=("production", "development")),
    ),
    (
        "variable-development",
        "in clear",
        of(VARIABLE, targets=("development",)),
        of(VARIABLE, sensitive=True, targets=("development",)),
    ),
    ("variable-mix", "standalone", VARIABLE, of(VARIABLE, inline=True)),
    ("variable-mix", "inline", of(VARIABLE, inline=True, standalone=False), of(VARIABLE, inline=True)),
    ("log-drain-plan", "pro", DRAIN, of(DRAIN, plan="hobby")),
    ("log-drain-plan", "enterprise", of(DRAIN, plan="enterprise"), of(DRAIN, plan="hobby")),
    ("log-drain-secret", "32", of(DRAIN, secret_characters=32), of(DRAIN, secret_characters=31)),
    ("project-name", "from 1", Name("a"), Name("")),
    ("project-name", "to 52", Name("a" * 52), Name("a" * 53)),
    ("project-name", "letters", Name("goals-9"), Name("Goals-9")),
    ("project-name", "one line", Name("goals"), Name("goals\n")),
    ("region", "near", Regions("europe-west1", "cdg1"), Regions("europe-west1", "iad1")),
    ("region", "unknown to us (Google)", Regions("europe-west99", "iad1"), Regions("europe-west2", "iad1")),
]
LOOKED_UP: list[LookUp] = [
    (region_neighbours, "europe-west1", ("cdg1", "lhr1", "fra1", "dub1")),
    (region_neighbours, "us-central1", ("cle1", "iad1")),
    (region_neighbours, "mars-north1", ()),
]
BOUNDARIES = Boundaries("vercel", check, CASES, LOOKED_UP)


@pytest.mark.parametrize(("rule", "says", "passes", "fails"), CASES)
def test_one_step_across_a_boundary_breaks_its_rule_and_no_other(rule, says, passes, fails):
    before, after = BOUNDARIES.broken(passes), BOUNDARIES.broken(fails)
    assert BOUNDARIES.rule(rule) not in before
    assert after.count(BOUNDARIES.rule(rule)) == 1
    assert set(after) - set(before) == {BOUNDARIES.rule(rule)}, says


@pytest.mark.parametrize("declared", [FUNCTION, VARIABLE, DRAIN])
def test_what_the_cases_start_from_has_no_problem(declared):
    assert BOUNDARIES.broken(declared) == []


@pytest.mark.parametrize(("look_up", "asked", "answer"), LOOKED_UP)
def test_what_the_vendor_decides_can_be_looked_up(look_up, asked, answer):
    assert look_up(asked) == answer


def test_nothing_is_noticed_where_nothing_is_moved():
    assert not BOUNDARIES.one_notices()


@pytest.mark.parametrize("move", BOUNDARIES.moves(), ids=lambda move: move.id)
def test_a_number_that_is_moved_is_noticed(move, monkeypatch):
    assert BOUNDARIES.notice(monkeypatch, move)
