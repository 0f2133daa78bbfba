"""The monthly floor of a plan, for a person and for a machine. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from plimsoll.cost import NOT_COUNTED, PRICES, dollars, prices_of
from plimsoll.preview.floor import cost_floor
from plimsoll.preview.promises import Undecided
from plimsoll.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    least = "at least " if found.unpriced else ""
    nothing = found.unpriced and not found.items
    yield Text.assemble(
        "\n",
        (_HEADING, "bold"),
        ("  cannot be priced" if nothing else f"  {least}{dollars(found.total)} a month", "bold"),
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


def cost_json(plan: Plan) -> dict[str, object] | None:
    """Null, `{"undecided": […]}`, or the floor with its items; dollars are exact, as text."""
    found = cost_floor(plan)
    if found is None:
        return None
    if isinstance(found, Undecided):
        return {"undecided": list(found.missing)}
    return {
        # Null where nothing of what is billed has a price: no sum says nothing, and 0 says that it is free.
        "total": f"{found.total.normalize():f}" if found.items or not found.unpriced else None,
        "currency": PRICES["currency"].text(),
        "period": "month",
        "hours": PRICES["hours_a_month"].count(),
        "prices": prices_of(),
        "complete": not found.unpriced,
        "items": [
            {"owner": item.owner, "what": item.what, "usd": f"{item.usd.normalize():f}"}
            for item in found.items
        ],
        "unpriced": [{"owner": one.owner, "why": one.why} for one in found.unpriced],
        "notCounted": list(NOT_COUNTED),
    }
