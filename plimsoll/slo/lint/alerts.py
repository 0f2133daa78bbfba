"""Rules for alert policies: what would be refused on apply, and what would never fire."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from plimsoll.limits import Severity
from plimsoll.limits.rules import listed
from plimsoll.slo.lint.filters import BurnRate, FilterError, burn_rate, comparisons
from plimsoll.slo.lint.finding import FACTS
from plimsoll.slo.lint.objectives import check_labels
from plimsoll.slo.objective import number, percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.slo.lint.finding import Document

_KINDS = (
    "conditionThreshold",
    "conditionAbsent",
    "conditionMatchedLog",
    "conditionMonitoringQueryLanguage",
    "conditionPrometheusQueryLanguage",
    "conditionSql",
)
_ALONE = ("conditionMatchedLog", "conditionMonitoringQueryLanguage")


def check_alert(policy: Document, goals: Mapping[str, Fraction | None]) -> None:
    """Note everything that is wrong with one policy. `goals`: of the SLOs of the same file, by name."""
    conditions, fact = policy.at("conditions"), FACTS["conditions"]
    several = conditions if isinstance(conditions, list) else []
    if not fact.count("least") <= len(several) <= fact.count("most"):
        policy.wrong(
            "conditions",
            "conditions",
            f"a policy has {fact.count('least')} to {fact.count('most')} conditions, not {len(several)}",
            "split it, or add one",
            fact="conditions",
        )
    combiner = policy.at("combiner")
    if combiner not in fact.names("combiners"):
        policy.wrong(
            "combiner",
            "combiner",
            f"a combiner is {listed(fact.names('combiners'), 'or')}",
            "write AND, where several windows must burn",
            fact="conditions",
        )
    found = [_condition(policy, f"conditions.{index}", len(several), goals) for index in range(len(several))]
    rates = [rate for rate in found if rate is not None]
    if combiner == "OR" and len(rates) > 1 and len({rate.slo for rate in rates}) == 1:
        policy.wrong(
            "combiner",
            "windows-or",
            "two windows of one SLO that are not AND-ed: each fires alone, and the short one on any blip",
            "write AND",
            severity=Severity.ADVICE,
        )
    _texts(policy)
    check_labels(policy)


def _condition(
    policy: Document, at: str, count: int, goals: Mapping[str, Fraction | None]
) -> BurnRate | None:
    kinds = [kind for kind in _KINDS if policy.at(f"{at}.{kind}") is not None]
    if len(kinds) != 1:
        policy.wrong(at, "one-kind", f"a condition is of exactly one kind, not {len(kinds)}", "keep one")
        return None
    kind, inside = kinds[0], f"{at}.{kinds[0]}"
    if kind in _ALONE and count > 1:
        message = f"a {kind} is the only condition of its policy"
        policy.wrong(inside, "alone", message, "make a policy of its own", fact="conditions")
    match kind:
        case "conditionThreshold":
            return _threshold(policy, inside, goals)
        case "conditionAbsent":
            _filter(policy, f"{inside}.filter")
            _duration(policy, f"{inside}.duration", least=Fraction(FACTS["duration"].seconds("absence")))
            _aggregations(policy, inside)
        case "conditionMatchedLog" if policy.at("alertStrategy.notificationRateLimit") is None:
            policy.wrong(
                inside,
                "rate-limit",
                "a policy on log entries needs alertStrategy.notificationRateLimit",
                "add one, such as period 300s",
                fact="conditions",
            )
        case "conditionPrometheusQueryLanguage":
            _promql(policy, inside)
        case "conditionMonitoringQueryLanguage":
            policy.wrong(
                inside,
                "mql",
                "the Monitoring Query Language has had no support since July 2025",
                "write PromQL",
                severity=Severity.ADVICE,
            )
        case _:
            pass
    return None


def _promql(policy: Document, at: str) -> None:
    _duration(policy, f"{at}.duration", multiple=Fraction(1))
    interval = policy.seconds(f"{at}.evaluationInterval")
    step = Fraction(FACTS["promql_interval"].seconds("multiple"))
    if interval is not None and (interval <= 0 or interval % step):
        policy.wrong(
            f"{at}.evaluationInterval",
            "interval",
            f"an evaluation interval is a positive multiple of {step} s",
            f"write {step}s or {2 * step}s",
            fact="promql_interval",
        )


def _threshold(policy: Document, at: str, goals: Mapping[str, Fraction | None]) -> BurnRate | None:
    if policy.at(f"{at}.comparison") not in FACTS["comparison"].names():
        policy.wrong(
            f"{at}.comparison",
            "comparison",
            f"a threshold is compared by {listed(FACTS['comparison'].names(), 'or')}",
            "write COMPARISON_GT",
            fact="comparison",
        )
    _duration(policy, f"{at}.duration")
    _aggregations(policy, at)
    least = Fraction(FACTS["duration"].seconds("missing_data"))
    missing = policy.at(f"{at}.evaluationMissingData")
    if missing is not None and (policy.seconds(f"{at}.duration") or Fraction(0)) < least:
        policy.wrong(
            f"{at}.evaluationMissingData",
            "missing-data",
            f"what missing data mean is only asked where the duration is at least {least} s",
            "give a duration, or remove it",
            fact="duration",
        )
    horizon, fact = policy.seconds(f"{at}.forecastOptions.forecastHorizon"), FACTS["forecast"]
    if horizon is not None and not fact.seconds("least") <= horizon <= fact.seconds("most"):
        policy.wrong(
            f"{at}.forecastOptions.forecastHorizon",
            "forecast",
            f"a forecast looks {fact.text('least')} to {fact.text('most')} ahead",
            "choose one between",
            fact="forecast",
        )
    rate = _filter(policy, f"{at}.filter")
    if rate is not None:
        _burns(policy, at, rate, goals)
    return rate


def _burns(policy: Document, at: str, rate: BurnRate, goals: Mapping[str, Fraction | None]) -> None:
    """A burn rate against its SLO: that it is there, and can be exceeded."""
    value = policy.number(f"{at}.thresholdValue")
    if value is None or value <= 0:
        policy.wrong(f"{at}.thresholdValue", "burn-rate", "a burn rate is a number above 0", "write one")
        return
    if value < 1:
        policy.wrong(
            f"{at}.thresholdValue",
            "burns-within-budget",
            f"burn rate {number(value, 4)} is slower than allowed: it fires while the goal is met",
            "write more than 1",
            severity=Severity.ADVICE,
        )
    # A file of policies alone says nothing about SLOs.
    if not goals:
        return
    if rate.slo not in goals:
        policy.wrong(
            f"{at}.filter",
            "no-such-slo",
            f"none of the SLOs of this file is {rate.slo}",
            "correct the name, or add the SLO to the file",
        )
        return
    goal = goals[rate.slo]
    if goal is not None and 0 < goal < 1 and value * (1 - goal) >= 1:
        policy.wrong(
            f"{at}.thresholdValue",
            "unreachable",
            f"it can never fire: {number(value, 4)} × (1 - {number(goal, 4)}) = "
            f"{percent(value * (1 - goal))} of requests would have to fail",
            f"write less than {number(1 / (1 - goal), 4)}, or raise the goal",
        )


def _filter(policy: Document, at: str) -> BurnRate | None:
    text = policy.text(at)
    if text is None:
        policy.wrong(at, "filter", "a filter is missing", 'write one, such as metric.type="…"')
        return None
    length = FACTS["filter"].count("length")
    if len(text) > length:
        message = f"a filter has at most {length} characters; this one {len(text)}"
        policy.wrong(at, "filter-length", message, "shorten it", fact="filter")
    try:
        rate = burn_rate(text)
        if rate is None and not text.lstrip().startswith("select_slo"):
            comparisons(text)
    except FilterError as error:
        fact = "lookback" if "lookback" in str(error) else None
        policy.wrong(at, "filter", f"this is no filter of Cloud Monitoring: {error}", "correct it", fact=fact)
        return None
    return rate


def _duration(
    policy: Document, at: str, *, least: Fraction = Fraction(0), multiple: Fraction | None = None
) -> None:
    seconds = policy.seconds(at)
    step = Fraction(FACTS["duration"].seconds("multiple")) if multiple is None else multiple
    if seconds is not None and (seconds % step or seconds < least):
        policy.wrong(
            at,
            "whole-minutes" if multiple is None else "duration",
            f"a duration is a multiple of {step} s, at least {least}; this is {float(seconds):g} s",
            f"write {max(least, 2 * step)}s, say",
            fact="duration",
        )


def _aggregations(policy: Document, at: str) -> None:
    several, fact = policy.at(f"{at}.aggregations"), FACTS["alignment"]
    for index in range(len(several) if isinstance(several, list) else 0):
        where = f"{at}.aggregations.{index}.alignmentPeriod"
        period = policy.seconds(where)
        if period is not None and not fact.seconds("least") <= period <= fact.seconds("most"):
            message = f"an alignment period is {fact.text('least')} to {fact.text('most')}"
            policy.wrong(where, "alignment", message, "choose one between", fact="alignment")


def _texts(policy: Document) -> None:
    severity = policy.at("severity")
    if severity is not None and severity not in FACTS["severity"].names():
        message = f"a severity is {listed(FACTS['severity'].names(), 'or')}"
        policy.wrong("severity", "severity", message, "choose one of them", fact="severity")
    content, fact = policy.text("documentation.content") or "", FACTS["documentation"]
    size = len(content.encode(errors="replace"))
    if len(content) > fact.count("content") or size > fact.count("bytes"):
        policy.wrong(
            "documentation.content",
            "documentation",
            f"documentation has at most {fact.count('content')} characters and {fact.count('bytes')} bytes; "
            f"this has {len(content)} and {size}",
            "shorten it, and link to the rest",
            fact="documentation",
        )
    for where, most, name in (
        ("documentation.links", fact.count("links"), "documentation"),
        ("notificationChannels", FACTS["channels"].count("most"), "channels"),
    ):
        held = policy.at(where)
        if isinstance(held, list) and len(held) > most:
            policy.wrong(
                where, name, f"there are at most {most}; here are {len(held)}", "remove some", fact=name
            )
    length = FACTS["display_name"].count("length")
    if len(policy.text("displayName") or "") > length:
        message = f"a name has at most {length} characters"
        policy.wrong("displayName", "display-name", message, "shorten it", fact="display_name")
    closes = policy.seconds("alertStrategy.autoClose")
    if closes is not None and closes > FACTS["auto_close"].seconds("most"):
        message = f"incidents close after {FACTS['auto_close'].text('most')} at the latest"
        policy.wrong("alertStrategy.autoClose", "auto-close", message, "choose less", fact="auto_close")
