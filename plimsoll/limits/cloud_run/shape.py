"""What can be known of a Cloud Run service or job that its limits speak of. All fields are optional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from plimsoll.limits.facts import Facts
from plimsoll.limits.rules import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

FACTS = Facts("cloud_run")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeShape(Shape):
    """A startup or liveness probe. Durations in seconds."""

    initial_delay: Decimal | None = None
    period: Decimal | None = None
    timeout: Decimal | None = None
    failure_threshold: int | None = None
    kinds: tuple[str, ...] | None = None
    """How it asks: `http`, `tcp`, `grpc`. One, if it is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortShape(Shape):
    """A port of the container that serves requests."""

    number: int | None = None
    name: str | None = None
    """`http1` or `h2c`; `None` means HTTP/1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeShape(Shape):
    """A volume and where it is mounted."""

    name: str
    kinds: tuple[str, ...] | None = None
    """What it holds: `secret`, `cloud_sql`, `empty_dir`, `nfs`, `gcs`. One, if it is right."""
    mount_path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceShape(Shape):
    """A service. Instances at service level unless the field says revision."""

    name: str | None = None
    """Physical name."""
    image: str | None = None
    """Where it is pulled from, with tag or digest."""
    labels: int | None = None
    """How many it has."""
    cpu: Decimal | None = None
    """vCPU."""
    memory: int | None = None
    """Bytes."""
    concurrency: int | None = None
    timeout: Decimal | None = None
    """Seconds that a request may last."""
    execution_environment: Literal["gen1", "gen2"] | None = None

    min_instances: int | None = None
    max_instances: int | None = None
    revision_min_instances: int | None = None
    scaling_mode: Literal["AUTOMATIC", "MANUAL"] | None = None
    manual_instances: int | None = None
    cpu_utilization: Decimal | None = None
    """Share of CPU in use at which an instance counts as full; 0 switches this off."""
    concurrency_utilization: Decimal | None = None

    resources_set: bool = False
    """Whether the container has a `resources` block: with one, `cpu_idle` has to be said."""
    cpu_idle: bool | None = None
    """True: CPU during requests only (request-based billing). False: for the instance's whole life."""
    works_after_response: bool | None = None

    startup: ProbeShape | None = None
    liveness: ProbeShape | None = None
    ports: tuple[PortShape, ...] = ()
    environment: Mapping[str, str] | None = None
    """Name to value; an empty value for a reference to a secret."""
    volumes: tuple[VolumeShape, ...] = ()
    shutdown: Decimal | None = None
    """Seconds that the container takes to finish its work after SIGTERM."""

    connector: bool | None = None
    """Whether it uses a Serverless VPC Access connector."""
    network_interfaces: bool | None = None
    """Whether it uses direct VPC egress."""
    egress: str | None = None
    subnet: str | None = None
    """The subnet's range, `10.8.0.0/26`."""
    subnet_prefix: int | None = None
    """26 for a /26: the subnet that direct VPC egress takes addresses from."""

    cloud_sql: bool | None = None
    """Whether it reaches its database through the Cloud SQL connection of Cloud Run."""
    workers: int | None = None
    """Processes per instance, each with a pool of its own."""
    pool_size: int | None = None
    pool_overflow: int | None = None
    """Connections that a pool opens beyond `pool_size` when it is busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobShape(Shape):
    """A job: what each of its tasks is, and how many there are."""

    name: str | None = None
    """Physical name."""
    cpu: Decimal | None = None
    """vCPU of a task."""
    memory: int | None = None
    """Bytes of a task."""
    execution_environment: Literal["gen1", "gen2"] | None = None
    timeout: Decimal | None = None
    """Seconds that one attempt of a task may last."""
    tasks: int | None = None
    parallelism: int | None = None
    """Tasks at the same time; 0 is Cloud Run's word for as many as it can."""
    retries: int | None = None
    """Attempts of a task after its first."""
    environment: Mapping[str, str] | None = None
    """Name to value; an empty value for a reference to a secret."""
    cloud_sql: bool | None = None
    """Whether it reaches its database through the Cloud SQL connection of Cloud Run."""
    workers: int | None = None
    """Processes of a task, each with a pool of its own."""
    pool_size: int | None = None
    pool_overflow: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetShape(Shape):
    """A revision that gets a share of a service's traffic, or an address of its own."""

    latest: bool | None = None
    """Whether it is the newest ready revision, whichever that is."""
    revision: str | None = None
    percent: int | None = None
    tag: str | None = None
    """Starts the address at which this revision answers whatever its share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficShape(Shape):
    """How a service's traffic is divided."""

    service: str | None = None
    """Physical name."""
    targets: tuple[TargetShape, ...] = ()
