"""The dated windows file (`data/windows.json`): which tiers an objective of each signal may have.

Shares are exact fractions of the error budget, windows whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cache

from plimsoll.limits.facts import Facts
from plimsoll.slo.data import read
from plimsoll.units import parse_duration


class Signal(StrEnum):
    """What an objective is about."""

    AVAILABILITY = "availability"
    """Requests that do not fail by our fault (5xx, 429), of all but the caller's own mistakes (other 4xx)."""
    P95 = "p95"
    """Successful requests faster than the budget's p95: 95 % of them."""
    TAIL = "tail"
    """Successful requests faster than the budget's p99, or its default: 99 % of them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A tier as the file, or somebody instead of it, declares it: two windows and a ladder of shares."""

    name: str
    """`fast`, `slow` or `ticket`."""
    long: int
    """Seconds."""
    short: int
    """Seconds."""
    shares: tuple[Fraction, ...]
    """How much of the error budget is spent when it fires, the most sensitive first."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The file, read."""

    rolling_days: int
    allowed_false_firings: float
    """A period."""
    simulated_over_formula: float
    typical_delay: int
    """Seconds until a request is counted, as a rule."""
    worst_delay: int
    """Seconds; a short window that is not longer may be empty, and an empty window does not fire."""
    longest_window: int
    """Seconds that a burn rate looks back at most."""
    evaluation: int
    """Seconds between two looks of an alert."""
    rows: dict[Signal, tuple[Row, ...]]
    true_share: dict[Signal, Fraction]
    """The part of the error budget that is spent while all is well."""
    source: str


@cache
def windows() -> Windows:
    """Read the file, once."""
    data = read("windows")
    delay, signals = data["ingestion_delay"], data["signals"]
    return Windows(
        rolling_days=data["rolling_days"],
        allowed_false_firings=float(data["allowed_false_firings"]),
        simulated_over_formula=float(data["simulated_over_formula"]),
        typical_delay=_seconds(delay["typical"]),
        worst_delay=_seconds(delay["worst"]),
        longest_window=int(Facts("cloud_monitoring")["lookback"].seconds("most")),
        evaluation=_seconds(data["evaluation"]),
        rows={
            Signal(signal): tuple(
                Row(
                    tier["name"],
                    _seconds(tier["long"]),
                    _seconds(tier["short"]),
                    tuple(Fraction(share) / 100 for share in tier["shares"]),
                )
                for tier in entry["tiers"]
            )
            for signal, entry in signals.items()
        },
        true_share={Signal(signal): Fraction(entry["true_share"]) for signal, entry in signals.items()},
        source=f"plimsoll/slo/data/windows.json ({data['as_of']})",
    )


def _seconds(text: str) -> int:
    return int(parse_duration(text))
