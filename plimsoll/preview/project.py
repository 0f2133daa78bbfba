"""A Pulumi project's environment as a job for the offline preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.preview.offline import ProgramJob, find_interpreter
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.project import read_stack, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.settings.project import Project


def job_of(project: Project, stack: str, timeout: float, interpreter: Path | None = None) -> ProgramJob:
    """The job that previews a stack, under `interpreter` or the project's own.

    Raises SettingsError with what is wrong in the project's files, or for another language than Python,
    PreviewError where its interpreter is not there.
    """
    resolved = resolve(project, read_stack(project, stack))
    if project.runtime != "python":
        raise SettingsError(
            [
                Fault(
                    f"the runtime is {project.runtime or 'not said'}, and only Python programs are previewed",
                    file=project.file,
                    key="runtime",
                    rule="settings/runtime",
                    source="Plimsoll's design",
                    remedy="use `pulumi preview`",
                )
            ]
        )
    root = project.file.parent
    return ProgramJob(
        project=project.name,
        stack=stack,
        root=root,
        program=root / (project.main or "."),
        interpreter=interpreter or find_interpreter(root, project.runtime_options),
        config=resolved.values,
        secret_keys=resolved.secret_keys,
        undecryptable=resolved.undecryptable,
        timeout=timeout,
    )
