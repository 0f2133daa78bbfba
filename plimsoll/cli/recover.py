"""`plimsoll recover`: what a killed update left behind, explained and cleared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Group
from rich.text import Text

from plimsoll.cli.output import Exit, console, print_json, refuse, show
from plimsoll.engine.errors import EngineError
from plimsoll.engine.find import find
from plimsoll.engine.locks import Holder, explain, holder
from plimsoll.engine.recovery import examine, recover
from plimsoll.engine.run import Engine, Workspace
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.explain import nearest
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plimsoll.engine.recovery import Condition, Recovered
    from plimsoll.settings.project import Project


def run(
    environment: str, *, imports: Sequence[str], yes: bool, reason: str, as_json: bool, folder: Path | None
) -> None:
    """Explain; with `yes` clear it too. Exit code 1 where something is left to recover from."""
    try:
        project = find_project(folder or Path.cwd())
        project.stack_file(environment)
        _known(project, environment)
        ids = _ids(imports)
        if ids and not yes:
            raise _wrong_import("--import is of no use without --yes", "look first, then add --yes")
        # The engine of whoever runs this, and their backend, login and providers.
        engine, cwd = Engine(find(), Workspace()), project.file.parent.absolute()
        condition = examine(engine, project.name, environment, cwd=cwd)
        recovered = None
        if yes and (ids or not condition.sound):
            err = console(stderr=True)
            say = (lambda _: None) if as_json else err.print
            recovered = recover(engine, condition, cwd=cwd, imports=ids, reason=reason, on_progress=say)
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)
    except EngineError as error:
        fault = Fault(error.message, rule=f"engine/{error.failure.value}", remedy=error.remedy or None)
        refuse([fault], as_json=as_json)
    if as_json:
        print_json(_json(condition, recovered))
    else:
        show(Group(*(_cleared(condition) if recovered else _told(condition))))
    raise typer.Exit(Exit.DONE if condition.sound or recovered else Exit.BROKEN)


def _ids(imports: Sequence[str]) -> dict[str, str]:
    ids: dict[str, str] = {}
    for written in imports:
        name, equals, id_ = written.partition("=")
        if not (name and equals and id_) or name in ids:
            raise _wrong_import(
                f"--import {written} is no NAME=ID, or its name is given twice",
                "write its name in the program and its id in the cloud: --import api=ID",
            )
        ids[name] = id_
    return ids


def _wrong_import(message: str, remedy: str) -> SettingsError:
    return SettingsError([Fault(message, rule="recover/import", remedy=remedy)])


def _known(project: Project, environment: str) -> None:
    """Refuse a name that no stack file has, where there are any: nobody need be logged in to be told."""
    stacks = list(project.stacks())
    if stacks and environment not in stacks:
        remedy = nearest(environment, stacks) or f"known here: {', '.join(stacks)}"
        message = f"the stack {environment} has no file"
        raise SettingsError([Fault(message, rule="recover/environment", remedy=remedy)])


def _told(condition: Condition) -> Iterator[Text]:
    yield Text.assemble((condition.stack, "bold"), (f" · {condition.backend}", "dim"))
    if condition.sound:
        yield Text(
            f"nothing to recover from: no lock, nothing pending, and the state of {condition.resources} "
            "resources reads well"
        )
        return
    for lock in condition.locks:
        yield Text.assemble("\n", ("LOCK", "bold"), f"  {explain(lock)}")
        yield Text(f"  {lock.where}", "dim")
    if condition.pending:
        yield Text.assemble("\n", ("PENDING", "bold"), ("  begun, and nobody knows how it ended", "dim"))
    for one in condition.pending:
        yield Text.assemble(f"  {one.doing} ", (one.name, "bold"), (f"  {one.type}", "dim"))
        yield Text(f"      it {one.fate}")
    if condition.damage is not None:
        yield Text.assemble("\n", ("STATE", "bold"), f"  {condition.damage.why}")
        if condition.damage.good is not None:
            yield Text(
                f"      the last good one is of {condition.damage.good_since}: {condition.damage.good}"
            )
        yield Text(f"      → {condition.damage.remedy}")
    if condition.damage is not None and not condition.damage.mendable:
        return
    reason = ""
    if any(holder(lock) is Holder.ELSEWHERE for lock in condition.locks):
        reason = " --force REASON"
        yield Text("\nOnce you know that whoever holds it has ended, say how you know: --force 'REASON'")
    command = f"plimsoll recover {condition.stack} --yes{reason}"
    yield Text(f"\n→ {command}   copies the state first, and clears this")


def _cleared(condition: Condition) -> Iterator[Text]:
    yield Text(f"{condition.stack} is clear: go on with pulumi up --stack {condition.stack}")
    for one in condition.pending:
        # Of a create it was said what became of it, when it did.
        if one.doing != "creating":
            yield Text(f"  {one.name} {one.fate}", "dim")


def _json(condition: Condition, recovered: Recovered | None) -> dict[str, object]:
    damage = condition.damage
    return {
        "ok": condition.sound or recovered is not None,
        "stack": condition.stack,
        "backend": condition.backend,
        "resources": condition.resources,
        "locks": [
            {
                "pid": lock.pid,
                "user": lock.user,
                "host": lock.host,
                "since": lock.since.isoformat() if lock.since else None,
                "holder": holder(lock).value,
                "where": lock.where,
            }
            for lock in condition.locks
        ],
        "pending": [
            {"doing": one.doing, "urn": one.urn, "type": one.type, "name": one.name, "fate": one.fate}
            for one in condition.pending
        ],
        "damage": None
        if damage is None
        else {
            "why": damage.why,
            "file": str(damage.file) if damage.file else None,
            "good": str(damage.good) if damage.good else None,
            "remedy": damage.remedy,
        },
        "copies": [str(copy) for copy in recovered.copies] if recovered else [],
        "done": list(recovered.done) if recovered else [],
    }
