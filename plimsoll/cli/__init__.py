"""The `plimsoll` command: one thin module a group, each imported only when it runs.

Exit codes: 0 done; 1 done, and what it shows breaks a promise; 2 wrong input, or a program that failed; 130
interrupted.
"""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer

from plimsoll.cli import options
from plimsoll.cli.options import Goal

app = typer.Typer(
    name="plimsoll",
    help="One performance budget per flow: see what a change does to it, and prove it.\n\n"
    "Exit codes: 0 done; 1 done, and a promise is broken; 2 wrong input, or a program that failed; "
    "130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:  # noqa: FBT001 (the form that Typer calls)
    if value:
        typer.echo(f"plimsoll {version('plimsoll')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


@app.command()
def preview(
    environment: options.OptionalEnvironment = None,
    *,
    resource: Annotated[
        str | None,
        typer.Option("--resource", "-r", metavar="NAME", help="Show all of one resource, by name or URN."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="REF", help="Show what differs from this commit.", show_default=False
        ),
    ] = None,
    from_json: Annotated[
        Path | None,
        typer.Option(
            "--from-json",
            metavar="FILE",
            help="Show what `pulumi preview --json --show-sames` wrote there (`-`: standard input).",
            show_default=False,
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long the program may take.")
    ] = 120,
    debug: Annotated[
        bool, typer.Option("--debug", help="On failure, show the program's whole traceback.")
    ] = False,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Show what an environment is, in seconds and with no account.

    Runs the project's own Pulumi program under the real SDK, with nobody behind it: no engine, provider,
    plugin or network. Works for any Pulumi Python project. What is encrypted is previewed as unknown.

    With --against it shows what differs from another commit, whose program is run beside your checkout; with
    --from-json what the engine found out about a real account.
    """
    from plimsoll.cli.preview import Asked, run  # noqa: PLC0415

    run(
        Asked(environment, project, resource, against, from_json),
        timeout=timeout,
        debug=debug,
        as_json=as_json,
    )


@app.command()
def check(
    environment: options.OptionalEnvironment = None,
    *,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Check one stack file, or all of them side by side.

    Every mistake is reported at once, with file, line, key, value, rule and source. Side by side, a host,
    project, database or secret that two environments share is refused.
    """
    from plimsoll.cli.check import run  # noqa: PLC0415

    run(environment, as_json=as_json, folder=project)


@app.command()
def schema(
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Write it where the stack files look for it.")
    ] = False,
    up_to_date: Annotated[bool, typer.Option("--check", help="Fail where that file is out of date.")] = False,
    project: options.Project = None,
) -> None:
    """Print the JSON Schema of stack files, with which editors complete and check them."""
    from plimsoll.cli.schema import run  # noqa: PLC0415

    run(write=write, up_to_date=up_to_date, folder=project)


@app.command()
def rehearse(
    environment: options.Environment,
    *,
    ref: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="REF",
            help="The commit that is up; by default where HEAD left the default branch.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder, and say where it is.")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long one command of the engine may take.")
    ] = 600,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Show what the working tree would do to an environment, on the real engine, with no account.

    Brings up REF on a local cloud, previews the working tree against it, with the policies of `policies/`,
    applies it, and previews again, which must show nothing. All of it in a folder of its own: your checkout,
    backend and stack files stay as they are. Encrypted values are replaced by placeholders.

    Exit codes: 0 done; 1 a database, secret, user or bucket would be lost, a policy or a protected resource
    refuses, or the change never settles; 2 wrong input, or a program that failed.
    """
    from plimsoll.cli.rehearse import run  # noqa: PLC0415

    run(environment, ref=ref, keep=keep, timeout=timeout, as_json=as_json, folder=project)


@app.command()
def doctor(
    *,
    goal: Annotated[
        Goal, typer.Option("--for", help="What this machine must be able to do for exit code 0.")
    ] = Goal.PREVIEW,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Say what is installed, which credentials are present, and what to do about what is missing.

    Looks at the names of variables and files only, never at a value, and asks nobody over the network.

    Exit codes: 0 this machine has what `plimsoll preview` needs (or what --for names needs); 1 it has not.
    """
    from plimsoll.cli.doctor import run  # noqa: PLC0415

    run(goal=goal, as_json=as_json, folder=project)


engine = typer.Typer(
    help="The real Pulumi engine: which one is used here, and how to get one.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(engine, name="engine")


@engine.command("install")
def engine_install(*, as_json: options.Json = False) -> None:
    """Bring the engine where there is none, and print its path.

    Uses `pulumi` on PATH; else Pulumi's own installer where it can be reached; else builds it with Go, once,
    in about five minutes. It lands in the user's cache folder (~/.cache/plimsoll, or $PLIMSOLL_HOME).
    """
    from plimsoll.cli.engine import install  # noqa: PLC0415

    install(as_json=as_json)


@engine.command("path")
def engine_path(*, as_json: options.Json = False) -> None:
    """Print the path of the engine that is used here; fail where there is none."""
    from plimsoll.cli.engine import path  # noqa: PLC0415

    path(as_json=as_json)


@engine.command("version")
def engine_version(*, as_json: options.Json = False) -> None:
    """Print the version of the engine that is used here, and where it came from."""
    from plimsoll.cli.engine import version  # noqa: PLC0415

    version(as_json=as_json)


def main(*arguments: Any) -> None:  # noqa: ANN401 (whatever Click takes)
    """Run the command; what `plimsoll` and `python -m plimsoll` call."""
    if sys.stdout is None:  # closed by the caller: there is nobody to tell
        sys.exit(2)
    try:
        app(*arguments)
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        typer.echo(f"error  {error.strerror}{f': {error.filename}' if error.filename else ''}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(2)
