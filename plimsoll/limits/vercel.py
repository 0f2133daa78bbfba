"""What Vercel accepts: rows 53 and 54, project names, log drains, and which of its regions are near Google's.

The numbers stand in `data/vercel.json`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.limits.facts import Facts
from plimsoll.limits.problem import Problem, Severity
from plimsoll.limits.rules import Breach, Shape, judge, listed, quoted, rule
from plimsoll.units import format_memory, format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

FACTS = Facts("vercel")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionShape(Shape):
    """A project's functions. All fields are optional."""

    plan: str | None = None
    """`hobby`, `pro` or `enterprise`."""
    timeout: Decimal | None = None
    """Seconds that an invocation may last."""
    fluid: bool | None = None
    """Whether requests share an instance (fluid compute)."""
    cpu_type: str | None = None
    """As the provider names it: `standard`."""
    bundle: int | None = None
    """Bytes of one function's files, not compressed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableShape(Shape):
    """An environment variable, and how its project declares such."""

    key: str
    sensitive: bool | None = None
    """Whether Vercel hides the value once it is written."""
    targets: tuple[str, ...] | None = None
    """`production`, `preview`, `development`."""
    inline: bool | None = None
    """Whether the project declares variables within itself."""
    standalone: bool | None = None
    """Whether it has variables that are resources of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectShape(Shape):
    """A project's name."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionShape(Shape):
    """Where functions run, and where what they call runs."""

    region: str
    """Vercel's code."""
    google_region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainShape(Shape):
    """A drain that posts a project's log lines to an address."""

    plan: str | None = None
    """`hobby`, `pro` or `enterprise`."""
    secret_characters: int | None = None
    """Length of the secret with which Vercel signs what it posts."""


def check_function(shape: FunctionShape) -> list[Problem]:
    """Return everything that is wrong with a project's functions, as far as `shape` tells."""
    return judge(_FUNCTION, shape)


def check_variable(shape: VariableShape) -> list[Problem]:
    """Return everything that is wrong with an environment variable, as far as `shape` tells."""
    return judge(_VARIABLE, shape)


def check_drain(shape: DrainShape) -> list[Problem]:
    """Return everything that is wrong with a log drain, as far as `shape` tells."""
    return judge(_DRAIN, shape)


def check_project_name(name: str) -> list[Problem]:
    """Return what is wrong with a project's name."""
    return judge((project_name_is_legal,), ProjectShape(name=name))


def check_region(google_region: str, vercel_region: str) -> list[Problem]:
    """Advise where functions run far from a Google region. Regions that we do not know decide nothing."""
    return judge(_REGION, RegionShape(region=vercel_region, google_region=google_region))


def region_neighbours(google_region: str) -> tuple[str, ...]:
    """Return the Vercel regions near a Google Cloud region, nearest first; none for one unknown to us."""
    fact = FACTS["neighbours"]
    return fact.names(google_region) if google_region in fact.names() else ()


@rule("vercel/function-timeout", rows=(53,), fact="function_timeout")
def timeout_within_plan(shape: FunctionShape) -> Iterator[Breach]:
    """Row 53: whole seconds up to the plan's maximum; where no plan is known, up to the largest."""
    fact = FACTS["function_timeout"]
    plans = [plan for plan in fact.names("to") if shape.plan in (None, plan)]
    if shape.timeout is None or not plans:
        return
    low, high = fact.seconds("from"), max(fact.seconds("to", plan) for plan in plans)
    if low <= shape.timeout <= high and shape.timeout == shape.timeout.to_integral_value():
        return
    bounds = f"whole seconds from {format_seconds(low)} to {format_seconds(high)}"
    yield Breach(
        ("timeout", "plan"),
        format_seconds(shape.timeout),
        f"on plan {listed(plans, 'or')} a function's timeout is {bounds}, "
        f"not {format_seconds(shape.timeout)}",
        f"write {bounds}",
    )


@rule(
    "vercel/function-timeout-without-fluid",
    rows=(53,),
    fact="function_timeout_without_fluid",
    severity=Severity.ADVICE,
)
def timeout_suits_functions_without_fluid(shape: FunctionShape) -> Iterator[Breach]:
    """Row 53: without fluid compute older and shorter maxima are remembered; the page is silent on them."""
    fact = FACTS["function_timeout_without_fluid"]
    if shape.fluid is not False or shape.timeout is None or shape.plan not in fact.names():
        return
    most = fact.seconds(shape.plan)
    if shape.timeout > most:
        yield Breach(
            ("timeout", "fluid"),
            format_seconds(shape.timeout),
            f"without fluid compute plan {shape.plan} may stop at {format_seconds(most)}, "
            f"and the timeout is {format_seconds(shape.timeout)}",
            f"turn fluid compute on, or lower the timeout to {format_seconds(most)}",
        )


@rule("vercel/function-cpu", rows=(53,), fact="function_cpu")
def cpu_type_exists(shape: FunctionShape) -> Iterator[Breach]:
    """Row 53: one of Vercel's CPU types."""
    types = FACTS["function_cpu"].names()
    if shape.cpu_type is not None and shape.cpu_type not in types:
        yield Breach(
            ("cpu_type",),
            quoted(shape.cpu_type),
            f"a function's CPU type is {listed(types, 'or')}, not {quoted(shape.cpu_type)}",
            f"write {listed(types, 'or')}",
        )


@rule("vercel/function-bundle", rows=(53,), fact="function_bundle")
def bundle_fits(shape: FunctionShape) -> Iterator[Breach]:
    """Row 53: the files of one function, not compressed."""
    most = FACTS["function_bundle"].memory()
    if shape.bundle is not None and shape.bundle > most:
        yield Breach(
            ("bundle",),
            format_memory(shape.bundle),
            f"a function's files are at most {format_memory(most)}, not {format_memory(shape.bundle)}",
            "leave out what the function does not read, or split it",
        )


@rule("vercel/variable-name", rows=(54,), fact="variable_name")
def variable_name_is_free(shape: VariableShape) -> Iterator[Breach]:
    """Row 54: letters, digits and _, and not one of Vercel's own."""
    fact = FACTS["variable_name"]
    own = any(shape.key.startswith(prefix) for prefix in fact.names("reserved"))
    if own or not re.fullmatch(fact.text("pattern"), shape.key):
        why = "is one of Vercel's own" if own else "is not of letters, digits and _, or starts with a digit"
        yield Breach(("key",), quoted(shape.key), f"variable {quoted(shape.key)} {why}", "rename it")


@rule("vercel/region-unknown", rows=(), fact="regions", severity=Severity.ADVICE)
def region_is_known(shape: RegionShape) -> Iterator[Breach]:
    """A region that we have not read of may be new, or a slip of the pen."""
    known = FACTS["regions"].names()
    if shape.region not in known:
        yield Breach(
            ("region",),
            quoted(shape.region),
            f"{quoted(shape.region)} is none of the regions that we know",
            f"check its spelling ({listed(known)})",
        )


@rule("vercel/variable-sensitive", rows=(54,), fact="variable_sensitive")
def sensitivity_is_said(shape: VariableShape) -> Iterator[Breach]:
    """Row 54: whether a value can be read back is decided once, so it has to be said."""
    if shape.leaves_out("sensitive"):
        yield Breach(
            ("sensitive",),
            "not set",
            f"variable {quoted(shape.key)} does not say whether it is sensitive",
            "set sensitive true for a secret, else false",
        )


@rule("vercel/variable-development", rows=(54,), fact="variable_development")
def development_is_not_sensitive(shape: VariableShape) -> Iterator[Breach]:
    """Row 54: `vercel env pull` hands development's values to laptops, which a sensitive one cannot be."""
    target = FACTS["variable_development"].text()
    if shape.sensitive is True and target in (shape.targets or ()):
        yield Breach(
            ("sensitive", "targets"),
            f"sensitive true, target {target}",
            f"variable {quoted(shape.key)} is sensitive and has target {target}, where Vercel hides nothing",
            f"declare it for {target} by itself, with a value that is no secret",
        )


@rule("vercel/variable-mix", rows=(54,), fact="variable_mix")
def one_way_of_declaring(shape: VariableShape) -> Iterator[Breach]:
    """Row 54: variables inline in a project wipe out those declared beside it."""
    if shape.inline is True and shape.standalone is True:
        yield Breach(
            ("inline", "standalone"),
            quoted(shape.key),
            "the project declares variables both within itself and beside it, and each update of one kind "
            "undoes the other",
            "declare all variables as resources of their own",
        )


@rule("vercel/log-drain-plan", rows=(), fact="log_drain_plans")
def plan_has_drains(shape: DrainShape) -> Iterator[Breach]:
    """Log drains are for paying teams (`telemetry-and-plans.md`, Vercel drains)."""
    plans = FACTS["log_drain_plans"].names()
    if shape.plan is not None and shape.plan not in plans:
        yield Breach(
            ("plan",),
            quoted(shape.plan),
            f"log drains come with plan {listed(plans, 'or')}, not with {quoted(shape.plan)}",
            "remove the drain, or take a plan that has them",
        )


@rule("vercel/log-drain-secret", rows=(), fact="log_drain_secret")
def drain_secret_is_long(shape: DrainShape) -> Iterator[Breach]:
    """The provider refuses a short one, and so would anybody who has to guess it."""
    least = FACTS["log_drain_secret"].count("characters")
    if shape.secret_characters is not None and shape.secret_characters < least:
        yield Breach(
            ("secret_characters",),
            f"{shape.secret_characters} characters",
            f"a log drain's secret has at least {least} characters, not {shape.secret_characters}",
            "make a longer one: openssl rand -hex 32",
        )


@rule("vercel/project-name", rows=(), fact="project_name")
def project_name_is_legal(shape: ProjectShape) -> Iterator[Breach]:
    """Length and letters (`pulumi.md`, section 6)."""
    fact = FACTS["project_name"]
    low, high = fact.count("from"), fact.count("to")
    if not low <= len(shape.name) <= high or not re.fullmatch(fact.text("characters"), shape.name):
        yield Breach(
            ("name",),
            quoted(shape.name),
            f"a project's name is {low} to {high} lower-case letters, digits and -, not {quoted(shape.name)}",
            "rename it",
        )


@rule("vercel/region", rows=(), fact="neighbours", severity=Severity.ADVICE)
def regions_are_neighbours(shape: RegionShape) -> Iterator[Breach]:
    """RUN-023 as corrected in `cloud-run.md`, 8.1: every call of a server action crosses this distance."""
    near = region_neighbours(shape.google_region)
    if near and shape.region in FACTS["regions"].names() and shape.region not in near:
        yield Breach(
            ("region", "google_region"),
            f"{shape.region}, {shape.google_region}",
            f"functions in {shape.region} are far from {shape.google_region}",
            f"choose {listed(near, 'or')}",
        )


_FUNCTION = (timeout_within_plan, timeout_suits_functions_without_fluid, cpu_type_exists, bundle_fits)
_VARIABLE = (variable_name_is_free, sensitivity_is_said, development_is_not_sensitive, one_way_of_declaring)
_DRAIN = (plan_has_drains, drain_secret_is_long)
_REGION = (region_is_known, regions_are_neighbours)
RULES = (*_FUNCTION, *_VARIABLE, *_DRAIN, project_name_is_legal, *_REGION)
