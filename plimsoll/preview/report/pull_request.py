"""One comment for a pull request: what it does to every environment. A pure function of plans.

The order is that of a reviewer's questions, and of what may not be overlooked: what would be lost, budgets,
policies; then, folded, connections, cost and every change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from plimsoll.cost import NOT_COUNTED, dollars, prices_of, signed
from plimsoll.preview.comparison import Comparison
from plimsoll.preview.floor import cost_floor
from plimsoll.preview.plan import Severity, Source, Step
from plimsoll.preview.promises import Undecided, connection_budget, promises
from plimsoll.preview.promises_difference import ConnectionsDifference, Verdict
from plimsoll.preview.report.changes import STEPS, measure_words
from plimsoll.preview.report.costs import floor_words
from plimsoll.preview.report.fitting import Block, Part, fit
from plimsoll.preview.report.headline import Failed, counted, headline, losses, plan_of, verdict
from plimsoll.preview.report.highlights import highlights, title, written
from plimsoll.preview.report.markup import LIMIT, code, framed, prose, row
from plimsoll.preview.stateful import stateful

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plimsoll.preview.difference import PropertyDifference, ResourceDifference
    from plimsoll.preview.plan import Plan, Value
    from plimsoll.preview.promises_difference import FlowDifference
    from plimsoll.preview.report.headline import Found

_PROPERTIES: Final = 10
"""Properties of one resource that are shown; the terminal's report and `--json` have all of them."""

_ASKED: Final = {
    Source.OFFLINE: "offline: the real program, no engine or provider asked",
    Source.ENGINE: "asked of the engine and the providers",
}


def document(parts: Sequence[Found], *, commit: str = "") -> str:
    """The comment's body: HTML in one block, at most `LIMIT` bytes, the same for the same input.

    `commit` is the one that the plans are of, "" where nobody knows.
    """
    before = f"<h3>{headline(parts)}</h3>"
    of = f"of commit {code(commit, 40)}" if commit else "of files in no commit"
    after = f"<p>Preview {of} · {code('plimsoll preview')} · edited in place</p>"
    frame = len(framed("").encode())
    return framed(fit(before, [_part(found) for found in parts], after, LIMIT - frame))


def _part(found: Found) -> Part:
    if isinstance(found, Failed):
        rows = tuple(f"<li>{prose(reason)}</li>" for reason in found.reasons)
        opening = f"<h4>{code(found.environment)}: no preview</h4>"
        return Part(opening, (Block(0, "<ul>", rows, "</ul>", "reasons"),))
    plan = plan_of(found)
    if isinstance(found, Comparison):
        if not found.difference.changed and not plan.diagnostics and verdict(found) == "no change":
            return Part(f"<h4>{code(plan.stack)}: no change</h4>\n<p>{_note(found)}</p>")
        blocks = (*_losses(found), *_flows(found.flows), *_policies(plan), *_connections(found.connections))
        blocks = (*blocks, *_cost(found), *_changes(found))
    else:
        unchanged = ConnectionsDifference(connection_budget(found), connection_budget(found))
        blocks = (*_policies(plan), *_promises(found), *_connections(unchanged), *_floor(found))
        blocks = (*blocks, *_resources(found))
    return Part(
        f"<h4>{code(plan.stack)}: {verdict(found)}</h4>\n<p>{_note(found)}</p>", (*blocks, *_warnings(plan))
    )


def _note(found: Comparison | Plan) -> str:
    asked = _ASKED[plan_of(found).source]
    if not isinstance(found, Comparison):
        return f"{asked} · what exists already is not known"
    against = f"against {code(found.against)} · {asked}"
    return f"{against} · for what that cannot know: {code(found.tells)}" if found.tells else against


# Never folded -----------------------------------------------------------------------------------------------


def _losses(found: Comparison) -> Iterator[Block]:
    rows = tuple(_loss(one) for one in losses(found))
    if rows:
        yield Block(0, "<p><b>What holds data</b></p>\n<ul>", rows, "</ul>", "that hold data")


def _loss(one: ResourceDifference) -> str:
    held = stateful(one.resource.type)
    kind, holds = (held.kind, held.holds) if held else ("", "")
    guessed = ", by its name" if held and held.guessed else ""
    fate = {
        Step.DELETE: "would be <b>deleted</b>",
        Step.REPLACE: "would be <b>replaced</b>",
        None: "<b>may be replaced</b>: offline nobody knows",
    }[one.step]
    because = [code(change.path) for change in one.properties if change.replaces is not False][:_PROPERTIES]
    options = one.resource.options
    notes = [f"because of {', '.join(because)}"] if because else []
    notes += ["protected: the engine refuses"] if one.step is not None and options.protect else []
    kept = one.step is Step.DELETE and options.retain_on_delete
    notes += ["kept in the cloud, forgotten here"] if kept else []
    what = f"{code(one.resource.name)}, a {kind}{guessed} ({prose(title(one.resource))})"
    return f"<li>⚠️ {what}, {fate}; it holds {holds}{''.join(f' · {note}' for note in notes)}</li>"


def _flows(flows: Sequence[FlowDifference]) -> Iterator[Block]:
    differing = [flow for flow in flows if flow.measures or flow.before is None or flow.after is None]
    if not differing:
        return
    same = len(flows) - len(differing)
    opening = _table(
        "Budgets" + (f" ({same} unchanged)" if same else ""), "flow", "what it is", "promise", ""
    )
    rows = tuple(line for flow in differing for line in _flow(flow))
    yield Block(1, opening, rows, "</table>", "lines of budgets")


def _flow(flow: FlowDifference) -> Iterator[str]:
    promise = flow.promise
    mark = " <b>critical</b>" if promise.critical else ""
    named = (f"{code(promise.flow)}{mark}", code(promise.label) if promise.label else "")
    if flow.before is None or flow.after is None:
        said = "new" if flow.before is None else "⚠️ <b>no longer promised</b>"
        numbers = f"p95 {code(promise.p95)}, availability {code(f'{promise.availability} %')}"
        yield row(*named, numbers, said)
        return
    for one in flow.measures:
        before, after, amount = measure_words(one)
        weaker = one.verdict is Verdict.WEAKER
        said = f"⚠️ <b>{one.verdict}{amount}</b>" if weaker else f"{one.verdict}{amount}"
        yield row(*named, f"{one.measure} {code(before)} → {code(after)}", said)


def _policies(plan: Plan) -> Iterator[Block]:
    """Mandatory ones first, as the results have them."""
    if plan.policies is None or not plan.policies.violations:
        return
    found = plan.policies.violations
    for blocks, caption in ((True, "Policies violated"), (False, "Advice of policies")):
        rows = tuple(
            row(
                f"{'⚠️ ' if blocks else ''}{code(one.policy)}",
                _place(plan, one.urn),
                prose(one.message),
            )
            for one in found
            if one.blocks is blocks
        )
        if rows:
            opening = _table(
                f"{caption}: {len(rows)}, of {plan.policies.asked} policies asked", "policy", "where", "what"
            )
            yield Block(0 if blocks else 1, opening, rows, "</table>", "violations of policies")


def _place(plan: Plan, urn: str) -> str:
    resource = plan.resource(urn)
    if resource is None or resource is plan.root:
        return "the whole stack"
    return f"{code(resource.name)} {code(str(resource.source)) if resource.source else ''}".strip()


# Folded -----------------------------------------------------------------------------------------------------


def _promises(plan: Plan) -> Iterator[Block]:
    rows = tuple(
        row(code(one.flow), code(one.label), code(one.p95), code(f"{one.availability} %"))
        for one in promises(plan)
    )
    if rows:
        opening = _folded(counted(len(rows), "budget"), "flow", "what it is", "p95", "availability")
        yield Block(1, opening, rows, "</table>\n</details>", "budgets")


def _connections(connections: ConnectionsDifference) -> Iterator[Block]:
    after = connections.after
    if after is None and connections.before is None:
        return
    if after is None:
        yield Block(2, "<p>Connections: nothing uses a database any more</p>", (), "", "")
        return
    if isinstance(after, Undecided):
        rows = tuple(f"<li>{code(gap)}</li>" for gap in after.missing)
        yield Block(
            2, _fold("Connections: cannot decide, for what is unknown") + "<ul>", rows, _UNFOLD, "unknowns"
        )
        return
    verdicts = [
        f"{one.used} of {one.usable} usable on the side of {one.side}, "
        + (f"⚠️ <b>over by {one.over}</b>" if one.over else "fits")
        for one in after.sums
    ]
    changed = "" if connections.differs else ", unchanged"
    opening = _folded(f"Connections: {'; '.join(verdicts)}{changed}", "side", "sum", "left")
    rows: list[str] = []
    for one in after.sums:
        was, left = connections.headroom(one.side)
        words = f"{left}" if was in {None, left} else f"{was} → {left}"
        rows += [row(code(one.side), code(" · ".join(after.terms(one)), 400), words)]
        rows += [row("", f"advised: {one.peak} of {one.advised}, in a rollout during a spike", "")]
    yield Block(2, opening, tuple(rows), "</table>\n</details>", "lines of connections")


def _cost(found: Comparison) -> Iterator[Block]:
    cost = found.cost
    if cost.before is None and cost.after is None:
        return
    if isinstance(cost.after, Undecided) or isinstance(cost.before, Undecided):
        yield from _undecided_cost(cost.before, cost.after)
        return
    floor = code(floor_words(cost.after))
    if not cost.differs:
        yield Block(2, f"<p>Cost floor: {floor}, unchanged</p>", (), "", "")
        return
    rows = [row(code(one.owner), code(signed(one.usd)), code(one.why, 300)) for one in cost.owners]
    rows += [row(code(one.owner), "", code(one.why, 300)) for one in cost.unpriced]
    by = "no price for what differs" if cost.usd is None else f"<b>{code(signed(cost.usd))}</b>"
    yield _cost_block(f"Cost floor: {floor}, {by}, idle", rows)


def _floor(plan: Plan) -> Iterator[Block]:
    floor = cost_floor(plan)
    if isinstance(floor, Undecided):
        yield from _undecided_cost(floor)
    elif floor is not None:
        rows = [row(code(item.owner), code(dollars(item.usd)), code(item.what)) for item in floor.items]
        rows += [row(code(one.owner), "", code(one.why, 300)) for one in floor.unpriced]
        yield _cost_block(f"Cost floor: {code(floor_words(floor))}, idle", rows)


def _cost_block(said: str, rows: Sequence[str]) -> Block:
    opening = _folded(f"{said}, at list prices of {prices_of()}", "of", "a month", "because of")
    closing = f"</table>\n<p>Not counted: {', '.join(NOT_COUNTED)}</p>\n</details>"
    return Block(2, opening, tuple(rows), closing, "lines of cost")


def _undecided_cost(*sides: object) -> Iterator[Block]:
    missing = dict.fromkeys(gap for side in sides if isinstance(side, Undecided) for gap in side.missing)
    rows = tuple(f"<li>{code(gap)}</li>" for gap in missing)
    yield Block(
        2, _fold("Cost floor: cannot decide, for what is unknown") + "<ul>", rows, _UNFOLD, "unknowns"
    )


def _changes(found: Comparison) -> Iterator[Block]:
    changed = found.difference.changed
    if not changed:
        return
    counts = found.difference.counts
    said = [f"{counts[step]} {words}" for step, (_, _, words) in STEPS.items() if counts[step]]
    opening = _folded(f"Changes: {', '.join(said) or 'of components alone'}", "", "resource", "what", "where")
    # What is deleted or replaced stands first, so that it is the last to be left out.
    order = (Step.DELETE, Step.REPLACE, None)
    first = sorted(changed, key=lambda one: order.index(one.step) if one.step in order else len(order))
    yield Block(3, opening, tuple(map(_change, first)), "</table>\n</details>", "changes")


def _change(one: ResourceDifference) -> str:
    sign, _, words = STEPS[one.step]
    resource = one.resource
    notes = [words.removeprefix("to ").removeprefix("whose ")]
    notes += [f"was {code(one.renamed_from.rpartition('::')[2])}"] if one.renamed_from else []
    notes += [code(value) for value in highlights(resource)] if one.step is Step.CREATE else []
    place = code(str(resource.source)) if resource.source and one.step is not Step.DELETE else ""
    lines = [row(sign.strip(), f"{code(resource.name)} {prose(title(resource))}", " · ".join(notes), place)]
    if one.before is not None and one.after is not None:
        properties = one.properties[:_PROPERTIES]
        lines += [
            row("", code(change.path), _becomes(change), _forces(change, one.step)) for change in properties
        ]
        more = len(one.properties) - len(properties)
        lines += [row("", f"{more} more properties", "", "")] if more else []
        lines += [
            row("", f"option {code(option.name)}", _values(option.before, option.after), "")
            for option in one.options[:_PROPERTIES]
        ]
    return "\n".join(lines)


def _becomes(change: PropertyDifference) -> str:
    return _values(change.before, change.after)


def _values(before: Value, after: Value) -> str:
    return " → ".join("none" if value is None else code(written(value)) for value in (before, after))


def _forces(change: PropertyDifference, step: Step | None) -> str:
    if change.ignored:
        return "ignored"
    if change.replaces is True:
        return "<b>forces the replacement</b>"
    return "may force a replacement" if change.replaces is None and step is None else ""


def _resources(plan: Plan) -> Iterator[Block]:
    managed = [one for one in plan.resources if one.custom]
    opening = _folded(counted(len(managed), "resource"), "resource", "what")
    rows = tuple(
        row(f"{code(one.name)} {prose(title(one))}", " · ".join(map(code, highlights(one))))
        for one in managed
    )
    yield Block(3, opening, rows, "</table>\n</details>", "resources")


def _warnings(plan: Plan) -> Iterator[Block]:
    rows = tuple(
        f"<li>{prose(said.message)}</li>" for said in plan.diagnostics if said.severity is not Severity.INFO
    )
    if rows:
        yield Block(2, _fold(counted(len(rows), "warning")) + "<ul>", rows, _UNFOLD, "warnings")


_UNFOLD: Final = "</ul>\n</details>"


def _fold(summary: str) -> str:
    return f"<details><summary>{summary}</summary>\n"


def _folded(summary: str, *heads: str) -> str:
    return f"{_fold(summary)}<table>\n{row(*heads, tag='th')}"


def _table(caption: str, *heads: str) -> str:
    return f"<p><b>{caption}</b></p>\n<table>\n{row(*heads, tag='th')}"
