"""How Cloud Run asks whether a container is up: rows 23 to 26."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run.shape import FACTS
from plimsoll.limits.rules import Breach, listed, quoted, rule
from plimsoll.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from plimsoll.limits.cloud_run.shape import ProbeShape, ServiceShape
    from plimsoll.limits.facts import Fact


def _duration(path: str, seconds: Decimal, fact: Fact) -> Iterator[Breach]:
    """Whole seconds within the bounds that `fact` has for the field."""
    field = path.partition(".")[2]
    low, high = fact.seconds(field, "from"), fact.seconds(field, "to")
    if low <= seconds <= high and seconds == seconds.to_integral_value():
        return
    bounds = f"from {format_seconds(low)} to {format_seconds(high)}"
    yield Breach(
        (path,),
        format_seconds(seconds),
        f"{path} is a whole number of seconds {bounds}, not {format_seconds(seconds)}",
        f"write whole seconds {bounds}",
    )


def _probe(name: str, probe: ProbeShape | None, fact: Fact) -> Iterator[Breach]:
    """What holds for each kind of probe, with its own bounds."""
    if probe is None:
        return
    for field in ("initial_delay", "period", "timeout"):
        seconds = getattr(probe, field)
        if seconds is not None:
            yield from _duration(f"{name}.{field}", seconds, fact)
    if probe.timeout is not None and probe.period is not None and probe.timeout > probe.period:
        timeout, period = format_seconds(probe.timeout), format_seconds(probe.period)
        yield Breach(
            (f"{name}.timeout", f"{name}.period"),
            f"timeout {timeout}, period {period}",
            f"{name}.timeout of {timeout} is longer than the {period} between two probes",
            f"lower the timeout to {period}, or raise the period to {timeout}",
        )
    least = fact.count("failure_threshold", "from")
    if probe.failure_threshold is not None and probe.failure_threshold < least:
        yield Breach(
            (f"{name}.failure_threshold",),
            str(probe.failure_threshold),
            f"{name}.failure_threshold is at least {least}, not {probe.failure_threshold}",
            f"write {least} or more",
        )


@rule("cloud-run/startup-probe", rows=(23,), fact="startup_probe")
def startup_probe_in_range(shape: ServiceShape) -> Iterator[Breach]:
    """Row 23: delay and period within four minutes, the timeout within the period."""
    yield from _probe("startup", shape.startup, FACTS["startup_probe"])


@rule("cloud-run/startup-total", rows=(24,), fact="startup_total")
def startup_within_four_minutes(shape: ServiceShape) -> Iterator[Breach]:
    """Row 24: all failures together fit into the time that a container has to start.

    A period beyond that time by itself is row 23's.
    """
    probe, most = shape.startup, FACTS["startup_total"].seconds()
    if probe is None or probe.failure_threshold is None or probe.period is None:
        return
    total = probe.failure_threshold * probe.period
    if total > most >= probe.period:
        period = format_seconds(probe.period)
        yield Breach(
            ("startup.failure_threshold", "startup.period"),
            f"{probe.failure_threshold} failures, period {period}",
            f"{probe.failure_threshold} failures {period} apart take {format_seconds(total)}, "
            f"and a container has to start within {format_seconds(most)}",
            f"lower failure_threshold to {most // probe.period}",
        )


@rule("cloud-run/liveness-probe", rows=(25,), fact="liveness_probe")
def liveness_probe_in_range(shape: ServiceShape) -> Iterator[Breach]:
    """Row 25: delay and period within an hour, the timeout within the period."""
    yield from _probe("liveness", shape.liveness, FACTS["liveness_probe"])


@rule("cloud-run/probe-kind", rows=(26,), fact="probe_kinds")
def probe_asks_in_one_way(shape: ServiceShape) -> Iterator[Breach]:
    """Row 26: a probe asks by HTTP, TCP or gRPC, in exactly one of these ways."""
    allowed = FACTS["probe_kinds"].names()
    for name, probe in (("startup", shape.startup), ("liveness", shape.liveness)):
        if probe is None or probe.kinds is None:
            continue
        if len(probe.kinds) != 1 or probe.kinds[0] not in allowed:
            said = listed([quoted(kind) for kind in probe.kinds]) or "nothing"
            yield Breach(
                (f"{name}.kinds",),
                said,
                f"the {name} probe asks in exactly one way, by {listed(allowed, 'or')}, not by {said}",
                f"keep one of {listed(allowed)}",
            )


RULES = (
    startup_probe_in_range,
    startup_within_four_minutes,
    liveness_probe_in_range,
    probe_asks_in_one_way,
)
