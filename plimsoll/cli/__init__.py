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
    environments: options.Environments = None,
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
        list[Path] | None,
        typer.Option(
            "--from-json",
            metavar="FILE",
            help="Show what `pulumi preview --json --show-sames` wrote there (`-`: standard input).",
            show_default=False,
        ),
    ] = None,
    markdown: Annotated[
        bool,
        typer.Option(
            "--markdown",
            help="Print one comment for a pull request, of the named environments or all.",
        ),
    ] = False,
    policy_pack: Annotated[
        Path | None,
        typer.Option(
            "--policy-pack",
            metavar="DIR",
            help="The policy pack to run; by default policies/, where it is there.",
            show_default=False,
        ),
    ] = None,
    policy_config: options.PolicyConfig = None,
    no_policies: Annotated[bool, typer.Option("--no-policies", help="Run no policy pack.")] = False,
    timeout: Annotated[
        float,
        typer.Option(min=1, metavar="SECONDS", help="How long the program, and then its policies, may take."),
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
    --from-json what the engine found out about a real account. With --markdown both go together, and
    --from-json may be given several times: environments that have a file are told from it.

    The policies of `policies/` judge what is declared, as the engine has them judge.

    Exit codes: 0 done; 1 the connections do not fit, or a mandatory policy is broken (or any policy raises);
    2 wrong input, or a program or policy pack that failed.
    """
    from plimsoll.cli.preview import Asked, Policies, run  # noqa: PLC0415

    policies = Policies(policy_pack, policy_config, no_policies)
    if markdown:
        from plimsoll.cli.markdown import Wanted, run_markdown  # noqa: PLC0415

        wanted = Wanted(tuple(environments or ()), project, against, tuple(from_json or ()), policies)
        options.alone("--markdown", {"--resource": resource, "--json": as_json or None})
        run_markdown(wanted, timeout=timeout)
        return
    run(
        Asked(
            options.at_most_one("ENV", environments or ()),
            project,
            resource,
            against,
            options.at_most_one("--from-json", from_json or ()),
            policies,
        ),
        timeout=timeout,
        debug=debug,
        as_json=as_json,
    )


@app.command()
def comment(
    *,
    file: Annotated[
        Path, typer.Option("--file", metavar="FILE", help="What `plimsoll preview --markdown` wrote.")
    ],
    event: Annotated[
        Path | None,
        typer.Option(
            "--event",
            metavar="FILE",
            help="The workflow_run event; $GITHUB_EVENT_PATH by default.",
            show_default=False,
        ),
    ] = None,
    repository: Annotated[
        str | None,
        typer.Option(
            "--repository",
            metavar="OWNER/NAME",
            help="Whose pull request; $GITHUB_REPOSITORY by default.",
            show_default=False,
        ),
    ] = None,
    author: Annotated[
        str, typer.Option(metavar="LOGIN", help="Who the token's comments are by.")
    ] = "github-actions[bot]",
    as_json: options.Json = False,
) -> None:
    """Post a preview to its pull request, or edit the comment that is there.

    For a workflow on workflow_run, which has a token that may comment and runs nobody's code: FILE is not
    trusted. Kept are the tags that our previews consist of; mentions, references and links are taken apart.
    The pull request is the open one whose head is the commit that ran; without one nothing is posted. Needs
    GITHUB_TOKEN, and asks GITHUB_API_URL.
    """
    from plimsoll.cli.comment import run  # noqa: PLC0415

    run(file, event=event, repository=repository, author=author, as_json=as_json)


@app.command()
def check(
    environments: options.Environments = None,
    *,
    differences: Annotated[
        bool,
        typer.Option(
            "--differences",
            help="Show in what they differ: each with production, or the named ones with the last of them.",
        ),
    ] = False,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Check one stack file, or several (all, where none is named) side by side.

    Every mistake is reported at once, with file, line, key, value, rule and source. Side by side, a host,
    project, database or secret that two environments share is refused.
    """
    from plimsoll.cli.check import run  # noqa: PLC0415

    run(environments or [], differences=differences, as_json=as_json, folder=project)


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
    live: Annotated[
        Path | None,
        typer.Option(
            "--live",
            metavar="FILE",
            help='In what the things that are adopted differ: {"service/api": {"template": …}}, in JSON.',
            show_default=False,
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder, and say where it is.")] = False,
    seeds: options.Seeds = None,
    policy_config: options.PolicyConfig = None,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long one command of the engine may take.")
    ] = 600,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            metavar="FAULT",
            help="What goes wrong while the change is applied, such as create:2 (the second create fails), "
            "create@DatabaseInstance=quota or update=slow:2s; may be given again.",
            show_default=False,
        ),
    ] = None,
    providers: Annotated[
        list[str] | None,
        typer.Option(
            "--provider",
            metavar="[NAME=]PATH",
            help="A real provider's program to judge by; NAME=none asks none. May be given several times.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Show what the working tree would do to an environment, on the real engine, with no account.

    Brings up REF on a local cloud, previews the working tree against it, with the policies of `policies/`,
    applies it, and previews again, which must show nothing. All of it in a folder of its own: your checkout,
    backend and stack files stay as they are. What `plimsoll:adopt` names lives there already, as the program
    asks for it or as --live says. Encrypted values are replaced by placeholders. Where a package's provider
    plugin is installed, it judges: started without your credentials, and never asked to do anything.

    Exit codes: 0 done; 1 a database, secret, user or bucket would be lost, a policy or a protected resource
    refuses, or the change never settles; 2 wrong input, or a program that failed.
    """
    from plimsoll.cli.rehearse import run  # noqa: PLC0415

    run(
        environment,
        ref=ref,
        live=live,
        keep=keep,
        timeout=timeout,
        seeds=seeds,
        policy_config=policy_config,
        faults=fault or [],
        providers=providers or [],
        as_json=as_json,
        folder=project,
    )


@app.command()
def cloud(
    environment: options.Environment,
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND…]", help="What to run, `pulumi up` say.", show_default=False),
    ] = None,
    *,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where it stands; by default a folder of its own in Plimsoll's cache.",
            show_default=False,
        ),
    ] = None,
    reset: Annotated[bool, typer.Option("--reset", help="Begin with nothing.")] = False,
    project: options.Project = None,
) -> None:
    """Run any command, plain `pulumi` say, with a local cloud in place of every vendor, and no account.

    What it brings up stands until --reset. Backend, state and stack file are its own: yours are only read, so
    what `pulumi config set` writes there is gone with the next command. Encrypted values are placeholders.
    Options of ours go before `--`. The exit code is the command's; 2 where it could not be run.
    """
    from plimsoll.cli.cloud import run  # noqa: PLC0415

    run(environment, command or [], state=state, reset=reset, folder=project)


@app.command()
def recover(
    environment: options.Environment,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Clear it, once the state is copied.")] = False,
    imports: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="NAME=ID",
            help="A resource whose create was interrupted, and which is there; may be given again.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        str,
        typer.Option(metavar="REASON", help="Why you are sure that the holder on another machine has ended."),
    ] = "",
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Explain what a killed update left behind, and clear it: a lock, pending operations, a damaged state.

    Says who holds the lock and whether that process still runs, and what becomes of each resource that was
    being worked at. With --yes the state is copied, the lock taken away, and the state refreshed; a damaged
    state is kept aside, and the last good one brought back. Never while the holder of the lock is alive.

    Exit codes: 0 nothing is left to recover from; 1 something is (see --yes); 2 it cannot be done.
    """
    from plimsoll.cli.recover import run  # noqa: PLC0415

    run(environment, imports=imports or [], yes=yes, reason=force, as_json=as_json, folder=project)


@app.command()
def adopt(
    environment: options.Environment,
    *,
    all_: Annotated[
        bool, typer.Option("--all", help="List APIs and grants too, each the same one if it is made again.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long the program may take.")
    ] = 120,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """List what could be adopted because it runs already: the form of its id, and what finds it.

    Offline: nobody is asked what exists. Put the ids that you find below `plimsoll:adopt` in the stack file;
    `pulumi preview` then shows an import, or refuses with the properties that would be overwritten.
    """
    from plimsoll.cli.adopt import run  # noqa: PLC0415

    run(environment, every=all_, timeout=timeout, as_json=as_json, folder=project)


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


db = typer.Typer(
    help="A real PostgreSQL on this machine for local work: one a project, as its settings ask for it.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(db, name="db")


@db.command("up")
def db_up(
    environment: options.OptionalEnvironment = None,
    *,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, metavar="N", help="Where to listen; by default where it did last."),
    ] = None,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Start it, and print its URL for DATABASE_URL; where it runs already, that is all.

    Version, names, connections and driver are those of ENV's settings (dev, where none is named), as far as
    a package of that version is installed. It listens on 127.0.0.1 alone.
    """
    from plimsoll.cli.db import up  # noqa: PLC0415

    up(environment, port=port, as_json=as_json, folder=project)


@db.command("url")
def db_url(
    environment: options.OptionalEnvironment = None,
    *,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Print its URL: export DATABASE_URL=$(plimsoll db url)."""
    from plimsoll.cli.db import url  # noqa: PLC0415

    url(environment, as_json=as_json, folder=project)


@db.command("down")
def db_down(
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Remove its data, too; asks first.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Stop it; its data stay."""
    from plimsoll.cli.db import down  # noqa: PLC0415

    down(delete=delete, yes=yes, as_json=as_json, folder=project)


slo = typer.Typer(
    help="What budgets promise: play an outage to a flow's alerts, lint SLOs and alert policies.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(slo, name="slo")


@slo.command("simulate")
def slo_simulate(
    environment: options.OptionalEnvironment = None,
    *,
    flow: Annotated[
        str, typer.Option("--flow", "-f", metavar="F", help="The flow, as Pulumi.yaml names it.")
    ],
    outage: Annotated[
        str | None,
        typer.Option(metavar="SHARE/FOR", help="Requests that fail: 100%/60s.", show_default=False),
    ] = None,
    stall: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE/FOR", help="Successful requests slower than the tail's budget.", show_default=False
        ),
    ] = None,
    slow: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE/FOR", help="Successful requests between the p95 and the tail.", show_default=False
        ),
    ] = None,
    timeline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV: duration, and of errors, slow, stalled (percent), requests_per_hour what matters.",
            show_default=False,
        ),
    ] = None,
    requests_per_hour: Annotated[
        str | None,
        typer.Option(metavar="N", help="In the quietest hours; tiers are chosen by it.", show_default=False),
    ] = None,
    dispersion: Annotated[
        str | None,
        typer.Option(metavar="N", help="How many failures come together on average; 1.", show_default=False),
    ] = None,
    ingestion_delay: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="How late a request is counted; 240s.", show_default=False),
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw it there, as SVG.", show_default=False)
    ] = None,
    as_json: options.Json = False,
    project: options.Project = None,
) -> None:
    """Say when each alert of a flow would fire and clear in an outage, and what it costs of the error budget.

    The flow's budget is read from the stack file of ENV (the only one, else dev). Nobody is asked over the
    network; instants are counted from the start, as an alert sees them that looks once a minute.
    """
    from plimsoll.cli.slo import Asked, simulate  # noqa: PLC0415

    asked = Asked(
        environment=environment,
        flow=flow,
        events={"errors": outage, "stalled": stall, "slow": slow},
        timeline=timeline,
        requests_per_hour=requests_per_hour,
        dispersion=dispersion,
        ingestion_delay=ingestion_delay,
        chart=chart,
    )
    simulate(asked, as_json=as_json, folder=project)


@slo.command("lint")
def slo_lint(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="JSON as the API has it, one or many (`-`: standard input)."),
    ],
    *,
    as_json: options.Json = False,
) -> None:
    """Find what would fail at the API, never fire, or count the wrong requests, in SLOs and alert policies.

    Checks what the provider and Google's message classes let through, beside a strict parse by these classes.
    Alerts are held against the SLOs of the same file, if it has any.

    Exit codes: 0 nothing, or advice alone; 1 an error; 2 the file cannot be read.
    """
    from plimsoll.cli.slo import lint  # noqa: PLC0415

    lint(file, as_json=as_json)


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
