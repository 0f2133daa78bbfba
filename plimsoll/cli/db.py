"""`plimsoll db`: a PostgreSQL of the project's own on this machine, for local work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from plimsoll.cli.output import Exit, console, print_json, refuse
from plimsoll.localdb import server
from plimsoll.localdb.binaries import PACKAGES
from plimsoll.localdb.failure import LocalDatabaseError
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.load import from_stack
from plimsoll.settings.model import CloudSqlDatabase
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from plimsoll.localdb.server import LocalDatabase, Wanted
    from plimsoll.settings.model import Settings
    from plimsoll.settings.project import Project


def up(environment: str | None, *, port: int | None, as_json: bool, folder: Path | None) -> None:
    """Start the local database and print its URL."""
    project = _project(folder, as_json=as_json)
    wanted, scheme = _wanted(project, environment, as_json=as_json)
    try:
        found = server.up(_folder(project), wanted, port=port)
    except LocalDatabaseError as error:
        _refuse(error, as_json=as_json)
    _advise(found, wanted)
    _show(found, scheme, as_json=as_json)


def url(environment: str | None, *, as_json: bool, folder: Path | None) -> None:
    """Print the URL of the local database that runs."""
    project = _project(folder, as_json=as_json)
    wanted, scheme = _wanted(project, environment, as_json=as_json)
    try:
        found = server.running(_folder(project), wanted)
    except LocalDatabaseError as error:
        _refuse(error, as_json=as_json)
    _advise(found, wanted)
    _show(found, scheme, as_json=as_json)


def down(*, delete: bool, yes: bool, as_json: bool, folder: Path | None) -> None:
    """Stop the local database; with `delete` remove its data."""
    place = _folder(_project(folder, as_json=as_json))
    if delete and not yes and place.exists():
        if as_json or not sys.stdin.isatty():
            fault = Fault(
                "--delete removes all data of the local database, and nobody can be asked here",
                rule="db/delete",
                remedy="add --yes",
            )
            refuse([fault], as_json=as_json)
        if not typer.confirm(f"Remove all data of the local database in {place}?", err=True):
            typer.echo("nothing was removed", err=True)
            raise typer.Exit(Exit.USAGE)
    try:
        ran = server.down(place, delete=delete)
    except LocalDatabaseError as error:
        _refuse(error, as_json=as_json)
    if as_json:
        print_json({"ok": True, "stopped": ran, "deleted": delete, "folder": str(place)})
        return
    typer.echo(("stopped" if ran else "it did not run") + (", its data removed" if delete else ""))


def _project(folder: Path | None, *, as_json: bool) -> Project:
    try:
        return find_project(folder or Path.cwd())
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)


def _folder(project: Project) -> Path:
    return server.folder_of(project.name, project.file.parent)


def _wanted(project: Project, environment: str | None, *, as_json: bool) -> tuple[Wanted, str]:
    """What the environment's settings ask of a database, and the scheme of its URL."""
    stacks = project.stacks()
    stack = environment or next((stack for stack in ("dev", *stacks) if stack in stacks), "dev")
    try:
        return wanted_of(from_stack(project, stack).settings)
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)


def wanted_of(settings: Settings) -> tuple[Wanted, str]:
    """The local database that is most like the environment's, and its driver's scheme.

    Somebody else's database does not say its version, names and driver: the application's name stands in.
    """
    database = settings.database
    if isinstance(database, CloudSqlDatabase):
        wanted = server.Wanted(
            database=database.name,
            user=database.user,
            major=int(database.version.split("_")[1]),
            max_connections=database.max_connections,
        )
        return wanted, database.url_scheme
    name = settings.cloud.application.replace("-", "_")
    return server.Wanted(database=name, user=name, max_connections=database.max_connections), "postgresql"


def _advise(found: LocalDatabase, wanted: Wanted) -> None:
    """Say in what the server that runs, one for all environments, is not what this environment asks for."""
    differences: list[str] = []
    if wanted.major not in {None, found.major}:
        package = PACKAGES.get(wanted.major or 0)
        remedy = f"pip install {package} for theirs" if package is not None else "no package has theirs"
        differences.append(f"PostgreSQL {wanted.major}, and this is {found.version}: {remedy}")
    if wanted.max_connections not in {None, found.max_connections}:
        differences.append(
            f"max_connections {wanted.max_connections}, and it was started with {found.max_connections}: "
            "plimsoll db down, and up for this environment"
        )
    for difference in differences:
        console(stderr=True).print(f"advice  the settings say {difference}", style="yellow", soft_wrap=True)


def _show(found: LocalDatabase, scheme: str, *, as_json: bool) -> None:
    address = found.url(scheme)
    if not as_json:
        typer.echo(address)
        return
    print_json(
        {
            "ok": True,
            "url": address,
            "host": server.HOST,
            "port": found.port,
            "database": found.database,
            "user": found.user,
            "version": found.version,
            "folder": str(found.folder),
        }
    )


def _refuse(error: LocalDatabaseError, *, as_json: bool) -> NoReturn:
    fault = Fault(error.message, rule=f"db/{error.failure}", remedy=error.remedy or None)
    refuse([fault], as_json=as_json)
