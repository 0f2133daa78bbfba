"""Rehearse a change: bring up where it comes from, show what it does, do it, see that nothing is left to do.

All of it on the real engine and the local cloud, in a workspace of its own.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plimsoll.checkout.failure import at_commit
from plimsoll.checkout.git import other_packages
from plimsoll.checkout.python import search_path
from plimsoll.engine import run as engine_run
from plimsoll.engine.events import StepEvent
from plimsoll.engine.find import find
from plimsoll.engine.run import Engine
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.plugins import Plugins
from plimsoll.localcloud.sdk import SdkError
from plimsoll.localcloud.state import StateError
from plimsoll.preview.offline import find_interpreter
from plimsoll.preview.plan import Severity
from plimsoll.rehearse import dynamic
from plimsoll.rehearse.changes import changes
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.files import read_environment
from plimsoll.rehearse.living import ADOPT, adopted_ids, living, pattern, read_live
from plimsoll.rehearse.outcome import Rehearsal
from plimsoll.rehearse.packs import check_policy_config, policy_arguments
from plimsoll.rehearse.protection import hold_back
from plimsoll.rehearse.seeds import read_seeds, seed
from plimsoll.rehearse.signals import Interruptions
from plimsoll.rehearse.trial import try_program
from plimsoll.rehearse.workspace import BASE, CHANGE, Workspace, open_workspace
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.explain import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from plimsoll.checkout.git import Commit
    from plimsoll.engine.errors import EngineError
    from plimsoll.engine.events import Event
    from plimsoll.engine.find import Installation
    from plimsoll.engine.run import Ran
    from plimsoll.localcloud.faults import Fault, Faults
    from plimsoll.localcloud.state import Record
    from plimsoll.preview.plan import PolicyViolation
    from plimsoll.rehearse.changes import Changes
    from plimsoll.rehearse.files import Environment
    from plimsoll.rehearse.living import Live
    from plimsoll.settings.project import Project

_NO_PLUGIN: Final = re.compile(r"no resource plugin 'pulumi-resource-([a-z0-9-]+)'")
_PROTECTED: Final = re.compile(r'marked for protection|is protected|before hook "[^"]*" failed')
"""How the engine words a refusal: what is protected, or a hook of the program that says no."""
_HOOK: Final = re.compile(r'(Preview failed: )?before hook "[^"]*" failed: ')
_MOST_PACKAGES: Final = 20
"""How often a run is begun again with one more package; no program of ours needs more than one."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to rehearse: `environment` of `project`, from `ref` (where HEAD left the default branch) to here.

    `timeout` is seconds for one command of the engine. `seeds` is a file of what exists already when REF
    comes up, `policy_config` one for the policy pack, where it is not `policies/config/ENVIRONMENT.json`.
    `faults` go wrong while the change is applied, which must be able to go on after them.
    `providers` are the programs of the real providers to ask, by package, None for nobody; other packages are
    judged by the plugin in the user's `PULUMI_HOME`.
    `live` is a file that says in what adopted things
    differ from what the program asks for (see `living`).
    """

    project: Project
    environment: str
    ref: str | None = None
    keep: bool = False
    timeout: float = 600.0
    seeds: Path | None = None
    policy_config: Path | None = None
    faults: tuple[Fault, ...] = ()
    providers: Mapping[str, Path | None] = field(default_factory=dict)
    live: Path | None = None


def rehearse(
    job: Job, on_progress: Callable[[str], None], on_folder: Callable[[Path], None] = lambda _: None
) -> Rehearsal:
    """Rehearse it. `on_progress` hears what is being done, in several threads; `on_folder` where.

    Raises SettingsError for what is wrong in the project's files, PreviewError where the program of the
    working tree fails by itself, EngineError where there is no engine or it fails, CheckoutError where a
    commit or its interpreter cannot be had, RehearsalError for all else, `signals.Interrupted` when told to
    end. Whatever happens, no process and no folder of it is left, but for the folder where `job.keep` says
    so. Main thread only.
    """
    began = time.monotonic()
    folder = job.project.file.parent.absolute()
    # What can be refused at once is refused before anything is copied.
    installation = find()
    here = read_environment(folder, job.environment)
    if here is None:
        raise RehearsalError(
            "rehearse/environment",
            f"the stack {job.environment} has no file",
            nearest(job.environment, list(job.project.stacks()))
            or f"known here: {', '.join(job.project.stacks()) or 'none yet'}",
        )
    seeds = read_seeds(job.seeds) if job.seeds else ()
    if job.policy_config is not None:
        check_policy_config(job.policy_config)
    live = read_live(job.live)
    workspace = open_workspace(folder, job.environment, keep=job.keep)
    commit = workspace.checkout.base(job.ref)
    interpreter = find_interpreter(folder, job.project.runtime_options)
    interruptions = Interruptions()
    with interruptions.watching(), workspace:
        on_folder(workspace.folder)
        with interruptions.allowed():
            on_progress(f"copying {commit.label} and the working tree")
            workspace.fill(commit)
            python = workspace.make_python(interpreter)
            on_progress("trying the working tree's program by itself")
            try_program(workspace, python, job.timeout)
        with _cloud(workspace, python, job) as cloud, interruptions.allowed():
            stage = _Stage(workspace, installation, cloud, job.timeout, on_progress)
            seed(cloud, seeds)

            def let_live(side: Environment) -> None:
                ids = adopted_ids(side)
                # What is said of something that this side does not adopt holds from the change on.
                said = {key: one for key, one in live.items() if key in ids or workspace.at_work == CHANGE}
                if not ids and not said:
                    return
                with _cloud(workspace, python, job, f"elsewhere-{workspace.at_work}.jsonl") as elsewhere:
                    for record in _living(stage.in_another(elsewhere), side, ids, said):
                        if cloud.state.find(record.type, record.id) is None:
                            cloud.state.put(record)

            apart = frozenset({*adopted_ids(here), *live})
            base = _bring_up(stage, commit, let_live, apart)
            change = _change(stage, base, commit, job, let_live)
            judgement = cloud.judgement
    return Rehearsal(
        project=job.project.name,
        environment=job.environment,
        base=commit if base is not None else None,
        changes=change.changes,
        violations=change.violations,
        pack=change.pack,
        refused=change.refused,
        failed=change.failed,
        left=change.left,
        judgement=judgement,
        warnings=change.warnings,
        notes=change.notes,
        engine=str(installation.version),
        seconds=time.monotonic() - began,
        kept=workspace.folder if job.keep else None,
    )


@contextmanager
def _cloud(workspace: Workspace, python: Path, job: Job, state: str = "cloud.jsonl") -> Generator[LocalCloud]:
    users = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    try:
        with LocalCloud(
            interpreter=python,
            state=workspace.folder / state,
            packages=[dynamic.PACKAGE],
            plugins=Plugins(users, job.providers),
            folder=workspace.project_folder,
        ) as cloud:
            yield cloud
    except (SdkError, StateError) as error:
        raise RehearsalError("rehearse/local-cloud", str(error), "see above") from error


class _Stage:
    """The engine in the workspace, attached to the local cloud."""

    def __init__(
        self,
        workspace: Workspace,
        installation: Installation,
        cloud: LocalCloud,
        timeout: float,
        on_progress: Callable[[str], None],
        *,
        backend: str = "backend",
    ) -> None:
        self.workspace = workspace
        self.say = on_progress
        self.cloud = cloud
        self._backend = backend
        self._installation = installation
        self._timeout = timeout

    def in_another(self, cloud: LocalCloud) -> _Stage:
        """The same engine, attached to another cloud and with a state of its own."""
        backend = f"backend-{time.monotonic_ns()}"
        return _Stage(self.workspace, self._installation, cloud, self._timeout, self.say, backend=backend)

    def run(self, *arguments: str, said: str = "") -> Ran:
        """Run one command on the environment's stack, however it ends but for a signal (RehearsalError).

        Raises RehearsalError where a real provider cannot be asked, which is nobody's change. A package
        without an SDK is only known to be needed when the engine asks for it: then it is served too, and the
        command goes on where it stopped.
        """
        for _ in range(_MOST_PACKAGES):
            ran = self._engine().run(
                [*arguments, "--stack", self.workspace.stack],
                cwd=self.workspace.project_folder,
                timeout=self._timeout,
                on_event=lambda event: self._hear(event, said),
            )
            if ran.exit_code and (failure := self.cloud.failure) is not None:
                raise RehearsalError("rehearse/provider", str(failure), failure.remedy)
            if ran.exit_code < 0:
                name = signal.Signals(-ran.exit_code).name
                message = f"`pulumi {arguments[0]}` was ended by {name}, which the rehearsal did not send"
                remedy = "see whether this machine ran out of memory, and rehearse again"
                raise RehearsalError("rehearse/killed", message, remedy)
            missing = _missing_package(ran)
            if missing is None or not self.cloud.serve(missing):
                return ran
        return ran

    def require(self, *arguments: str, said: str = "") -> Ran:
        """As `run`, but raises RehearsalError where it fails."""
        ran = self.run(*arguments, said=said)
        if (error := ran.failure()) is not None:
            raise error
        return ran

    def _engine(self) -> Engine:
        folder = self.workspace.folder
        environment = {
            "PULUMI_DEBUG_PROVIDERS": self.cloud.environment["PULUMI_DEBUG_PROVIDERS"],
            # Nothing is written beside the user's packages, and what is compiled there already is used.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if (path := search_path(os.environ, self.workspace.moved)) is not None:
            environment["PYTHONPATH"] = path
        return Engine(
            self._installation,
            engine_run.Workspace(
                backend=folder / self._backend,
                home=folder / "home",
                passphrase=self.workspace.passphrase,
                environment=environment,
            ),
            # The engine masks the stack's secrets, and not those that the program makes.
            mask=self.cloud.mask,
        )

    def _hear(self, event: Event, said: str) -> None:
        if said and isinstance(event, StepEvent) and event.stage == "begins":
            self.say(f"{said}: {event.urn.rpartition('::')[2]}")


def _missing_package(ran: Ran) -> str | None:
    """The package that the engine found nobody for."""
    if ran.exit_code == 0:
        return None
    texts = [ran.stderr, ran.stdout, *(said.message for said in ran.diagnostics)]
    found = next(filter(None, map(_NO_PLUGIN.search, texts)), None)
    return None if found is None else str(found[1])


def _living(stage: _Stage, side: Environment, ids: Mapping[str, str], live: Live) -> list[Record]:
    """What this side adopts, made by its own program where nothing is adopted.

    The stack file is afterwards as it was.
    """
    stage.say("making what lives already")
    written = side.file.read_bytes()
    try:
        stage.require("stack", "init")
        _set_placeholders(stage, side)
        if ids:
            stage.require("config", "rm", f"{side.project.name}:{ADOPT}")
        ran = stage.run("up", "--yes", "--skip-preview", "--refresh=false", said="making what lives already")
        if (error := ran.failure()) is not None:
            raise _failed("rehearse/living", "it cannot be brought up with nothing adopted", error, side)
        return list(living(stage.cloud.records, ids, live))
    finally:
        side.file.write_bytes(written)


def _bring_up(
    stage: _Stage, commit: Commit, let_live: Callable[[Environment], None], apart: frozenset[str]
) -> Environment | None:
    """Bring up the commit's environment; None where it had none.

    Without what lives `apart`, which this commit does not adopt, and whatever depends on it: it was never
    this stack's.
    """
    workspace = stage.workspace
    try:
        base = workspace.put_to_work(BASE)
    except SettingsError as error:
        remedy = "rehearse from a commit whose files are right: --from REF"
        raise at_commit(error, workspace.here, commit, remedy) from None
    if base is None:
        return None
    let_live(base)
    stage.say(f"bringing up {commit.label}")
    stage.require("stack", "init")
    _set_secrets(stage, base)
    others = sorted(apart - adopted_ids(base).keys())
    excluded = [
        part
        for key in others
        for part in ("--exclude", pattern(key, workspace.stack, base.project.name), "--exclude-dependents")
    ]
    ran = stage.run(
        "up", "--yes", "--skip-preview", "--refresh=false", *excluded, said=f"bringing up {commit.label}"
    )
    if (error := ran.failure()) is not None:
        remedy = "rehearse from a commit that can be brought up: --from REF"
        raise _failed("rehearse/base", f"{commit.label} cannot be brought up", error, base, remedy)
    return base


@dataclass(frozen=True, slots=True)
class _Changed:
    """What came of the change: what its preview showed, and what the one after `up` did (None: no `up`)."""

    changes: Changes
    violations: tuple[PolicyViolation, ...]
    warnings: tuple[str, ...]
    left: Changes | None
    pack: bool
    refused: tuple[str, ...]
    failed: tuple[str, ...]
    notes: tuple[str, ...]


def _change(
    stage: _Stage,
    base: Environment | None,
    commit: Commit,
    job: Job,
    let_live: Callable[[Environment], None],
) -> _Changed:
    """Preview the working tree with its policies, apply it whatever goes wrong, and preview it again."""
    workspace = stage.workspace
    change = workspace.put_to_work(CHANGE)
    if change is None:
        raise AssertionError("it was read before anything was copied")
    let_live(change)
    if base is None:
        stage.require("stack", "init")
    elif base.project.name != change.project.name:
        raise RehearsalError(
            "rehearse/renamed",
            f"the project is renamed, from {base.project.name} to {change.project.name}: to the engine it is "
            "another stack, in which everything is created anew",
            f"if that is meant, rename the stack too (pulumi stack rename organization/{change.project.name}/"
            f"{workspace.stack}), and rehearse from the commit that renames it",
        )
    _set_secrets(stage, change)
    pack = workspace.find_pack()
    policies = policy_arguments(pack, job.policy_config, workspace.stack)
    stage.say("previewing the working tree")
    preview = stage.run("preview", *policies, said="previewing the working tree")
    refused = _refused(preview)
    if not refused and (error := preview.failure()) is not None:
        raise _failed("rehearse/change", "the working tree cannot be previewed", error, change)
    shown, violations = changes(preview.steps), preview.violations
    notes = list(_notes(workspace, base, change, commit))
    if any(map(_PROTECTED.search, refused)):
        stage.say("previewing what protection holds back")
        behind = stage.run("preview", "--ignore-protect", *policies)
        violations += behind.violations
        refused = tuple(dict.fromkeys((*refused, *_refused(behind))))
        if behind.steps:
            state = json.loads(stage.require("stack", "export").stdout)
            shown = hold_back(shown, changes((*preview.steps, *behind.steps)), state)
        else:
            notes.append("this engine cannot look past a protection: deletes behind it are not shown")
    shown, made_up = _without_made_up(stage, shown, preview)
    # A preview that shows nothing is the empty one already.
    left = None if shown.changed or refused else shown
    failed: tuple[str, ...] = ()
    if not refused and left is None:
        failed = _apply(stage, job.faults)
        if not failed:
            stage.say("previewing again, which must show nothing")
            again = stage.require("preview", "--expect-no-changes")
            left, still_made_up = _without_made_up(stage, changes(again.steps), again)
            made_up = tuple(dict.fromkeys((*made_up, *still_made_up)))
    notes += [*_notes_on_made_up(preview, made_up), *_faulty(stage.cloud.faults, failed)]
    return _Changed(
        changes=shown,
        violations=tuple(dict.fromkeys(violations)),
        warnings=_said(preview, Severity.WARNING),
        left=left,
        pack=pack is not None,
        refused=refused,
        failed=failed,
        notes=tuple(notes),
    )


def _without_made_up(stage: _Stage, found: Changes, ran: Ran) -> tuple[Changes, tuple[str, ...]]:
    """The changes without those that only a dynamic provider's own code could settle, and their names."""
    if not any(dynamic.is_dynamic(step.type) for step in ran.steps):
        return found, ()
    return dynamic.without_made_up(found, json.loads(stage.require("stack", "export").stdout))


def _notes_on_made_up(ran: Ran, readers: tuple[str, ...]) -> Iterator[str]:
    """What a reader must know of resources whose provider is the program's own code."""
    names = dict.fromkeys(one.urn.rpartition("::")[2] for one in ran.steps if dynamic.is_dynamic(one.type))
    if names:
        yield f"made up, for a dynamic provider's code is not run: the outputs of {', '.join(names)}"
    if readers:
        yield f"what only that code would answer is no change of its readers: {', '.join(readers)}"


def _apply(stage: _Stage, faults: tuple[Fault, ...]) -> tuple[str, ...]:
    """Apply the change, and go on after each fault as whoever sees it would. Gives why it failed, if so."""
    stage.cloud.faults.arm(faults)
    struck, said = 0, "applying the change"
    stage.say(said)
    applied = stage.run("up", "--yes", "--skip-preview", said=said)
    while applied.exit_code and len(stage.cloud.faults.struck) > struck:
        # None strikes a second time, so this ends.
        struck, said = len(stage.cloud.faults.struck), "going on after a fault"
        stage.cloud.faults.lift()
        stage.say(said)
        applied = stage.run("up", "--yes", "--skip-preview", said=said)
    return _errors(applied) if applied.exit_code else ()


def _faulty(faults: Faults, failed: tuple[str, ...]) -> Iterator[str]:
    """What became of the faults that were asked for."""
    for fault, name in faults.struck:
        after = (
            "and what the next update met is above" if failed else "and the change was finished all the same"
        )
        yield f"the fault {fault} struck {name}, as asked, {after}"
    for fault in faults.unmet:
        yield f"the fault {fault} never struck: nothing of the kind was done so often"


def _set_secrets(stage: _Stage, environment: Environment) -> None:
    """Write the engine's salt and a placeholder for each secret into the stack file of the side at work."""
    stage.workspace.keep_salt(environment)
    _set_placeholders(stage, environment)


def _set_placeholders(stage: _Stage, environment: Environment) -> None:
    pairs = [part for one in environment.secrets for part in ("--secret", f"{one.path}={one.placeholder}")]
    if pairs:
        stage.require("config", "set-all", "--path", *pairs)


def _refused(ran: Ran) -> tuple[str, ...]:
    """Why the engine would not do it, where that is for a promise and not for a mistake."""
    if ran.exit_code == 0:
        return ()
    blocking = [f"{one.policy}: {one.message}" for one in ran.violations if one.blocks]
    protected = [_HOOK.sub("", message) for message in _errors(ran) if _PROTECTED.search(message)]
    return tuple(dict.fromkeys([*blocking, *protected]))


def _errors(ran: Ran) -> tuple[str, ...]:
    """What went wrong, by the resource that it went wrong with."""
    return _said(ran, Severity.ERROR) or (ran.stderr.strip() or f"exit code {ran.exit_code}",)


def _said(ran: Ran, severity: Severity) -> tuple[str, ...]:
    """What the engine, the program and the providers said, with the resource's name before it."""
    told = [one for one in ran.diagnostics if one.severity is severity]
    said = [": ".join(filter(None, [(one.urn or "").rpartition("::")[2], one.message])) for one in told]
    # Its own last word on a failure, which the others explain.
    own = {"update failed", "preview failed"} if len(said) > 1 else ()
    return tuple(one for one in dict.fromkeys(said) if one not in own)


def _failed(
    rule: str, message: str, error: EngineError, environment: Environment, remedy: str = ""
) -> RehearsalError:
    """The engine's failure as the rehearsal's, with a word on placeholders where one may be the cause."""
    remedy = remedy or "mend what the engine says, and rehearse again"
    if environment.secrets:
        paths = ", ".join(secret.path for secret in environment.secrets)
        remedy += f". Encrypted values are not read: placeholders stand for {paths}"
    return RehearsalError(rule, message, remedy, said=tuple(error.message.splitlines()))


def _notes(
    workspace: Workspace, base: Environment | None, change: Environment, commit: Commit
) -> Iterator[str]:
    """What a reader must know of how far the rehearsal can be trusted."""
    if base is None:
        yield (
            f"{commit.label} ({commit.sha[:12]}) has no environment {workspace.stack}: everything is created"
        )
    else:
        for lock in other_packages(workspace.folder / BASE, workspace.here, workspace.project):
            yield f"{lock} differs at {commit.label}, which ran on today's packages all the same"
        before = {secret.path: secret.ciphertext for secret in base.secrets}
        for secret in change.secrets:
            if before.get(secret.path, secret.ciphertext) != secret.ciphertext:
                yield f"{secret.path} is encrypted anew: what another value changes cannot be rehearsed"
    if change.secrets:
        yield f"placeholders stood for {', '.join(secret.path for secret in change.secrets)}"
    if adopted := adopted_ids(change):
        yield f"{', '.join(adopted)}: what is said to live is what the program asks for, or --live"
    if change.imports:
        yield "what Pulumi ESC adds to this environment was not read"
