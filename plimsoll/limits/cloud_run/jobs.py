"""What a job is and how long it runs: rows 42 and 43."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run.shape import FACTS
from plimsoll.limits.problem import Severity
from plimsoll.limits.rules import Breach, quoted, rule
from plimsoll.units import format_cpu, format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.limits.cloud_run.shape import JobShape


@rule("cloud-run/job-tasks", rows=(42,), fact="job_tasks")
def tasks_in_range(shape: JobShape) -> Iterator[Breach]:
    """Row 42: at least one task, and no more than Cloud Run starts."""
    low, high = FACTS["job_tasks"].count("from"), FACTS["job_tasks"].count("to")
    if shape.tasks is not None and not low <= shape.tasks <= high:
        yield Breach(
            ("tasks",),
            str(shape.tasks),
            f"a job has {low} to {high} tasks, not {shape.tasks}",
            f"write {low} or more"
            if shape.tasks < low
            else f"write at most {high}, and let each task do more",
        )


@rule("cloud-run/job-retries", rows=(42,), fact="job_retries")
def retries_in_range(shape: JobShape) -> Iterator[Breach]:
    """Row 42: a task is tried again a few times, or not at all."""
    low, high = FACTS["job_retries"].count("from"), FACTS["job_retries"].count("to")
    if shape.retries is not None and not low <= shape.retries <= high:
        yield Breach(
            ("retries",),
            str(shape.retries),
            f"a task is tried again {low} to {high} times, not {shape.retries}",
            f"write a number from {low} to {high}",
        )


@rule("cloud-run/job-timeout", rows=(42,), fact="job_timeout")
def task_ends(shape: JobShape) -> Iterator[Breach]:
    """Row 42: no attempt of a task lasts longer."""
    most = FACTS["job_timeout"].seconds()
    if shape.timeout is not None and shape.timeout > most:
        yield Breach(
            ("timeout",),
            format_seconds(shape.timeout),
            f"a task may last at most {format_seconds(most)}, not {format_seconds(shape.timeout)}",
            f"lower the timeout to {format_seconds(most)}, or divide the work among more tasks",
        )


@rule(
    "cloud-run/job-timeout-everywhere",
    rows=(42,),
    fact="job_timeout_everywhere",
    severity=Severity.ADVICE,
)
def task_timeout_accepted_everywhere(shape: JobShape) -> Iterator[Breach]:
    """Row 42: documents disagree on longer ones; up to this they all accept."""
    sure, most = FACTS["job_timeout_everywhere"].seconds(), FACTS["job_timeout"].seconds()
    if shape.timeout is not None and sure < shape.timeout <= most:
        yield Breach(
            ("timeout",),
            format_seconds(shape.timeout),
            f"not every page of Cloud Run's allows a task more than {format_seconds(sure)}, "
            f"and the timeout is {format_seconds(shape.timeout)}",
            f"lower the timeout to {format_seconds(sure)}, or divide the work among more tasks",
        )


@rule("cloud-run/job-timeout-format", rows=(42,), fact="timeout_decimals")
def task_timeout_can_be_written(shape: JobShape) -> Iterator[Breach]:
    """Row 42: seconds above 0, with the decimals that the API takes."""
    decimals = FACTS["timeout_decimals"].count()
    if shape.timeout is None:
        return
    exponent = shape.timeout.normalize().as_tuple().exponent
    if shape.timeout <= 0 or (isinstance(exponent, int) and exponent < -decimals):
        yield Breach(
            ("timeout",),
            format_seconds(shape.timeout),
            f"a task's timeout is written as seconds above 0 with at most {decimals} decimals, "
            f"not as {format_seconds(shape.timeout)}",
            "write whole seconds",
        )


@rule("cloud-run/job-parallelism", rows=(), fact="job_parallelism")
def no_more_at_once_than_there_are(shape: JobShape) -> Iterator[Breach]:
    """No more tasks run at the same time than there are; 0 means as many as Cloud Run can."""
    if shape.parallelism is not None and shape.tasks is not None and shape.parallelism > shape.tasks:
        yield Breach(
            ("parallelism", "tasks"),
            f"parallelism {shape.parallelism}, tasks {shape.tasks}",
            f"{shape.parallelism} tasks cannot run at the same time where there are {shape.tasks}",
            f"lower parallelism to {shape.tasks}, or raise tasks to {shape.parallelism}",
        )


@rule("cloud-run/job-generation", rows=(43,), fact="job_generation")
def job_runs_in_second_generation(shape: JobShape) -> Iterator[Breach]:
    """Row 43: jobs run in one generation only."""
    only = FACTS["job_generation"].text()
    if shape.execution_environment not in (None, only):
        yield Breach(
            ("execution_environment",),
            str(shape.execution_environment),
            f"a job runs in {only}, not {shape.execution_environment}",
            f"remove it, or write {only}",
        )


@rule("cloud-run/job-cpu", rows=(43,), fact="job_cpu")
def job_has_a_whole_cpu(shape: JobShape) -> Iterator[Breach]:
    """Row 43: less than a whole vCPU is the first generation's, which runs no jobs."""
    least = FACTS["job_cpu"].count("from")
    if shape.cpu is not None and shape.cpu < least:
        yield Breach(
            ("cpu",),
            format_cpu(shape.cpu),
            f"a job's task has at least {least} vCPU, not {format_cpu(shape.cpu)}",
            f"give the job a cpu of its own: {least}",
        )


@rule("cloud-run/job-name", rows=(), fact="job_name")
def job_name_is_legal(shape: JobShape) -> Iterator[Breach]:
    """A job's name is short, and of letters, digits and hyphens."""
    fact = FACTS["job_name"]
    most = fact.count("characters")
    if shape.name is None or (len(shape.name) <= most and re.fullmatch(fact.text("pattern"), shape.name)):
        return
    yield Breach(
        ("name",),
        quoted(shape.name),
        f"a job's name is 1 to {most} of a-z, 0-9 and -, from a letter, not ending with -; "
        f"this one has {len(shape.name)}",
        "shorten or rename it",
    )


RULES = (
    tasks_in_range,
    retries_in_range,
    task_ends,
    task_timeout_accepted_everywhere,
    task_timeout_can_be_written,
    no_more_at_once_than_there_are,
    job_runs_in_second_generation,
    job_has_a_whole_cpu,
    job_name_is_legal,
)
