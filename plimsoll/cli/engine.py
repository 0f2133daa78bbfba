"""`plimsoll engine`: which engine is used here, and how to get one."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from plimsoll.cli.output import console, print_json, refuse
from plimsoll.engine.errors import EngineError
from plimsoll.engine.find import Installation, find
from plimsoll.engine.install import install as bring
from plimsoll.settings.errors import Fault

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from plimsoll.engine.build import Progress

HEARTBEAT: Final = 30.0
"""Seconds between two lines of one phase where the output is no terminal."""

INTERRUPTED: Final = 130


def install(*, as_json: bool) -> None:
    """Bring the engine, with progress on standard error; print its path."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    err = console(stderr=True)
    try:
        if err.is_terminal and not as_json:
            with err.status("looking for Pulumi") as status:
                found = bring(lambda progress: _update(status, progress))
        else:
            found = bring(_Lines(err))
    except EngineError as error:
        _refuse(error, as_json=as_json)
    except KeyboardInterrupt:
        err.print("interrupted; nothing half-done is left")
        raise typer.Exit(INTERRUPTED) from None
    _show(found, str(found.path), as_json=as_json)


def path(*, as_json: bool) -> None:
    """Print the path of the engine."""
    found = _find(as_json=as_json)
    _show(found, str(found.path), as_json=as_json)


def version(*, as_json: bool) -> None:
    """Print the version of the engine and its origin."""
    found = _find(as_json=as_json)
    _show(found, f"{found.version} ({found.origin.value}: {found.path})", as_json=as_json)


def _find(*, as_json: bool) -> Installation:
    try:
        return find()
    except EngineError as error:
        _refuse(error, as_json=as_json)


def _show(found: Installation, line: str, *, as_json: bool) -> None:
    if not as_json:
        typer.echo(line)
        return
    language_host, whose = found.language_host
    print_json(
        {
            "ok": True,
            "path": str(found.path),
            "version": str(found.version),
            "origin": found.origin.value,
            "languageHost": None if language_host is None else {"path": str(language_host), "of": whose},
        }
    )


def _refuse(error: EngineError, *, as_json: bool) -> NoReturn:
    fault = Fault(error.message, rule=f"engine/{error.failure.value}", remedy=error.remedy or None)
    refuse([fault], as_json=as_json)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _written(progress: Progress) -> str:
    """One state of an install in words."""
    done = f" {progress.done:,}" if progress.done else ""
    # A build that finds a part done already compiles fewer, so the total is a bound.
    total = f" of about {progress.total:,}" if progress.total > progress.done else ""
    seconds = f", {progress.seconds:.0f} s" if progress.seconds >= 1 else ""
    return f"{progress.phase}{done}{total}{seconds}"


def _update(status: Status, progress: Progress) -> None:
    status.update(_written(progress))


class _Lines:
    """Progress where the output is no terminal: a line for each phase, and one every half minute."""

    def __init__(self, err: Console) -> None:
        self._err = err
        self._phase = ""
        self._said = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.phase != self._phase or now - self._said > HEARTBEAT:
            self._phase, self._said = progress.phase, now
            self._err.print(_written(progress))
