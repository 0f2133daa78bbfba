"""A played timeline for people and machines: when each tier fires and clears, and what it cost."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

from plimsoll.slo.objective import percent
from plimsoll.slo.specs import decimal
from plimsoll.slo.tiers import span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plimsoll.slo.simulation import Episode, Outcome, Played

_COLUMNS = 40
_UNITS = ((86_400, 10**9, "d"), (3600, 24, "h"), (60, 60, "min"), (1, 60, "s"))


def instant(seconds: Fraction | int) -> str:
    """Seconds as people say them: `9 min`, `2 h 5 min`, `1 min 30 s`."""
    whole = ceil(seconds)
    counted = [(whole // size % limit, name) for size, limit, name in _UNITS]
    return " ".join(f"{count} {name}" for count, name in counted if count) or "0 s"


def lines(played: Sequence[Played], *, horizon: Fraction) -> Iterator[str]:
    """One block an objective: what it costs, and a line a tier with a bar over `horizon` seconds."""
    for one in played:
        yield ""
        yield f"{one.objective.promise}   costs {percent(one.spent, 1)} of the error budget"
        if not one.outcomes:
            yield "  no tier watches it: see below"
        for outcome in one.outcomes:
            tier = outcome.tier
            bar = "".join(_cell(outcome, horizon, column) for column in range(_COLUMNS))
            above = percent(tier.threshold(one.objective))
            head = f"  {tier.name:<6}  {tier.windows:<7}  {tier.response:<6}  > {above:<9}"
            yield f"{head}{bar}  {said(outcome)}"
    yield f"{'':38}0{instant(horizon):>{_COLUMNS - 1}}"


def horizon_of(played: Sequence[Played], end: Fraction) -> Fraction:
    """How far a chart goes, in seconds: to the last clearing, or the timeline's end, and a little on."""
    episodes = [episode for one in played for outcome in one.outcomes for episode in outcome.episodes]
    last = max([end, *(Fraction(episode.clears or episode.fires) for episode in episodes)])
    return Fraction(ceil(last * Fraction(21, 20) / 60) * 60)


def said(outcome: Outcome) -> str:
    """What a tier does, in words."""
    if not outcome.episodes:
        if outcome.peak_long == 0:
            return "never"
        return (
            f"never: at most {percent(outcome.peak_long, 1)} in {span(outcome.tier.long)}, "
            f"{percent(outcome.peak_short, 1)} in {span(outcome.tier.short)}"
        )
    first = outcome.episodes[0]
    clears = "does not clear" if first.clears is None else f"clears at {instant(first.clears)}"
    more = len(outcome.episodes) - 1
    again = f", and {more} more time{'s' if more > 1 else ''}" if more else ""
    return f"fires at {instant(first.fires)}, {clears}, {percent(first.spent, 1)} spent{again}"


def machine(played: Sequence[Played]) -> list[dict[str, Any]]:
    """The same for a machine: seconds, shares as numbers, 1 for all."""
    return [
        {
            "objective": one.objective.signal.value,
            "id": one.objective.id,
            "goal": decimal(one.objective.goal),
            "periodDays": one.objective.period.days,
            "thresholdSeconds": None if one.objective.threshold is None else float(one.objective.threshold),
            "spent": decimal(one.spent),
            "tiers": [_tier(outcome) for outcome in one.outcomes],
        }
        for one in played
    ]


def _tier(outcome: Outcome) -> dict[str, Any]:
    return {
        "tier": outcome.tier.name,
        "response": outcome.tier.response.value,
        "longSeconds": outcome.tier.long,
        "shortSeconds": outcome.tier.short,
        "burnRate": decimal(outcome.tier.burn_rate),
        "threshold": decimal(outcome.tier.threshold(outcome.objective)),
        "peak": {"long": decimal(outcome.peak_long), "short": decimal(outcome.peak_short)},
        "episodes": [_episode(episode) for episode in outcome.episodes],
    }


def _episode(episode: Episode) -> dict[str, object]:
    return {"firesAt": episode.fires, "clearsAt": episode.clears, "spentWhenFiring": decimal(episode.spent)}


def _cell(outcome: Outcome, horizon: Fraction, column: int) -> str:
    low, high = horizon * column / _COLUMNS, horizon * (column + 1) / _COLUMNS
    fires = any(
        episode.fires < high and (episode.clears is None or episode.clears > low)
        for episode in outcome.episodes
    )
    return "█" if fires else "·"
