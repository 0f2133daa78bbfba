"""Everything that is said of two plans of one environment, for the reports. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.preview.cost_difference import CostDifference, cost_difference
from plimsoll.preview.difference import Difference, difference
from plimsoll.preview.promises_difference import (
    ConnectionsDifference,
    FlowDifference,
    connections_difference,
    flow_differences,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from plimsoll.preview.difference import Forcing
    from plimsoll.preview.plan import Plan


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two plans, from promises to resources.

    `against` says in a reader's words what the plan is compared with, and `tells` is the command that knows
    what nobody was asked here; "" where everything is known. `notes` say how far it can be trusted.
    """

    difference: Difference
    flows: tuple[FlowDifference, ...]
    connections: ConnectionsDifference
    cost: CostDifference
    against: str
    tells: str
    notes: tuple[str, ...]
    seconds: float

    @property
    def plan(self) -> Plan:
        """The plan that is compared."""
        return self.difference.after


def compare(
    before: Plan | None,
    after: Plan,
    forcing: Forcing,
    *,
    against: str,
    tells: str = "",
    reconfigured: Collection[str] = (),
    notes: tuple[str, ...] = (),
    seconds: float,
) -> Comparison:
    """Compare two plans; without the first everything is new. `seconds` is how long the two took to make.

    `reconfigured` are the packages whose configuration of the stack differs.
    """
    return Comparison(
        difference(before, after, forcing, reconfigured),
        flow_differences(before, after),
        connections_difference(before, after),
        cost_difference(before, after),
        against,
        tells,
        notes,
        seconds,
    )
