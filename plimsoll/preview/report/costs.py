"""The monthly floor of a plan, for a person and for a machine. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from plimsoll.cost import NOT_COUNTED, PRICES, dollars, prices_of, signed
from plimsoll.preview.floor import cost_floor
from plimsoll.preview.promises import Undecided
from plimsoll.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.cost import CostFloor
    from plimsoll.preview.cost_difference import CostDifference
    from plimsoll.preview.plan import Plan

_HEADING: Final = "COST FLOOR"


def cost_lines(plan: Plan) -> Iterator[Text]:
    """A heading with the sum, and a line for each item; nothing where nothing is billed by the hour."""
    found = cost_floor(plan)
    if found is None:
        return
    if isinstance(found, Undecided):
        yield Text.assemble("\n", (_HEADING, "bold"))
        yield Text(printable(f"  cannot decide: unknown are {', '.join(found.missing)}"), "yellow")
        return
    yield Text.assemble(
        "\n",
        (_HEADING, "bold"),
        (f"  {floor_words(found)}", "bold"),
        (f"  idle, at list prices of {prices_of()}", "dim"),
    )
    rows = [(item.owner, item.what, dollars(item.usd)) for item in found.items]
    owners = [owner for owner, _, _ in rows] + [one.owner for one in found.unpriced]
    widths = [max(map(cell_len, column), default=0) for column in zip(*rows, strict=True)] or [0, 0, 0]
    first = max(map(cell_len, owners), default=0)
    for owner, what, usd in rows:
        yield Text(printable(f"  {owner:<{first}}  {what:<{widths[1]}}  {usd:>{widths[2]}}"))
    for one in found.unpriced:
        yield Text(printable(f"  {one.owner:<{first}}  {one.why}"), "yellow")
    yield Text(f"  not counted: {', '.join(NOT_COUNTED)}", "dim")


def cost_difference_lines(cost: CostDifference) -> Iterator[Text]:
    """A heading with sum and difference, and a line for each resource that costs another sum."""
    after = cost.after
    if cost.before is None and after is None:
        return
    if isinstance(after, Undecided) or isinstance(cost.before, Undecided):
        missing = [
            gap for side in (cost.before, after) if isinstance(side, Undecided) for gap in side.missing
        ]
        yield Text.assemble("\n", (_HEADING, "bold"))
        gaps = ", ".join(dict.fromkeys(missing))
        yield Text(printable(f"  cannot decide by how much it differs: unknown are {gaps}"), "yellow")
        return
    line = Text.assemble("\n", (_HEADING, "bold"), f"  {floor_words(after)}")
    if not cost.differs:
        yield line.append("  unchanged", "dim")
        return
    if cost.usd is None:
        line.append("  how much more or less is not known: no price for what differs", "yellow")
    else:
        line.append(f"  {signed(cost.usd)}", "bold red" if cost.usd > 0 else "green")
    yield line.append(f"  idle, at list prices of {prices_of()}", "dim")
    for one in cost.owners:
        yield Text(printable(f"  {signed(one.usd)}: {one.why}"))
    for one in cost.unpriced:
        yield Text(printable(f"  {one.owner}: {one.why}"), "yellow")


def floor_words(floor: CostFloor | None) -> str:
    """The sum in words: `at least $41.10 a month`; where nothing of it has a price, that it has none."""
    if floor is not None and floor.unpriced and not floor.items:
        return "cannot be priced"
    least = "at least " if floor is not None and floor.unpriced else ""
    return f"{least}{dollars(floor.total if floor else Decimal(0))} a month"


def cost_difference_json(cost: CostDifference) -> dict[str, object]:
    """Both floors as `cost_json` has them, and the difference; null where it cannot be decided."""
    return {
        "before": floor_json(cost.before),
        "after": floor_json(cost.after),
        "differs": cost.differs,
        "difference": None if cost.usd is None else _exact(cost.usd),
        "because": [{"owner": one.owner, "usd": _exact(one.usd), "why": one.why} for one in cost.owners],
    }


def _exact(usd: Decimal) -> str:
    return f"{usd.normalize():f}"


def cost_json(plan: Plan) -> dict[str, object] | None:
    """Null, `{"undecided": […]}`, or the floor with its items; dollars are exact, as text."""
    return floor_json(cost_floor(plan))


def floor_json(found: CostFloor | Undecided | None) -> dict[str, object] | None:
    """A floor, as `cost_json` has it."""
    if found is None:
        return None
    if isinstance(found, Undecided):
        return {"undecided": list(found.missing)}
    return {
        # Null where nothing of what is billed has a price: no sum says nothing, and 0 says that it is free.
        "total": _exact(found.total) if found.items or not found.unpriced else None,
        "currency": PRICES["currency"].text(),
        "period": "month",
        "hours": PRICES["hours_a_month"].count(),
        "prices": prices_of(),
        "complete": not found.unpriced,
        "items": [{"owner": item.owner, "what": item.what, "usd": _exact(item.usd)} for item in found.items],
        "unpriced": [{"owner": one.owner, "why": one.why} for one in found.unpriced],
        "notCounted": list(NOT_COUNTED),
    }
