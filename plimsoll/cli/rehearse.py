"""`plimsoll rehearse`: what the working tree would do to an environment, on the engine."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.text import Text

from plimsoll.checkout.failure import CheckoutError
from plimsoll.cli.output import Exit, console, print_json, refuse, show
from plimsoll.cli.preview import failed
from plimsoll.engine.errors import EngineError
from plimsoll.localcloud.faults import FaultError, parse_fault
from plimsoll.localcloud.plugins import PluginError, read_choices
from plimsoll.preview.failure import PreviewError
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.report import report, to_json
from plimsoll.rehearse.run import Job, rehearse
from plimsoll.rehearse.signals import Interrupted, about_to_end
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.load import from_stack, is_environment
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from rich.console import Console

_SIGNALLED: Final = 128
"""What a shell adds to the number of the signal that ended a command."""


def run(
    environment: str,
    *,
    ref: str | None,
    live: Path | None,
    keep: bool,
    timeout: float,
    seeds: Path | None,
    policy_config: Path | None,
    faults: Sequence[str],
    providers: Sequence[str],
    as_json: bool,
    folder: Path | None,
) -> None:
    """Rehearse and print; exit code 1 where something would be lost, is refused or never settles."""
    err = console(stderr=True)
    kept: list[Path] = []
    try:
        with _progress(err, quiet=as_json) as say:
            project = find_project(folder or Path.cwd())
            if environment in project.stacks() and is_environment(project):
                from_stack(project, environment)
            job = Job(
                project,
                environment,
                ref,
                keep=keep,
                timeout=timeout,
                live=live,
                seeds=seeds,
                policy_config=policy_config,
                faults=tuple(map(parse_fault, faults)),
                providers=read_choices(providers),
            )
            found = rehearse(job, say, kept.append if keep else lambda _: None)
    except FaultError as error:
        refuse([Fault(str(error), rule="rehearse/fault")], as_json=as_json)
    except SettingsError as error:
        _say_kept(kept, err)
        refuse(error.faults, as_json=as_json)
    except PreviewError as error:
        _say_kept(kept, err)
        failed(error, debug=False, as_json=as_json)
    except (CheckoutError, EngineError, PluginError, RehearsalError) as error:
        _say_kept(kept, err)
        refuse([as_fault(error)], as_json=as_json)
    except Interrupted as interrupted:
        about_to_end()
        left = "no process of it is left" if kept else "no process and no folder of it is left"
        err.print(f"interrupted by {interrupted}; {left}")
        _say_kept(kept, err)
        raise typer.Exit(_SIGNALLED + interrupted.number) from None
    if as_json:
        print_json(to_json(found))
    else:
        show(report(found))
    raise typer.Exit(Exit.DONE if found.promising else Exit.BROKEN)


def as_fault(error: CheckoutError | EngineError | PluginError | PreviewError | RehearsalError) -> Fault:
    """A failure as every command reports one."""
    match error:
        case PluginError():
            return Fault(str(error), rule="rehearse/provider", remedy=error.remedy)
        case EngineError():
            return Fault(error.message, rule=f"engine/{error.failure.value}", remedy=error.remedy or None)
        case PreviewError():
            return Fault(error.message, rule=f"preview/{error.kind.value}", remedy=error.remedy or None)
        case CheckoutError():
            return Fault(error.message, rule=error.rule, remedy=error.remedy)
        case _:
            message = "\n      ".join([error.message, *error.said])
            return Fault(message, rule=error.rule, remedy=error.remedy)


def _say_kept(kept: list[Path], err: Console) -> None:
    """Say where the folder is of a rehearsal that failed; standard output is for its errors."""
    for folder in kept:
        err.print(Text(f"kept: {folder}"), soft_wrap=True)


@contextmanager
def _progress(err: Console, *, quiet: bool) -> Generator[Callable[[str], None]]:
    """Says on standard error what is being done: in one line of a terminal, else a line for each phase."""
    if quiet:
        yield lambda _: None
    elif err.is_terminal:
        with err.status("looking around") as status:
            yield status.update
    else:
        began = time.monotonic()
        phases: set[str] = set()

        def say(doing: str) -> None:
            phase = doing.partition(":")[0]
            if phase not in phases:
                phases.add(phase)
                err.print(f"{time.monotonic() - began:5.1f} s  {phase}")

        yield say
