"""Rehearse a change: bring up where it comes from, show what it does, do it, see that nothing is left to do.

All of it on the real engine and the local cloud, in a workspace of its own.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plimsoll.checkout.failure import at_commit
from plimsoll.engine.find import find
from plimsoll.preview.offline import find_interpreter
from plimsoll.preview.plan import Severity
from plimsoll.rehearse import dynamic, words
from plimsoll.rehearse.changes import changes
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.files import read_environment
from plimsoll.rehearse.living import ADOPT, adopted_ids, living, pattern, read_live
from plimsoll.rehearse.outcome import Rehearsal
from plimsoll.rehearse.packs import check_policy_config, policy_arguments
from plimsoll.rehearse.protection import hold_back
from plimsoll.rehearse.seeds import read_seeds, seed
from plimsoll.rehearse.signals import Interruptions
from plimsoll.rehearse.stage import Stage, local_cloud
from plimsoll.rehearse.trial import try_program
from plimsoll.rehearse.workspace import BASE, CHANGE, open_workspace
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.explain import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from plimsoll.checkout.git import Commit
    from plimsoll.engine.run import Ran
    from plimsoll.localcloud.faults import Fault
    from plimsoll.localcloud.state import Record
    from plimsoll.preview.plan import PolicyViolation
    from plimsoll.rehearse.changes import Changes
    from plimsoll.rehearse.files import Environment
    from plimsoll.rehearse.living import Live
    from plimsoll.settings.project import Project


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
        with local_cloud(workspace, python, job.providers) as cloud, interruptions.allowed():
            stage = Stage(workspace, installation, cloud, job.timeout, on_progress)
            seed(cloud, seeds)

            def let_live(side: Environment) -> None:
                ids = adopted_ids(side)
                # What is said of something that this side does not adopt holds from the change on.
                said = {key: one for key, one in live.items() if key in ids or workspace.at_work == CHANGE}
                if not ids and not said:
                    return
                with local_cloud(
                    workspace, python, job.providers, f"elsewhere-{workspace.at_work}.jsonl"
                ) as elsewhere:
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


def _living(stage: Stage, side: Environment, ids: Mapping[str, str], live: Live) -> list[Record]:
    """What this side adopts, made by its own program where nothing is adopted.

    The stack file is afterwards as it was.
    """
    stage.say("making what lives already")
    written = side.file.read_bytes()
    try:
        stage.require("stack", "init")
        stage.set_placeholders(side)
        if ids:
            stage.require("config", "rm", f"{side.project.name}:{ADOPT}")
        ran = stage.run("up", "--yes", "--skip-preview", "--refresh=false", said="making what lives already")
        if (error := ran.failure()) is not None:
            raise words.failed("rehearse/living", "it cannot be brought up with nothing adopted", error, side)
        return list(living(stage.cloud.records, ids, live))
    finally:
        side.file.write_bytes(written)


def _bring_up(
    stage: Stage, commit: Commit, let_live: Callable[[Environment], None], apart: frozenset[str]
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
    stage.set_secrets(base)
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
        raise words.failed("rehearse/base", f"{commit.label} cannot be brought up", error, base, remedy)
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
    stage: Stage,
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
    stage.set_secrets(change)
    pack = workspace.find_pack()
    policies = policy_arguments(pack, job.policy_config, workspace.stack)
    stage.say("previewing the working tree")
    preview = stage.run("preview", *policies, said="previewing the working tree")
    refused = words.refused(preview)
    if not refused and (error := preview.failure()) is not None:
        raise words.failed("rehearse/change", "the working tree cannot be previewed", error, change)
    shown, violations = changes(preview.steps), preview.violations
    notes = list(words.notes(workspace, base, change, commit))
    if words.held_by_protection(refused):
        stage.say("previewing what protection holds back")
        behind = stage.run("preview", "--ignore-protect", *policies)
        violations += behind.violations
        refused = tuple(dict.fromkeys((*refused, *words.refused(behind))))
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
    notes += [*words.notes_on_made_up(preview, made_up), *words.notes_on_faults(stage.cloud.faults, failed)]
    return _Changed(
        changes=shown,
        violations=tuple(dict.fromkeys(violations)),
        warnings=words.said(preview, Severity.WARNING),
        left=left,
        pack=pack is not None,
        refused=refused,
        failed=failed,
        notes=tuple(notes),
    )


def _without_made_up(stage: Stage, found: Changes, ran: Ran) -> tuple[Changes, tuple[str, ...]]:
    """The changes without those that only a dynamic provider's own code could settle, and their names."""
    if not any(dynamic.is_dynamic(step.type) for step in ran.steps):
        return found, ()
    return dynamic.without_made_up(found, json.loads(stage.require("stack", "export").stdout))


def _apply(stage: Stage, faults: tuple[Fault, ...]) -> tuple[str, ...]:
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
    return words.errors(applied) if applied.exit_code else ()
