"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")


def environments(incomplete: str) -> list[str]:
    """Complete the name of an environment from the stack files of the project here."""
    from plimsoll.settings.errors import SettingsError  # noqa: PLC0415
    from plimsoll.settings.project import find_project  # noqa: PLC0415

    try:
        stacks = find_project(Path.cwd()).stacks()
    except SettingsError:
        return []
    return [stack for stack in stacks if stack.startswith(incomplete)]


def at_most_one(what: str, given: Sequence[T]) -> T | None:
    """The one that is given, or None; several are for `--markdown` alone."""
    if len(given) > 1:
        said = ", ".join(map(str, given))
        raise typer.BadParameter(f"several only with --markdown: {said}", param_hint=what)
    return given[0] if given else None


def alone(option: str, others: Mapping[str, object]) -> None:
    """Refuse the options that do not go together with `option`; None is one that is not given."""
    named = [name for name, value in others.items() if value is not None]
    if named:
        raise typer.BadParameter(f"{' and '.join(named)} and {option} do not go together", param_hint=option)


class Goal(StrEnum):
    """What somebody wants to do here; each needs what the former needs, and more."""

    PREVIEW = "preview"
    """`plimsoll preview`: no account, no engine."""
    REHEARSE = "rehearse"
    """`plimsoll rehearse`: the engine, no account."""
    UP = "up"
    """`pulumi up`: an account."""


Environment = Annotated[
    str,
    typer.Argument(
        metavar="ENV", autocompletion=environments, help="A stack: the middle of Pulumi.ENV.yaml."
    ),
]
OptionalEnvironment = Annotated[
    str | None,
    typer.Argument(
        metavar="[ENV]",
        autocompletion=environments,
        help="A stack: the middle of Pulumi.ENV.yaml.",
        show_default=False,
    ),
]
Environments = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ENV]...",
        autocompletion=environments,
        help="Stacks: the middle of Pulumi.ENV.yaml.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines; errors too.")]
Project = Annotated[
    Path | None,
    typer.Option(
        "--project",
        "-C",
        metavar="FOLDER",
        help="The folder of Pulumi.yaml, or one below it; here by default.",
        show_default=False,
    ),
]
Seeds = Annotated[
    Path | None,
    typer.Option(
        "--seed",
        metavar="FILE",
        help='What exists already when REF comes up: JSON lines of "type", "id" and "inputs".',
        show_default=False,
    ),
]
PolicyConfig = Annotated[
    Path | None,
    typer.Option(
        "--policy-pack-config",
        metavar="FILE",
        help="The policy pack's configuration; by default policies/config/ENV.json, where it is there.",
        show_default=False,
    ),
]
