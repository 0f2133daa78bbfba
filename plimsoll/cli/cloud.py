"""`plimsoll cloud`: any command, plain `pulumi` say, with a local cloud in place of every vendor."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from plimsoll.cli.output import console, refuse, relative, show
from plimsoll.engine.errors import EngineError
from plimsoll.engine.run import CANCEL_GRACE, end_session
from plimsoll.guest.run_program import adopt_orphans, end_children
from plimsoll.preview.failure import PreviewError
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.rehearse.signals import Interrupted, Interruptions, about_to_end
from plimsoll.rehearse.standing import reset as empty
from plimsoll.rehearse.standing import standing, state_folder
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from plimsoll.rehearse.standing import Standing

_SIGNALLED: Final = 128
"""What a shell adds to the number of the signal that ended a command."""


def run(
    environment: str, command: list[str], *, state: Path | None, reset: bool, folder: Path | None
) -> None:
    """Run the command with the local cloud up, and end with its exit code."""
    interruptions = Interruptions()
    adopted = adopt_orphans()
    code = 0
    try:
        with interruptions.watching():
            project = find_project(folder or Path.cwd())
            usual = state_folder(project, environment)
            place = usual if state is None else state.absolute()
            if reset:
                empty(place)
            if command:
                with interruptions.allowed(), standing(project, environment, place) as up:
                    _warn(environment, up)
                    code = _run(command, up)
            else:
                _tell(environment, place)
    except SettingsError as error:
        refuse(error.faults, as_json=False)
    except EngineError as error:
        _refuse(f"engine/{error.failure.value}", error)
    except PreviewError as error:
        _refuse(f"preview/{error.kind.value}", error)
    except RehearsalError as error:
        _refuse(error.rule, error)
    except Interrupted as interrupted:
        about_to_end()
        console(stderr=True).print(f"interrupted by {interrupted}; no process of it is left")
        raise typer.Exit(_SIGNALLED + interrupted.number) from None
    finally:
        if adopted:
            end_children(-1)
    raise typer.Exit(code)


def _refuse(rule: str, error: EngineError | PreviewError | RehearsalError) -> NoReturn:
    refuse([Fault(error.message, rule=rule, remedy=error.remedy or None)], as_json=False)


def _warn(environment: str, up: Standing) -> None:
    """Say that the state is damaged, and what mends it; the command runs all the same, for it may be that."""
    if up.damage is not None:
        remedy = f"plimsoll cloud {environment} -- plimsoll recover {environment} --yes"
        console(stderr=True).print(
            f"warning: {up.damage.why}\n  → {remedy}",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )


def _tell(environment: str, place: Path) -> None:
    """Say what stands where, and what to do with it."""
    stands = f"stands in {relative(place)}" if (place / "cloud.jsonl").is_file() else "does not stand yet"
    plimsoll = f"plimsoll cloud {environment}"
    show(
        f"{environment} {stands}\n"
        f"  {plimsoll} -- pulumi up           any command, with the local cloud in place of every vendor\n"
        f"  {plimsoll} -- $SHELL              a shell, in which plain `pulumi` does the same\n"
        f"  {plimsoll} --reset -- COMMAND     begin with nothing"
    )


def _run(command: list[str], up: Standing) -> int:
    """Run a command to its end, whatever is pressed; give its exit code. Raises `Interrupted` afterwards."""
    # At a terminal it stays where the keyboard is read, and Ctrl-C reaches it without us.
    apart = not os.isatty(0)
    try:
        process = subprocess.Popen(command, cwd=up.folder, env=dict(up.variables), start_new_session=apart)
    except OSError as error:
        message = f"{command[0]} cannot be started: {error.strerror}"
        remedy = "name a command that is on PATH: plimsoll cloud ENV -- pulumi up"
        raise RehearsalError("cloud/command", message, remedy) from None
    try:
        code = process.wait()
    except Interrupted as interrupted:
        # The engine takes SIGINT once as a wish to end well, and writes its state.
        if apart:
            os.killpg(process.pid, signal.SIGINT)
        elif interrupted.number != signal.SIGINT:
            process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(CANCEL_GRACE)
        raise
    finally:
        if apart:
            end_session(process.pid)
        elif process.poll() is None:
            process.kill()
        process.wait()
    return code if code >= 0 else _SIGNALLED - code
