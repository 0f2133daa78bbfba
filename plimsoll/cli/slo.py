"""`plimsoll slo`: play an outage to a flow's alerts; lint SLOs and alert policies."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from plimsoll.cli.output import Exit, console, fault_json, fault_lines, print_json, refuse
from plimsoll.limits import Severity
from plimsoll.settings.errors import Fault, SettingsError, key_path, shown
from plimsoll.settings.load import from_stack
from plimsoll.settings.model import EndpointFlow
from plimsoll.settings.project import find_project
from plimsoll.slo import agreements
from plimsoll.slo.compile import compile_flow
from plimsoll.slo.lint import documents
from plimsoll.slo.lint import lint as judge
from plimsoll.slo.lint.places import read
from plimsoll.slo.report import horizon_of, instant, lines, machine
from plimsoll.slo.simulation import play
from plimsoll.slo.tiers import Traffic
from plimsoll.slo.timeline import parse_delay, parse_dispersion, parse_event, parse_rate, read_timeline
from plimsoll.slo.windows import windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plimsoll.limits import Problem
    from plimsoll.settings.model import Settings
    from plimsoll.slo.compile import Compiled
    from plimsoll.slo.lint.places import Places
    from plimsoll.slo.simulation import Moment

T = TypeVar("T")
_USUAL = 600
"""Requests an hour that are played where none are said: shares do not depend on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line says."""

    environment: str | None
    flow: str
    events: Mapping[str, str | None]
    """By kind of share, what `--outage`, `--slow` and `--stall` say."""
    timeline: Path | None
    requests_per_hour: str | None
    dispersion: str | None
    ingestion_delay: str | None
    chart: Path | None


def simulate(asked: Asked, *, as_json: bool, folder: Path | None) -> None:
    """Print when each tier of the flow fires and clears."""
    try:
        project = find_project(folder or Path.cwd())
        stacks = project.stacks()
        stack = asked.environment or (stacks[0] if len(stacks) == 1 else "dev")
        settings = from_stack(project, stack).settings
        moments = _moments(asked)
        traffic, delay = _traffic(asked, settings)
        compiled = _compiled(asked.flow, settings, traffic)
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)
    usual = Fraction(traffic.requests_per_hour or _USUAL)
    played = play(compiled, moments, usual_per_hour=usual, delay=delay, every=windows().evaluation)
    end = sum((moment.seconds for moment in moments), Fraction(0))
    horizon = horizon_of(played, end)
    if asked.chart is not None:
        # Here, so that nothing but a chart waits for the library.
        from plimsoll.slo.chart import svg  # noqa: PLC0415

        title = f"{asked.flow} in {stack}: {_what(asked)}"
        asked.chart.write_text(svg(played, title, horizon=horizon, delay=delay), "utf-8")
    faults = [_fault(problem) for problem in compiled.problems]
    if as_json:
        print_json(
            {
                "ok": True,
                "environment": stack,
                "flow": asked.flow,
                "endsAt": float(end),
                "ingestionDelaySeconds": delay,
                "requestsPerHour": None if traffic.requests_per_hour is None else float(usual),
                "objectives": machine(played),
                "faults": [fault_json(fault) for fault in faults],
            }
        )
        return
    out = console()
    rate = "traffic not said" if traffic.requests_per_hour is None else f"{usual} requests an hour"
    head = f"{asked.flow} in {stack}  {_what(asked)}, over after {instant(end)} · {rate}"
    out.print(f"{head} · counted {instant(delay)} late", markup=False)
    for line in lines(played, horizon=horizon):
        out.print(line, markup=False)
    if traffic.requests_per_hour is None:
        out.print("\nWith --requests-per-hour, tiers that would cry wolf are lowered or left out.")
    for fault in faults:
        out.print("", *fault_lines(fault), sep="\n")


def _what(asked: Asked) -> str:
    said = [f"{kind} {text}" for kind, text in asked.events.items() if text is not None]
    return said[0] if said else f"as in {asked.timeline}"


def _moments(asked: Asked) -> tuple[Moment, ...]:
    events = {kind: text for kind, text in asked.events.items() if text is not None}
    if len(events) + (asked.timeline is not None) != 1:
        raise _wrong(
            "say what happens, once",
            rule="slo/event",
            remedy="with --outage 100%/5m, --stall 100%/5m, --slow 50%/1h, or --timeline FILE",
        )
    if asked.timeline is not None:
        return _read(asked.timeline)
    ((kind, text),) = events.items()
    try:
        return (parse_event(text, kind),)
    except ValueError as error:
        raise _wrong(str(error), rule="slo/event", value=text) from None


def _read(file: Path) -> tuple[Moment, ...]:
    try:
        return read_timeline(file.read_text("utf-8-sig"), file)
    except OSError as error:
        raise SettingsError([Fault(str(error.strerror), file=file, rule="slo/timeline")]) from None
    except UnicodeDecodeError:
        raise SettingsError([Fault("the file is not UTF-8 text", file=file, rule="slo/timeline")]) from None


def _traffic(asked: Asked, settings: Settings) -> tuple[Traffic, int]:
    rate = _option("--requests-per-hour", asked.requests_per_hour, parse_rate)
    dispersion = _option("--dispersion", asked.dispersion, parse_dispersion)
    delay = _option("--ingestion-delay", asked.ingestion_delay, parse_delay)
    flow, warm = settings.flows.get(asked.flow), None
    if isinstance(flow, EndpointFlow):
        instances = settings.services[flow.service].instances
        warm = instances.manual if instances.manual is not None else instances.min or 0
    return Traffic(rate, dispersion or 1, warm), windows().typical_delay if delay is None else delay


def _option(name: str, text: str | None, parse: Callable[[str], T]) -> T | None:
    if text is None:
        return None
    try:
        return parse(text)
    except ValueError as error:
        raise _wrong(f"{name}: {error}", rule="slo/option", value=text) from None


def _compiled(name: str, settings: Settings, traffic: Traffic) -> Compiled:
    if name not in settings.flows:
        near = get_close_matches(name, settings.flows, n=1)
        raise _wrong(
            f"there is no flow {shown(name)}: there are {', '.join(settings.flows) or 'none'}",
            rule="slo/flow",
            remedy=f"did you mean {near[0]}?" if near else "name one of them",
        )
    flow = settings.flows[name]
    compiled = compile_flow(
        name,
        settings.budgets[name],
        traffic,
        critical=flow.critical,
        stands_on=agreements.parts(flow, settings.database, settings.frontend),
    )
    errors = [problem for problem in compiled.problems if problem.severity is Severity.ERROR]
    if errors:
        raise SettingsError([_fault(problem, f"plimsoll:budgets.{name}.") for problem in errors])
    return compiled


def lint(file: Path, *, as_json: bool) -> None:
    """Print what is wrong with SLOs and alert policies."""
    # Here, so that a simulation does not wait for Google's classes.
    from plimsoll.monitoring import parse_alert, parse_objective  # noqa: PLC0415

    name = Path("standard input") if str(file) == "-" else file
    try:
        content, places = _document(file, name)
        slos, policies = documents(content)
        findings = judge(content)
    except SettingsError as error:
        refuse(error.faults, as_json=as_json)
    except ValueError as error:
        refuse([Fault(str(error), file=name, rule="slo-lint/file")], as_json=as_json)

    def at(fault: Fault, path: tuple[str | int, ...]) -> Fault:
        key = key_path(["", *path]).lstrip(".") if path else None
        return replace(fault, file=name, line=places.line(path), key=key)

    found = [at(_fault(finding.problem), finding.path) for finding in findings]
    twice = Fault("the key stands twice, and only one counts", rule="slo-lint/key-twice", remedy="remove one")
    found += [at(twice, path) for path in places.twice]
    for several, parse in ((slos, parse_objective), (policies, parse_alert)):
        for one in several:
            message = parse(one.content)
            if message is not None:
                strict = Fault(message, rule="slo-lint/message", source="Google's message class")
                found.append(at(strict, one.path))
    faults = SettingsError(found).faults
    errors = [fault for fault in faults if fault.severity is Severity.ERROR]
    if as_json:
        counts = {"slos": len(slos), "alertPolicies": len(policies)}
        print_json({"ok": not errors, **counts, "faults": [fault_json(fault) for fault in faults]})
    else:
        out = console()
        for fault in faults:
            out.print(*fault_lines(fault), sep="\n")
        out.print(
            f"SLOs: {len(slos)} · alert policies: {len(policies)} · to correct: {len(errors)} · to think "
            f"about: {len(faults) - len(errors)}"
        )
    raise typer.Exit(Exit.BROKEN if errors else Exit.DONE)


def _document(file: Path, name: Path) -> tuple[object, Places]:
    """Read JSON from a file or from standard input. Raises SettingsError."""
    try:
        return read(sys.stdin.buffer.read().decode() if str(file) == "-" else file.read_text("utf-8-sig"))
    except OSError as error:
        fault = Fault(str(error.strerror), file=name, rule="slo-lint/file")
    except UnicodeDecodeError:
        fault = Fault("the file is not UTF-8 text", file=name, rule="slo-lint/file")
    except RecursionError:
        fault = Fault("it is nested too deeply", file=name, rule="slo-lint/file")
    except json.JSONDecodeError as error:
        fault = Fault(f"this is no JSON: {error.msg}", name, error.lineno, error.colno, rule="slo-lint/json")
    raise SettingsError([fault])


def _fault(problem: Problem, prefix: str = "") -> Fault:
    return Fault(
        problem.message,
        key=prefix + ".".join(problem.fields),
        value=problem.value or None,
        rule=problem.rule,
        source=problem.source,
        remedy=problem.remedy,
        severity=problem.severity,
    )


def _wrong(message: str, *, rule: str, remedy: str | None = None, value: str | None = None) -> SettingsError:
    said = shown(value) if value is not None else None
    return SettingsError([Fault(message, rule=rule, remedy=remedy, value=said)])
