"""Rehearse a change: bring up where it comes from, show what it does, do it, see that nothing is left to do.

All of it on the real engine and the local cloud, in a workspace of its own.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plimsoll.checkout.failure import at_commit
from plimsoll.checkout.git import other_packages
from plimsoll.checkout.python import search_path
from plimsoll.engine import run as engine_run
from plimsoll.engine.events import StepEvent
from plimsoll.engine.find import find
from plimsoll.engine.run import Engine
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.sdk import SdkError
from plimsoll.localcloud.state import StateError
from plimsoll.preview.offline import find_interpreter
from plimsoll.preview.plan import Severity
from plimsoll.rehearse.changes import changes
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.files import read_environment
from plimsoll.rehearse.outcome import Rehearsal
from plimsoll.rehearse.signals import Interruptions
from plimsoll.rehearse.workspace import BASE, CHANGE, Workspace, open_workspace
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.explain import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from plimsoll.checkout.git import Commit
    from plimsoll.engine.errors import EngineError
    from plimsoll.engine.events import Event
    from plimsoll.engine.find import Installation
    from plimsoll.engine.run import Ran
    from plimsoll.rehearse.files import Environment
    from plimsoll.settings.project import Project

DYNAMIC: Final = "pulumi-python"
"""The package of dynamic providers, which has no SDK of its own."""

_NO_PLUGIN: Final = re.compile(r"no resource plugin 'pulumi-resource-([a-z0-9-]+)'")
_PROTECTED: Final = re.compile(r"marked for protection|is protected")
_MOST_PACKAGES: Final = 20
"""How often a run is begun again with one more package; no program of ours needs more than one."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to rehearse: `environment` of `project`, from `ref` (where HEAD left the default branch) to here.

    `timeout` is seconds for one command of the engine.
    """

    project: Project
    environment: str
    ref: str | None = None
    keep: bool = False
    timeout: float = 600.0


def rehearse(job: Job, on_progress: Callable[[str], None]) -> Rehearsal:
    """Rehearse it. `on_progress` hears what is being done, in several threads.

    Raises SettingsError for what is wrong in the project's files, EngineError where there is no engine or it
    fails, CheckoutError where a commit or its interpreter cannot be had, RehearsalError for all else,
    `signals.Interrupted` when told to end. Whatever happens, no process and no folder of it is left, but for
    the folder where `job.keep` says so. Main thread only.
    """
    began = time.monotonic()
    folder = job.project.file.parent.absolute()
    # What can be refused at once is refused before anything is copied.
    installation = find()
    if read_environment(folder, job.environment) is None:
        raise RehearsalError(
            "rehearse/environment",
            f"the stack {job.environment} has no file",
            nearest(job.environment, list(job.project.stacks()))
            or f"known here: {', '.join(job.project.stacks()) or 'none yet'}",
        )
    workspace = open_workspace(folder, job.environment, keep=job.keep)
    commit = workspace.checkout.base(job.ref)
    interpreter = find_interpreter(folder, job.project.runtime_options)
    interruptions = Interruptions()
    with interruptions.watching(), workspace:
        with interruptions.allowed():
            on_progress(f"copying {commit.label} and the working tree")
            workspace.fill(commit)
            python = workspace.make_python(interpreter)
        with _cloud(workspace, python) as cloud, interruptions.allowed():
            stage = _Stage(workspace, installation, cloud, job.timeout, on_progress)
            base = _bring_up(stage, commit)
            change = _change(stage, base, commit)
            judgement = cloud.judgement
    preview = change.preview
    return Rehearsal(
        project=job.project.name,
        environment=job.environment,
        base=commit if base is not None else None,
        changes=changes(preview.steps),
        violations=tuple(dict.fromkeys(preview.violations)),
        pack=change.pack,
        refused=change.refused,
        failed=change.failed,
        left=changes(change.again.steps) if change.again else None,
        judgement=judgement,
        warnings=_said(preview, Severity.WARNING),
        notes=change.notes,
        engine=str(installation.version),
        seconds=time.monotonic() - began,
        kept=workspace.folder if job.keep else None,
    )


@contextmanager
def _cloud(workspace: Workspace, python: Path) -> Generator[LocalCloud]:
    try:
        with LocalCloud(
            interpreter=python, state=workspace.folder / "cloud.jsonl", packages=[DYNAMIC]
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
    ) -> None:
        self.workspace = workspace
        self.say = on_progress
        self._installation = installation
        self._attached = cloud.environment["PULUMI_DEBUG_PROVIDERS"]
        self._timeout = timeout

    def run(self, *arguments: str, said: str = "") -> Ran:
        """Run one command on the environment's stack, however it ends.

        A package without an SDK is only known to be needed when the engine asks for it: then it is served
        too, and the command goes on where it stopped.
        """
        for _ in range(_MOST_PACKAGES):
            ran = self._engine().run(
                [*arguments, "--stack", self.workspace.stack],
                cwd=self.workspace.project_folder,
                timeout=self._timeout,
                on_event=lambda event: self._hear(event, said),
            )
            missing = _missing_package(ran)
            if missing is None or f"{missing}:" in self._attached:
                return ran
            self._attached += f",{missing}:{self._attached.rpartition(':')[2]}"
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
            "PULUMI_DEBUG_PROVIDERS": self._attached,
            # Nothing is written beside the user's packages, and what is compiled there already is used.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        if (path := search_path(os.environ, self.workspace.moved)) is not None:
            environment["PYTHONPATH"] = path
        return Engine(
            self._installation,
            engine_run.Workspace(
                backend=folder / "backend",
                home=folder / "home",
                passphrase=self.workspace.passphrase,
                environment=environment,
            ),
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


def _bring_up(stage: _Stage, commit: Commit) -> Environment | None:
    """Bring up the commit's environment; None where it had none."""
    workspace = stage.workspace
    try:
        base = workspace.put_to_work(BASE)
    except SettingsError as error:
        remedy = "rehearse from a commit whose files are right: --from REF"
        raise at_commit(error, workspace.here, commit, remedy) from None
    if base is None:
        return None
    stage.say(f"bringing up {commit.label}")
    stage.require("stack", "init")
    _set_secrets(stage, base)
    ran = stage.run("up", "--yes", "--skip-preview", "--refresh=false", said=f"bringing up {commit.label}")
    if (error := ran.failure()) is not None:
        remedy = "rehearse from a commit that can be brought up: --from REF"
        raise _failed("rehearse/base", f"{commit.label} cannot be brought up", error, base, remedy)
    return base


@dataclass(frozen=True, slots=True)
class _Changed:
    """What came of the change: its preview, and the one after it was applied (None where it was not)."""

    preview: Ran
    again: Ran | None
    pack: bool
    refused: tuple[str, ...]
    failed: tuple[str, ...]
    notes: tuple[str, ...]


def _change(stage: _Stage, base: Environment | None, commit: Commit) -> _Changed:
    """Preview the working tree with its policies, apply it, and preview it again."""
    workspace = stage.workspace
    change = workspace.put_to_work(CHANGE)
    if change is None:
        raise AssertionError("it was read before anything was copied")
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
    policies = ("--policy-pack", str(pack)) if pack else ()
    stage.say("previewing the working tree")
    preview = stage.run("preview", *policies, said="previewing the working tree")
    refused = _refused(preview)
    if not refused and (error := preview.failure()) is not None:
        raise _failed("rehearse/change", "the working tree cannot be previewed", error, change)
    # A preview that shows nothing is the empty one already.
    again = None if changes(preview.steps).changed or refused else preview
    failed: tuple[str, ...] = ()
    if not refused and again is None:
        stage.say("applying the change")
        applied = stage.run("up", "--yes", "--skip-preview", said="applying the change")
        failed = _errors(applied) if applied.exit_code else ()
        if not failed:
            stage.say("previewing again, which must show nothing")
            again = stage.require("preview", "--expect-no-changes")
    notes = tuple(_notes(workspace, base, change, commit))
    return _Changed(preview, again, pack is not None, refused, failed, notes)


def _set_secrets(stage: _Stage, environment: Environment) -> None:
    """Write the engine's salt and a placeholder for each secret into the stack file of the side at work."""
    stage.workspace.keep_salt(environment)
    pairs = [part for one in environment.secrets for part in ("--secret", f"{one.path}={one.placeholder}")]
    if pairs:
        stage.require("config", "set-all", "--path", *pairs)


def _refused(ran: Ran) -> tuple[str, ...]:
    """Why the engine would not do it, where that is for a promise and not for a mistake."""
    if ran.exit_code == 0:
        return ()
    blocking = [f"{one.policy}: {one.message}" for one in ran.violations if one.blocks]
    protected = [message for message in _errors(ran) if _PROTECTED.search(message)]
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
    if change.imports:
        yield "what Pulumi ESC adds to this environment was not read"
