"""The report for a machine: what `plimsoll.preview.plan.to_json` does not say, because it is derived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.preview.promises import Undecided, connection_budget, promises
from plimsoll.preview.report.costs import cost_json

if TYPE_CHECKING:
    from plimsoll.connections import ConnectionBudget
    from plimsoll.preview.plan import Plan


def promises_json(plan: Plan) -> dict[str, object]:
    """`budgets` by flow; `connections` and `costFloor`: null, `{"undecided": […]}`, or the sums."""
    return {
        "budgets": {
            flow.flow: {
                "label": flow.label,
                "through": flow.service,
                "p95": flow.p95,
                "p99": flow.p99 or None,
                "availability": flow.availability,
                "critical": flow.critical,
            }
            for flow in promises(plan)
        },
        "connections": connections_json(connection_budget(plan)),
        "costFloor": cost_json(plan),
    }


def connections_json(budget: ConnectionBudget | Undecided | None) -> dict[str, object] | None:
    """A connection budget, as `promises_json` has it."""
    if budget is None:
        return None
    if isinstance(budget, Undecided):
        return {"undecided": list(budget.missing)}
    return {
        "fits": budget.fits,
        "services": {
            demand.service: {"most": demand.most, "arithmetic": demand.arithmetic}
            for demand in budget.demands
        },
        "jobs": {job.job: {"most": job.most, "arithmetic": job.arithmetic} for job in budget.jobs},
        "migrations": budget.migrations,
        "sums": [
            {
                "side": one.side,
                "used": one.used,
                "usable": one.usable,
                "over": one.over,
                "peak": one.peak,
                "advised": one.advised,
            }
            for one in budget.sums
        ],
    }
