"""`plimsoll preview`: the offline plan of one environment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.text import Text

from plimsoll.cli.output import Exit, console, fault_json, print_json, refuse, show
from plimsoll.preview.failure import PreviewError
from plimsoll.preview.offline import ProgramJob, find_interpreter, preview_offline
from plimsoll.preview.plan import Resource, resource_to_json, to_json
from plimsoll.preview.promises import Undecided, connection_budget
from plimsoll.preview.report.machine import promises_json
from plimsoll.preview.report.terminal import report, resource_report
from plimsoll.printable import printable
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.explain import nearest
from plimsoll.settings.project import find_project, read_stack, resolve

if TYPE_CHECKING:
    from plimsoll.preview.plan import Plan
    from plimsoll.settings.project import Project


def run(
    environment: str | None,
    *,
    resource: str | None,
    timeout: float,
    debug: bool,
    as_json: bool,
    folder: Path | None,
) -> None:
    """Make the plan and print it; exit code 1 where its connections do not fit."""
    try:
        project = find_project(folder or Path.cwd())
        stack = environment or _only(project)
        job = job_for(project, stack, timeout)
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)
    except PreviewError as error:
        failed(error, debug=debug, as_json=as_json)
    plan = planned(job, debug=debug, as_json=as_json)
    _show(plan, resource, as_json=as_json)
    budget = connection_budget(plan)
    fits = budget is None or isinstance(budget, Undecided) or budget.fits
    raise typer.Exit(Exit.DONE if fits else Exit.BROKEN)


def _only(project: Project) -> str:
    """The environment that is meant when none is named: the only one, else dev."""
    stacks = project.stacks()
    if len(stacks) == 1:
        return stacks[0]
    if "dev" in stacks:
        return "dev"
    remedy = f"name one of {', '.join(stacks)}" if stacks else f"make {project.stack_file('dev').name}"
    raise SettingsError(
        [Fault("which environment?", file=project.file, rule="settings/which-stack", remedy=remedy)]
    )


def job_for(project: Project, stack: str, timeout: float) -> ProgramJob:
    """What previews this environment. Raises SettingsError, or PreviewError without an interpreter."""
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
        interpreter=find_interpreter(root, project.runtime_options),
        config=resolved.values,
        secret_keys=resolved.secret_keys,
        undecryptable=resolved.undecryptable,
        timeout=timeout,
    )


def planned(job: ProgramJob, *, debug: bool, as_json: bool) -> Plan:
    """The plan, with progress on a terminal; the command ends where there is none."""
    err = console(stderr=True)
    try:
        if err.is_terminal and not as_json:
            with err.status(f"running the program of {job.project} {job.stack}") as status:
                return preview_offline(job, lambda urn: status.update(f"declared {urn.rpartition('::')[2]}"))
        return preview_offline(job)
    except PreviewError as error:
        failed(error, debug=debug, as_json=as_json)
    except KeyboardInterrupt:
        err.print("interrupted; nothing of the program runs on")
        raise typer.Exit(130) from None


def _show(plan: Plan, name: str | None, *, as_json: bool) -> None:
    if name is None:
        print_json({"ok": True, **to_json(plan), **promises_json(plan)}) if as_json else show(report(plan))
        return
    found = _named(plan, name, as_json=as_json)
    if as_json:
        print_json([resource_to_json(one) for one in found])
        return
    for resource in found:
        show(resource_report(plan, resource))


def _named(plan: Plan, name: str, *, as_json: bool) -> tuple[Resource, ...]:
    one = plan.resource(name)
    found = (one,) if one else plan.named(name)
    if not found:
        names = sorted({resource.name for resource in plan.resources})
        missing = Fault(
            f"{plan.stack} declares no resource named {name}",
            rule="preview/resource",
            source="the program",
            remedy=nearest(name, names) or f"there are {', '.join(names)}",
        )
        refuse([missing], as_json=as_json)
    return found


def failed(error: PreviewError, *, debug: bool, as_json: bool) -> NoReturn:
    """Print why there is no preview, and end with the code for a program that failed."""
    if as_json:
        place = error.place
        fault = Fault(
            error.message,
            file=Path(place.file) if place else None,
            line=place.line if place else None,
            rule=f"preview/{error.kind.value}",
            source="the program",
            remedy=error.remedy or None,
        )
        print_json({"ok": False, "faults": [fault_json(fault)], "failure": error.to_json()})
        raise typer.Exit(Exit.USAGE)
    err = console(stderr=True)
    err.print(Text.assemble(("error", "bold red"), f"  {printable(error.message)}"))
    for index, frame in enumerate(error.frames):
        err.print(Text(f"    {printable(str(frame))}", "dim"))
        if index == 2 and error.frames_left_out:
            err.print(Text(f"    … {error.frames_left_out} more …", "dim"))
    if error.remedy:
        err.print(Text(f"    → {printable(error.remedy)}"))
    for line in error.program_output:
        err.print(Text(f"    | {printable(line)}", "dim"))
    if debug and error.traceback:
        print(printable(error.traceback), file=sys.stderr)  # noqa: T201
    raise typer.Exit(Exit.USAGE)
