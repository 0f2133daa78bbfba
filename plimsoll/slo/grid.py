"""The one grid of histogram edges on which every latency budget lies (`data/grid.json`).

It depends on no budget, so an edit of a budget makes no new metric, and any threshold on it can be judged
over data that is stored already. Upper bounds of buckets are exclusive (google/api/distribution.proto):
what is counted below an edge was faster than it.
"""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal
from functools import cache

from plimsoll.limits import Problem, Severity
from plimsoll.slo.data import read
from plimsoll.units import format_seconds, parse_duration


@cache
def edges() -> tuple[Decimal, ...]:
    """Every edge, in seconds, upwards; a histogram has one bucket more."""
    data, last = read("grid"), parse_duration(read("grid")["last"])
    found: list[Decimal] = [Decimal(m) * ms / 1000 for ms in data["decades_ms"] for m in data["mantissas"]]
    return tuple(edge for edge in found if edge <= last)


def at_or_above(seconds: Decimal) -> Decimal | None:
    """The first edge that is not below; `None` beyond the last."""
    index = bisect_left(edges(), seconds)
    return edges()[index] if index < len(edges()) else None


def longest_p95() -> Decimal:
    """Seconds; its tail still lies on the grid."""
    return parse_duration(read("grid")["longest_p95"])


def tail_of(p95: Decimal) -> Decimal | None:
    """Below what 99 % are, where no `p99` is said: the first edge at or above four times the p95."""
    return at_or_above(p95 * read("grid")["tail_multiple"])


def off_grid(field: str, seconds: Decimal) -> Problem | None:
    """What is wrong with a budget that is not an edge: no data could decide it; both neighbours are named."""
    index = bisect_left(edges(), seconds)
    if index < len(edges()) and edges()[index] == seconds:
        return None
    neighbours = [format_seconds(edge) for edge in edges()[max(0, index - 1) : index + 1]]
    return Problem(
        rule="slo/off-grid",
        severity=Severity.ERROR,
        fields=(field,),
        value=format_seconds(seconds),
        message=f"latencies are counted between {len(edges())} fixed edges, and {format_seconds(seconds)} is "
        "none of them: how many requests are faster could only be estimated",
        remedy=f"write {' or '.join(neighbours)}",
        source="Plimsoll's design",
    )
