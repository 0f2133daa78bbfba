"""How long budgets take to become SLOs and alert policies: services of 5 flows, each with its own traffic.

Peer: `json.dumps` of what comes out, since whatever writes these resources must at least print them. Prints
seconds and ratios; it judges nothing.

    python -m benchmarks.objectives [--sizes 10,100,1000]
"""

from __future__ import annotations

import argparse
import json
import time
from decimal import Decimal
from typing import Any

from plimsoll.settings.model import Budget
from plimsoll.slo.compile import compile_flow
from plimsoll.slo.filters import MetricFilter, Ratio, Term
from plimsoll.slo.specs import AlertSpec, Place, SloSpec
from plimsoll.slo.tiers import Traffic

FLOWS = 5


def compiled(services: int) -> list[dict[str, Any]]:
    """Every SLO and alert policy of so many services, as the API's JSON."""
    budgets = [Budget.model_validate({"p95": f"{100 * (flow + 1)}ms"}) for flow in range(FLOWS)]
    specs: list[dict[str, Any]] = []
    for service in range(services):
        place = Place("p", f"service-{service}", "prod")
        for flow, budget in enumerate(budgets):
            traffic = Traffic(Decimal(20 + (service * FLOWS + flow) % 2000))
            name = f"flow-{service}-{flow}"
            total = MetricFilter(f"logging.googleapis.com/user/{name}", "cloud_run_revision")
            ratio = Ratio(total, (Term.equal("metric.labels.status", "200", "204"),))
            for one in compile_flow(name, budget, traffic).alerted:
                signal = ratio if one.objective.threshold is None else total
                specs.append(SloSpec(one.objective, place, signal).to_json())
                specs += [AlertSpec(one.objective, tier, place).to_json() for tier in one.tiers]
    return specs


def main() -> None:
    """Time each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10,100,1000")
    compiled(1)
    for size in map(int, parser.parse_args().sizes.split(",")):
        began = time.perf_counter()
        specs = compiled(size)
        middle = time.perf_counter()
        json.dumps(specs)
        ended = time.perf_counter()
        ours, peer = middle - began, ended - middle
        each = ours / (size * FLOWS) * 1e6
        print(
            f"{size:>6} services  {len(specs):>7} resources  {ours:6.3f} s  {each:6.0f} us a flow  "
            f"{ours / peer:5.1f} x json.dumps"
        )


if __name__ == "__main__":
    main()
