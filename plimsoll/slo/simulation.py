"""What alerts would do in an outage: when each tier fires and clears, and how much error budget is gone.

Exact, by fractions: requests and failures are taken as flows that are constant between the moments of a
timeline, so a window's share changes along pieces of straight lines, and the instants where it crosses a
threshold are solved for, not searched. An alert looks at them every `every` seconds. A request is counted
`delay` seconds late: a window of L seconds then holds the L - delay before. A window without requests does
not fire.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil, floor
from typing import TYPE_CHECKING

from plimsoll.slo.windows import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plimsoll.slo.compile import Compiled
    from plimsoll.slo.objective import Objective
    from plimsoll.slo.tiers import Tier


@dataclass(frozen=True, slots=True)
class Moment:
    """How a flow does for a while. Shares are between 0 and 1."""

    seconds: Fraction
    """How long, above 0."""
    errors: Fraction = Fraction(0)
    """Of all requests."""
    slow: Fraction = Fraction(0)
    """Of successful requests: those slower than the p95 budget, but not than the tail's."""
    stalled: Fraction = Fraction(0)
    """Of successful requests: those slower than the tail's budget; with `slow` 1 at most."""
    requests_per_hour: Fraction | None = None
    """`None`: as many as usual."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Of what one objective sees: so many requests an hour that it counts, this share of them bad."""

    seconds: Fraction
    rate: Fraction
    bad: Fraction


@dataclass(frozen=True, slots=True)
class Timeline:
    """What one objective sees from instant 0 on; before and after, the `usual`."""

    pieces: tuple[Piece, ...]
    usual: Piece
    """Its length says nothing."""

    @property
    def end(self) -> Fraction:
        """Seconds."""
        return sum((piece.seconds for piece in self.pieces), Fraction(0))


@dataclass(frozen=True, slots=True)
class Episode:
    """From one firing to its end; seconds from the start of the timeline, as the alert's looks see them."""

    fires: int
    clears: int | None
    """`None`: it does not, while things stay as they are."""
    spent: Fraction
    """Share of the period's error budget that the timeline has cost when it fires."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one tier does."""

    objective: Objective
    tier: Tier
    episodes: tuple[Episode, ...]
    peak_long: Fraction
    """The highest share of bad requests that the long window ever shows."""
    peak_short: Fraction


@dataclass(frozen=True, slots=True)
class Played:
    """A timeline, played to an objective."""

    objective: Objective
    timeline: Timeline
    spent: Fraction
    """Share of the period's error budget that the timeline costs."""
    outcomes: tuple[Outcome, ...]


def play(
    compiled: Compiled, moments: Sequence[Moment], *, usual_per_hour: Fraction, delay: int, every: int
) -> tuple[Played, ...]:
    """Play `moments` to every objective of a flow; before and after them all is well."""
    played: list[Played] = []
    usual = Moment(Fraction(1))
    for alerted in compiled.alerted:
        objective = alerted.objective
        pieces = tuple(_piece(moment, objective.signal, usual_per_hour) for moment in moments)
        timeline = Timeline(pieces, _piece(usual, objective.signal, usual_per_hour))
        outcomes = tuple(
            simulate(objective, tier, timeline, delay=delay, every=every) for tier in alerted.tiers
        )
        played.append(Played(objective, timeline, spent(objective, timeline, timeline.end), outcomes))
    return tuple(played)


def simulate(
    objective: Objective, tier: Tier, timeline: Timeline, *, delay: int = 0, every: int = 1
) -> Outcome:
    """Return when `tier` fires and clears. `delay` and `every` in seconds, `every` above 0."""
    counts = _Counts(timeline)
    instants = counts.instants((tier.long, tier.short), delay)
    episodes: list[Episode] = []
    for began, ended in _firing(counts, instants, tier, tier.threshold(objective), delay=delay):
        # Strictly after the crossing, where the share only equals the threshold.
        fires = (floor(began / every) + 1) * every
        clears = None if ended is None else ceil(ended / every) * every
        if clears is not None and fires >= clears:
            continue
        if episodes and episodes[-1].clears == fires:
            episodes[-1] = Episode(episodes[-1].fires, clears, episodes[-1].spent)
        else:
            episodes.append(Episode(fires, clears, spent(objective, timeline, Fraction(fires))))
    peaks = [
        max(counts.share(instant, window, delay) for instant in instants)
        for window in (tier.long, tier.short)
    ]
    return Outcome(objective, tier, tuple(episodes), peaks[0], peaks[1])


def spent(objective: Objective, timeline: Timeline, until: Fraction) -> Fraction:
    """The share of a period's error budget that is spent from 0 to `until` seconds, or the timeline's end.

    The budget is (1 - goal) of a period's requests at the usual rate.
    """
    whole = objective.error_budget * timeline.usual.rate * objective.period.seconds
    return _Counts(timeline).bad(min(until, timeline.end)) / whole


def shares(timeline: Timeline, window: int, instants: Sequence[Fraction], *, delay: int) -> list[Fraction]:
    """The share of bad requests that a window shows at each of these instants, for a chart."""
    counts = _Counts(timeline)
    return [counts.share(instant, window, delay) for instant in instants]


def _piece(moment: Moment, signal: Signal, usual: Fraction) -> Piece:
    rate = usual if moment.requests_per_hour is None else moment.requests_per_hour
    match signal:
        case Signal.AVAILABILITY:
            return Piece(moment.seconds, rate, moment.errors)
        case Signal.P95:
            return Piece(moment.seconds, rate * (1 - moment.errors), moment.slow + moment.stalled)
        case Signal.TAIL:
            return Piece(moment.seconds, rate * (1 - moment.errors), moment.stalled)


class _Counts:
    """Requests since instant 0, times 3,600, as piecewise straight lines; below zero before it."""

    def __init__(self, timeline: Timeline) -> None:
        pieces, zero = timeline.pieces, Fraction(0)
        self._pieces = pieces
        self._usual = timeline.usual
        self.borders = list(accumulate((piece.seconds for piece in pieces), initial=zero))
        self._total = list(accumulate((piece.seconds * piece.rate for piece in pieces), initial=zero))
        self._bad = list(
            accumulate((piece.seconds * piece.rate * piece.bad for piece in pieces), initial=zero)
        )

    def _at(self, instant: Fraction) -> tuple[int, Piece, Fraction]:
        """The border at or before, the piece after it, and the seconds into that."""
        if instant < 0:
            return 0, self._usual, instant
        index = bisect_right(self.borders, instant) - 1
        piece = self._pieces[index] if index < len(self._pieces) else self._usual
        return index, piece, instant - self.borders[index]

    def total(self, instant: Fraction) -> Fraction:
        index, piece, inside = self._at(instant)
        return self._total[index] + inside * piece.rate

    def bad(self, instant: Fraction) -> Fraction:
        index, piece, inside = self._at(instant)
        return self._bad[index] + inside * piece.rate * piece.bad

    def within(self, instant: Fraction, window: int, delay: int) -> tuple[Fraction, Fraction]:
        """Bad and all requests that a window which ends at `instant` shows."""
        if delay >= window:
            return Fraction(0), Fraction(0)
        last, first = instant - delay, instant - window
        return self.bad(last) - self.bad(first), self.total(last) - self.total(first)

    def share(self, instant: Fraction, window: int, delay: int) -> Fraction:
        """Of bad ones among them; 0 of none."""
        bad, total = self.within(instant, window, delay)
        return bad / total if total else Fraction(0)

    def instants(self, windows: Sequence[int], delay: int) -> list[Fraction]:
        """Where a window's counts change their slope."""
        ends = {delay, *windows}
        return sorted({Fraction(0), *(border + end for border in self.borders for end in ends)})


def _firing(
    counts: _Counts, instants: Sequence[Fraction], tier: Tier, threshold: Fraction, *, delay: int
) -> list[tuple[Fraction, Fraction | None]]:
    """Open intervals in which both windows exceed the threshold, in order."""

    def excess(instant: Fraction) -> tuple[Fraction, Fraction]:
        long, short = (
            bad - threshold * total
            for bad, total in (counts.within(instant, window, delay) for window in (tier.long, tier.short))
        )
        return long, short

    values = [excess(instant) for instant in instants]
    found: list[tuple[Fraction, Fraction | None]] = []
    for (began, before), (ended, after) in pairwise(zip(instants, values, strict=True)):
        low, high = began, ended
        for left, right in zip(before, after, strict=True):
            first, last = _positive(began, left, ended, right)
            low, high = max(low, first), min(high, last)
        if low >= high:
            continue
        # Two straight pieces that meet above the threshold are one interval.
        if found and found[-1][1] == low == began and min(before) > 0:
            found[-1] = found[-1][0], high
        else:
            found.append((low, high))
    if min(values[-1]) > 0:  # What holds at the last border holds for good.
        found[-1:] = [(found[-1][0] if found else instants[-1], None)]
    return found


def _positive(began: Fraction, left: Fraction, ended: Fraction, right: Fraction) -> tuple[Fraction, Fraction]:
    """Where a straight line from `left` to `right` is above zero; nowhere: it ends before it begins."""
    if left <= 0 and right <= 0:
        return ended, began
    if left >= 0 and right >= 0:
        return began, ended
    zero = began + (ended - began) * left / (left - right)
    return (began, zero) if left > 0 else (zero, ended)
