"""What the API is asked for: SLOs and alert policies as plain, exact values, and as the API's JSON.

Ids are explicit, so that an alert's filter is a pure function of names; user labels lead from any resource
back to its flow. Numbers leave exact arithmetic here, as the shortest decimal that reads back the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.slo.filters import MetricFilter, Ratio, burn_rate_filter
from plimsoll.slo.objective import number, percent
from plimsoll.slo.tiers import Response, span

if TYPE_CHECKING:
    from fractions import Fraction

    from plimsoll.slo.objective import Objective
    from plimsoll.slo.tiers import Tier


@dataclass(frozen=True, slots=True)
class Place:
    """Where an objective lives."""

    project: str
    service: str
    """Id of the monitoring service: `[a-z0-9-]+`."""
    environment: str

    def slo(self, objective: Objective) -> str:
        """The full name of an objective's SLO."""
        return f"projects/{self.project}/services/{self.service}/serviceLevelObjectives/{objective.id}"


@dataclass(frozen=True, slots=True)
class SloSpec:
    """One SLO."""

    objective: Objective
    place: Place
    signal: Ratio | MetricFilter
    """A ratio for availability; for latency the distribution: good is what lies below the threshold."""

    def __post_init__(self) -> None:
        if isinstance(self.signal, Ratio) != (self.objective.threshold is None):
            raise ValueError("availability is a ratio of counts, latency a cut of one distribution")

    @property
    def labels(self) -> dict[str, str]:
        """User labels."""
        return {
            "environment": self.place.environment,
            "flow": self.objective.subject,
            "objective": self.objective.signal.value,
        }

    def to_json(self, *, units_per_second: int = 1) -> dict[str, Any]:
        """The API's `ServiceLevelObjective`; a distribution in milliseconds has 1,000 units a second."""
        objective, period = self.objective, self.objective.period
        spec: dict[str, Any] = {
            "name": self.place.slo(objective),
            "displayName": objective.promise,
            "goal": decimal(objective.goal),
            "userLabels": self.labels,
        }
        if period.calendar is None:
            spec["rollingPeriod"] = f"{period.seconds}s"
        else:
            spec["calendarPeriod"] = period.calendar.value
        if isinstance(self.signal, Ratio):
            based: dict[str, Any] = {
                "goodTotalRatio": {
                    "goodServiceFilter": str(self.signal.good),
                    "totalServiceFilter": str(self.signal.total),
                }
            }
        else:
            below = float((objective.threshold or 0) * units_per_second)
            based = {"distributionCut": {"distributionFilter": str(self.signal), "range": {"max": below}}}
        spec["serviceLevelIndicator"] = {"requestBased": based}
        return spec


@dataclass(frozen=True, slots=True)
class AlertSpec:
    """One alert policy: a tier of an objective, with both of its windows."""

    objective: Objective
    tier: Tier
    place: Place

    @property
    def id(self) -> str:
        """Stable: `goal-list-p95-fast`."""
        return f"{self.objective.id}-{self.tier.name}"

    @property
    def labels(self) -> dict[str, str]:
        """User labels."""
        return {
            "environment": self.place.environment,
            "flow": self.objective.subject,
            "objective": self.objective.signal.value,
            "tier": self.tier.name,
        }

    @property
    def severity(self) -> str:
        """CRITICAL pages, WARNING opens a ticket."""
        return "CRITICAL" if self.tier.response is Response.PAGE else "WARNING"

    @property
    def arithmetic(self) -> str:
        """The numbers behind it, for documentation that cannot drift."""
        rate, threshold = self.tier.burn_rate, self.tier.threshold(self.objective)
        return (
            f"Fires while more than {percent(threshold)} of requests are bad in the last "
            f"{span(self.tier.long)} and in the last {span(self.tier.short)}: {number(rate, 4)} times faster "
            f"than the error budget of {percent(self.objective.error_budget)} over {self.objective.period} "
            "allows."
        )

    @property
    def conditions(self) -> tuple[tuple[str, str], ...]:
        """Title and filter of each, to be AND-ed."""
        slo = self.place.slo(self.objective)
        return tuple(
            (f"burn rate over {span(window)}", burn_rate_filter(slo, window))
            for window in (self.tier.long, self.tier.short)
        )

    def to_json(self) -> dict[str, Any]:
        """The API's `AlertPolicy`, without channels: who is told is the environment's to say."""
        return {
            "displayName": f"{self.objective.promise}: {self.tier.name}",
            "combiner": "AND",
            "severity": self.severity,
            "userLabels": self.labels,
            "documentation": {"content": self.arithmetic, "mimeType": "text/markdown"},
            "conditions": [
                {
                    "displayName": title,
                    "conditionThreshold": {
                        "filter": selected,
                        "comparison": "COMPARISON_GT",
                        "thresholdValue": decimal(self.tier.burn_rate),
                        "duration": "0s",
                    },
                }
                for title, selected in self.conditions
            ],
        }


def decimal(value: Fraction) -> float:
    """The nearest float, which prints as the shortest decimal: 8.4, never 8.399999999999999."""
    return value.numerator / value.denominator
