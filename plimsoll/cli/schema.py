"""`plimsoll schema`: the JSON Schema of stack files."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from plimsoll.cli.output import console, refuse, relative
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.project import find_project
from plimsoll.settings.schema import PATH, stack_schema


def run(*, write: bool, up_to_date: bool, folder: Path | None) -> None:
    """Print the schema, write it where stack files look for it, or say that this file is out of date."""
    try:
        project = find_project(folder or Path.cwd())
    except SettingsError as error:
        refuse(error.faults, as_json=False)
    text = json.dumps(stack_schema(project.name), indent=2, ensure_ascii=False) + "\n"
    path = project.file.parent / PATH
    if up_to_date:
        if not path.is_file() or path.read_text("utf-8") != text:
            stale = Fault("is out of date with the settings", file=path, remedy="plimsoll schema --write")
            refuse([stale], as_json=False)
    elif write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        console(stderr=True).print(f"wrote {relative(path)}")
    else:
        typer.echo(text, nl=False)
