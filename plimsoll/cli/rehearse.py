"""`plimsoll rehearse`: what the working tree would do to an environment, on the engine."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from plimsoll.checkout.failure import CheckoutError
from plimsoll.cli.output import Exit, console, print_json, refuse, show
from plimsoll.engine.errors import EngineError
from plimsoll.preview.failure import PreviewError
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.report import report, to_json
from plimsoll.rehearse.run import Job, rehearse
from plimsoll.rehearse.signals import Interrupted
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.console import Console

_SIGNALLED: Final = 128
"""What a shell adds to the number of the signal that ended a command."""


def run(
    environment: str, *, ref: str | None, keep: bool, timeout: float, as_json: bool, folder: Path | None
) -> None:
    """Rehearse and print; exit code 1 where something would be lost, is refused or never settles."""
    err = console(stderr=True)
    try:
        with _progress(err, quiet=as_json) as say:
            job = Job(find_project(folder or Path.cwd()), environment, ref, keep=keep, timeout=timeout)
            found = rehearse(job, say)
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)
    except (CheckoutError, EngineError, PreviewError, RehearsalError) as error:
        refuse([_fault(error)], as_json=as_json)
    except Interrupted as interrupted:
        err.print(f"interrupted by {interrupted}; no process and no folder of it is left")
        raise typer.Exit(_SIGNALLED + interrupted.number) from None
    if as_json:
        print_json(to_json(found))
    else:
        show(report(found))
    raise typer.Exit(Exit.DONE if found.promising else Exit.BROKEN)


def _fault(error: CheckoutError | EngineError | PreviewError | RehearsalError) -> Fault:
    match error:
        case EngineError():
            return Fault(error.message, rule=f"engine/{error.failure.value}", remedy=error.remedy or None)
        case PreviewError():
            return Fault(error.message, rule=f"preview/{error.kind.value}", remedy=error.remedy or None)
        case CheckoutError():
            return Fault(error.message, rule=error.rule, remedy=error.remedy)
        case _:
            message = "\n      ".join([error.message, *error.said])
            return Fault(message, rule=error.rule, remedy=error.remedy)


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
