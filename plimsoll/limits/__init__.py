"""What vendors decide: dated data, and pure predicates over plain values.

A caller fills a shape with what it knows and asks `check_…` for the problems. Settings know everything they
declare; policies judge what anyone declared, where a value may be known only after a deployment.
"""

from __future__ import annotations

from plimsoll.limits.cloud_run import (
    JobShape,
    PortShape,
    ProbeShape,
    ServiceShape,
    TargetShape,
    TrafficShape,
    VolumeShape,
    check_job,
    check_service,
    check_traffic,
)
from plimsoll.limits.cloud_scheduler import ScheduleShape, check_schedule
from plimsoll.limits.cloud_sql import InstanceShape, check_instance, default_max_connections, tier_memory
from plimsoll.limits.problem import Problem, Severity
from plimsoll.limits.supabase import ComputeSize, PoolShape, check_pool, compute_size, is_shared_host
from plimsoll.limits.vercel import (
    DrainShape,
    FunctionShape,
    VariableShape,
    check_drain,
    check_function,
    check_project_name,
    check_region,
    check_variable,
    region_neighbours,
)

__all__ = [
    "ComputeSize",
    "DrainShape",
    "FunctionShape",
    "InstanceShape",
    "JobShape",
    "PoolShape",
    "PortShape",
    "ProbeShape",
    "Problem",
    "ScheduleShape",
    "ServiceShape",
    "Severity",
    "TargetShape",
    "TrafficShape",
    "VariableShape",
    "VolumeShape",
    "check_drain",
    "check_function",
    "check_instance",
    "check_job",
    "check_pool",
    "check_project_name",
    "check_region",
    "check_schedule",
    "check_service",
    "check_traffic",
    "check_variable",
    "compute_size",
    "default_max_connections",
    "is_shared_host",
    "region_neighbours",
    "tier_memory",
]
