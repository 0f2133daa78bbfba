"""What a plan promises: the budgets of its flows, and whether its connections fit. Read from the plan alone.

Our components register what no resource carries as inputs of their own: `flows` and `connections`. A program
that has none of our components is read from what its resources say: Cloud Run's scaling and concurrency, the
environment variables WEB_CONCURRENCY, DB_POOL_SIZE and DB_MAX_OVERFLOW, and Cloud SQL's `max_connections`
flag. Where one of these is missing the answer is that it cannot be decided, and what is missing; no guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from plimsoll import connections

if TYPE_CHECKING:
    from plimsoll.preview.plan import Plan, Resource, Value

OURS = "plimsoll:"
"""How the types of our components start: only of these are `flows` and `connections` what we mean by them."""

SERVICE = "gcp:cloudrunv2/service:Service"
JOB = "gcp:cloudrunv2/job:Job"
INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"


@dataclass(frozen=True, slots=True)
class Promise:
    """A flow and its budget, as texts: `p95` is "300ms", `availability` "99.5" (percent)."""

    flow: str
    label: str
    service: str
    p95: str
    p99: str
    availability: str
    critical: bool


@dataclass(frozen=True, slots=True)
class Undecided:
    """Why there is no connection budget, in the words of what is missing."""

    missing: tuple[str, ...]


def promises(plan: Plan) -> tuple[Promise, ...]:
    """Every flow that a component of the plan declares, in the order of declaration."""
    return tuple(
        Promise(
            flow=name,
            label=str(flow.get("endpoint") or flow.get("serverAction") or ""),
            service=str(flow.get("service") or flow.get("page") or ""),
            p95=str(flow.get("p95") or ""),
            p99=str(flow.get("p99") or ""),
            availability=str(flow.get("availability") or ""),
            critical=flow.get("critical") is True,
        )
        for resource in plan.resources
        if resource.type.startswith(OURS)
        for name, flow in _mapping(resource.inputs.get("flows")).items()
        if isinstance(flow, Mapping)
    )


def connection_budget(plan: Plan) -> connections.ConnectionBudget | Undecided | None:
    """The connection budget, or why it cannot be decided; `None` where nothing uses a database."""
    declared = [
        (resource, _mapping(resource.inputs["connections"]))
        for resource in plan.resources
        if resource.type.startswith(OURS) and "connections" in resource.inputs
    ]
    if declared:
        demands = [_demand(resource.name, said) for resource, said in declared if "workers" in said]
        jobs = [_job(resource.name, said) for resource, said in declared if "parallelism" in said]
        supplies = [_supply(said) for _, said in declared if "maxConnections" in said]
    else:
        databases = plan.of_type(INSTANCE)
        services = [
            one for one in plan.of_type(SERVICE) if _uses_a_database(_mapping(one.inputs.get("template")))
        ]
        # Not one service says a word of pools: then any of them may be the one that has some.
        services = services or list(plan.of_type(SERVICE))
        if not services or not databases:
            return None
        demands = [_foreign_demand(service) for service in services]
        jobs = [_foreign_job(job) for job in plan.of_type(JOB) if _uses_a_database(_task(job))]
        supplies = [_foreign_supply(database) for database in databases]
    missing = [
        gap for part in (*demands, *jobs, *supplies) if isinstance(part, Undecided) for gap in part.missing
    ]
    if len(supplies) > 1:
        missing.append("which of several databases each service uses")
    if missing:
        return Undecided(tuple(missing))
    if not supplies:
        return None
    known = [demand for demand in demands if isinstance(demand, connections.Demand)]
    supply = next(supply for supply in supplies if isinstance(supply, connections.Supply))
    tasks = [job for job in jobs if isinstance(job, connections.JobDemand)]
    return connections.assess(known, supply, tasks)


def _mapping(value: Value) -> Mapping[str, Value]:
    return cast("dict[str, Value]", value if isinstance(value, dict) else {})


def _counts(owner: str, said: Mapping[str, Value], names: Sequence[str]) -> dict[str, int] | Undecided:
    """The counts of these names, or those that are no known whole number. Reserve and overflow may be 0."""
    found: dict[str, int] = {}
    missing: list[str] = []
    for name in names:
        value = said.get(name)
        least = 0 if name in {"reserve", "overflow", "tagged", "DB_MAX_OVERFLOW"} else 1
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            found[name] = value
        else:
            missing.append(f"{name} of {owner}")
    return Undecided(tuple(missing)) if missing else found


def _demand(name: str, said: Mapping[str, Value]) -> connections.Demand | Undecided:
    names = ("instances", "workers", "concurrency", "pool", "overflow", "perRequest")
    counts = _counts(name, {"tagged": 0, **said}, (*names, "tagged"))
    if isinstance(counts, Undecided):
        return counts
    counts["per_request"] = counts.pop("perRequest")
    return connections.Demand(service=name, **counts)


def _job(name: str, said: Mapping[str, Value]) -> connections.JobDemand | Undecided:
    names = ("parallelism", "pool", "overflow", "executions")
    counts = _counts(f"job {name}", {"executions": 1, **said}, names)
    if isinstance(counts, Undecided):
        return counts
    counts["tasks"] = counts.pop("parallelism")
    return connections.JobDemand(job=name, direct=said.get("direct") is True, **counts)


def _supply(said: Mapping[str, Value]) -> connections.Supply | Undecided:
    counts = _counts("the database", said, ("maxConnections", "reserve"))
    if isinstance(counts, Undecided):
        return counts
    pooler = _mapping(said.get("pooler"))
    if not pooler:
        return connections.Supply(max_connections=counts["maxConnections"], reserve=counts["reserve"])
    sizes = _counts("the pooler", pooler, ("clients", "pool"))
    if isinstance(sizes, Undecided):
        return sizes
    mode: Literal["session", "transaction"] = "session" if pooler.get("mode") == "session" else "transaction"
    return connections.Supply(
        max_connections=counts["maxConnections"],
        reserve=counts["reserve"],
        pooler=connections.Pooler(mode=mode, **sizes),
    )


def _uses_a_database(template: Mapping[str, Value]) -> bool:
    names = dict(_variables(template))
    return any(name.startswith(("DB_", "DATABASE", "PG", "POSTGRES", "SQL_", "CLOUD_SQL")) for name in names)


def _foreign_demand(service: Resource) -> connections.Demand | Undecided:
    template = _mapping(service.inputs.get("template"))
    variables = dict(_variables(template))
    said_of = (_mapping(template.get("scaling")), _mapping(service.inputs.get("scaling")))
    # 0 is the provider's word for "not set".
    scaling = {name: value for level in said_of for name, value in level.items() if value != 0}
    said: dict[str, Value] = {
        "maximum instances": scaling.get("manualInstanceCount") or scaling.get("maxInstanceCount"),
        "concurrency": template.get("maxInstanceRequestConcurrency"),
        "WEB_CONCURRENCY": variables.get("WEB_CONCURRENCY"),
        "DB_POOL_SIZE": variables.get("DB_POOL_SIZE"),
        "DB_MAX_OVERFLOW": variables.get("DB_MAX_OVERFLOW", 0),
    }
    counts = _counts(service.name, said, tuple(said))
    if isinstance(counts, Undecided):
        return counts
    instances, concurrency, workers, pool, overflow = counts.values()
    return connections.Demand(
        service=service.name,
        instances=instances,
        workers=workers,
        concurrency=concurrency,
        pool=pool,
        overflow=overflow,
    )


def _task(job: Resource) -> Mapping[str, Value]:
    return _mapping(_mapping(job.inputs.get("template")).get("template"))


def _foreign_job(job: Resource) -> connections.JobDemand | Undecided:
    """Without a parallelism as many tasks run at once as there are, and one where nothing is said."""
    template, variables = _mapping(job.inputs.get("template")), dict(_variables(_task(job)))
    said: dict[str, Value] = {
        "parallelism": template.get("parallelism") or template.get("taskCount") or 1,
        "DB_POOL_SIZE": variables.get("DB_POOL_SIZE"),
        "DB_MAX_OVERFLOW": variables.get("DB_MAX_OVERFLOW", 0),
    }
    counts = _counts(f"job {job.name}", said, tuple(said))
    if isinstance(counts, Undecided):
        return counts
    tasks, pool, overflow = counts.values()
    return connections.JobDemand(job=job.name, tasks=tasks, pool=pool, overflow=overflow)


def _variables(template: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """Environment variables of all containers; a value that is a number becomes one."""
    containers = template.get("containers")
    for container in containers if isinstance(containers, list) else []:
        variables = _mapping(container).get("envs")
        for variable in variables if isinstance(variables, list) else []:
            name, value = _mapping(variable).get("name"), _mapping(variable).get("value")
            if isinstance(name, str):
                yield name, int(value) if isinstance(value, str) and value.isdecimal() else value


def _foreign_supply(database: Resource) -> connections.Supply | Undecided:
    flags = _mapping(database.inputs.get("settings")).get("databaseFlags")
    values = {
        _mapping(flag).get("name"): _mapping(flag).get("value")
        for flag in (flags if isinstance(flags, list) else [])
    }
    value = values.get("max_connections")
    if not (isinstance(value, str) and value.isdecimal()):
        return Undecided((f"the max_connections flag of {database.name}",))
    return connections.Supply(max_connections=int(value), reserve=0)
