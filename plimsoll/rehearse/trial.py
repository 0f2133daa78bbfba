"""The working tree's program, tried by itself before anything is brought up: what fails, fails at once."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from plimsoll.checkout.python import search_path
from plimsoll.preview.offline import Failure, PreviewError, ProgramJob, preview_offline
from plimsoll.rehearse.workspace import CHANGE
from plimsoll.settings.project import read_stack, resolve

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.rehearse.workspace import Workspace


def try_program(workspace: Workspace, python: Path, timeout: float) -> None:
    """Run the offline preview of the working tree, in its copy. Raises PreviewError where the program fails.

    Nothing is said where it cannot be tried: what the offline preview does not support the engine may, what
    Pulumi ESC would add is missing here, and a program with encrypted values may stumble over what stands for
    them here and not over what the rehearsal puts there. `timeout` is in seconds.
    """
    environment = workspace.put_to_work(CHANGE)
    if environment is None or environment.imports:
        return
    project = environment.project
    written = read_stack(project, workspace.stack)
    resolved = resolve(project, replace(written, imports_environments=False))
    moved = search_path(os.environ, workspace.moved)
    job = ProgramJob(
        project=project.name,
        stack=workspace.stack,
        root=workspace.project_folder,
        program=workspace.project_folder / (project.main or "."),
        interpreter=python,
        config=resolved.values,
        secret_keys=resolved.secret_keys,
        undecryptable=resolved.undecryptable,
        timeout=timeout,
        environment={"PYTHONDONTWRITEBYTECODE": "1"} | ({} if moved is None else {"PYTHONPATH": moved}),
    )
    try:
        preview_offline(job)
    except PreviewError as error:
        stumbled = error.kind is Failure.PROGRAM_RAISED and bool(environment.secrets)
        if error.kind is not Failure.UNSUPPORTED and not stumbled:
            raise
