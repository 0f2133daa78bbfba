"""What a rehearsal found, for a person and for a machine. Pure.

What would be lost comes first, in a frame that cannot be overlooked; then what changes, what policies say,
and whether the change settles; last who was asked, and what that is worth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from plimsoll.preview.plan import Step, value_to_json
from plimsoll.preview.report.highlights import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from plimsoll.preview.plan import PolicyViolation, Value
    from plimsoll.rehearse.changes import Change, Changes, PropertyChange
    from plimsoll.rehearse.outcome import Rehearsal

SCHEMA_VERSION: Final = 1
"""Raised when `to_json` changes in a way that an older reader would misread."""

_WORDS: Final = {
    Step.CREATE: ("+", "green", "to create"),
    Step.UPDATE: ("~", "yellow", "to update"),
    Step.REPLACE: ("±", "bold red", "to replace"),
    Step.DELETE: ("-", "red", "to delete"),
    Step.IMPORT: ("=", "cyan", "to import"),
}
_LONGEST: Final = 80
"""Characters of a value that are shown; `--json` has all of it."""


def report(rehearsal: Rehearsal) -> RenderableType:
    """Everything that a reader needs, as something Rich can print."""
    return Group(*_parts(rehearsal))


def _parts(rehearsal: Rehearsal) -> Iterator[RenderableType]:
    base = rehearsal.base
    origin = f"from {base.label} ({base.sha[:12]})" if base else "from nothing"
    yield Text.assemble(
        (rehearsal.environment, "bold"),
        (f" · {origin} to the working tree · Pulumi {rehearsal.engine} · {rehearsal.seconds:.1f} s", "dim"),
    )
    if rehearsal.changes.losses:
        yield Text()
        yield _losses(rehearsal.changes.losses)
    yield from _changes(rehearsal.changes)
    yield from _policies(rehearsal)
    yield from _settled(rehearsal)
    yield from _warnings(rehearsal)
    yield from _trust(rehearsal)


def _heading(text: str, note: str = "") -> Text:
    return Text.assemble("\n", (text, "bold"), (f"  {note}" if note else "", "dim"))


def _losses(losses: tuple[Change, ...]) -> Panel:
    lines: list[Text] = []
    for change in losses:
        lost = change.loses
        if lost is None:
            continue
        verb = "replaced" if change.step is Step.REPLACE else "deleted"
        guessed = ", by its name" if lost.guessed else ""
        type_ = change.type.rpartition(":")[2]
        lines.append(
            Text.assemble((change.name, "bold"), f"  {type_}, a {lost.kind}{guessed}, would be {verb}")
        )
        lines.append(Text(f"  it holds {lost.holds}", "dim"))
        lines += [Text(f"  because of {_property(one)}") for one in change.properties if one.replaces]
    return Panel(
        Group(*lines),
        title="[bold]WHAT WOULD BE LOST[/bold]",
        title_align="left",
        border_style="bold red",
        expand=False,
    )


def _changes(changes: Changes) -> Iterator[RenderableType]:
    parts = [f"{count} {_WORDS[step][2]}" for step, count in changes.counts.items()]
    yield _heading("CHANGES", ", ".join([*parts, f"{changes.same} unchanged"]))
    for change in changes.changed:
        sign, style, _ = _WORDS[change.step]
        held = (
            f"  held back by the protection of {_names(change.held_back_by)}" if change.held_back_by else ""
        )
        yield Text.assemble(
            f"  {sign} ", (change.name, "bold"), (f"  {change.type}", "dim"), (held, "magenta"), style=style
        )
        for one in change.properties:
            forced = ("  forces the replacement", "bold red") if one.replaces else ""
            yield Padding(Text.assemble(_property(one), forced), (0, 0, 0, 6))


def _names(urns: tuple[str, ...]) -> str:
    return ", ".join(urn.rpartition("::")[2] for urn in urns)


def _property(one: PropertyChange) -> str:
    return f"{one.path}: {_short(one.before)} → {_short(one.after)}"


def _short(value: Value) -> str:
    text = "none" if value is None else written(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _policies(rehearsal: Rehearsal) -> Iterator[RenderableType]:
    if not rehearsal.pack:
        yield _heading("POLICIES", "none: there is no policies/PulumiPolicy.yaml beside Pulumi.yaml")
        return
    count = len(rehearsal.violations)
    yield _heading("POLICIES", f"{count} violated" if count else "all hold")
    for violation in rehearsal.violations:
        name = violation.urn.rpartition("::")[2] or "the whole stack"
        style = "bold red" if violation.blocks else "yellow"
        level = "mandatory" if violation.blocks else violation.level
        yield Text.assemble("  ", (level, style), f"  {violation.policy}  ", (name, "bold"))
        yield Padding(Text(violation.message), (0, 0, 0, 6))


def _settled(rehearsal: Rehearsal) -> Iterator[RenderableType]:
    if rehearsal.refused:
        yield _heading("REFUSED", "nothing was changed")
        yield from (Padding(Text(f"• {one}", "bold red"), (0, 0, 0, 2)) for one in rehearsal.refused)
        return
    if rehearsal.failed:
        yield _heading("AFTERWARDS", "the preview promised it, and applying it failed half-way")
        yield from (Padding(Text(f"• {one}", "bold red"), (0, 0, 0, 2)) for one in rehearsal.failed)
        return
    left = rehearsal.left
    if left is None or left.changed:
        yield _heading("AFTERWARDS")
        yield Text("  a second preview is not empty: this change would never settle", "bold red")
        yield from _changes(left) if left else ()
        return
    applied = (
        "applied; a second preview is empty" if rehearsal.changes.changed else "there is nothing to apply"
    )
    yield _heading("AFTERWARDS", applied)
    if rehearsal.judgement.unproven:
        packages = ", ".join(rehearsal.judgement.unproven)
        yield Text(f"  unproven for {packages}: the real provider was not asked", "yellow")


def _warnings(rehearsal: Rehearsal) -> Iterator[RenderableType]:
    if rehearsal.warnings:
        yield _heading("WARNINGS")
    for said in rehearsal.warnings:
        yield Padding(Text(f"• {said}", "yellow"), (0, 0, 0, 2))


def _trust(rehearsal: Rehearsal) -> Iterator[RenderableType]:
    judgement = rehearsal.judgement
    yield _heading("WHO WAS ASKED", judgement.judge)
    if judgement.unchecked:
        yield Text(f"  inputs not checked, for want of an SDK: {', '.join(judgement.unchecked)}", "yellow")
    if judgement.unplanned:
        yield Text(
            f"  replacements not known, every change planned as an update: {', '.join(judgement.unplanned)}",
            "yellow",
        )
    yield from (Padding(Text(f"• {note}"), (0, 0, 0, 2)) for note in rehearsal.notes)
    if rehearsal.kept:
        yield _heading("KEPT", str(rehearsal.kept))


def to_json(rehearsal: Rehearsal) -> dict[str, Any]:
    """The rehearsal as JSON-ready data, versioned by `schema`; values are as in a plan's JSON."""
    base = rehearsal.base
    return {
        "ok": rehearsal.promising,
        "schema": SCHEMA_VERSION,
        "project": rehearsal.project,
        "environment": rehearsal.environment,
        "base": {"sha": base.sha, "label": base.label} if base else None,
        "engine": rehearsal.engine,
        "seconds": round(rehearsal.seconds, 3),
        **_changes_json(rehearsal.changes),
        "losses": [
            {
                "urn": change.urn,
                "step": change.step.value,
                "kind": lost.kind,
                "holds": lost.holds,
                "guessed": lost.guessed,
            }
            for change in rehearsal.changes.losses
            if (lost := change.loses)
        ],
        "policies": [_violation_json(one) for one in rehearsal.violations] if rehearsal.pack else None,
        "refused": list(rehearsal.refused),
        "failed": list(rehearsal.failed),
        "left": _changes_json(rehearsal.left) if rehearsal.left else None,
        "warnings": list(rehearsal.warnings),
        "judge": {
            "name": rehearsal.judgement.judge,
            "unproven": list(rehearsal.judgement.unproven),
            "unchecked": list(rehearsal.judgement.unchecked),
            "unplanned": list(rehearsal.judgement.unplanned),
        },
        "notes": list(rehearsal.notes),
        "kept": str(rehearsal.kept) if rehearsal.kept else None,
    }


def _changes_json(changes: Changes) -> dict[str, Any]:
    return {
        "counts": {**{step.value: count for step, count in changes.counts.items()}, "same": changes.same},
        "changes": [
            {
                "urn": change.urn,
                "type": change.type,
                "name": change.name,
                "step": change.step.value,
                "held_back_by": list(change.held_back_by),
                "properties": [
                    {
                        "path": one.path,
                        "before": value_to_json(one.before),
                        "after": value_to_json(one.after),
                        "replaces": one.replaces,
                    }
                    for one in change.properties
                ],
            }
            for change in changes.changed
        ],
    }


def _violation_json(violation: PolicyViolation) -> dict[str, Any]:
    return {
        "policy": violation.policy,
        "pack": violation.pack,
        "level": violation.level,
        "urn": violation.urn or None,
        "message": violation.message,
    }
