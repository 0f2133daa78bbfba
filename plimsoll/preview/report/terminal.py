"""The report for a person: budgets, connections and cost first, then the tree, warnings and outputs.

The order is the order of a reader's questions: are we inside our promises, does it fit, what does it cost,
what is there, what should worry me.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from plimsoll.preview.plan import Plan, Resource, Severity, Source, Step, resource_to_json
from plimsoll.preview.promises import Undecided, connection_budget, promises
from plimsoll.preview.report.costs import cost_lines
from plimsoll.preview.report.heading import heading
from plimsoll.preview.report.highlights import highlights, title, written
from plimsoll.preview.report.policies import policy_lines
from plimsoll.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from plimsoll.connections import ConnectionBudget
    from plimsoll.preview.plan import Value
    from plimsoll.preview.promises import Promise

ASKED: Final = {
    Source.OFFLINE: "offline: the real program under the real SDK, no engine or provider asked",
    Source.ENGINE: "asked of the engine and the providers",
}
"""Who made a plan, in words."""


def report(plan: Plan) -> RenderableType:
    """Everything a reader needs of `plan`, as something Rich can print."""
    return Group(*_parts(plan))


def _parts(plan: Plan) -> Iterator[RenderableType]:
    yield Text.assemble((plan.stack, "bold"), (f" · {ASKED[plan.source]} · {plan.seconds:.1f} s", "dim"))
    yield from _budgets(plan)
    yield from _connections(plan)
    yield from cost_lines(plan)
    yield from _resources(plan)
    yield from policy_lines(plan)
    yield from warnings(plan)
    yield from _outputs(plan)


def _budgets(plan: Plan) -> Iterator[RenderableType]:
    if flows := promises(plan):
        yield heading("BUDGETS")
        yield from budget_lines(flows)


def budget_lines(flows: Sequence[Promise]) -> Iterator[Text]:
    """A line of heads, and one for each flow."""
    tails = any(flow.p99 for flow in flows)
    heads = ("flow", "p95", *(["p99"] if tails else []), "availability", "", "through", "what it is")
    rows = [
        (
            flow.flow,
            flow.p95,
            *([flow.p99] if tails else []),
            f"{flow.availability} %",
            "critical" if flow.critical else "",
            flow.service,
            flow.label,
        )
        for flow in flows
    ]
    widths = [max(map(cell_len, column)) for column in zip(heads, *rows, strict=True)]
    right = {"p95", "p99", "availability"}
    for row in (heads, *rows):
        # Lines, not a table: where it is narrow a line wraps, and no name or number is ever cut.
        cells = (
            cell.rjust(width) if head in right else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        )
        yield Text(f"  {'  '.join(cells)}".rstrip(), "dim" if row is heads else "")


def _connections(plan: Plan) -> Iterator[RenderableType]:
    budget = connection_budget(plan)
    if budget is None:
        return
    yield heading("CONNECTIONS")
    if isinstance(budget, Undecided):
        yield Text(f"  cannot decide: unknown are {', '.join(budget.missing)}", "yellow")
        return
    yield sums(budget)


def sums(budget: ConnectionBudget) -> RenderableType:
    """A connection budget, one line a sum and one for its advice."""
    grid = Table.grid(padding=0)
    grid.add_column(width=12)
    # Wraps within its column, where many services and jobs are added up.
    grid.add_column()
    for one in budget.sums:
        verdict = (f"OVER by {one.over}", "bold red") if one.over else ("fits", "green")
        sum_ = Text.assemble(
            f"{' · '.join(budget.terms(one))}   ",
            (f"{one.used} of {one.usable} usable", "bold"),
            "  ",
            verdict,
        )
        grid.add_row(f"  {one.side}", sum_)
        if not one.over:
            style = "yellow" if one.tight else "dim"
            grid.add_row("", Text(f"{one.peak} of {one.advised} advised, in a rollout during a spike", style))
    return grid


def _resources(plan: Plan) -> Iterator[RenderableType]:
    managed = [resource for resource in plan.resources if resource.custom and not resource.read]
    imported = sum(Step.IMPORT in resource.steps for resource in managed)
    parts = [f"{len(managed) - imported} declared"]
    parts += [f"{imported} to import"] if imported else []
    read = sum(resource.read for resource in plan.resources)
    parts += [f"{read} read"] if read else []
    note = ", ".join(parts)
    if not plan.knows_state:
        note += "; what exists already is not known offline"
    yield heading("RESOURCES", note)
    root = plan.root
    tree = Tree(Text(f"{plan.project} {plan.stack}", "bold"), guide_style="dim")
    # Providers last: every resource names its own, and a reader rarely asks.
    children = plan.children(root.urn if root else None)
    for child in sorted(children, key=lambda child: child.type.startswith("pulumi:providers:")):
        _grow(tree, plan, child)
    yield Padding(tree, (0, 0, 0, 2))


def _grow(tree: Tree, plan: Plan, resource: Resource) -> None:
    marks = [step.value for step in resource.steps if step in {Step.IMPORT, Step.READ}]
    marks += ["protected"] if resource.options.protect else []
    line = Text.assemble(
        (printable(resource.name), "bold" if resource.component else ""),
        (f"  {title(resource)}" if title(resource) != resource.name else "", "dim"),
        *[("  " + mark, "cyan") for mark in marks],
    )
    values = highlights(resource)
    if values:
        line.append("  " + " · ".join(values))
    branch = tree.add(line)
    for child in plan.children(resource.urn):
        _grow(branch, plan, child)


def warnings(plan: Plan) -> Iterator[RenderableType]:
    """What the program, or whoever made the plan, warns of."""
    found = [said for said in plan.diagnostics if said.severity is not Severity.INFO]
    if found:
        yield heading("WARNINGS")
    for said in found:
        yield Padding(Text(f"• {printable(said.message)}", "yellow"), (0, 0, 0, 2))


def _outputs(plan: Plan) -> Iterator[RenderableType]:
    if not plan.outputs:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    for name, value in plan.outputs.items():
        table.add_row(printable(name), Text(written(value)))
    yield heading("OUTPUTS")
    yield Padding(table, (0, 0, 0, 2))


def resource_report(plan: Plan, resource: Resource) -> RenderableType:
    """Every input of one resource, with its options and where it is declared."""
    return Group(*_one(plan, resource))


def _one(plan: Plan, resource: Resource) -> Iterator[RenderableType]:
    yield Text.assemble((resource.name, "bold"), "  ", (title(resource), "dim"))
    options = resource.options
    facts = {
        "urn": resource.urn,
        "declared at": str(resource.source or ""),
        "provider": resource.provider.name if resource.provider else "",
        "id" if resource.read else "import": options.import_id,
        **{f"option {name}": printable(json.dumps(value)) for name, value in _options(resource).items()},
        "depends on": ", ".join(urn.rpartition("::")[2] for urn in resource.dependencies),
        "children": ", ".join(child.name for child in plan.children(resource.urn)),
    }
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=False)
    for name, value in facts.items():
        if value:
            table.add_row(Text(name, "dim"), Text(printable(value), overflow="fold"))
    yield Padding(table, (0, 0, 0, 2))
    yield heading("INPUTS")
    yield from (Text(f"  {printable(line)}") for line in _inputs(resource.inputs, ""))


def _options(resource: Resource) -> dict[str, object]:
    """Every option that was given, as `--json` has it; an import's id has a line of its own."""
    given = resource_to_json(resource)["options"]
    return {name: value for name, value in given.items() if name != "importId"}


def _inputs(value: Value, path: str) -> Iterator[str]:
    """One line for each leaf, with its whole path, as `ignore_changes` and differences write it."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _inputs(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _inputs(inner, f"{path}[{index}]")
    elif isinstance(value, str | bool | int | float | dict | list) or value is None:
        yield f"{path}: {json.dumps(value, ensure_ascii=False)}"
    else:
        yield f"{path}: {written(value)}"
