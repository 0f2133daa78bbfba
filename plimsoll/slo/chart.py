"""A played timeline as an SVG: one panel an objective, with what its windows show and when its tiers fire."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import drawsvg

from plimsoll.slo.objective import percent
from plimsoll.slo.report import instant, said
from plimsoll.slo.simulation import shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plimsoll.slo.simulation import Outcome, Played

_WIDTH, _LEFT, _HEIGHT, _BAND, _PANEL, _TITLE = 900, 90, 130, 15, 240, 46
_POINTS = 240
_COLOURS = {"fast": "#c0392b", "slow": "#d68910", "ticket": "#2471a3"}
_GREY, _INK = "#d5d8dc", "#17202a"


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a panel's instants and shares lie on the drawing."""

    base: int
    """Where a share of 0 lies."""
    horizon: Fraction
    highest: Fraction

    def x(self, seconds: Fraction | int) -> float:
        share = min(Fraction(1), Fraction(seconds) / self.horizon)
        return round(_LEFT + (_WIDTH - 2 * _LEFT) * float(share), 2)

    def y(self, share: Fraction) -> float:
        return round(self.base - _HEIGHT * float(share / self.highest), 2)


def svg(played: Sequence[Played], title: str, *, horizon: Fraction, delay: int) -> str:
    """Return the drawing; the same input gives the same bytes. `horizon` and `delay` in seconds."""
    height = _TITLE + _PANEL * len(played)
    drawing = drawsvg.Drawing(_WIDTH, height, id_prefix="slo", font_family="sans-serif")
    drawing.append(drawsvg.Rectangle(0, 0, _WIDTH, height, fill="white"))
    drawing.append(drawsvg.Text(title, 16, _LEFT, 26, fill=_INK, font_weight="bold"))
    for index, one in enumerate(played):
        levels = [level for outcome in one.outcomes for level in _levels(outcome)]
        frame = _Frame(_TITLE + _PANEL * index + 20 + _HEIGHT, horizon, max([Fraction(1, 1000), *levels]))
        _axes(drawing, one, frame)
        for row, outcome in enumerate(one.outcomes):
            _tier(drawing, one, outcome, frame, delay=delay)
            _band(drawing, outcome, frame, top=frame.base + 20 + _BAND * row)
    return str(drawing.as_svg())


def _levels(outcome: Outcome) -> tuple[Fraction, Fraction]:
    return outcome.peak_long, outcome.tier.threshold(outcome.objective)


def _axes(drawing: drawsvg.Drawing, one: Played, frame: _Frame) -> None:
    right, top = frame.x(frame.horizon), frame.y(frame.highest)
    costs = f"{one.objective.promise}: costs {percent(one.spent, 1)} of the error budget"
    drawing.append(drawsvg.Text(costs, 13, _LEFT, top - 8, fill=_INK))
    drawing.append(drawsvg.Rectangle(_LEFT, top, right - _LEFT, _HEIGHT, fill="none", stroke=_GREY))
    drawing.append(drawsvg.Text(percent(frame.highest, 1), 10, _LEFT - 6, top + 8, text_anchor="end"))
    drawing.append(drawsvg.Text("0 %", 10, _LEFT - 6, frame.base, text_anchor="end"))
    drawing.append(drawsvg.Text("0", 10, _LEFT, frame.base + 13))
    drawing.append(drawsvg.Text(instant(frame.horizon), 10, right, frame.base + 13, text_anchor="end"))


def _tier(drawing: drawsvg.Drawing, one: Played, outcome: Outcome, frame: _Frame, *, delay: int) -> None:
    """What the long window shows, and above what the tier fires."""
    colour, tier = _COLOURS.get(outcome.tier.name, _INK), outcome.tier
    instants = [frame.horizon * point / _POINTS for point in range(_POINTS + 1)]
    seen = shares(one.timeline, tier.long, instants, delay=delay)
    points = [
        at for when, share in zip(instants, seen, strict=True) for at in (frame.x(when), frame.y(share))
    ]
    drawing.append(drawsvg.Lines(*points, fill="none", stroke=colour, stroke_width=1.5))
    level, right = frame.y(tier.threshold(outcome.objective)), frame.x(frame.horizon)
    drawing.append(drawsvg.Line(_LEFT, level, right, level, stroke=colour, stroke_dasharray="4 3"))


def _band(drawing: drawsvg.Drawing, outcome: Outcome, frame: _Frame, *, top: int) -> None:
    """When it fires."""
    colour, tier = _COLOURS.get(outcome.tier.name, _INK), outcome.tier
    drawing.append(drawsvg.Text(f"{tier.name} {tier.windows}", 10, _LEFT - 6, top + 9, text_anchor="end"))
    drawing.append(drawsvg.Rectangle(_LEFT, top, frame.x(frame.horizon) - _LEFT, _BAND - 4, fill=_GREY))
    for episode in outcome.episodes:
        first = frame.x(episode.fires)
        last = frame.x(frame.horizon if episode.clears is None else episode.clears)
        bar = drawsvg.Rectangle(first, top, max(1.0, last - first), _BAND - 4, fill=colour)
        bar.append_title(f"{tier.response}: {said(outcome)}")
        drawing.append(bar)
