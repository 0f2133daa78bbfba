"""The lint: what we emit passes, and each thing that providers and message classes let through is found."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from plimsoll.cli import app
from plimsoll.monitoring import parse_alert, parse_objective
from plimsoll.settings.model import Budget
from plimsoll.slo.compile import compile_flow
from plimsoll.slo.filters import MetricFilter, Ratio, Term
from plimsoll.slo.lint import lint
from plimsoll.slo.objective import percent
from plimsoll.slo.report import instant
from plimsoll.slo.simulation import Moment, play
from plimsoll.slo.specs import AlertSpec, Place, SloSpec
from plimsoll.slo.tiers import Traffic
from tests.conftest import ROOT, STACKS

if TYPE_CHECKING:
    from pathlib import Path

TOTAL = MetricFilter(
    "logging.googleapis.com/user/f", "cloud_run_revision", (Term.equal("resource.labels.location", "x"),)
)


def emitted() -> dict[str, Any]:
    place, slos, alerts = Place("p", "api", "prod"), [], []
    for one in compile_flow("flow", Budget.model_validate({"p95": "300ms"}), Traffic(Decimal(600))).alerted:
        ratio = Ratio(TOTAL, (Term.equal("metric.labels.status", "200"),))
        slos.append(
            SloSpec(one.objective, place, ratio if one.objective.threshold is None else TOTAL).to_json()
        )
        alerts += [AlertSpec(one.objective, tier, place).to_json() for tier in one.tiers]
    return {"serviceLevelObjectives": slos, "alertPolicies": alerts}


def test_what_we_emit_passes_both():
    document = emitted()
    assert lint(document) == ()
    assert [parse_objective(one) for one in document["serviceLevelObjectives"]] == [None] * 3
    assert [parse_alert(one) for one in document["alertPolicies"]] == [None] * 8


SLO, ALERT = "serviceLevelObjectives.0", "alertPolicies.0"
INSIDE = f"{SLO}.serviceLevelIndicator.requestBased.goodTotalRatio"
THRESHOLD = f"{ALERT}.conditions.0.conditionThreshold"
NAME = "projects/p/services/api/serviceLevelObjectives/flow-availability"
RATE = "select_slo_burn_rate"
WRONG = [
    pytest.param(f"{SLO}.goal", 5, "goal", True, id="goal-of-5"),
    pytest.param(f"{SLO}.goal", 0.9999, "goal-above-advised", True, id="goal-advised"),
    pytest.param(f"{SLO}.goal", 0.88, "unreachable", True, id="never-fires"),
    pytest.param(f"{SLO}.rollingPeriod", "1s", "rolling-period", True, id="period-of-a-second"),
    pytest.param(f"{SLO}.rollingPeriod", "2678400s", "rolling-period", True, id="31-days"),
    pytest.param(f"{SLO}.calendarPeriod", "MONTH", "one-period", False, id="both-periods"),
    pytest.param(f"{INSIDE}.badServiceFilter", str(TOTAL), "two-filters", True, id="three-filters"),
    pytest.param(
        f"{INSIDE}.goodServiceFilter",
        'metric.type="logging.googleapis.com/user/f"',
        "counts-other-requests",
        True,
        id="numerator-lacks-the-location",
    ),
    pytest.param(f"{INSIDE}.goodServiceFilter", "nonsense", "filter", True, id="nonsense"),
    pytest.param(f"{THRESHOLD}.duration", "7s", "whole-minutes", True, id="7-seconds"),
    pytest.param(f"{THRESHOLD}.filter", f'{RATE}("{NAME}", "3d")', "filter", True, id="3d"),
    pytest.param(f"{THRESHOLD}.filter", f'{RATE}("{NAME}", "72h")', "filter", True, id="72h"),
    pytest.param(f"{THRESHOLD}.filter", f'{RATE}("{NAME}", 60m)', "filter", True, id="unquoted"),
    pytest.param(f"{THRESHOLD}.filter", f'{RATE}("{NAME}x", "60m")', "no-such-slo", True, id="no-slo"),
    pytest.param(f"{THRESHOLD}.comparison", "COMPARISON_GE", "comparison", True, id="comparison"),
    pytest.param(f"{ALERT}.combiner", "OR", "windows-or", True, id="or"),
    pytest.param(f"{ALERT}.conditions", [], "conditions", True, id="no-condition"),
    pytest.param(f"{ALERT}.userLabels", {"Flow": "a"}, "labels", True, id="label"),
    pytest.param(f"{ALERT}.colour", "red", "message", False, id="unknown-field-is-googles"),
]


@pytest.mark.parametrize(("where", "value", "rule", "parses"), WRONG)
def test_each_mistake_is_found_in_its_line(
    tmp_path: Path, where: str, value: object, rule: str, *, parses: bool
):
    document = copy.deepcopy(emitted())
    *path, last = where.split(".")
    inside: Any = document
    for step in path:
        inside = inside[int(step) if step.isdecimal() else step]
    inside[last] = value
    file = tmp_path / "slo.json"
    file.write_text(json.dumps(document, indent=1), "utf-8")
    done = CliRunner().invoke(app, ["slo", "lint", str(file), "--json"])
    faults = json.loads(done.stdout)["faults"]
    found = [fault for fault in faults if fault["rule"] == f"slo-lint/{rule}"]
    assert found
    assert all(fault["line"] >= 1 and fault["message"] for fault in found)
    assert done.exit_code == int(any(fault["severity"] == "error" for fault in faults))
    if parses and rule != "comparison":
        assert not any(fault["rule"] == "slo-lint/message" for fault in faults)


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"a": 1}', "NaN", "\x00"])
def test_what_is_no_document_gets_one_error(tmp_path: Path, text: str):
    file = tmp_path / "slo.json"
    file.write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["slo", "lint", str(file), "--json"])
    assert done.exit_code == 2
    assert len(json.loads(done.stdout)["faults"]) == 1


def simulated(*arguments: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, ["slo", "simulate", "prod", "-C", str(STACKS), "--json", *arguments])
    return done.exit_code, json.loads(done.stdout)


def test_the_command_plays_an_outage(tmp_path: Path):
    chart = tmp_path / "a.svg"
    code, said = simulated("--flow", "goal-list", "--outage", "100%/20m", "--chart", str(chart))
    assert code == 0
    fast = said["objectives"][0]["tiers"][0]
    assert fast["tier"] == "fast"
    assert len(fast["episodes"]) == 1
    assert chart.read_text("utf-8").count("<svg") == 1


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (("--flow", "goal-lst", "--outage", "100%/60s"), "slo/flow"),
        (("--flow", "goal-list"), "slo/event"),
        (("--flow", "goal-list", "--outage", "lots"), "slo/event"),
        (("--flow", "goal-list", "--outage", "1%/1m", "--requests-per-hour", "0"), "slo/option"),
        (("--flow", "goal-list", "--outage", "1%/1m", "--ingestion-delay", "1"), "slo/option"),
    ],
)
def test_bad_input_gets_one_error(arguments: tuple[str, ...], rule: str):
    code, said = simulated(*arguments)
    assert code == 2
    assert [fault["rule"] for fault in said["faults"]] == [rule]


def test_every_bad_row_of_a_timeline_is_named(tmp_path: Path):
    file = tmp_path / "t.csv"
    file.write_text("duration,errors,slow,stalled\n5m,100%,0%,0%\nx,1%,,\n5m,1%,60%,60%\n5m\n", "utf-8")
    code, said = simulated("--flow", "goal-list", "--timeline", str(file))
    assert (code, [fault["line"] for fault in said["faults"]]) == (2, [3, 4, 5])


def test_the_documentation_says_what_the_simulator_says():
    """Each figure of the table in docs/objectives.md, of a p95 of 300 ms and 99.5 %."""
    text = (ROOT / "docs" / "objectives.md").read_text("utf-8")
    compiled = compile_flow("flow", Budget.model_validate({"p95": "300ms"}), Traffic(), critical=True)
    rows = {"errors": "everything fails", "stalled": "everything stalls", "slow": "half is too slow"}
    for kind, words in rows.items():
        share = Fraction(1, 2) if kind == "slow" else Fraction(1)
        moments = [Moment(Fraction(86_400), **{kind: share})]
        played = play(compiled, moments, usual_per_hour=Fraction(600), delay=240, every=60)
        for outcome in (outcome for one in played for outcome in one.outcomes):
            if outcome.episodes:
                tier, fires = outcome.tier, instant(outcome.episodes[0].fires)
                spent = percent(outcome.episodes[0].spent, 1)
                alert = f"{outcome.objective.signal} {tier.name} | {tier.response}"
                line = f"| {words} | {alert} | {fires} | {spent} |"
                assert line in text, line
