"""Rules for flows: what each is, what it must reach, and what serves it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from plimsoll import units
from plimsoll.settings.model import Budget, EndpointFlow, Flow, ServerActionFlow, Service
from plimsoll.settings.rules import Broken, ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def flows(
    identities: Mapping[str, Flow],
    budgets: Mapping[str, Budget],
    services: Mapping[str, Service],
    *,
    frontend: bool,
    complete: bool,
) -> Iterator[Broken]:
    """Judge what flows are against what they must reach and what serves them.

    `complete`: every service could be read, so one that is not there is missing.
    """
    yield from _matched(identities, budgets)
    endpoints = Counter(flow.endpoint for flow in identities.values() if isinstance(flow, EndpointFlow))
    for name, flow in identities.items():
        if isinstance(flow, ServerActionFlow):
            if not frontend:
                yield ours(
                    ("flows", name, "serverAction"),
                    "flow-without-frontend",
                    flow.server_action,
                    "a server action runs in the frontend, and this environment has none",
                    "add `plimsoll:frontend` to the stack file",
                )
        else:
            yield from _endpoint(name, flow, services, count=endpoints[flow.endpoint], complete=complete)
            if name in budgets and flow.service in services:
                yield from _within_timeout(name, budgets[name], services[flow.service])
    for name, budget in budgets.items():
        if budget.p99 is not None and budget.p99 <= budget.p95:
            yield ours(
                ("budgets", name, "p99"),
                "tail-below-p95",
                units.format_seconds(budget.p99),
                f"95 % of requests may take {units.format_seconds(budget.p95)}, so 99 % cannot take less",
                "raise p99 above p95, or remove it",
            )


def _matched(identities: Mapping[str, Flow], budgets: Mapping[str, Budget]) -> Iterator[Broken]:
    for name in sorted(set(budgets) - set(identities)):
        yield ours(
            ("budgets", name),
            "flow-without-identity",
            name,
            "the flow has a budget, but `flows` in Pulumi.yaml does not say what it is",
            "describe it there, or remove the budget",
        )
    for name in sorted(set(identities) - set(budgets)):
        yield ours(
            ("budgets",),
            "flow-without-budget",
            name,
            f"`flows` in Pulumi.yaml names {name}, but it has no budget in this environment",
            f"add `{name}: {{ p95: … }}`",
        )


def _endpoint(
    name: str, flow: EndpointFlow, services: Mapping[str, Service], *, count: int, complete: bool
) -> Iterator[Broken]:
    if count > 1:
        yield ours(
            ("flows", name, "endpoint"),
            "endpoint-twice",
            flow.endpoint,
            "two flows name this endpoint, so each of its requests would count for both",
            "keep one of them",
        )
    if flow.service not in services and complete:
        yield ours(
            ("flows", name, "service"),
            "flow-without-service",
            flow.service,
            f"this environment has no service of that name; it has {', '.join(services) or 'none'}",
            "correct the name, or declare the service",
        )


def _within_timeout(name: str, budget: Budget, server: Service) -> Iterator[Broken]:
    if budget.p95 >= server.timeout:
        yield ours(
            ("budgets", name, "p95"),
            "budget-beyond-timeout",
            units.format_seconds(budget.p95),
            f"the service gives up after {units.format_seconds(server.timeout)}: no success is ever slower",
            "lower the budget, or raise the service's timeout",
        )
