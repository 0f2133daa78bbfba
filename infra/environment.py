"""One environment, whole: composes the components and passes along what one needs of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from infra.adoption import Adoption
from infra.database import DatabaseArgs, declare_database
from infra.foundation import Foundation, foundation_args
from infra.frontend import Frontend, FrontendArgs
from infra.job import Job, JobArgs
from infra.names import Names
from infra.providers import providers
from infra.registry import Registry, RegistryArgs
from infra.service import Service, ServiceArgs
from plimsoll.settings.model import EndpointFlow
from plimsoll.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.settings.model import Budget, Flow, Settings


@dataclass(frozen=True, kw_only=True)
class EnvironmentArgs:
    """What the environment is, and where the values are that no settings hold."""

    environment: str
    """Its name, which is the stack's."""
    settings: Settings
    secret: Callable[[str], pulumi.Output[str]]
    """Reads a secret of this stack by its name."""
    vercel_token: pulumi.Input[str] | None = None
    """Token for Vercel; `None`: VERCEL_API_TOKEN from the surroundings."""


class Environment(pulumi.ComponentResource):
    """Owns all of one environment, its providers included, and registers its flows and what they must reach.

    It does not own the project that it lives in, which no other environment shares.
    """

    exports: dict[str, pulumi.Input[str] | dict[str, pulumi.Output[str]]]
    """What a person may look for: addresses and names, never a secret's value."""
    adoptable: frozenset[str]
    """KIND/NAME of every resource that could have been adopted."""

    def __init__(self, name: str, args: EnvironmentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        settings = args.settings
        adoption = Adoption(settings.adopt)
        own = pulumi.ResourceOptions(
            providers=providers(settings, args.vercel_token), transformations=[adoption.adopt]
        )
        super().__init__(
            "plimsoll:infra:Environment",
            name,
            {
                "production": settings.cloud.production,
                "flows": {
                    flow: flow_inputs(settings.flows[flow], budget)
                    for flow, budget in settings.budgets.items()
                },
            },
            pulumi.ResourceOptions.merge(own, opts),
        )
        inside = pulumi.ResourceOptions(parent=self)
        names = Names(cloud=settings.cloud, environment=args.environment)
        foundation = Foundation("foundation", foundation_args(settings, names), inside)
        database = declare_database(
            "database", settings.database, DatabaseArgs(names=names, foundation=foundation), inside
        )
        services = {
            key: Service(
                key,
                ServiceArgs(
                    settings=service,
                    names=names,
                    foundation=foundation,
                    database=database.reference if service.database else None,
                    jobs=[job for job in settings.jobs.values() if job.service == key],
                ),
                inside,
            )
            for key, service in settings.services.items()
        }
        jobs = {
            key: Job(
                key,
                JobArgs(
                    settings=job,
                    service=services[job.service],
                    of_service=settings.services[job.service],
                    names=names,
                    foundation=foundation,
                    database=database.reference if settings.services[job.service].database else None,
                ),
                inside,
            )
            for key, job in settings.jobs.items()
        }
        uris = {key: service.uri for key, service in services.items()}
        self.exports = {
            "region": settings.cloud.region,
            "serviceUrls": uris,
            "serviceNames": {key: service.service_name for key, service in services.items()},
            **({"jobNames": {key: job.job_name for key, job in jobs.items()}} if jobs else {}),
            **database.exports,
        }
        if settings.registry is not None:
            registry = Registry(
                "registry",
                RegistryArgs(settings=settings.registry, names=names, foundation=foundation),
                inside,
            )
            self.exports["registry"] = registry.address
        if settings.frontend is not None:
            frontend = Frontend(
                "frontend",
                FrontendArgs(
                    settings=settings.frontend,
                    names=names,
                    service_uris=uris,
                    services_callable={key: service.callable for key, service in services.items()},
                    secret=args.secret,
                    protect=settings.cloud.protect,
                ),
                inside,
            )
            self.exports |= frontend.exports
        self.adoptable = frozenset(adoption.declared)
        self.register_outputs(self.exports)


def flow_inputs(flow: Flow, budget: Budget) -> dict[str, str | bool]:
    """A flow and its budget as texts with their units, for plans and reports."""
    said: dict[str, str | bool | None] = {
        **(
            {"endpoint": flow.endpoint, "service": flow.service}
            if isinstance(flow, EndpointFlow)
            else {"serverAction": flow.server_action, "page": flow.page}
        ),
        "owner": flow.owner,
        "critical": flow.critical,
        "p95": format_seconds(budget.p95),
        "p99": None if budget.p99 is None else format_seconds(budget.p99),
        "availability": f"{budget.availability.normalize():f}",
    }
    return {name: value for name, value in said.items() if value is not None}
