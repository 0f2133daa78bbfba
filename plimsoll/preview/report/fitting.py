"""A document that keeps within a limit however much there is to say, and counts what it leaves out. Pure.

What matters more goes first, in all parts alike: a part with a thousand rows takes nothing from another's
more important ones, and of the same importance each part gets a row in turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_COUNT: Final = 9
"""Digits of a count for which room is kept."""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows between an opening and a closing, and what a row is called. `rank` 0 matters most."""

    rank: int
    opening: str
    rows: tuple[str, ...]
    closing: str
    noun: str


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of one thing: an opening that always stands where the part does, and blocks."""

    opening: str
    blocks: tuple[Block, ...] = ()


@dataclass(slots=True)
class _Filled:
    """A block that has room, and its rows so far."""

    block: Block
    rows: list[str] = field(default_factory=list)

    @property
    def left_out(self) -> int:
        return len(self.block.rows) - len(self.rows)

    def text(self) -> str:
        more = _more(self.left_out, self.block.noun) if self.left_out else ""
        return "\n".join(filter(None, (self.block.opening, *self.rows, self.block.closing, more)))


def fit(before: str, parts: Sequence[Part], after: str, limit: int) -> str:
    """The document in at most `limit` bytes of UTF-8. `before` and `after` must fit by themselves."""
    room = limit - _size(before) - _size(after) - _size(_more(10**_COUNT, "environments"))
    shown: list[Part] = []
    for part in parts:
        # What is said of blocks that find no room is kept free from the start.
        needed = _size(part.opening) + _size(_more(10**_COUNT, "rows"))
        if needed > room:
            break
        room -= needed
        shown.append(part)
    filled: list[dict[int, _Filled]] = [{} for _ in shown]
    for rank in sorted({block.rank for part in shown for block in part.blocks}):
        room = _fill(rank, shown, filled, room)
    lines = [before]
    for part, blocks in zip(shown, filled, strict=True):
        lines.append(part.opening)
        lines += [blocks[at].text() for at in range(len(part.blocks)) if at in blocks]
        out = sum(len(block.rows) for at, block in enumerate(part.blocks) if at not in blocks)
        lines += [_more(out, "rows")] if out else []
    if len(shown) < len(parts):
        lines.append(_more(len(parts) - len(shown), "environments"))
    return "\n".join(filter(None, (*lines, after)))


def _fill(rank: int, parts: Sequence[Part], filled: list[dict[int, _Filled]], room: int) -> int:
    """Give the blocks of a rank what they need, a row each in turn, and say what room is left."""
    turns: list[_Filled] = []
    for part, blocks in zip(parts, filled, strict=True):
        for at, block in enumerate(part.blocks):
            if block.rank != rank:
                continue
            first = block.rows[:1]
            frame = _size(block.opening) + _size(block.closing) + _size(_more(10**_COUNT, block.noun))
            needed = frame + sum(map(_size, first))
            if needed <= room:
                room -= needed
                blocks[at] = _Filled(block, list(first))
                turns.append(blocks[at])
    while turns:
        again: list[_Filled] = []
        for one in turns:
            if one.left_out and (needed := _size(one.block.rows[len(one.rows)])) <= room:
                room -= needed
                one.rows.append(one.block.rows[len(one.rows)])
                again.append(one)
        turns = again
    return room


def _more(count: int, noun: str) -> str:
    return f"<p>{count:,} more {noun} left out for want of room</p>"


def _size(text: str) -> int:
    """With the line break after it."""
    return len(text.encode()) + 1
