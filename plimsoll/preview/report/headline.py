"""The line that answers by itself: `dev: 1 budget weaker, +$9.70 a month · prod: no change`. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from plimsoll.cost import signed
from plimsoll.preview.comparison import Comparison
from plimsoll.preview.plan import Step
from plimsoll.preview.promises import Undecided, connection_budget
from plimsoll.preview.promises_difference import Verdict
from plimsoll.preview.report.markup import code
from plimsoll.preview.stateful import stateful

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plimsoll.connections import ConnectionBudget
    from plimsoll.preview.difference import ResourceDifference
    from plimsoll.preview.plan import Plan


@dataclass(frozen=True, slots=True)
class Failed:
    """An environment that cannot be previewed, and why: what is wrong, one sentence each."""

    environment: str
    reasons: tuple[str, ...]


Found: TypeAlias = "Comparison | Plan | Failed"
"""What is known of one environment."""

_GROUPS: Final = 6
_NAMES: Final = 4
"""Verdicts in a headline, and environments of one verdict; the others are counted."""


def plan_of(found: Comparison | Plan) -> Plan:
    """What the environment is to be."""
    return found.plan if isinstance(found, Comparison) else found


def losses(comparison: Comparison) -> tuple[ResourceDifference, ...]:
    """What holds something, and is deleted, replaced, or may be: what is certain comes first."""
    found = [
        one
        for one in comparison.difference.changed
        if one.resource.custom
        and one.step in {Step.DELETE, Step.REPLACE, None}
        and stateful(one.resource.type) is not None
    ]
    return tuple(sorted(found, key=lambda one: one.step is None))


def headline(parts: Sequence[Found]) -> str:
    """What happens to which environment, those of one verdict together; HTML."""
    groups: dict[str, list[str]] = {}
    for found in parts:
        name = found.environment if isinstance(found, Failed) else plan_of(found).stack
        groups.setdefault(verdict(found), []).append(name)
    shown = list(groups.items())[:_GROUPS]
    said = [f"{_names(names)}: {what}" for what, names in shown]
    left = sum(len(names) for _, names in list(groups.items())[_GROUPS:])
    return " · ".join([*said, *([f"{left} more environments"] if left else [])]) or "no environment"


def _names(names: Sequence[str]) -> str:
    left = len(names) - _NAMES
    return ", ".join(code(name, 40) for name in names[:_NAMES]) + (f" and {left} more" if left > 0 else "")


def verdict(found: Found) -> str:
    """What happens to one environment, in a few words; HTML."""
    if isinstance(found, Failed):
        return "no preview"
    return ", ".join(_said(found)) or "no change"


def _said(found: Comparison | Plan) -> Iterator[str]:
    if isinstance(found, Comparison):
        lost = losses(found)
        certain = sum(one.step is not None for one in lost)
        if certain:
            yield f"{certain} replaced or deleted that {_hold(certain)} data"
        if len(lost) > certain:
            yield f"{len(lost) - certain} that may be replaced and {_hold(len(lost) - certain)} data"
        bared = sum(map(_loses_protection, found.difference.changed))
        if bared:
            yield f"protection taken from {counted(bared, 'resource')}"
        yield from _budgets(found)
    policies = plan_of(found).policies
    if policies is not None and policies.blocks:
        yield counted(sum(one.blocks for one in policies.violations), "policy violation")
    yield from _connections(connection_budget(plan_of(found)))
    if isinstance(found, Comparison):
        usd = found.cost.usd
        if found.cost.differs and usd is None:
            yield "cost unknown"
        elif usd is not None and usd != 0:
            yield f"{code(signed(usd))} a month"
        changed = sum(found.difference.counts.values())
        if changed:
            yield counted(changed, "resource changes", "resources change")
    else:
        yield counted(sum(one.custom for one in found.resources), "resource")


def _loses_protection(one: ResourceDifference) -> bool:
    """Whether what protected it from being deleted is there no more: Pulumi's option, or the vendor's own."""
    options = any(option.name == "protect" and option.before and not option.after for option in one.options)
    own = any(
        change.steps[-1:] == ("deletionProtection",) and change.before is True and change.after is not True
        for change in one.properties
    )
    return one.after is not None and (options or own)


def _hold(count: int) -> str:
    return "hold" if count > 1 else "holds"


def _budgets(found: Comparison) -> Iterator[str]:
    weaker = sum(Verdict.WEAKER in flow.verdicts for flow in found.flows)
    tighter = sum(flow.before is not None and flow.verdicts == {Verdict.TIGHTER} for flow in found.flows)
    new = sum(flow.before is None for flow in found.flows)
    for count, word in ((weaker, "weaker"), (tighter, "tighter"), (new, "new")):
        if count:
            yield f"{counted(count, 'budget')} {word}"


def _connections(budget: ConnectionBudget | Undecided | None) -> Iterator[str]:
    if budget is None or isinstance(budget, Undecided):
        return
    over = max((one.over for one in budget.sums), default=0)
    if over:
        yield f"connections over by {over}"


def counted(count: int, one: str, many: str = "") -> str:
    """A count with its noun."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
