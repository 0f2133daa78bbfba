"""What an instance reaches, and how often at once: rows 37, 38 and 40."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run.shape import FACTS
from plimsoll.limits.problem import Severity
from plimsoll.limits.rules import Breach, listed, quoted, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.limits.cloud_run.shape import ServiceShape


@rule("cloud-run/vpc-access", rows=(37,), fact="vpc_access")
def one_way_into_the_network(shape: ServiceShape) -> Iterator[Breach]:
    """Row 37: a connector or network interfaces, not both."""
    if shape.connector is True and shape.network_interfaces is True:
        yield Breach(
            ("connector", "network_interfaces"),
            "connector and network_interfaces",
            "a service reaches its network through a connector or network interfaces, not both",
            "remove the connector: direct VPC egress needs none",
        )


@rule("cloud-run/egress", rows=(37,), fact="egress")
def egress_exists(shape: ServiceShape) -> Iterator[Breach]:
    """Row 37: everything leaves through the network, or private ranges only."""
    allowed = FACTS["egress"].names()
    if shape.egress is not None and shape.egress not in allowed:
        yield Breach(
            ("egress",),
            quoted(shape.egress),
            f"egress is {listed(allowed, 'or')}, not {quoted(shape.egress)}",
            f"write {listed(allowed, 'or')}",
        )


@rule("cloud-run/subnet-range", rows=(38,), fact="subnet_ranges")
def subnet_is_private(shape: ServiceShape) -> Iterator[Breach]:
    """Row 38: instances take private addresses only."""
    try:
        subnet = IPv4Network(shape.subnet or "")
    except ValueError:
        return  # no range: another's business
    ranges = FACTS["subnet_ranges"].names()
    if not any(subnet.subnet_of(IPv4Network(one)) for one in ranges):
        yield Breach(
            ("subnet",),
            str(subnet),
            f"direct VPC egress takes a subnet within {listed(ranges, 'or')}, not {subnet}",
            "choose a range such as 10.8.0.0/26",
        )


@rule("cloud-run/subnet-size", rows=(38,), fact="subnet")
def subnet_is_large_enough(shape: ServiceShape) -> Iterator[Breach]:
    """Row 38: Cloud Run takes addresses in blocks, and asks for a subnet of this size or larger."""
    prefix = FACTS["subnet"].count("prefix")
    if shape.subnet_prefix is not None and shape.subnet_prefix > prefix:
        yield Breach(
            ("subnet_prefix",),
            f"/{shape.subnet_prefix}",
            f"direct VPC egress takes a subnet of /{prefix} or larger, not /{shape.subnet_prefix}",
            f"widen the subnet to /{prefix}",
        )


@rule("cloud-run/subnet-addresses", rows=(38,), fact="subnet", severity=Severity.ADVICE)
def subnet_holds_all_instances(shape: ServiceShape) -> Iterator[Breach]:
    """Row 38: every instance takes about two addresses; Google keeps four of each subnet."""
    fact = FACTS["subnet"]
    if shape.subnet_prefix is None or not 0 <= shape.subnet_prefix <= 32 or shape.max_instances is None:
        return
    usable = max(0, 2 ** (32 - shape.subnet_prefix) - fact.count("reserved"))
    each = fact.count("addresses_per_instance")
    if shape.max_instances * each > usable:
        yield Breach(
            ("subnet_prefix", "max_instances"),
            f"/{shape.subnet_prefix}, max {shape.max_instances}",
            f"{shape.max_instances} instances take about {shape.max_instances * each} addresses, "
            f"and a /{shape.subnet_prefix} has {usable}",
            f"widen the subnet, or lower max to {usable // each}" if usable >= each else "widen the subnet",
        )


@rule("cloud-run/connections-per-instance", rows=(40,), fact="connections_per_instance")
def instance_connections_fit(shape: ServiceShape) -> Iterator[Breach]:
    """Row 40: one instance holds this many connections to one Cloud SQL instance, through Cloud Run's own."""
    most = FACTS["connections_per_instance"].count()
    if shape.workers is None or shape.pool_size is None or shape.pool_overflow is None:
        return
    total = shape.workers * (shape.pool_size + shape.pool_overflow)
    if shape.cloud_sql is True and total > most:
        yield Breach(
            ("pool_size", "pool_overflow", "workers"),
            f"workers {shape.workers}, pool {shape.pool_size} + {shape.pool_overflow}",
            f"{shape.workers} × ({shape.pool_size} + {shape.pool_overflow}) = {total} connections from one "
            f"instance, and its Cloud SQL connection carries {most}",
            f"let pool and overflow together be at most {most // shape.workers}"
            if 0 < shape.workers <= most
            else f"lower workers to {most} at most",
        )


RULES = (
    one_way_into_the_network,
    egress_exists,
    subnet_is_private,
    subnet_is_large_enough,
    subnet_holds_all_instances,
    instance_connections_fit,
)
