"""That nothing is missing: rows, rules, cases, and where each number comes from."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from plimsoll.limits import Severity, cloud_run, cloud_scheduler, cloud_sql, supabase, vercel
from plimsoll.limits.rules import Rule
from tests.limits import (
    test_limits_cloud_run,
    test_limits_cloud_scheduler,
    test_limits_cloud_sql,
    test_limits_supabase,
    test_limits_vercel,
)

ROWS = {*range(1, 20), *range(23, 29), *range(35, 41), 42, 43, 45, *range(46, 51), *range(53, 56)}
"""The rows of `cloud-run.md`, table 1, that this room holds."""


PARTS = (cloud_run, cloud_scheduler, cloud_sql, vercel, supabase)
RULES: tuple[Rule[Any], ...] = tuple(one for part in PARTS for one in part.RULES)
ALL_BOUNDARIES = [
    part.BOUNDARIES
    for part in (
        test_limits_cloud_run,
        test_limits_cloud_scheduler,
        test_limits_cloud_sql,
        test_limits_vercel,
        test_limits_supabase,
    )
]
DATA = {
    path.name: json.loads(path.read_text("utf-8"))
    for path in files("plimsoll.limits").joinpath("data").iterdir()
    if path.name.endswith(".json")
}
ENTRIES = [
    pytest.param(entry, id=f"{name}: {key}")
    for name, data in DATA.items()
    for key, entry in data["values"].items()
]


def test_every_row_is_held_by_a_rule():
    assert {row for one in RULES for row in one.rows} == ROWS


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.id)
def test_a_rule_says_which_rows_it_holds(one):
    said = [int(row) for row in re.findall(r"[Rr]ow (\d+)", (one.find.__doc__ or "").partition(":")[0])]
    assert tuple(said) == one.rows


def test_rules_have_ids_of_their_own():
    assert len({one.id for one in RULES}) == len(RULES)


def test_every_rule_that_is_written_is_asked():
    parts = (
        cloud_run.sizing,
        cloud_run.scaling,
        cloud_run.probes,
        cloud_run.container,
        cloud_run.network,
        cloud_run.jobs,
        cloud_run.traffic,
        cloud_scheduler,
        cloud_sql,
        vercel,
        supabase,
    )
    written = {value.id for part in parts for value in vars(part).values() if isinstance(value, Rule)}
    assert written == {one.id for one in RULES}


def test_every_rule_has_cases_on_both_sides_of_its_boundary():
    assert {each.rule(rule) for each in ALL_BOUNDARIES for rule, *_ in each.cases} == {
        one.id for one in RULES
    }


ADVICE = {
    "cloud-run/concurrency-explicit",
    "cloud-run/work-after-response",
    "cloud-run/timeout-without-retries",
    "cloud-run/job-timeout-everywhere",
    "cloud-run/max-explicit",
    "cloud-run/max-above-quota",
    "cloud-run/two-minimums",
    "cloud-run/manual-ignores-max",
    "cloud-run/cpu-utilization-everywhere",
    "cloud-run/subnet-addresses",
    "cloud-scheduler/clock-change",
    "cloud-sql/tier-unknown",
    "cloud-sql/sla",
    "vercel/function-timeout-without-fluid",
    "vercel/region",
    "vercel/region-unknown",
    "supabase/compute",
    "supabase/max-connections",
}


def test_what_is_legal_is_advised_upon_and_nothing_else_is():
    assert {one.id for one in RULES if one.severity is Severity.ADVICE} == ADVICE


@pytest.mark.parametrize("name", DATA)
def test_a_data_file_has_a_date_and_says_what_it_is_about(name):
    assert re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])(-[0-3][0-9])?", DATA[name]["as_of"])
    assert DATA[name]["about"]


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_number_says_where_it_was_read_and_how_sure_we_are(entry):
    assert entry["value"] not in (None, "", [], {})
    assert len(entry["source"]) > 10
    assert "://" not in entry["source"]
    assert entry["confidence"] in {"V", "S", "M", "decision"}


@pytest.mark.parametrize("entry", ENTRIES)
def test_where_documents_disagree_both_are_told_and_why_one_is_applied(entry):
    for conflict in entry.get("conflicts", ()):
        assert set(conflict) == {"value", "source", "because"}
        assert all(conflict.values())


def test_the_conflicts_that_we_know_of_are_told():
    told = {key for data in DATA.values() for key, entry in data["values"].items() if "conflicts" in entry}
    assert told >= {
        "concurrency_default",  # 80, or 80 for each vCPU
        "cpu_below_one",  # steps of 0.001 or 0.01
        "cpu_whole",  # the API's comment omits 6
        "memory_minimum",  # 512Mi or 128Mi in the second generation
        "cpu_utilization_everywhere",  # 0.90 or 0.95
        "instances_default",  # 100, or from the quota
        "startup_probe",  # timeout below the period, or equal
        "job_timeout_everywhere",  # 24 hours or 168
        "function_timeout",  # the provider's 900, the plan's 800
    }


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.id)
def test_a_problem_cites_its_document_and_the_date_of_our_data(one):
    assert one.source == f"{DATA[f'{one.vendor}.json']['values'][one.fact]['source']} (2026-08)"


FAILS = [(each, fails) for each in ALL_BOUNDARIES for _, _, _, fails in each.cases]
PROBLEMS = [(fails, problem) for each, fails in FAILS for problem in each.check(fails)]


@pytest.mark.parametrize(
    "problem", dict.fromkeys(problem for _, problem in PROBLEMS), ids=lambda one: one.rule
)
def test_a_problem_is_one_sentence_with_a_remedy(problem):
    for text in (problem.message, problem.remedy, problem.value):
        assert text == text.strip()
        assert text
        assert "\n" not in text
        assert not text.endswith(".")
        assert "None" not in text
        assert "Decimal" not in text
        assert len(text) < 300


@pytest.mark.parametrize(("shape", "problem"), PROBLEMS)
def test_a_problem_points_at_fields_of_its_shape(shape, problem):
    if not hasattr(shape, "unknown"):
        return  # names and regions are asked by themselves
    for path in problem.fields:
        value: Any = shape
        for key in path.split(".", 1) if path.startswith("environment.") else path.split("."):
            value = value[int(key)] if isinstance(value, tuple) else value
            if isinstance(value, dict):
                assert key in value
            elif not isinstance(value, str | int) and not key.isdigit():
                value = getattr(value, key)
