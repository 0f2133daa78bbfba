"""What a plan costs at least in a month, read from its resources alone, whoever declared them.

A value that a provider would fill in is filled in as it does; a value that nobody knows yet makes the floor
undecided, and is named. Where an unknown changes nothing (a region of a service that scales to zero), it is
not asked for.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeVar, cast

from plimsoll.cost import CostFloor, IdleInstances, SqlInstance, Unpriced
from plimsoll.cost import cost_floor as floor
from plimsoll.preview.plan import Step
from plimsoll.preview.promises import INSTANCE, SERVICE, Undecided
from plimsoll.units import parse_cpu, parse_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from plimsoll.preview.plan import Plan, Resource, Value

N = TypeVar("N", int, Decimal)

_DEFAULT_CPU: Final = "1"
_DEFAULT_MEMORY: Final = "512Mi"
"""Of a container that says none (cloud.google.com/run/docs/configuring/services/memory-limits)."""

_DEFAULT_DISK_GB: Final = Decimal(10)
"""Of an instance that says none (the API's own minimum; terraform-provider-google, `disk_size`)."""

_BILLED: Final = {
    "gcp:compute/routerNat:RouterNat": "Cloud NAT",
    "gcp:vpcaccess/connector:Connector": "a VPC connector",
    "gcp:cloudrunv2/workerPool:WorkerPool": "a worker pool",
    "gcp:redis/instance:Instance": "Redis",
    "gcp:alloydb/instance:Instance": "AlloyDB",
    "gcp:compute/instance:Instance": "a virtual machine",
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": "a load balancer's rule",
    "gcp:compute/forwardingRule:ForwardingRule": "a load balancer's rule",
}
"""What often stands beside Cloud Run and is billed by the hour; we have read no price of it."""


class _Missing(Exception):  # noqa: N818 (no error: a value that is not known)
    """A value is not known; its text says which."""


def cost_floor(plan: Plan) -> CostFloor | Undecided | None:
    """The floor, or why it cannot be decided; `None` where nothing in the plan is billed by the hour."""
    services: list[IdleInstances] = []
    databases: list[SqlInstance] = []
    others: list[Unpriced] = []
    missing: list[str] = []
    priced = False
    for resource in plan.resources:
        if resource.read or resource.steps == (Step.DELETE,):
            continue
        priced = priced or resource.type in {SERVICE, INSTANCE, *_BILLED}
        try:
            if resource.type == SERVICE:
                service, unpriced = _service(plan, resource)
                services += service
                others += unpriced
            elif resource.type == INSTANCE:
                database, unpriced = _database(plan, resource)
                databases += database
                others += unpriced
            elif resource.type in _BILLED:
                others.append(Unpriced(resource.name, f"no price for {_BILLED[resource.type]}"))
        except _Missing as what:
            missing.append(f"{what} of {resource.name}")
    if missing:
        return Undecided(tuple(missing))
    return floor(services, databases, others) if priced else None


def _service(plan: Plan, resource: Resource) -> tuple[list[IdleInstances], list[Unpriced]]:
    count = _kept(resource)
    if count == 0:
        return [], []
    cpu, memory, always = Decimal(0), 0, False
    unpriced: list[Unpriced] = []
    for container in _containers(resource):
        resources = _object(container, "resources")
        limits = _object(resources, "limits")
        cpu += _quantity(parse_cpu, limits, "cpu", _DEFAULT_CPU)
        memory += _quantity(parse_memory, limits, "memory", _DEFAULT_MEMORY)
        # The trap: with a `resources` block that does not say it, the API takes instance-based billing.
        always = always or ("resources" in container and _known(resources, "cpuIdle") is not True)
        if "nvidia.com/gpu" in limits:
            unpriced.append(Unpriced(resource.name, f"no price for the GPU of {count} × its instance"))
    idle = IdleInstances(
        service=resource.name,
        region=_region(plan, resource, "location"),
        count=count,
        cpu=cpu,
        memory=memory,
        always=always,
    )
    return [idle], unpriced


def _kept(resource: Resource) -> int:
    """Instances that run without a request: a fixed number, or the larger of both levels' minimum.

    0 is the provider's word for "not set".
    """
    service = _object(resource.inputs, "scaling")
    revision = _object(_object(resource.inputs, "template"), "scaling")
    if _known(service, "scalingMode") == "MANUAL" or _number(service, "manualInstanceCount", 0):
        return int(_number(service, "manualInstanceCount", 0))
    return int(max(_number(level, "minInstanceCount", 0) for level in (service, revision)))


def _containers(resource: Resource) -> Iterator[Mapping[str, Value]]:
    containers = _known(_object(resource.inputs, "template"), "containers")
    if not isinstance(containers, list) or not containers:
        yield cast("dict[str, Value]", {})  # one with every default: the API would refuse none
        return
    for container in containers:
        if not isinstance(container, dict):
            raise _Missing("a container")
        yield cast("dict[str, Value]", container)


def _database(plan: Plan, resource: Resource) -> tuple[list[SqlInstance], list[Unpriced]]:
    version = _text(resource.inputs, "databaseVersion", "")
    if not version.startswith("POSTGRES_"):
        return [], [Unpriced(resource.name, f"no price for {version or 'a database of no version'}")]
    settings = _object(resource.inputs, "settings")
    tier = _text(settings, "tier", "")
    if not tier:
        raise _Missing("tier")
    disk = _text(settings, "diskType", "PD_SSD")
    size = _number(settings, "diskSize", _DEFAULT_DISK_GB)
    ssd = disk == "PD_SSD"
    instance = SqlInstance(
        name=resource.name,
        region=_region(plan, resource, "region"),
        tier=tier,
        regional=_text(settings, "availabilityType", "ZONAL") == "REGIONAL",
        disk_gb=Decimal(str(size)) if ssd else Decimal(0),
        runs=_text(settings, "activationPolicy", "ALWAYS") != "NEVER",
    )
    return [instance], [] if ssd else [Unpriced(resource.name, f"no price for {size} GB of {disk}")]


def _region(plan: Plan, resource: Resource, key: str) -> str:
    """Where it says to be, else where its provider is."""
    if key in resource.inputs:
        return _text(resource.inputs, key, "")
    provider = plan.resource(resource.provider.name) if resource.provider else None
    region = _known(provider.inputs, "region") if provider else None
    if not isinstance(region, str):
        raise _Missing("the region")
    return region


def _known(values: Mapping[str, Value], key: str) -> Value:
    """The value of a key, `None` where it is absent; an unknown or secret one ends the reading."""
    value = values.get(key)
    if value is None or isinstance(value, str | bool | int | float | dict | list):
        return value
    raise _Missing(key)


def _object(values: Mapping[str, Value], key: str) -> Mapping[str, Value]:
    value = _known(values, key)
    return cast("dict[str, Value]", value if isinstance(value, dict) else {})


def _text(values: Mapping[str, Value], key: str, default: str) -> str:
    value = _known(values, key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Missing(key)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _quantity(parse: Callable[[str], N], values: Mapping[str, Value], key: str, default: str) -> N:
    try:
        return parse(_text(values, key, default))
    except ValueError:
        raise _Missing(key) from None


def _number(values: Mapping[str, Value], key: str, default: int | Decimal) -> int | float | Decimal:
    value = _known(values, key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**9:
        raise _Missing(key)
    return value
