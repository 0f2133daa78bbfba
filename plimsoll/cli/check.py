"""`plimsoll check`: stack files, one by one and side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from plimsoll.cli.differences import run as compare
from plimsoll.cli.output import Exit, console, fault_json, fault_lines, print_json, refuse
from plimsoll.limits import Severity
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.load import from_stack, from_stacks
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plimsoll.settings.validate import Loaded


def run(environments: Sequence[str], *, differences: bool, as_json: bool, folder: Path | None) -> None:
    """Check one environment, several or all; exit code 2 where one of them has an error."""
    try:
        project = find_project(folder or Path.cwd())
        if differences:
            compare(project, environments, as_json=as_json)
            return
        found: dict[str, Loaded | SettingsError] = (
            {environments[0]: from_stack(project, environments[0])}
            if len(environments) == 1
            else from_stacks(project, environments)
        )
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)
    if not found:
        missing = Fault(
            f"no environment: there is no {project.stack_file('ENV').name} here",
            file=project.file,
            rule="settings/no-stacks",
            remedy="make one for each environment, as README shows",
        )
        refuse([missing], as_json=as_json)
    faults = {
        stack: list(one.faults if isinstance(one, SettingsError) else one.advice)
        for stack, one in found.items()
    }
    wrong = {stack for stack, several in faults.items() if _errors(several)}
    if as_json:
        print_json(
            {
                "ok": not wrong,
                "environments": {
                    stack: {"ok": stack not in wrong, "faults": [fault_json(fault) for fault in several]}
                    for stack, several in faults.items()
                },
            }
        )
    else:
        _print(found, faults)
    raise typer.Exit(Exit.USAGE if wrong else Exit.DONE)


def _errors(faults: list[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.severity is Severity.ERROR]


def _print(found: dict[str, Loaded | SettingsError], faults: dict[str, list[Fault]]) -> None:
    out, err = console(), console(stderr=True)
    for stack, several in faults.items():
        errors = len(_errors(several))
        advice = len(several) - errors
        counted = [f"{errors} to correct"] if errors else ["holds"]
        counted += [f"{advice} to think about"] if advice else []
        style = "red" if errors else "green"
        (err if errors else out).print(f"[bold]{stack}[/bold]  [{style}]{', '.join(counted)}[/{style}]")
        for fault in several:
            (err if errors else out).print(*fault_lines(fault), sep="\n")
    if len(found) > 1 and not any(_errors(several) for several in faults.values()):
        out.print(f"{' and '.join(found)} share no project, host, database or secret")
