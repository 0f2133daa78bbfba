"""What a killed `up` leaves behind, and how it is cleared: a lock, pending operations, a damaged state.

A killed engine leaves its lock and the operations that it was at. Told to end (SIGTERM) it finishes them and
leaves nothing; told twice it leaves the operations and no lock. Nothing here looks into a cloud but the
engine's own refresh.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plimsoll.engine import cache
from plimsoll.engine.checkpoint import Damage, file_backend, find_damage, write_state
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.locks import Holder, Lock, explain, holder, parse_locks, read_locks
from plimsoll.engine.run import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plimsoll.engine.run import Engine, Ran

_NOBODY: Final = "urn:pulumi:{stack}::{project}::plimsoll:recover:Nobody::nobody"
_NO_SUCH_TARGET: Final = "no resource named"
_IN_PROGRESS: Final = "Another update is currently in progress"
"""What Pulumi Cloud says, which has leases and no locks of a process."""

FATES: Final = {
    "creating": (
        "may exist in the cloud, and the state does not know it. Look for it there: if it exists, take it in "
        "with --import {name}=ID; if not, the next `pulumi up` creates it"
    ),
    "updating": "may have changed: the refresh reads what it is now, and the next `pulumi up` finishes it",
    "deleting": "may be gone: the refresh finds out, and the next `pulumi up` finishes it",
    "reading": "was only read: nothing is to be done",
    "importing": "was only read: the next `pulumi up` imports it again",
}
"""What becomes of a resource, by what was being done to it (`apitype.OperationType`)."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An operation that was begun, and of which nobody knows how it ended.

    `doing` is the engine's word (creating, updating, …). `provider` is the URN of an explicit one, `version`
    that of a default one's package; "" where there is none.
    """

    doing: str
    urn: str
    type: str
    parent: str = ""
    provider: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def fate(self) -> str:
        """What becomes of it, as the end of a sentence that begins with its name."""
        return FATES.get(self.doing, "is in a state that only the cloud knows").format(name=self.name)


@dataclass(frozen=True, slots=True)
class Condition:
    """How a stack was found. `backend` is its URL; `resources` counts what the state knows."""

    project: str
    stack: str
    backend: str
    locks: tuple[Lock, ...]
    pending: tuple[Pending, ...]
    damage: Damage | None
    resources: int

    @property
    def sound(self) -> bool:
        """Whether there is nothing to recover from."""
        return not (self.locks or self.pending or self.damage)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done. `copies` are what the state was before, `done` says each step."""

    copies: tuple[Path, ...]
    done: tuple[str, ...]


def pending_of(deployment: Mapping[str, Any]) -> tuple[Pending, ...]:
    """The pending operations of an exported deployment (`pulumi stack export`)."""
    versions = {
        resource["urn"]: (resource.get("inputs") or {}).get("version", "")
        for resource in deployment.get("resources") or ()
    }
    found = []
    for operation in deployment.get("pending_operations") or ():
        resource = operation["resource"]
        provider = resource.get("provider", "").rpartition("::")[0]
        default = provider.rpartition("::")[2].startswith("default")
        found.append(
            Pending(
                operation["type"],
                resource["urn"],
                resource["type"],
                resource.get("parent", ""),
                "" if default else provider,
                str(versions.get(provider, "")) if default else "",
            )
        )
    return tuple(found)


def examine(engine: Engine, project: str, stack: str, *, cwd: Path) -> Condition:
    """Look at a stack in the backend that the engine is logged in to; nothing is changed.

    Raises EngineError where there is no such stack or nobody can tell.
    """
    backend = json.loads(engine.require(["whoami", "--json", "--verbose"], cwd=cwd).stdout)["url"]
    folder = file_backend(backend, cwd)
    exported = engine.run(["stack", "export", "--stack", stack], cwd=cwd)
    damage, deployment = None, {}
    if exported.exit_code == ExitCode.DONE:
        deployment = json.loads(exported.stdout).get("deployment") or {}
    else:
        error = exported.failure()
        if error is None or exported.exit_code == ExitCode.NO_SUCH_STACK:
            raise _no_such_stack(stack, backend)
        said = error.message.partition(": ")[2]
        damage = find_damage(said, backend, folder, project, stack)
        if damage is None:
            raise error
    if folder is not None:
        locks = read_locks(folder, project, stack)
    else:
        locks = () if damage else ask_for_locks(engine, project, stack, cwd=cwd)
    resources = len(deployment.get("resources") or ())
    return Condition(project, stack, backend, locks, pending_of(deployment), damage, resources)


def _no_such_stack(stack: str, backend: str) -> EngineError:
    return EngineError(
        Failure.FAILED,
        f"there is no stack {stack} in {backend}",
        "`pulumi stack ls --all` lists those that are there; for another backend, `pulumi login URL` or "
        "PULUMI_BACKEND_URL=URL",
    )


def ask_for_locks(engine: Engine, project: str, stack: str, *, cwd: Path) -> tuple[Lock, ...]:
    """The locks of a stack in any backend, from the engine's words.

    Only what wants the lock is told who has it. So the engine is asked to refresh one resource that does not
    exist: it takes the lock, finds nobody, and lets go again.
    """
    nobody = _NOBODY.format(stack=stack, project=project)
    ran = engine.run(["refresh", "--yes", "--skip-preview", "--stack", stack, "--target", nobody], cwd=cwd)
    said = ran.stdout + ran.stderr + "".join(one.message for one in ran.diagnostics)
    if locks := parse_locks(said):
        return locks
    if _IN_PROGRESS in said:
        return (Lock(0, "", "", None, "Pulumi Cloud"),)
    if _NO_SUCH_TARGET not in said and (error := ran.failure()) is not None:
        raise error
    return ()


def refusal(condition: Condition, imports: Mapping[str, str], reason: str) -> EngineError | None:
    """Why a stack must not be recovered like this, if so. A living holder is never overruled.

    `imports` are ids by the names of pending creates, `reason` why somebody is sure that a holder on another
    machine has ended ("" where nobody is).
    """
    for lock in condition.locks:
        fate = holder(lock)
        if fate is Holder.ALIVE:
            return EngineError(
                Failure.LOCKED,
                f"{condition.stack} is {explain(lock)}",
                "wait until it has ended. If it hangs, end it as Ctrl-C does (kill -INT "
                f"{lock.pid}), so that it can write its state, and look again",
            )
        if fate is Holder.ELSEWHERE and not reason:
            return EngineError(
                Failure.LOCKED,
                f"{condition.stack} is {explain(lock)}" if lock.pid else explain(lock),
                "look there. Once you know that it has ended, say how you know: "
                "--force 'the runner was shut down'",
            )
    creating = [one for one in condition.pending if one.doing == "creating"]
    for name in imports:
        if [one.name for one in creating].count(name) != 1:
            known = ", ".join(one.name for one in creating) or "none"
            return EngineError(
                Failure.FAILED,
                f"--import {name}: no create of that name was interrupted, or more than one",
                f"name one of these: {known}",
            )
    if condition.damage is not None and condition.damage.good is None:
        return EngineError(Failure.CORRUPT, condition.damage.why, condition.damage.remedy)
    return None


def recover(
    engine: Engine,
    condition: Condition,
    *,
    cwd: Path,
    imports: Mapping[str, str],
    reason: str = "",
    on_progress: Callable[[str], None] = lambda _: None,
) -> Recovered:
    """Clear what `condition` says, the state copied first. Raises EngineError, with the copies named.

    A damaged state comes back from the last good one; then the lock goes, creates that are known to exist
    are imported, and a refresh clears the rest.
    """
    if (error := refusal(condition, imports, reason)) is not None:
        raise error
    copies: list[Path] = []
    done: list[str] = []

    def say(step: str) -> None:
        done.append(step)
        on_progress(step)

    stack = ("--stack", condition.stack)
    try:
        if condition.damage is not None:
            kept = _keep_aside(condition.damage)
            copies.append(kept)
            say(f"kept the damaged state as {kept}")
            write_state(condition.damage)
            say(f"brought back {condition.damage.good}")
            condition = examine(engine, condition.project, condition.stack, cwd=cwd)
        copy = _copy(engine, condition, reason, cwd)
        copies.append(copy)
        say(f"copied the state to {copy}")
        if condition.locks:
            _still_held(condition, cwd)
            engine.require(["cancel", "--yes", *stack], cwd=cwd)
            say("took the lock away")
        if imports:
            _import(engine, condition, imports, cwd)
            say(f"imported {', '.join(imports)}")
        if condition.pending:
            engine.require(["refresh", "--yes", "--skip-preview", "--clear-pending-creates", *stack], cwd=cwd)
            say("refreshed the state, and cleared what was pending")
    except EngineError as error:
        where = f". The state as it was: {', '.join(map(str, copies))}" if copies else ""
        raise EngineError(error.failure, error.message + where, error.remedy) from None
    return Recovered(tuple(copies), tuple(done))


def _still_held(condition: Condition, cwd: Path) -> None:
    """`pulumi cancel` takes away every lock: see that no other one has come, where that can be seen."""
    folder = file_backend(condition.backend, cwd)
    if folder is not None and read_locks(folder, condition.project, condition.stack) != condition.locks:
        raise EngineError(
            Failure.LOCKED, f"who holds {condition.stack} has changed meanwhile", "look again, without --yes"
        )


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"


def _keep_aside(damage: Damage) -> Path:
    if damage.file is None:
        raise AssertionError("refused before")
    kept = damage.file.with_name(f"{damage.file.name}.damaged-{_now()}")
    shutil.copy2(damage.file, kept)
    return kept


def _copy(engine: Engine, condition: Condition, reason: str, cwd: Path) -> Path:
    """Export the state, its secrets encrypted, and write beside it why it was recovered."""
    folder = cache.home() / "states" / condition.project
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    copy = folder / f"{condition.stack}-{_now()}.json"
    exported = engine.require(["stack", "export", "--stack", condition.stack], cwd=cwd)
    _write_private(copy, exported.stdout)
    note = {
        "backend": condition.backend,
        "reason": reason,
        "locks": [explain(lock) for lock in condition.locks],
        "pending": [asdict(one) for one in condition.pending],
    }
    _write_private(copy.with_suffix(".note.json"), json.dumps(note, indent=2) + "\n")
    return copy


def _write_private(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)


def _import(engine: Engine, condition: Condition, imports: Mapping[str, str], cwd: Path) -> Ran:
    """Import pending creates.

    By `pulumi import`: the engine's own `refresh --import-pending-creates` (3.259) takes the ids, drops the
    operations, and imports nothing.
    """
    table: dict[str, str] = {}
    resources = []
    for one in condition.pending:
        if one.doing != "creating" or one.name not in imports:
            continue
        told = {"type": one.type, "name": one.name, "id": imports[one.name], "version": one.version}
        for relation, urn in (("parent", one.parent), ("provider", one.provider)):
            if urn and "pulumi:pulumi:Stack" not in urn.split("::")[2:3]:
                key = f"{relation}-{len(table)}"
                table[key] = urn
                told[relation] = key
        resources.append({name: value for name, value in told.items() if value})
    with tempfile.TemporaryDirectory(prefix="plimsoll-recover-") as folder:
        file = Path(folder) / "import.json"
        file.write_text(json.dumps({"nameTable": table, "resources": resources}), "utf-8")
        options = ("--yes", "--skip-preview", "--generate-code=false", "--protect=false")
        return engine.require(["import", "--file", str(file), *options, "--stack", condition.stack], cwd=cwd)
