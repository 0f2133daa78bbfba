"""How long a request lasts and how many instances there are: rows 9 to 16."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run.shape import FACTS
from plimsoll.limits.problem import Severity
from plimsoll.limits.rules import Breach, rule
from plimsoll.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.limits.cloud_run.shape import ServiceShape


@rule("cloud-run/timeout", rows=(9,), fact="timeout_maximum")
def timeout_in_range(shape: ServiceShape) -> Iterator[Breach]:
    """Row 9: a request lasts an hour at most."""
    most = FACTS["timeout_maximum"].seconds()
    if shape.timeout is not None and shape.timeout > most:
        yield Breach(
            ("timeout",),
            format_seconds(shape.timeout),
            f"a request may last at most {format_seconds(most)}, not {format_seconds(shape.timeout)}",
            f"lower the timeout to {format_seconds(most)}, or do the work in a job",
        )


@rule(
    "cloud-run/timeout-without-retries",
    rows=(9,),
    fact="timeout_without_retries",
    severity=Severity.ADVICE,
)
def long_request_expects_retries(shape: ServiceShape) -> Iterator[Breach]:
    """Row 9: beyond a quarter of an hour connections break, and clients have to take up again."""
    advised, most = FACTS["timeout_without_retries"].seconds(), FACTS["timeout_maximum"].seconds()
    if shape.timeout is not None and advised < shape.timeout <= most:
        yield Breach(
            ("timeout",),
            format_seconds(shape.timeout),
            f"a connection rarely lives longer than {format_seconds(advised)}, and the timeout is "
            f"{format_seconds(shape.timeout)}",
            f"lower the timeout to {format_seconds(advised)}, or make the request safe to repeat",
        )


@rule("cloud-run/timeout-format", rows=(10,), fact="timeout_decimals")
def timeout_can_be_written(shape: ServiceShape) -> Iterator[Breach]:
    """Row 10: the API takes seconds with nine decimals, and no sign."""
    decimals = FACTS["timeout_decimals"].count()
    if shape.timeout is None or shape.timeout.is_zero():
        return
    exponent = shape.timeout.normalize().as_tuple().exponent
    if shape.timeout < 0 or (isinstance(exponent, int) and exponent < -decimals):
        yield Breach(
            ("timeout",),
            format_seconds(shape.timeout),
            f"the timeout is written as seconds of 0 or more with at most {decimals} decimals, "
            f"not as {format_seconds(shape.timeout)}",
            "write whole seconds",
        )


def _is_automatic(shape: ServiceShape) -> bool:
    """Automatic scaling is what a service gets that says nothing."""
    return shape.scaling_mode == "AUTOMATIC" or shape.leaves_out("scaling_mode")


@rule("cloud-run/min-above-max", rows=(11,), fact="instances")
def minimum_within_maximum(shape: ServiceShape) -> Iterator[Breach]:
    """Row 11: the minimum is at most the maximum. Not for manual scaling, which ignores both."""
    if shape.min_instances is None or shape.max_instances is None or not _is_automatic(shape):
        return
    if shape.min_instances > shape.max_instances:
        yield Breach(
            ("min_instances", "max_instances"),
            f"min {shape.min_instances}, max {shape.max_instances}",
            f"the minimum of {shape.min_instances} instances is above the maximum of {shape.max_instances}",
            f"raise max to {shape.min_instances}, or lower min to {shape.max_instances}",
        )


@rule("cloud-run/min-without-max", rows=(11,), fact="instances")
def minimum_has_a_maximum(shape: ServiceShape) -> Iterator[Breach]:
    """Row 11: a minimum above 0 is refused without a maximum. Not for manual scaling."""
    if (shape.min_instances or 0) > 0 and _is_automatic(shape) and shape.leaves_out("max_instances"):
        yield Breach(
            ("max_instances", "min_instances"),
            f"min {shape.min_instances}, max not set",
            f"a minimum of {shape.min_instances} needs a maximum beside it",
            f"set max to {shape.min_instances} or more",
        )


@rule("cloud-run/max-explicit", rows=(12,), fact="instances_default", severity=Severity.ADVICE)
def maximum_is_said(shape: ServiceShape) -> Iterator[Breach]:
    """Row 12: an unset maximum is a vendor's number, and shows as a difference in every preview.

    Asked where scaling is spoken of; not for manual scaling. With a minimum above 0 it is row 11's.
    """
    spoken_of = shape.min_instances is not None or shape.scaling_mode is not None
    if (shape.min_instances or 0) > 0 or not spoken_of or not _is_automatic(shape):
        return
    if shape.leaves_out("max_instances"):
        yield Breach(
            ("max_instances",),
            "not set",
            f"the maximum of instances is not set: it becomes {FACTS['instances_default'].text()}, "
            "and every preview shows it as a difference",
            "set max to what the database has connections for",
        )


@rule("cloud-run/max-above-quota", rows=(13,), fact="instances_quota", severity=Severity.ADVICE)
def maximum_within_usual_quota(shape: ServiceShape) -> Iterator[Breach]:
    """Row 13: regions often start with a quota of this many instances; it can be raised."""
    quota = FACTS["instances_quota"].count()
    if shape.max_instances is not None and shape.max_instances > quota and _is_automatic(shape):
        yield Breach(
            ("max_instances",),
            str(shape.max_instances),
            f"the maximum of {shape.max_instances} instances is above the {quota} that a region's quota "
            "often allows",
            f"ask for the quota first, or lower max to {quota}",
        )


@rule("cloud-run/two-minimums", rows=(14,), fact="minimum_level", severity=Severity.ADVICE)
def one_level_of_minimum(shape: ServiceShape) -> Iterator[Breach]:
    """Row 14: a revision's own minimum keeps running beside the service's, even at 0 % of traffic."""
    if shape.min_instances is not None and (shape.revision_min_instances or 0) > 0:
        yield Breach(
            ("revision_min_instances", "min_instances"),
            f"service {shape.min_instances}, revision {shape.revision_min_instances}",
            f"both the service (min {shape.min_instances}) and its revision "
            f"(min {shape.revision_min_instances}) say a minimum, and tagged revisions keep theirs",
            "keep the service's minimum and remove the revision's",
        )


@rule("cloud-run/manual-count", rows=(15,), fact="manual_scaling")
def manual_scaling_has_a_count(shape: ServiceShape) -> Iterator[Breach]:
    """Row 15: manual scaling needs to be told how many instances."""
    if shape.scaling_mode == "MANUAL" and shape.leaves_out("manual_instances"):
        yield Breach(
            ("manual_instances", "scaling_mode"),
            "MANUAL, no count",
            "manual scaling needs the number of instances",
            "set the number of instances, or scale automatically",
        )


@rule("cloud-run/manual-ignores-max", rows=(15,), fact="manual_scaling", severity=Severity.ADVICE)
def manual_scaling_has_no_maximum(shape: ServiceShape) -> Iterator[Breach]:
    """Row 15: manual scaling ignores the maximum."""
    if shape.scaling_mode == "MANUAL" and shape.max_instances is not None:
        yield Breach(
            ("max_instances", "scaling_mode"),
            f"MANUAL, max {shape.max_instances}",
            f"manual scaling ignores the maximum of {shape.max_instances} instances",
            "remove max, or scale automatically",
        )


@rule("cloud-run/utilization", rows=(16,), fact="utilization")
def utilization_in_range(shape: ServiceShape) -> Iterator[Breach]:
    """Row 16: a target is a share within bounds, or 0 to switch it off."""
    fact = FACTS["utilization"]
    low, high, off = fact.number("from"), fact.number("to"), fact.number("off")
    for field in ("cpu_utilization", "concurrency_utilization"):
        share = getattr(shape, field)
        if share is not None and share != off and not low <= share <= high:
            yield Breach(
                (field,),
                str(share),
                f"{field} is a share from {low} to {high}, or {off} for off, not {share}",
                f"write a number from {low} to {high}, such as 0.6 for 60 %",
            )


@rule("cloud-run/utilization-off", rows=(16,), fact="utilization")
def something_scales(shape: ServiceShape) -> Iterator[Breach]:
    """Row 16: both targets cannot be off, or nothing would scale."""
    off = FACTS["utilization"].number("off")
    if shape.cpu_utilization == off and shape.concurrency_utilization == off:
        yield Breach(
            ("cpu_utilization", "concurrency_utilization"),
            f"cpu_utilization {off}, concurrency_utilization {off}",
            "CPU and concurrency utilization are both off, so nothing would scale",
            "keep one of the two",
        )


@rule(
    "cloud-run/cpu-utilization-everywhere",
    rows=(16,),
    fact="cpu_utilization_everywhere",
    severity=Severity.ADVICE,
)
def cpu_utilization_accepted_everywhere(shape: ServiceShape) -> Iterator[Breach]:
    """Row 16: documents disagree on the upper bound for CPU; up to this one they all accept."""
    sure, most = FACTS["cpu_utilization_everywhere"].number(), FACTS["utilization"].number("to")
    if shape.cpu_utilization is not None and sure < shape.cpu_utilization <= most:
        yield Breach(
            ("cpu_utilization",),
            str(shape.cpu_utilization),
            f"the REST reference allows cpu_utilization up to {sure}, other pages up to {most}, "
            f"and it is {shape.cpu_utilization}",
            f"lower it to {sure}",
        )


RULES = (
    timeout_in_range,
    long_request_expects_retries,
    timeout_can_be_written,
    minimum_within_maximum,
    minimum_has_a_maximum,
    maximum_is_said,
    maximum_within_usual_quota,
    one_level_of_minimum,
    manual_scaling_has_a_count,
    manual_scaling_has_no_maximum,
    utilization_in_range,
    something_scales,
    cpu_utilization_accepted_everywhere,
)
