"""`plimsoll adopt`: what an environment declares that may run already, by which id, and what finds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Group
from rich.text import Text

from plimsoll.cli.output import Exit, console, print_json, refuse, show
from plimsoll.cli.preview import failed, planned
from plimsoll.preview.adoptable import candidates, to_json
from plimsoll.preview.failure import PreviewError
from plimsoll.preview.project import job_of
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.load import from_stack
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.preview.plan import Plan


def run(environment: str, *, every: bool, timeout: float, as_json: bool, folder: Path | None) -> None:
    """Print what could be adopted; exit code 2 where the settings or the program are wrong."""
    try:
        project = find_project(folder or Path.cwd())
        # Each fault of an entry with its line, before the program is run.
        from_stack(project, environment)
        plan = planned(job_of(project, environment, timeout), quiet=as_json)
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)
    except PreviewError as error:
        failed(error, debug=False, as_json=as_json)
    except KeyboardInterrupt:
        console(stderr=True).print("interrupted; nothing of the program runs on")
        raise typer.Exit(130) from None
    if as_json:
        print_json({"ok": True, **to_json(plan)})
    else:
        show(Group(*_lines(plan, every=every)))
    raise typer.Exit(Exit.DONE)


def _lines(plan: Plan, *, every: bool) -> Iterator[Text]:
    found = candidates(plan)
    adopted = [one for one in found if one.adopted]
    shown = [one for one in found if every or one.adopted or not one.repeatable]
    yield Text.assemble(
        (plan.stack, "bold"),
        (f" · {len(found)} could be adopted, {len(adopted)} are · nobody was asked what exists", "dim"),
    )
    for one in shown:
        yield Text.assemble("\n", (one.key, "bold"), ("  adopted" if one.adopted else "", "green"))
        yield Text(f"  id    {one.adopted or one.form}")
        yield Text(f"  find  {one.find}", "dim")
    if len(shown) < len(found):
        yield Text(
            f"\n{len(found) - len(shown)} APIs and grants are left out (--all): made again, each is the same",
            "dim",
        )
    yield Text(
        f"\nWhat exists goes below plimsoll:adopt in Pulumi.{plan.stack}.yaml, as `KIND/NAME: id`; then "
        "pulumi preview shows an import, or what would be overwritten and refuses.",
        "dim",
    )
