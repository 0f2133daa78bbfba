"""`plimsoll preview`: the plan of one environment, alone or against another."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer
from rich.text import Text

from plimsoll.checkout.failure import CheckoutError
from plimsoll.cli.output import Exit, console, fault_json, print_json, refuse, show
from plimsoll.engine.errors import EngineError
from plimsoll.preview.failure import PreviewError
from plimsoll.preview.offline import preview_offline
from plimsoll.preview.plan import Resource, resource_to_json, to_json
from plimsoll.preview.policies.pack import find_pack
from plimsoll.preview.project import job_of
from plimsoll.preview.promises import Undecided, connection_budget
from plimsoll.preview.report import changes
from plimsoll.preview.report.machine import promises_json
from plimsoll.preview.report.terminal import report, resource_report
from plimsoll.printable import printable
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.explain import nearest
from plimsoll.settings.project import find_project

if TYPE_CHECKING:
    from plimsoll.preview.comparison import Comparison
    from plimsoll.preview.offline import ProgramJob
    from plimsoll.preview.plan import Plan
    from plimsoll.settings.project import Project


@dataclass(frozen=True, slots=True)
class Policies:
    """Who judges: by default the pack beside Pulumi.yaml, configured as what lies in it says."""

    pack: Path | None = None
    config: Path | None = None
    none: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What to preview: a stack of the project in `folder`, all of it or one resource, alone or compared.

    `against` names a commit, `from_json` a file of the engine's; of these three at most one is given.
    """

    environment: str | None
    folder: Path | None
    resource: str | None = None
    against: str | None = None
    from_json: Path | None = None
    policies: Policies = Policies()


def run(asked: Asked, *, timeout: float, debug: bool, as_json: bool) -> None:
    """Make the plan and print it; exit code 1 where its connections do not fit, or a policy is broken."""
    err = console(stderr=True)
    try:
        _one_of(asked)
        plan = _print(asked, timeout, as_json=as_json)
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)
    except CheckoutError as error:
        refuse([Fault(error.message, rule=error.rule, remedy=error.remedy)], as_json=as_json)
    except EngineError as error:
        fault = Fault(
            error.message, asked.from_json, rule=f"engine/{error.failure.value}", remedy=error.remedy
        )
        refuse([fault], as_json=as_json)
    except PreviewError as error:
        failed(error, debug=debug, as_json=as_json)
    except KeyboardInterrupt:
        err.print("interrupted; nothing of the program runs on")
        raise typer.Exit(130) from None
    budget = connection_budget(plan)
    fits = budget is None or isinstance(budget, Undecided) or budget.fits
    blocked = plan.policies is not None and plan.policies.blocks
    raise typer.Exit(Exit.DONE if fits and not blocked else Exit.BROKEN)


def _one_of(asked: Asked) -> None:
    given = {"--resource": asked.resource, "--against": asked.against, "--from-json": asked.from_json}
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        message = f"{' and '.join(named)} do not go together"
        raise SettingsError([Fault(message, rule="preview/options", remedy="give one of them")])
    judged = {"--policy-pack": asked.policies.pack, "--policy-pack-config": asked.policies.config}
    alone = {"--no-policies": asked.policies.none, "--from-json": asked.from_json is not None}
    named = [option for option, value in judged.items() if value is not None]
    named += [option for option, given in alone.items() if given] if named else []
    if named and named[-1] in alone:
        message = f"{' and '.join(named)} do not go together"
        raise SettingsError([Fault(message, rule="preview/options", remedy="leave one out")])


def _print(asked: Asked, timeout: float, *, as_json: bool) -> Plan:
    if asked.from_json is not None:
        return _compared(read_file(asked.from_json, asked), as_json=as_json)
    project = find_project(asked.folder or Path.cwd())
    stack = asked.environment or _only(project)
    job = with_pack(job_of(project, stack, timeout), project, asked.policies)
    if asked.against is not None:
        return _compared(compared_with(project, job, asked.against, quiet=as_json), as_json=as_json)
    plan = planned(job, quiet=as_json)
    _show(plan, asked.resource, as_json=as_json)
    return plan


def with_pack(job: ProgramJob, project: Project, policies: Policies) -> ProgramJob:
    """The job, judged by the project's pack unless none is wanted. Raises SettingsError, PreviewError."""
    if policies.none:
        return job
    return replace(job, pack=find_pack(project, job.stack, policies.pack, policies.config))


def _compared(comparison: Comparison, *, as_json: bool) -> Plan:
    print_json(changes.to_json(comparison)) if as_json else show(changes.report(comparison))
    return comparison.plan


def planned(job: ProgramJob, *, quiet: bool) -> Plan:
    """The offline plan, with progress on a terminal unless `quiet`. Raises PreviewError."""
    err = console(stderr=True)
    if not err.is_terminal or quiet:
        return preview_offline(job)
    with err.status(f"running the program of {job.project} {job.stack}") as status:
        return preview_offline(job, lambda urn: status.update(f"declared {urn.rpartition('::')[2]}"))


def compared_with(project: Project, job: ProgramJob, ref: str, *, quiet: bool) -> Comparison:
    """The working tree's plan beside that of a commit. Raises CheckoutError, SettingsError, PreviewError."""
    from plimsoll.localcloud.rules import load_rules  # noqa: PLC0415 (a plain preview does without)
    from plimsoll.preview.against import preview_commit, reconfigured  # noqa: PLC0415
    from plimsoll.preview.comparison import compare  # noqa: PLC0415

    began = time.monotonic()
    base = preview_commit(project, job.stack, ref, job.timeout)
    plan = planned(job, quiet=quiet)
    rules = load_rules()
    sha = base.commit.sha
    short = sha[:7] if sha.startswith(ref) else f"{ref} ({sha[:7]})"
    return compare(
        base.plan,
        plan,
        lambda resource: rules.forcing(resource.type, resource.inputs),
        against=short if base.plan else f"{short}, which has no environment {job.stack}",
        tells=f"plimsoll rehearse {job.stack} --from {ref}",
        reconfigured=reconfigured(base.config, job.config) if base.plan else (),
        notes=tuple(f"{lock} differs at {short}, which ran on today's packages" for lock in base.locks),
        seconds=time.monotonic() - began,
    )


def read_file(file: Path, asked: Asked) -> Comparison:
    """What a file of the engine's says. Raises SettingsError, EngineError."""
    from plimsoll.engine.plan import read_preview  # noqa: PLC0415 (as above)
    from plimsoll.preview.comparison import compare  # noqa: PLC0415

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"this cannot be read: {said}"
        raise SettingsError([Fault(message, file, rule="preview/file", remedy="name a file")]) from None
    found = read_preview(text, (asked.folder or Path.cwd()).absolute())
    if asked.environment not in {None, found.after.stack}:
        message = f"this is a preview of {found.after.stack}, not of {asked.environment}"
        raise SettingsError(
            [Fault(message, file, rule="preview/stack", remedy=f"say {found.after.stack}, or nothing")]
        )
    return compare(
        found.before,
        found.after,
        lambda resource: found.forced.get(resource.urn, ()),
        against="what is deployed",
        seconds=found.after.seconds,
    )


def _only(project: Project) -> str:
    """The environment that is meant when none is named: the only one, else dev."""
    stacks = project.stacks()
    if len(stacks) == 1:
        return stacks[0]
    if "dev" in stacks:
        return "dev"
    remedy = f"name one of {', '.join(stacks)}" if stacks else f"make {project.stack_file('dev').name}"
    raise SettingsError(
        [Fault("which environment?", file=project.file, rule="settings/which-stack", remedy=remedy)]
    )


def _show(plan: Plan, name: str | None, *, as_json: bool) -> None:
    if name is None:
        print_json({"ok": True, **to_json(plan), **promises_json(plan)}) if as_json else show(report(plan))
        return
    found = _named(plan, name, as_json=as_json)
    if as_json:
        print_json([resource_to_json(one) for one in found])
        return
    for resource in found:
        show(resource_report(plan, resource))


def _named(plan: Plan, name: str, *, as_json: bool) -> tuple[Resource, ...]:
    one = plan.resource(name)
    found = (one,) if one else plan.named(name)
    if not found:
        names = sorted({resource.name for resource in plan.resources})
        missing = Fault(
            f"{plan.stack} declares no resource named {name}",
            rule="preview/resource",
            source="the program",
            remedy=nearest(name, names) or f"there are {', '.join(names)}",
        )
        refuse([missing], as_json=as_json)
    return found


def faults_of(error: PreviewError) -> list[Fault]:
    """Why there is no preview, as faults."""
    rule = f"preview/{error.kind.value}"
    if error.problems:
        return [
            Fault(
                f"{one.reason} (of {one.of})",
                file=Path(one.place.file) if one.place else None,
                line=one.place.line if one.place else None,
                key=one.path,
                rule=rule,
                source="the SDK's own classes",
            )
            for one in error.problems
        ]
    place = error.place
    return [
        Fault(
            error.message,
            file=Path(place.file) if place else None,
            line=place.line if place else None,
            rule=rule,
            source="the program",
            remedy=error.remedy or None,
        )
    ]


def failed(error: PreviewError, *, debug: bool, as_json: bool) -> NoReturn:
    """Print why there is no preview, and end with the code for a program that failed."""
    faults = faults_of(error)
    if as_json:
        print_json({"ok": False, "faults": [*map(fault_json, faults)], "failure": error.to_json()})
        raise typer.Exit(Exit.USAGE)
    if error.problems:
        refuse(faults, as_json=False)
    err = console(stderr=True)
    err.print(Text.assemble(("error", "bold red"), f"  {printable(error.message)}"))
    for index, frame in enumerate(error.frames):
        err.print(Text(f"    {printable(str(frame))}", "dim"))
        if index == 2 and error.frames_left_out:
            err.print(Text(f"    … {error.frames_left_out} more …", "dim"))
    if error.remedy:
        err.print(Text(f"    → {printable(error.remedy)}"))
    for line in error.program_output:
        err.print(Text(f"    | {printable(line)}", "dim"))
    if debug and error.traceback:
        print(printable(error.traceback), file=sys.stderr)  # noqa: T201
    raise typer.Exit(Exit.USAGE)
