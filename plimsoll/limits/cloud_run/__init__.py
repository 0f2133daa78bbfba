"""What Cloud Run accepts of a service and of a job: one predicate a rule, over whatever is known of it.

`sizing` is one instance, `scaling` how many and for how long, `probes` and `container` what runs in them,
`network` what they reach; `jobs` is what else a job is, `traffic` which revisions are asked. The numbers
stand in `data/cloud_run.json`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run import container, jobs, network, probes, scaling, sizing, traffic
from plimsoll.limits.cloud_run.shape import (
    FACTS,
    JobShape,
    PortShape,
    ProbeShape,
    ServiceShape,
    TargetShape,
    TrafficShape,
    VolumeShape,
)
from plimsoll.limits.rules import judge

if TYPE_CHECKING:
    from plimsoll.limits.problem import Problem

__all__ = [
    "RULES",
    "JobShape",
    "PortShape",
    "ProbeShape",
    "ServiceShape",
    "TargetShape",
    "TrafficShape",
    "VolumeShape",
    "account_id_lengths",
    "check_job",
    "check_service",
    "check_traffic",
]

_SERVICE = sizing.RULES + scaling.RULES + probes.RULES + container.RULES + network.RULES
_TASK = (
    sizing.cpu_exists,
    sizing.memory_fits_cpu,
    sizing.memory_suffices_for_generation,
    sizing.memory_exists,
    container.variable_name_is_an_identifier,
    container.variable_is_not_reserved,
    container.variable_value_fits,
    container.variables_are_not_too_many,
    network.instance_connections_fit,
)
"""What holds of a job's task as of a service's instance."""
RULES = _SERVICE + jobs.RULES + traffic.RULES


def account_id_lengths() -> tuple[int, int]:
    """Return the least and the most characters of a service account's id."""
    fact = FACTS["service_account_id"]
    return fact.count("from"), fact.count("to")


def check_service(shape: ServiceShape) -> list[Problem]:
    """Return everything that is wrong with a service, as far as `shape` tells."""
    return judge(_SERVICE, shape)


def check_job(shape: JobShape) -> list[Problem]:
    """Return everything that is wrong with a job, as far as `shape` tells."""
    task = ServiceShape(
        cpu=shape.cpu,
        memory=shape.memory,
        execution_environment="gen2",
        environment=shape.environment,
        cloud_sql=shape.cloud_sql,
        workers=shape.workers,
        pool_size=shape.pool_size,
        pool_overflow=shape.pool_overflow,
    )
    # Less than a whole vCPU is said once, as what it means for a job.
    small = judge((jobs.job_has_a_whole_cpu,), shape)
    of_a_task = judge(_TASK, replace(task, cpu=None) if small else task)
    return [*of_a_task, *judge(jobs.RULES, shape)]


def check_traffic(shape: TrafficShape) -> list[Problem]:
    """Return everything that is wrong with how traffic is divided."""
    return judge(traffic.RULES, shape)
