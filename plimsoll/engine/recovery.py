"""What a killed `up` leaves behind, and how it is cleared: a lock, pending operations, a damaged state.

A killed engine leaves its lock and the operations that it was at. Told to end (SIGTERM) it finishes them and
leaves nothing; told twice it leaves the operations and no lock. Nothing here looks into a cloud but the
engine's own refresh.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plimsoll.engine import cache
from plimsoll.engine.checkpoint import Damage, emptied, file_backend, find_damage, mend
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.locks import Holder, Lock, explain, holder, parse_locks, read_locks
from plimsoll.engine.run import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from plimsoll.engine.run import Engine, Ran

_NOBODY: Final = "urn:pulumi:{stack}::{project}::plimsoll:recover:Nobody::nobody"
_NO_SUCH_TARGET: Final = "no resource named"
_IN_PROGRESS: Final = "Another update is currently in progress"
"""What Pulumi Cloud says, which has leases and no locks of a process."""

FATES: Final = {
    "creating": (
        "may exist in the cloud, and the state does not know it. Look for it there: if it exists, take it in "
        "with --import {name}=ID, or the next `pulumi up` is told that it exists (409); if not, that one "
        "creates it"
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
    """How a stack was found. `backend` is its URL; `resources` counts what the state knows.

    `cleared` are creates that were cleared earlier from this machine, and that the state still does not know.
    """

    project: str
    stack: str
    backend: str
    locks: tuple[Lock, ...]
    pending: tuple[Pending, ...]
    damage: Damage | None
    resources: int
    cleared: tuple[Pending, ...] = ()

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
    backend = _backend(engine, stack, cwd)
    folder = file_backend(backend, cwd)
    exported = engine.run(["stack", "export", "--stack", stack], cwd=cwd)
    deployment, said = {}, ""
    error: EngineError | None = None
    if exported.exit_code == ExitCode.DONE:
        deployment = json.loads(exported.stdout).get("deployment") or {}
    else:
        error = exported.failure()
        if error is None or exported.exit_code == ExitCode.NO_SUCH_STACK:
            raise _no_such_stack(stack, backend)
        said = error.message.partition(": ")[2]
    damage = find_damage(said, backend, folder, project, stack)
    if damage is None and error is not None:
        raise error
    resources = deployment.get("resources") or ()
    if folder is not None:
        locks = read_locks(folder, project, stack)
    else:
        locks = () if damage else ask_for_locks(engine, project, stack, cwd=cwd)
        if not damage and not resources:
            damage = emptied(_history(engine, stack, cwd), backend, project, stack)
    return Condition(
        project,
        stack,
        backend,
        locks,
        pending_of(deployment),
        damage,
        len(resources),
        _cleared(project, stack, backend, {one["urn"] for one in resources}),
    )


def _backend(engine: Engine, stack: str, cwd: Path) -> str:
    """The URL of the backend that the engine is logged in to. Raises EngineError where it is to none."""
    asked = engine.run(["whoami", "--json", "--verbose"], cwd=cwd)
    if (error := asked.failure()) is not None:
        raise EngineError(
            Failure.FAILED,
            f"the backend that has the state of {stack} cannot be asked: {error.message}",
            "log in where the state is (pulumi login gs://BUCKET, or file://FOLDER), or say it: "
            "PULUMI_BACKEND_URL=gs://BUCKET",
        )
    return str(json.loads(asked.stdout)["url"])


def _history(engine: Engine, stack: str, cwd: Path) -> list[dict[str, Any]]:
    asked = engine.run(
        ["stack", "history", "--json", "--page-size", "1", "--page", "1", "--stack", stack], cwd=cwd
    )
    try:
        told = json.loads(asked.stdout)
    except ValueError:
        return []  # without one, nobody can tell
    return told if isinstance(told, list) else []


def _cleared(project: str, stack: str, backend: str, known: AbstractSet[str]) -> tuple[Pending, ...]:
    """The creates that recoveries before this one cleared, by the notes beside their copies; newest first."""
    found: dict[str, Pending] = {}
    for file in sorted((cache.home() / "states" / project).glob(f"{stack}-*.note.json"), reverse=True):
        try:
            note = json.loads(file.read_bytes())
            pending = [Pending(**one) for one in note["pending"]] if note["backend"] == backend else []
        except (OSError, ValueError, KeyError, TypeError):
            continue  # another version's: nothing depends on it
        for one in pending:
            if one.doing == "creating" and one.urn not in known:
                found.setdefault(one.urn, one)
    return tuple(found.values())


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
    creating = importable(condition)
    for name, id_ in imports.items():
        if [one.name for one in creating].count(name) != 1:
            if creating:
                remedy = f"name one of these: {', '.join(one.name for one in creating)}"
            else:
                remedy = (
                    "leave it out; the engine itself takes in whatever exists: "
                    f"pulumi import TYPE {shlex.quote(name)} {shlex.quote(id_)} --stack {condition.stack}"
                )
            return EngineError(
                Failure.FAILED,
                f"--import {name}: no create of that name was interrupted, or more than one",
                remedy,
            )
    if condition.damage is not None and not condition.damage.mendable:
        return EngineError(Failure.CORRUPT, condition.damage.why, condition.damage.remedy)
    return None


def importable(condition: Condition) -> tuple[Pending, ...]:
    """The interrupted creates that can be imported: what is pending, and what was cleared before."""
    creating = [one for one in condition.pending if one.doing == "creating"]
    urns = {one.urn for one in creating}
    return (*creating, *(one for one in condition.cleared if one.urn not in urns))


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
        while (damage := condition.damage) is not None:
            copies.append(mend(damage))
            say(f"kept {copies[-1].name} aside, in {copies[-1].parent}")
            say(f"brought back {damage.good}" if damage.good else "the engine does without it")
            condition = _look_again(engine, condition, imports, reason, cwd)
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
        for name in _left_out(condition, imports):
            say(
                f"leaving {name} out: if it exists, the next `pulumi up` is told so (409), and "
                f"`plimsoll recover {condition.stack} --yes --import {name}=ID` still takes it in"
            )
        if condition.pending:
            engine.require(["refresh", "--yes", "--skip-preview", "--clear-pending-creates", *stack], cwd=cwd)
            say("refreshed the state, and cleared what was pending")
    except EngineError as error:
        where = f". The state as it was: {', '.join(map(str, copies))}" if copies else ""
        raise EngineError(error.failure, error.message + where, error.remedy) from None
    return Recovered(tuple(copies), tuple(done))


def _look_again(
    engine: Engine, condition: Condition, imports: Mapping[str, str], reason: str, cwd: Path
) -> Condition:
    """What is left once one damage is mended. Raises EngineError where it must not go on."""
    found = examine(engine, condition.project, condition.stack, cwd=cwd)
    if (error := refusal(found, imports, reason)) is not None:
        raise error
    return found


def _left_out(condition: Condition, imports: Mapping[str, str]) -> list[str]:
    """The names of pending creates that are cleared without an import."""
    return [one.name for one in condition.pending if one.doing == "creating" and one.name not in imports]


def _still_held(condition: Condition, cwd: Path) -> None:
    """`pulumi cancel` takes away every lock: see that no other one has come, where that can be seen."""
    folder = file_backend(condition.backend, cwd)
    if folder is not None and read_locks(folder, condition.project, condition.stack) != condition.locks:
        raise EngineError(
            Failure.LOCKED, f"who holds {condition.stack} has changed meanwhile", "look again, without --yes"
        )


def _now() -> str:
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"


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
    """Import interrupted creates.

    By `pulumi import`: the engine's own `refresh --import-pending-creates` (3.259) takes the ids, drops the
    operations, and imports nothing.
    """
    table: dict[str, str] = {}
    resources = []
    for one in importable(condition):
        if one.name not in imports:
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
