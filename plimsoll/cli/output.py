"""What every command does with its answers: standard output, errors to standard error, exit codes."""

from __future__ import annotations

import json
import os
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from plimsoll.limits import Severity
from plimsoll.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from plimsoll.settings.errors import Fault


_UNBOUNDED = 1000
"""Columns of an output that is no terminal: more than any line of ours."""


class Exit(IntEnum):
    """What a command's exit code means."""

    DONE = 0
    BROKEN = 1
    """The command did its work, and what it shows breaks a promise."""
    USAGE = 2
    """Wrong input, or a program that failed: nothing is shown, nothing is written."""


def console(*, stderr: bool = False) -> Console:
    """A console that wraps and cuts nothing where the output is not a terminal: there a line stays a line."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _UNBOUNDED
    return Console(stderr=stderr, width=width, highlight=False)


def show(renderable: RenderableType) -> None:
    """Print to standard output, without the blanks with which Rich fills lines."""
    out = console()
    with out.capture() as captured:
        out.print(renderable)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def print_json(data: object) -> None:
    """Print `data` for a machine."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


def relative(path: Path) -> Path:
    """The path as a reader here would write it."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def fault_lines(fault: Fault) -> Iterable[Text]:
    """A fault for a person: where and what, then why and what to do."""
    advice = fault.severity is Severity.ADVICE
    place = str(relative(fault.file)) if fault.file is not None else ""
    place += f":{fault.line}" if fault.line is not None else ""
    said = f" = {fault.value or '(nothing)'}" if fault.value is not None else ""
    where = f"{fault.key or ''}{said}"
    yield Text.assemble(
        ("advice" if advice else "error", "bold yellow" if advice else "bold red"),
        "  ",
        (printable(place), "bold"),
        "  " if place and where else "",
        printable(where) if place or where else printable(fault.message),
    )
    if place or where:
        yield Text(f"    {printable(fault.message)}")
    if fault.remedy is not None:
        yield Text(f"    → {printable(fault.remedy)}")
    origin = ", ".join(part for part in (fault.rule, fault.source) if part is not None)
    if origin:
        yield Text(f"    {origin}", "dim")


def fault_json(fault: Fault) -> dict[str, object]:
    """A fault for a machine; every key is always there."""
    return {
        "severity": fault.severity.value,
        "file": str(relative(fault.file)) if fault.file is not None else None,
        "line": fault.line,
        "column": fault.column,
        "key": fault.key,
        "value": fault.value,
        "message": fault.message,
        "remedy": fault.remedy,
        "rule": fault.rule,
        "source": fault.source,
    }


def refuse(faults: Sequence[Fault], *, as_json: bool) -> NoReturn:
    """Print every fault and end with the code for wrong input."""
    if as_json:
        print_json({"ok": False, "faults": [fault_json(fault) for fault in faults]})
    else:
        out = console(stderr=True)
        for fault in faults:
            out.print(*fault_lines(fault), sep="\n")
    raise typer.Exit(Exit.USAGE)
