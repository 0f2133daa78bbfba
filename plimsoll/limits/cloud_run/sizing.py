"""CPU, memory, concurrency and billing of one instance: rows 1 to 8 and 17 to 19."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run.shape import FACTS
from plimsoll.limits.problem import Severity
from plimsoll.limits.rules import Breach, listed, rule
from plimsoll.units import format_cpu, format_memory, parse_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from plimsoll.limits.cloud_run.shape import ServiceShape


def _is_legal(cpu: Decimal) -> bool:
    small, whole = FACTS["cpu_below_one"], FACTS["cpu_whole"].value
    if small.number("from") <= cpu < min(whole):
        return cpu % small.number("step") == 0
    return cpu in whole


def _memory_range(cpu: Decimal) -> tuple[int, int] | None:
    """Least and most memory for a legal `cpu`; the least is 0 where no row says one."""
    for band in FACTS["memory_by_cpu"].value:
        if cpu < band["below"] if "below" in band else cpu == band["cpu"]:
            return parse_memory(band["from"]) if "from" in band else 0, parse_memory(band["to"])
    return None


def _cpu_for(memory: int, near: Decimal) -> int | None:
    """The whole vCPU nearest to `near` that takes `memory`."""
    for cpu in sorted(FACTS["cpu_whole"].value, key=lambda cpu: abs(cpu - near)):
        limits = _memory_range(cpu)
        if limits is not None and limits[0] <= memory <= limits[1]:
            return int(cpu)
    return None


@rule("cloud-run/cpu", rows=(1,), fact="cpu_whole")
def cpu_exists(shape: ServiceShape) -> Iterator[Breach]:
    """Row 1: a fraction below 1 in fine steps, or one of a few whole values."""
    if shape.cpu is None or _is_legal(shape.cpu):
        return
    small, whole = FACTS["cpu_below_one"], FACTS["cpu_whole"].value
    steps = f"from {format_cpu(small.number('from'))} in steps of {format_cpu(small.number('step'))}"
    below = [one for one in whole if one < shape.cpu]
    above = [one for one in whole if one > shape.cpu]
    nearest = [*below[-1:], *above[:1]] if below else [min(whole), f"a value {steps}"]
    yield Breach(
        ("cpu",),
        format_cpu(shape.cpu),
        f"an instance has {listed(whole, 'or')} vCPU, or less than {min(whole)} {steps}, "
        f"but not {format_cpu(shape.cpu)}",
        f"write {listed(nearest, 'or')}",
    )


@rule("cloud-run/small-cpu-concurrency", rows=(2,), fact="small_cpu")
def small_cpu_serves_one_request(shape: ServiceShape) -> Iterator[Breach]:
    """Row 2: below 1 vCPU an instance serves one request at a time."""
    small = FACTS["small_cpu"]
    most = small.count("concurrency")
    if shape.cpu is None or shape.concurrency is None:
        return
    if shape.cpu < small.count("below") and shape.concurrency > most:
        yield Breach(
            ("concurrency", "cpu"),
            f"concurrency {shape.concurrency}, cpu {format_cpu(shape.cpu)}",
            f"below {small.count('below')} vCPU concurrency has to be {most}, not {shape.concurrency}",
            f"raise cpu to {small.count('below')}, or lower concurrency to {most}",
        )


@rule("cloud-run/small-cpu-generation", rows=(2,), fact="small_cpu")
def small_cpu_runs_in_first_generation(shape: ServiceShape) -> Iterator[Breach]:
    """Row 2: below 1 vCPU only the first generation runs. Unset is fine: the platform chooses it."""
    small = FACTS["small_cpu"]
    only = small.text("execution_environment")
    if shape.cpu is None or shape.execution_environment is None:
        return
    if shape.cpu < small.count("below") and shape.execution_environment != only:
        yield Breach(
            ("execution_environment", "cpu"),
            f"{shape.execution_environment}, cpu {format_cpu(shape.cpu)}",
            f"below {small.count('below')} vCPU only {only} runs, not {shape.execution_environment}",
            f"raise cpu to {small.count('below')}, or choose {only}",
        )


@rule("cloud-run/instance-billing-cpu", rows=(2, 18), fact="instance_billing")
def instance_billing_needs_a_cpu(shape: ServiceShape) -> Iterator[Breach]:
    """Row 2, row 18: instance-based billing starts at 1 vCPU."""
    least = FACTS["instance_billing"].count("cpu_from")
    if shape.cpu is not None and shape.cpu < least and shape.cpu_idle is False:
        yield Breach(
            ("cpu_idle", "cpu"),
            f"cpu_idle false, cpu {format_cpu(shape.cpu)}",
            f"instance-based billing (cpu_idle false) starts at {least} vCPU, not {format_cpu(shape.cpu)}",
            f"raise cpu to {least}, or set cpu_idle true",
        )


@rule("cloud-run/memory-by-cpu", rows=(3, 4, 5), fact="memory_by_cpu")
def memory_fits_cpu(shape: ServiceShape) -> Iterator[Breach]:
    """Row 3, row 4, row 5: every amount of CPU has a least and a most memory."""
    if shape.cpu is None or shape.memory is None or not _is_legal(shape.cpu):
        return
    limits = _memory_range(shape.cpu)
    if limits is None or limits[0] <= shape.memory <= limits[1]:
        return
    low = shape.memory < limits[0]
    bound = format_memory(limits[0] if low else limits[1])
    cpu, memory = format_cpu(shape.cpu), format_memory(shape.memory)
    other = _cpu_for(shape.memory, shape.cpu)
    remedy = f"{'raise' if low else 'lower'} memory to {bound}"
    yield Breach(
        ("memory", "cpu"),
        f"cpu {cpu}, memory {memory}",
        f"{cpu} vCPU takes at {'least' if low else 'most'} {bound} of memory, not {memory}",
        remedy if other is None else f"{'lower' if low else 'raise'} cpu to {other}, or {remedy}",
    )


@rule("cloud-run/memory-by-generation", rows=(6,), fact="memory_minimum")
def memory_suffices_for_generation(shape: ServiceShape) -> Iterator[Breach]:
    """Row 6: each generation has a least memory. Where none is said, less than both is still too little."""
    fact = FACTS["memory_minimum"]
    if shape.memory is None:
        return
    named = shape.execution_environment
    where, least = min(
        ((one, fact.memory(one)) for one in fact.names() if named in (None, one)),
        key=lambda pair: pair[1],
        default=("", 0),
    )
    if shape.memory < least:
        yield Breach(
            ("memory", "execution_environment"),
            format_memory(shape.memory),
            f"{where} starts at {format_memory(least)} of memory, not {format_memory(shape.memory)}",
            f"raise memory to {format_memory(least)}",
        )


@rule("cloud-run/memory-maximum", rows=(7,), fact="memory_maximum")
def memory_exists(shape: ServiceShape) -> Iterator[Breach]:
    """Row 7: no instance has more, whatever its CPU. Where the CPU is known, `memory-by-cpu` says it."""
    most = FACTS["memory_maximum"].memory()
    decided = shape.cpu is not None and _is_legal(shape.cpu)
    if shape.memory is not None and shape.memory > most and not decided:
        yield Breach(
            ("memory",),
            format_memory(shape.memory),
            f"an instance has at most {format_memory(most)} of memory, not {format_memory(shape.memory)}",
            f"lower memory to {format_memory(most)}",
        )


@rule("cloud-run/concurrency", rows=(8,), fact="concurrency")
def concurrency_in_range(shape: ServiceShape) -> Iterator[Breach]:
    """Row 8: between 1 and 1000 requests at a time."""
    fact = FACTS["concurrency"]
    low, high = fact.count("from"), fact.count("to")
    if shape.concurrency is not None and not low <= shape.concurrency <= high:
        yield Breach(
            ("concurrency",),
            str(shape.concurrency),
            f"an instance serves {low} to {high} requests at a time, not {shape.concurrency}",
            f"write a number from {low} to {high}",
        )


@rule("cloud-run/concurrency-explicit", rows=(8,), fact="concurrency_default", severity=Severity.ADVICE)
def concurrency_is_said(shape: ServiceShape) -> Iterator[Breach]:
    """Row 8: the default depends on who creates the service. Asked where CPU is said."""
    if shape.cpu is not None and shape.leaves_out("concurrency"):
        yield Breach(
            ("concurrency",),
            "not set",
            f"concurrency is not set, and its default is {FACTS['concurrency_default'].text()}",
            "set concurrency to what one instance, and its database pool, can serve at a time",
        )


@rule("cloud-run/cpu-idle-explicit", rows=(17,), fact="cpu_idle")
def billing_is_said(shape: ServiceShape) -> Iterator[Breach]:
    """Row 17: a `resources` block without `cpu_idle` may silently switch to instance-based billing."""
    if shape.resources_set and shape.leaves_out("cpu_idle"):
        yield Breach(
            ("cpu_idle",),
            "not set",
            "with resources set and cpu_idle left out, instances may be billed for their whole life",
            "set cpu_idle true (billed for requests) or false (billed for the whole life)",
        )


@rule("cloud-run/work-after-response", rows=(19,), fact="work_after_response", severity=Severity.ADVICE)
def work_after_response_has_cpu(shape: ServiceShape) -> Iterator[Breach]:
    """Row 19: what runs after the response finds no CPU under request-based billing."""
    if shape.works_after_response is True and shape.cpu_idle is True:
        yield Breach(
            ("cpu_idle", "works_after_response"),
            "cpu_idle true, works_after_response true",
            "with cpu_idle true there is CPU during requests only, so work after the response stands still",
            "set cpu_idle false, or hand that work to a queue or a job",
        )


RULES = (
    cpu_exists,
    small_cpu_serves_one_request,
    small_cpu_runs_in_first_generation,
    instance_billing_needs_a_cpu,
    memory_fits_cpu,
    memory_suffices_for_generation,
    memory_exists,
    concurrency_in_range,
    concurrency_is_said,
    billing_is_said,
    work_after_response_has_cpu,
)
