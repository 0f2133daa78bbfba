"""The report of a comparison, for a person and for a machine: promises first, then what changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.padding import Padding
from rich.text import Text
from rich.tree import Tree

from plimsoll.preview.plan import SCHEMA_VERSION, Step, policies_to_json, value_to_json
from plimsoll.preview.promises import Undecided
from plimsoll.preview.promises_difference import Verdict
from plimsoll.preview.report.costs import cost_difference_json, cost_difference_lines
from plimsoll.preview.report.heading import heading
from plimsoll.preview.report.highlights import highlights, title, written
from plimsoll.preview.report.machine import connections_json
from plimsoll.preview.report.policies import policy_lines
from plimsoll.preview.report.terminal import ASKED, budget_lines, sums, warnings
from plimsoll.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from plimsoll.preview.comparison import Comparison
    from plimsoll.preview.difference import Difference, PropertyDifference, ResourceDifference
    from plimsoll.preview.plan import Value
    from plimsoll.preview.promises_difference import ConnectionsDifference, FlowDifference, MeasureDifference

STEPS: Final[dict[Step | None, tuple[str, str, str]]] = {
    Step.CREATE: ("+", "green", "to create"),
    Step.IMPORT: ("=", "cyan", "to import"),
    Step.READ: (">", "cyan", "to read"),
    Step.UPDATE: ("~", "yellow", "to change"),
    None: ("?", "yellow", "to change or replace"),
    Step.REPLACE: ("±", "bold red", "to replace"),
    Step.DELETE: ("-", "red", "to delete"),
    Step.SAME: (" ", "", "whose options change"),
}
"""What is shown of a step: its sign, its style, and its words after a count."""

_LONGEST: Final = 80
"""Characters of a value that are shown; `--json` has all of it."""


def report(comparison: Comparison) -> RenderableType:
    """Everything that a reviewer needs, as something Rich can print."""
    return Group(*_parts(comparison))


def _parts(comparison: Comparison) -> Iterator[RenderableType]:
    plan = comparison.plan
    yield Text.assemble(
        (plan.stack, "bold"),
        f" against {comparison.against}",
        (f" · {ASKED[plan.source]} · {comparison.seconds:.1f} s", "dim"),
    )
    yield from _budgets(comparison.flows)
    yield from _connections(comparison.connections)
    yield from cost_difference_lines(comparison.cost)
    yield from _changes(comparison.difference)
    yield from _outputs(comparison.difference)
    yield from policy_lines(plan)
    yield from _unknown(comparison)
    yield from warnings(plan)


# Promises ---------------------------------------------------------------------------------------------------


def _budgets(flows: tuple[FlowDifference, ...]) -> Iterator[RenderableType]:
    if not flows:
        return
    differing = sum(flow.differs for flow in flows)
    yield heading("BUDGETS", f"{differing} of {len(flows)} differ" if differing else "unchanged")
    lines = budget_lines([flow.promise for flow in flows])
    yield next(lines)
    for flow, line in zip(flows, lines, strict=True):
        if flow.after is None:
            yield Text.assemble(line, ("  no longer promised", "bold red"))
        elif flow.before is None:
            yield Text.assemble(line, ("  new", "green"))
        else:
            yield line
            yield from (_measure(one) for one in flow.measures)


def measure_words(one: MeasureDifference) -> tuple[str, str, str]:
    """Both numbers, and by how much what is allowed differs: `300ms`, `400ms`, ` by 33.3 %`."""
    before, after = (_number(one, text) for text in (one.before, one.after))
    if one.percent is None:
        return before, after, ""
    of = " of the errors allowed" if one.measure == "availability" else ""
    return before, after, f" by {abs(one.percent):.3g} %{of}"


def _measure(one: MeasureDifference) -> Text:
    style = "bold red" if one.verdict is Verdict.WEAKER else "green"
    before, after, amount = measure_words(one)
    return Text.assemble(f"      {one.measure}  {before} → {after}  ", (f"{one.verdict}{amount}", style))


def _number(one: MeasureDifference, text: str) -> str:
    return (f"{text} %" if one.measure == "availability" else text) if text else "none"


def _connections(connections: ConnectionsDifference) -> Iterator[RenderableType]:
    before, after = connections.before, connections.after
    if before is None and after is None:
        return
    yield heading("CONNECTIONS", "" if connections.differs else "unchanged")
    if after is None:
        yield Text("  nothing uses a database any more")
    elif isinstance(after, Undecided):
        yield Text(f"  cannot decide: unknown are {', '.join(after.missing)}", "yellow")
    else:
        yield sums(after)
        for one in after.sums if connections.differs else ():
            was, left = connections.headroom(one.side)
            if was is not None and left is not None and was != left:
                word, style = ("less", "yellow") if left < was else ("more", "green")
                yield Text(f"{'':<12}{was} left → {left} left: {abs(left - was)} {word}", style)


# Resources --------------------------------------------------------------------------------------------------


def _changes(difference: Difference) -> Iterator[RenderableType]:
    counts = difference.counts
    parts = [f"{counts[step]} {words}" for step, (_, _, words) in STEPS.items() if counts[step]]
    yield heading("CHANGES", ", ".join(parts) or "no resource changes")
    if not difference.changed:
        return
    root = difference.after.root
    tree = Tree(Text(f"{difference.after.project} {difference.after.stack}", "bold"), guide_style="dim")
    changed = {one.resource.urn: one for one in difference.changed}
    children = _family(difference, changed)
    if root is not None and root.urn in changed:
        _lines(tree, changed[root.urn])
    _grow(tree, root.urn if root else None, children, changed, difference)
    yield Padding(tree, (0, 0, 0, 2))


def _family(
    difference: Difference, changed: dict[str, ResourceDifference]
) -> dict[str | None, dict[str, None]]:
    """The children to show below each URN: what changes, and what leads to it."""
    after = difference.after
    root = after.root
    top = root.urn if root else None
    children: dict[str | None, dict[str, None]] = {}
    for one in changed.values():
        urn, parent = one.resource.urn, one.resource.parent
        while urn != top:
            # The parent of what is removed may be gone with it, or go by another name.
            known = parent is not None and (after.resource(parent) is not None or parent in changed)
            above = parent if known else top
            siblings = children.setdefault(above, {})
            if urn in siblings or above is None:
                siblings[urn] = None
                break
            siblings[urn] = None
            urn = above
            found = after.resource(urn) or (changed[urn].resource if urn in changed else None)
            parent = found.parent if found else None
    return children


def _grow(
    tree: Tree,
    urn: str | None,
    children: dict[str | None, dict[str, None]],
    changed: dict[str, ResourceDifference],
    difference: Difference,
) -> None:
    for child in children.get(urn, ()):
        one = changed.get(child)
        resource = one.resource if one else difference.after.resource(child)
        if resource is None:
            continue
        named = title(resource)
        line = Text(printable(resource.name), "bold" if resource.component else "")
        line.append(f"  {named}" if named != resource.name else "", "dim")
        if one is not None:
            line = _headline(one, line)
        branch = tree.add(line)
        if one is not None:
            _lines(branch, one)
        _grow(branch, child, children, changed, difference)


def _headline(one: ResourceDifference, named: Text) -> Text:
    sign, style, _ = STEPS[one.step]
    line = Text.assemble((f"{sign} ", style), named)
    if one.step is Step.CREATE and (values := highlights(one.resource)):
        line.append("  " + " · ".join(values))
    if one.step is Step.DELETE and one.resource.options.retain_on_delete:
        line.append("  kept in the cloud, forgotten here", "yellow")
    if one.step in {Step.DELETE, Step.REPLACE} and (one.before or one.resource).options.protect:
        line.append("  protected: the engine refuses", "bold red")
    if one.renamed_from:
        line.append(f"  was {printable(one.renamed_from.rpartition('::')[2])}", "cyan")
    if one.resource.source is not None and one.step is not Step.DELETE:
        line.append(f"  {one.resource.source}", "dim")
    return line


def _lines(branch: Tree, one: ResourceDifference) -> None:
    if one.before is None or one.after is None:
        return
    for change in one.properties:
        branch.add(_property(change, unknown=one.step is None))
    if one.provider_differs:
        branch.add(Text("its provider's configuration differs: may force a replacement", "yellow"))
    for option in one.options:
        before, after = (_short(value) for value in (option.before, option.after))
        branch.add(Text.assemble((f"option {option.name}  ", "dim"), f"{before} → {after}"))


def _property(change: PropertyDifference, *, unknown: bool) -> Text:
    line = Text(f"{printable(change.path)}  {_short(change.before)} → {_short(change.after)}")
    if change.ignored:
        line.append("  ignored (ignoreChanges)", "dim")
    elif change.replaces is True:
        line.append("  forces the replacement", "bold red")
    elif change.replaces is None and unknown:
        line.append("  may force a replacement", "yellow")
    return line


def _short(value: Value) -> str:
    text = "none" if value is None else written(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _unknown(comparison: Comparison) -> Iterator[RenderableType]:
    if not comparison.tells:
        return
    yield heading("NOT KNOWN OFFLINE", f"ask the engine: {comparison.tells}")
    if comparison.difference.undecided:
        types = ", ".join(comparison.difference.undecided)
        yield Text(f"  whether a change replaces: {types}", "yellow")
    if secrets := comparison.difference.secrets:
        yield Text(f"  whether {secrets} secret values are the same: they are in no plan", "yellow")
    for note in comparison.notes:
        yield Text(f"  {printable(note)}", "yellow")
    yield Text("  what exists already, and what a provider would add or refuse", "dim")


def _outputs(difference: Difference) -> Iterator[RenderableType]:
    if difference.outputs:
        yield heading("OUTPUTS", f"{len(difference.outputs)} differ")
    for one in difference.outputs:
        yield Padding(_property(one, unknown=False), (0, 0, 0, 2))


# For machines -----------------------------------------------------------------------------------------------


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as JSON-ready data, versioned by `schema`; values are as in a plan's JSON.

    A change's `step` is null where it is not known whether it is "update" or "replace".
    """
    plan, found = comparison.plan, comparison.difference
    return {
        "ok": True,
        "schema": SCHEMA_VERSION,
        "project": plan.project,
        "stack": plan.stack,
        "source": plan.source.value,
        "knowsState": plan.knows_state,
        "against": comparison.against,
        "seconds": round(comparison.seconds, 3),
        "budgets": {flow.promise.flow: _flow_json(flow) for flow in comparison.flows},
        "connections": {
            "before": connections_json(comparison.connections.before),
            "after": connections_json(comparison.connections.after),
            "differs": comparison.connections.differs,
        },
        "costFloor": cost_difference_json(comparison.cost),
        "counts": {
            **{"unknown" if step is None else step.value: count for step, count in found.counts.items()},
            "same": found.same,
        },
        "changes": [_change_json(one) for one in found.changed],
        "policies": policies_to_json(plan),
        "outputs": [
            {"path": one.path, "before": value_to_json(one.before), "after": value_to_json(one.after)}
            for one in found.outputs
        ],
        "unknown": {
            "replacements": list(found.undecided),
            "secrets": found.secrets,
            "notes": list(comparison.notes),
            "tells": comparison.tells or None,
        },
    }


def _flow_json(flow: FlowDifference) -> dict[str, Any]:
    sides = (("before", flow.before), ("after", flow.after))
    return {
        **{
            side: {
                "p95": promise.p95,
                "p99": promise.p99 or None,
                "availability": promise.availability,
                "critical": promise.critical,
            }
            if promise
            else None
            for side, promise in sides
        },
        "verdicts": sorted(flow.verdicts),
        "differences": [
            {
                "measure": one.measure,
                "before": one.before or None,
                "after": one.after or None,
                "verdict": one.verdict.value,
                "percent": None if one.percent is None else round(float(one.percent), 3),
            }
            for one in flow.measures
        ],
    }


def _change_json(one: ResourceDifference) -> dict[str, Any]:
    source = one.resource.source
    return {
        "urn": one.resource.urn,
        "type": one.resource.type,
        "name": one.resource.name,
        "step": None if one.step is None else one.step.value,
        "renamedFrom": one.renamed_from or None,
        "providerDiffers": one.provider_differs,
        "source": {"file": source.file, "line": source.line} if source else None,
        "properties": [
            {
                "path": change.path,
                "before": value_to_json(change.before),
                "after": value_to_json(change.after),
                "certain": change.certain,
                "replaces": change.replaces,
                "ignored": change.ignored,
            }
            for change in one.properties
        ],
        "options": [
            {"name": option.name, "before": option.before, "after": option.after} for option in one.options
        ],
    }
