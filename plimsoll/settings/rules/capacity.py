"""Rules for connections: whether every service at its maximum, and its jobs, fit into the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll import connections
from plimsoll.limits import Severity
from plimsoll.settings.model import Database, ExternalDatabase, Job, Service
from plimsoll.settings.rules import Broken, ours
from plimsoll.settings.rules.jobs import demand as job_demand

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def demand(name: str, service: Service) -> connections.Demand | None:
    """What a service may open; `None` for one that does not use the database, or has no maximum yet."""
    instances = service.instances.manual or service.instances.max
    if service.database is None or instances is None:
        return None
    return connections.Demand(
        service=name,
        instances=instances,
        workers=service.workers,
        concurrency=service.concurrency,
        pool=service.database.pool,
        overflow=service.database.overflow,
        per_request=service.database.per_request,
        at_least=service.instances.min or 1,
        tagged=sum(target.tag is not None and target.percent == 0 for target in service.traffic),
    )


def supply(database: Database) -> connections.Supply:
    """What the database allows."""
    pooler = database.pooler if isinstance(database, ExternalDatabase) else None
    return connections.Supply(
        max_connections=database.max_connections,
        reserve=database.reserve,
        pooler=None
        if pooler is None
        else connections.Pooler(mode=pooler.mode, clients=pooler.clients, pool=pooler.pool),
    )


def fits(services: Mapping[str, Service], jobs: Mapping[str, Job], database: Database) -> Iterator[Broken]:
    """Refuse what cannot fit; advise where a rollout during a spike would not."""
    if database.reserve >= database.max_connections:
        yield ours(
            ("database", "reserve"),
            "reserve",
            str(database.reserve),
            f"nothing is left of {database.max_connections} connections",
            "lower the reserve",
        )
        return
    demands = [one for name, service in services.items() if (one := demand(name, service))]
    tasks = [
        opened
        for name, job in jobs.items()
        if job.service in services and (opened := job_demand(name, job, services[job.service]))
    ]
    budget = connections.assess(demands, supply(database), tasks)
    for one in budget.sums:
        if one.over:
            yield ours(
                ("database", "maxConnections") if one.side == "database" else ("database", "pooler"),
                "connection-budget",
                f"{one.used} of {one.usable}",
                f"{_arithmetic(budget, one)}: {one.over} more than the {one.side} can give",
                connections.remedy(budget, one),
            )
        elif one.tight:
            yield ours(
                ("database", "maxConnections") if one.side == "database" else ("database", "pooler"),
                "connection-headroom",
                f"{one.peak} of {one.advised} advised",
                f"{_arithmetic(budget, one)} fits, but with two revisions during a rollout and instances "
                f"beyond the maximum it can reach {one.peak}",
                connections.remedy(budget, one),
                severity=Severity.ADVICE,
            )


def _arithmetic(budget: connections.ConnectionBudget, one: connections.Sum) -> str:
    return f"{' + '.join(budget.terms(one))}, {one.used} of {one.usable}"
