"""By how much the monthly floor of a plan is above or below that of another, and because of what. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from plimsoll.cost import CostFloor
from plimsoll.preview.floor import cost_floor
from plimsoll.preview.promises import Undecided

if TYPE_CHECKING:
    from plimsoll.cost import Item, Unpriced
    from plimsoll.preview.plan import Plan


@dataclass(frozen=True, slots=True)
class OwnerDifference:
    """What one resource costs more (or, negative, less): `usd` a month, and why in words."""

    owner: str
    usd: Decimal
    why: str


@dataclass(frozen=True, slots=True)
class CostDifference:
    """The floor on both sides; None where nothing is billed by the hour."""

    before: CostFloor | Undecided | None
    after: CostFloor | Undecided | None

    @property
    def differs(self) -> bool:
        """Whether anything of it does."""
        return self.before != self.after

    @property
    def usd(self) -> Decimal | None:
        """What a month costs more, or, negative, less; None where one side cannot be decided.

        Nor is it known where what has no price differs: it is in neither sum, and costs something too.
        """
        if isinstance(self.before, Undecided) or isinstance(self.after, Undecided):
            return None
        old, new = (set(floor.unpriced if floor else ()) for floor in (self.before, self.after))
        if old != new:
            return None
        before, after = (floor.total if floor else Decimal(0) for floor in (self.before, self.after))
        return after - before

    @property
    def owners(self) -> tuple[OwnerDifference, ...]:
        """Whose cost differs, the dearest first."""
        before, after = _by_owner(self.before), _by_owner(self.after)
        found = [
            OwnerDifference(owner, _sum(new) - _sum(old), _why(owner, old, new))
            for owner in dict.fromkeys((*after, *before))
            if (old := before.get(owner, ())) != (new := after.get(owner, ()))
        ]
        return tuple(sorted(found, key=lambda one: -one.usd))

    @property
    def unpriced(self) -> tuple[Unpriced, ...]:
        """What is billed, has no price here, and is not what it was."""
        old = self.before.unpriced if isinstance(self.before, CostFloor) else ()
        return tuple(
            one
            for one in (self.after.unpriced if isinstance(self.after, CostFloor) else ())
            if one not in old
        )


def cost_difference(before: Plan | None, after: Plan) -> CostDifference:
    """The cost floor of both plans."""
    return CostDifference(None if before is None else cost_floor(before), cost_floor(after))


def _by_owner(floor: CostFloor | Undecided | None) -> dict[str, tuple[Item, ...]]:
    owners: dict[str, tuple[Item, ...]] = {}
    for item in floor.items if isinstance(floor, CostFloor) else ():
        owners[item.owner] = (*owners.get(item.owner, ()), item)
    return owners


def _sum(items: tuple[Item, ...]) -> Decimal:
    return sum((item.usd for item in items), Decimal(0))


def _why(owner: str, old: tuple[Item, ...], new: tuple[Item, ...]) -> str:
    """`1 more idle instance of api`, where each costs what it did; else what it was, and what it is."""
    before, after = (max((item.instances for item in items), default=0) for items in (old, new))
    more = after - before
    counted = all(item.instances for item in (*old, *new))
    # Compared across, so that nothing is divided: the price of one is the same exactly.
    alike = not old or not new or [item.usd * after for item in old] == [item.usd * before for item in new]
    if counted and more and alike:
        word, count = ("more", more) if more > 0 else ("fewer", -more)
        return f"{count} {word} idle instance{'s' if count > 1 else ''} of {owner}"
    was, becomes = (" and ".join(item.what for item in items) or "nothing" for items in (old, new))
    return f"{owner}: {was} → {becomes}"
