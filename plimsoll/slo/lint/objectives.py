"""Rules for service level objectives: what the provider's plugin and Google's message classes let through."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from plimsoll.limits import Severity
from plimsoll.limits.rules import listed
from plimsoll.slo.lint.filters import Comparison, FilterError, comparisons
from plimsoll.slo.lint.finding import FACTS
from plimsoll.slo.objective import percent

if TYPE_CHECKING:
    from plimsoll.slo.lint.finding import Document

_INDICATORS = ("basicSli", "requestBased", "windowsBased")
_RATIO = ("goodServiceFilter", "badServiceFilter", "totalServiceFilter")
_WINDOWED = ("goodBadMetricFilter", "goodTotalRatioThreshold", "metricMeanInRange", "metricSumInRange")
_SLI = "serviceLevelIndicator"
_DAY = 86_400


def check_objective(slo: Document) -> None:
    """Note everything that is wrong with one SLO."""
    _goal(slo)
    _period(slo)
    _name(slo)
    check_labels(slo)
    kinds = [kind for kind in _INDICATORS if slo.at(f"{_SLI}.{kind}") is not None]
    if len(kinds) != 1:
        slo.wrong(
            _SLI,
            "one-indicator",
            f"an SLO has exactly one of {listed(_INDICATORS)}; this one has {listed(kinds) or 'none'}",
            "keep one",
        )
    if "requestBased" in kinds:
        _request_based(slo, f"{_SLI}.requestBased")
    if "windowsBased" in kinds:
        _windows_based(slo, f"{_SLI}.windowsBased")
    slo.seconds(f"{_SLI}.basicSli.latency.threshold")


def _goal(slo: Document) -> None:
    goal, most = slo.number("goal"), Fraction(FACTS["goal"].number("at_most"))
    if goal is None or not 0 < goal <= most:
        slo.wrong(
            "goal",
            "goal",
            f"a goal is a number above 0 and at most {float(most)}",
            f"write a share: 0.995 is 99.5 %; at most {float(most)}",
            fact="goal",
        )
    elif goal > Fraction(FACTS["goal"].number("advised")):
        slo.wrong(
            "goal",
            "goal-above-advised",
            f"{percent(goal)} leaves {percent(1 - goal)} for failures, deployments and vendors together",
            "promise what users notice, and no more",
            fact="goal",
            severity=Severity.ADVICE,
        )


def _period(slo: Document) -> None:
    given = [key for key in ("rollingPeriod", "calendarPeriod") if slo.at(key) is not None]
    if len(given) != 1:
        slo.wrong(
            "",
            "one-period",
            f"an SLO has a rollingPeriod or a calendarPeriod; this one has {'both' if given else 'neither'}",
            "keep one",
            fact="period",
        )
    rolling, fact = slo.seconds("rollingPeriod"), FACTS["period"]
    least, most = fact.count("rolling", "least"), fact.count("rolling", "most")
    if rolling is not None and (rolling % _DAY or not least * _DAY <= rolling <= most * _DAY):
        slo.wrong(
            "rollingPeriod",
            "rolling-period",
            f"a rolling period is {least} to {most} whole days; this is {float(rolling / _DAY):g}",
            f"write whole days in seconds, such as {28 * _DAY}s",
            fact="period",
        )
    calendar = slo.at("calendarPeriod")
    if calendar is not None and calendar not in fact.names("calendar"):
        slo.wrong(
            "calendarPeriod",
            "calendar-period",
            f"a calendar period is {listed(fact.names('calendar'), 'or')}",
            "choose one of them",
            fact="period",
        )


def _name(slo: Document) -> None:
    name = slo.text("name")
    form = rf"projects/[^/]+/services/[^/]+/serviceLevelObjectives/{FACTS['slo_id'].text()}"
    if name is not None and re.fullmatch(form, name) is None:
        slo.wrong(
            "name",
            "name",
            "a name is projects/P/services/S/serviceLevelObjectives/O, of letters, digits, -, _, : and .",
            "correct it: alerts find the SLO by it",
            fact="slo_id",
        )


def check_labels(document: Document) -> None:
    """User labels, of SLOs and policies alike."""
    labels, fact = document.at("userLabels"), FACTS["user_labels"]
    if not isinstance(labels, dict):
        return
    if len(labels) > fact.count("count"):
        message = f"there are {len(labels)} labels, and at most {fact.count('count')} are kept"
        document.wrong("userLabels", "labels", message, "remove some", fact="user_labels")
    for key, value in labels.items():
        fits = re.fullmatch(fact.text("key"), key) and re.fullmatch(fact.text("text"), str(value))
        if not fits or max(len(key), len(str(value))) > fact.count("length"):
            document.wrong(
                "userLabels",
                "labels",
                f"label {key[:60]!r} = {str(value)[:60]!r}: keys and values are at most "
                f"{fact.count('length')} lower-case letters, digits, _ and -, and a key begins with a letter",
                "write it so",
                fact="user_labels",
            )


def _request_based(slo: Document, at: str) -> None:
    ratio, cut = slo.at(f"{at}.goodTotalRatio"), slo.at(f"{at}.distributionCut")
    if (ratio is None) == (cut is None):
        slo.wrong(at, "one-method", "it is a goodTotalRatio or a distributionCut, one of them", "keep one")
    if ratio is not None:
        _ratio(slo, f"{at}.goodTotalRatio")
    if cut is not None:
        _filter(slo, f"{at}.distributionCut.distributionFilter")
        _range(slo, f"{at}.distributionCut.range")


def _ratio(slo: Document, at: str) -> None:
    given = [key for key in _RATIO if slo.text(f"{at}.{key}") not in {None, ""}]
    if len(given) != 2:
        slo.wrong(
            at,
            "two-filters",
            f"a ratio has exactly two of {listed(_RATIO)}; this one has {len(given)}",
            "keep good and total: the third follows from them",
        )
    read = {key: _filter(slo, f"{at}.{key}") for key in given}
    whole = read.get("totalServiceFilter")
    for key in given:
        part = read[key]
        if key != "totalServiceFilter" and part is not None and whole is not None:
            _coherent(slo, f"{at}.{key}", part, whole)


def _coherent(slo: Document, at: str, part: tuple[Comparison, ...], whole: tuple[Comparison, ...]) -> None:
    """What is counted in the numerator must be counted in the denominator, too."""
    by_key = {_key(term): term for term in part}
    missing = [term for term in whole if _key(term) not in by_key]
    if missing:
        slo.wrong(
            at,
            "counts-other-requests",
            f"the total is held to {listed([_shown(term) for term in missing])}, and this is not: requests "
            "are divided by a total that leaves them out",
            "repeat every term of the total here, and add what tells good from bad",
        )
    for term in whole:
        same = by_key.get(_key(term))
        if same is None or not _contradict(same, term):
            continue
        if term.key == "metric.type":
            slo.wrong(
                at,
                "two-metrics",
                f"{same.value} is divided by {term.value}: two metrics arrive at two times, and a skew of 5 "
                "minutes reads as 100 % bad",
                "tell good from all by a label of one metric",
                severity=Severity.ADVICE,
            )
        else:
            slo.wrong(
                at,
                "counts-other-requests",
                f"the total has {_shown(term)}, and this has {_shown(same)}: no request is in both",
                "make them agree",
            )


def _contradict(one: Comparison, other: Comparison) -> bool:
    plain = all(term.operator == "=" and not term.negated and "(" not in term.value for term in (one, other))
    return plain and one.value != other.value


def _key(term: Comparison) -> str:
    return term.key.replace(".label.", ".labels.")


def _shown(term: Comparison) -> str:
    return f"{'NOT ' if term.negated else ''}{term.key} {term.operator} {term.value}"


def _filter(slo: Document, at: str) -> tuple[Comparison, ...] | None:
    """The terms of a filter, where all of them must hold."""
    text = slo.text(at)
    if text is None:
        slo.wrong(at, "filter", "a filter is missing", 'write one, such as metric.type="…"')
        return None
    try:
        found, every = comparisons(text)
    except FilterError as error:
        slo.wrong(at, "filter", f"this is no filter of Cloud Monitoring: {error}", "correct it")
        return None
    if not any(term.key == "metric.type" for term in found):
        slo.wrong(at, "filter", "the filter names no metric.type, so no series is selected", "name one")
    return found if every else None


def _range(slo: Document, at: str) -> None:
    low, high = slo.number(f"{at}.min"), slo.number(f"{at}.max")
    if low is None and high is None:
        slo.wrong(at, "range", "without min and max every request is good", "say the threshold as max")
    elif low is not None and high is not None and low >= high:
        slo.wrong(at, "range", f"min {float(low):g} is not below max {float(high):g}", "exchange them")


def _windows_based(slo: Document, at: str) -> None:
    window, fact = slo.seconds(f"{at}.windowPeriod"), FACTS["window"]
    if slo.at(f"{at}.windowPeriod") is None:
        slo.wrong(at, "window-period", "a windowPeriod is missing", "write one, such as 300s", fact="window")
    elif window is not None and (
        window < fact.seconds("least") or (Fraction(fact.seconds("divides")) / window).denominator != 1
    ):
        slo.wrong(
            f"{at}.windowPeriod",
            "window-period",
            f"a window is at least {fact.text('least')} and divides a day; of {float(window):g} s a day has "
            f"{float(_DAY / window) if window else 0:g}",
            "choose 60s, 300s, 400s or 600s, say",
            fact="window",
        )
    kinds = [kind for kind in _WINDOWED if slo.at(f"{at}.{kind}") is not None]
    if len(kinds) != 1:
        slo.wrong(at, "one-method", f"a window is judged by exactly one method, not {len(kinds)}", "keep one")
    for kind in kinds:
        if kind == "goodBadMetricFilter":
            _filter(slo, f"{at}.{kind}")
        elif kind == "goodTotalRatioThreshold":
            if slo.at(f"{at}.{kind}.performance") is not None:
                _request_based(slo, f"{at}.{kind}.performance")
        else:
            _filter(slo, f"{at}.{kind}.timeSeries")
            _range(slo, f"{at}.{kind}.range")
