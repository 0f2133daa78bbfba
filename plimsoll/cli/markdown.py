"""`plimsoll preview --markdown`: one document of several environments, for a comment in a pull request."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from plimsoll.checkout.failure import CheckoutError
from plimsoll.checkout.git import find_checkout
from plimsoll.cli.output import Exit, console, refuse
from plimsoll.cli.preview import Asked, compared_with, faults_of, planned, read_file, with_pack
from plimsoll.engine.errors import EngineError
from plimsoll.preview.failure import PreviewError
from plimsoll.preview.project import job_of
from plimsoll.preview.promises import Undecided, connection_budget
from plimsoll.preview.report.headline import Failed, plan_of
from plimsoll.preview.report.pull_request import document
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from plimsoll.cli.preview import Policies
    from plimsoll.preview.report.headline import Found
    from plimsoll.settings.project import Project


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which environments (all, where none is named), against which commit, and the engine's files."""

    environments: tuple[str, ...]
    folder: Path | None
    against: str | None
    files: tuple[Path, ...]
    policies: Policies


def run_markdown(wanted: Wanted, *, timeout: float) -> None:
    """Print the document; exit code 2 where an environment has no preview, 1 where connections do not fit
    or a policy blocks.

    What fails is in the document with its reason, and the others still are.
    """
    try:
        parts = _parts(wanted, timeout)
        commit = _commit(wanted.folder or Path.cwd())
    except SettingsError as error:
        refuse(error.faults, as_json=False)
    except KeyboardInterrupt:
        console(stderr=True).print("interrupted; nothing of the program runs on")
        raise typer.Exit(130) from None
    # Not through a console: every byte is the document's.
    sys.stdout.write(document(parts, commit=commit))
    raise typer.Exit(_code(parts))


def _code(parts: list[Found]) -> Exit:
    if any(isinstance(found, Failed) for found in parts):
        return Exit.USAGE
    plans = [plan_of(found) for found in parts if not isinstance(found, Failed)]
    budgets = map(connection_budget, plans)
    fits = all(budget is None or isinstance(budget, Undecided) or budget.fits for budget in budgets)
    blocked = any(plan.policies is not None and plan.policies.blocks for plan in plans)
    return Exit.DONE if fits and not blocked else Exit.BROKEN


def _parts(wanted: Wanted, timeout: float) -> list[Found]:
    folder = wanted.folder or Path.cwd()
    told = [_told(file, wanted.folder) for file in wanted.files]
    names = {plan_of(found).stack for found in told if not isinstance(found, Failed)}
    if wanted.files and not wanted.environments and wanted.against is None:
        return told
    project = find_project(folder)
    stacks = wanted.environments or project.stacks()
    return [
        *told,
        *(_asked(project, stack, wanted, timeout) for stack in stacks if stack not in names),
    ]


def _told(file: Path, folder: Path | None) -> Found:
    """What a file of the engine's says, or why it says nothing."""
    try:
        return read_file(file, Asked(None, folder))
    except SettingsError as error:
        return Failed(file.name, tuple(map(str, error.faults)))
    except EngineError as error:
        return Failed(file.name, tuple(filter(None, (error.message, error.remedy))))


def _asked(project: Project, stack: str, wanted: Wanted, timeout: float) -> Found:
    """The environment's plan, alone or compared, or why there is none."""
    try:
        job = with_pack(job_of(project, stack, timeout), project, wanted.policies)
        if wanted.against is not None:
            return compared_with(project, job, wanted.against, quiet=False)
        return planned(job, quiet=False)
    except SettingsError as error:
        return Failed(stack, tuple(map(str, error.faults)))
    except CheckoutError as error:
        return Failed(stack, (error.message, error.remedy))
    except PreviewError as error:
        return Failed(stack, tuple(map(str, faults_of(error))))


def _commit(folder: Path) -> str:
    """The commit that is checked out, "" where there is none."""
    try:
        sha, clean = find_checkout(folder).head()
    except CheckoutError:
        return ""
    return sha if clean else f"{sha[:12]} and uncommitted changes"
