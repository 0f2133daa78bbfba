"""Filters of Cloud Monitoring as typed objects, so that good is always total plus terms.

A numerator whose filter lacks a term of its denominator counts other requests than it is divided by; here it
cannot be written: a `Ratio` has one filter for both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from typing_extensions import override

from plimsoll.slo.windows import windows


@dataclass(frozen=True, slots=True)
class Term:
    """`key = "value"`, or one of several."""

    key: str
    """Such as `resource.labels.service_name`."""
    values: tuple[str, ...]

    @classmethod
    def equal(cls, key: str, *values: str) -> Term:
        """The key has one of these values. Raises ValueError for none."""
        if not values:
            raise ValueError(f"{key} needs a value to be compared with")
        return cls(key, values)

    @override
    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{self.key} = {quoted(self.values[0])}"
        return f"{self.key} = one_of({', '.join(map(quoted, self.values))})"


@dataclass(frozen=True, slots=True)
class MetricFilter:
    """The series of one metric on one type of resource."""

    metric: str
    """Its type, as `plimsoll.metrics` spells it."""
    resource: str
    """The type of the monitored resource: `cloud_run_revision`."""
    terms: tuple[Term, ...] = ()

    def plus(self, *terms: Term) -> MetricFilter:
        """The same series, of which these hold too."""
        return replace(self, terms=(*self.terms, *terms))

    @override
    def __str__(self) -> str:
        whole = (
            Term.equal("metric.type", self.metric),
            Term.equal("resource.type", self.resource),
            *self.terms,
        )
        return " AND ".join(map(str, whole))


@dataclass(frozen=True, slots=True)
class Ratio:
    """Good requests of all: of one metric (INT64 or DOUBLE, DELTA or CUMULATIVE), told by its labels."""

    total: MetricFilter
    good_terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if not self.good_terms:
            raise ValueError("without a term that tells good requests from bad ones, all of them are good")

    @property
    def good(self) -> MetricFilter:
        """Total, plus terms."""
        return self.total.plus(*self.good_terms)


def burn_rate_filter(slo: str, lookback: int) -> str:
    """What an alert's condition selects: how fast an SLO's error budget burnt in the last `lookback` seconds.

    `slo` is its full name, `projects/P/services/S/serviceLevelObjectives/O`. Raises ValueError where Cloud
    Monitoring would refuse the lookback, or answer nothing.
    """
    longest = windows().longest_window
    if not 0 < lookback <= longest:
        raise ValueError(f"a burn rate looks back 1 to {longest} seconds (24 hours), not {lookback}")
    return f"select_slo_burn_rate({quoted(slo)}, {quoted(f'{lookback}s')})"


def quoted(text: str) -> str:
    """A string literal of the filter language."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
