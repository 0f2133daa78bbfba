"""The offline plan of another commit: its program run beside the user's checkout, which is only read."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plimsoll.checkout.failure import CheckoutError, at_commit
from plimsoll.checkout.git import Commit, find_checkout, other_packages, relink
from plimsoll.checkout.python import Moved, search_path, shadow
from plimsoll.preview.failure import Failure, PreviewError
from plimsoll.preview.offline import find_interpreter, preview_offline
from plimsoll.preview.plan import Archive, Asset
from plimsoll.preview.project import job_of
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.preview.offline import ProgramJob
    from plimsoll.preview.plan import Plan, Resource, Value
    from plimsoll.settings.project import Project

REMEDY: Final = "compare with a commit that can be previewed: --against REF"


@dataclass(frozen=True, slots=True)
class Base:
    """What is compared with. `plan` is None where the commit has no such environment.

    `config` is the stack's configuration of then, `locks` are the lock files that differ from today's.
    """

    commit: Commit
    plan: Plan | None
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    locks: tuple[str, ...] = ()


def preview_commit(project: Project, stack: str, ref: str, timeout: float) -> Base:
    """Preview a stack as the program was at `ref`, with its files and configuration of then.

    It runs on the packages that are installed today. Raises CheckoutError where there is no such commit,
    SettingsError for what is wrong in its files, PreviewError (`Failure.BASE`) where its program does not
    run.
    """
    root = project.file.parent.absolute()
    checkout = find_checkout(root)
    commit = checkout.base(ref)
    inside = root.resolve().relative_to(checkout.root.resolve())
    # Resolved, because programs say where they are by their resolved paths.
    with tempfile.TemporaryDirectory(prefix="plimsoll-against-") as name:
        folder = Path(name).resolve()
        here = folder / "checkout"
        checkout.export(commit, here)
        relink(here, checkout.root)
        if not (here / inside / project.file.name).is_file():
            return Base(commit, None)
        moved = Moved(checkout.root, here)
        python = shadow(find_interpreter(root, project.runtime_options), moved, folder / "python")
        try:
            job = _job(find_project(here / inside), stack, timeout, python)
        except SettingsError as error:
            raise at_commit(error, here, commit, REMEDY) from None
        if job is None:
            return Base(commit, None)
        if job.project != project.name:
            raise CheckoutError(
                "checkout/renamed",
                f"the project is renamed, from {job.project} at {commit} to {project.name}: to the engine it "
                "is another stack, in which everything is created anew",
                "compare with a commit since then: --against REF",
            )
        path = search_path(os.environ, moved)
        plan = _run(replace(job, environment={} if path is None else {"PYTHONPATH": path}), commit)
        locks = other_packages(here, checkout.root, inside)
        return Base(commit, _moved_back(plan, here, checkout.root), job.config, locks)


def reconfigured(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """The packages of which two configurations of a stack say something else: `gcp` for `gcp:project`."""
    keys = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    return frozenset(key.partition(":")[0] for key in keys)


def _job(project: Project, stack: str, timeout: float, python: Path) -> ProgramJob | None:
    if not project.stack_file(stack).is_file():
        return None
    return job_of(project, stack, timeout, python)


def _run(job: ProgramJob, commit: Commit) -> Plan:
    try:
        return preview_offline(job)
    except PreviewError as error:
        raise PreviewError(
            Failure.BASE,
            f"The program as it was at {commit} cannot be previewed: {error.message}",
            remedy=REMEDY,
            frames=error.frames,
            traceback=error.traceback,
            program_output=error.program_output,
        ) from error


def _moved_back(plan: Plan, here: Path, root: Path) -> Plan:
    """The plan as if the commit had been in the checkout, so that a path is no difference."""

    def text(value: str) -> str:
        return value.replace(str(here), str(root))

    def back(value: Value) -> Value:
        match value:
            case str():
                return text(value)
            case list():
                return [back(item) for item in value]
            case dict():
                return {text(name): back(item) for name, item in value.items()}
            case Asset():
                return replace(value, location=text(value.location))
            case Archive():
                assets = {name: back(item) for name, item in value.assets.items()}
                return replace(value, location=text(value.location), assets=assets)
            case _:
                return value

    def moved(resource: Resource) -> Resource:
        return replace(
            resource,
            inputs={name: back(value) for name, value in resource.inputs.items()},
            outputs={name: back(value) for name, value in resource.outputs.items()},
        )

    outputs = {name: back(value) for name, value in plan.outputs.items()}
    return replace(plan, resources=tuple(map(moved, plan.resources)), outputs=outputs)
