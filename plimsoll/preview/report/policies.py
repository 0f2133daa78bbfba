"""What the policies say of a plan: what blocks first, then advice, then what they would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.text import Text

from plimsoll.preview.plan import STACK_TYPE
from plimsoll.preview.report.heading import heading
from plimsoll.preview.report.highlights import written
from plimsoll.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from plimsoll.preview.plan import Plan, PolicyResults, Value

_COUNTED: Final = {"failed": "could not judge", "mandatory": "mandatory", "advisory": "advisory"}
_SHOWN: Final = {"failed": "COULD NOT JUDGE", "mandatory": "MANDATORY"}
_LONGEST: Final = 80
"""Characters of a value that are shown; `--json` has all of it."""


def policy_lines(plan: Plan) -> Iterator[RenderableType]:
    """The section on policies; nothing where no pack was asked."""
    said = plan.policies
    if said is None:
        return
    yield heading("POLICIES", _counts(said))
    for one in said.violations:
        style = "bold red" if one.blocks else "yellow"
        yield Text.assemble(
            "  ",
            (_SHOWN.get(one.level, one.level), style),
            f"  {printable(one.policy)}  ",
            *_where(plan, one.urn),
        )
        yield Padding(Text(printable(one.message)), (0, 0, 0, 6))
    for change in said.remediations:
        yield Text.assemble(
            "  ",
            ("would be changed", "cyan"),
            f" by policy {printable(change.policy)}: ",
            *_where(plan, change.urn),
        )
        yield Text(f"      {printable(change.path)}  {_short(change.before)} → {_short(change.after)}")


def _counts(said: PolicyResults) -> str:
    levels = [one.level for one in said.violations]
    parts = [f"{levels.count(level)} {words}" for level, words in _COUNTED.items() if level in levels]
    changed = len({one.urn for one in said.remediations})
    parts += [f"{changed} resource{'s' if changed > 1 else ''} would be changed"] if changed else []
    return " · ".join([f"{said.asked} of {printable(said.pack)} asked", *(parts or ["nothing to object to"])])


def _where(plan: Plan, urn: str) -> tuple[tuple[str, str], ...]:
    *_, type_, name = urn.split("::")
    named = "the whole stack" if type_ == STACK_TYPE else name
    resource = plan.resource(urn)
    source = f"  {resource.source}" if resource and resource.source and type_ != STACK_TYPE else ""
    return (printable(named), "bold"), (printable(source), "dim")


def _short(value: Value) -> str:
    text = "none" if value is None else written(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
