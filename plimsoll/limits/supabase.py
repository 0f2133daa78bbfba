"""What a Supabase database and its pooler carry: row 55. The numbers stand in `data/supabase.json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.limits.facts import Facts
from plimsoll.limits.problem import Problem, Severity
from plimsoll.limits.rules import Breach, Shape, judge, listed, quoted, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTS = Facts("supabase")


@dataclass(frozen=True, slots=True)
class ComputeSize:
    """Connections that a compute size carries."""

    name: str
    direct: int
    """Of the database itself, pooler and Supabase's own services included."""
    pooler_clients: int
    """Clients of the pooler."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolShape(Shape):
    """A pooler before a Supabase database. All fields are optional."""

    compute: str | None = None
    """Compute size: `small`."""
    clients: int | None = None
    """Clients that the pooler is counted on to accept."""
    pool: int | None = None
    """Connections that it opens to the database."""
    max_connections: int | None = None
    """Of the database itself, where it is not the compute size's own."""
    reserve: int | None = None
    """Connections kept for Supabase's own services and for people; none said, none kept."""


def compute_size(name: str) -> ComputeSize | None:
    """Return the limits of a compute size, in any case of letters; `None` for one that we do not know."""
    fact, key = FACTS["compute"], name.lower()
    if key not in fact.names():
        return None
    return ComputeSize(key, fact.count(key, "direct"), fact.count(key, "pooler"))


def is_shared_host(host: str) -> bool:
    """Whether a host is a region's pooler, which serves the projects of many: the user name tells which."""
    return host.lower().endswith(FACTS["shared_hosts"].text())


def check_pool(shape: PoolShape) -> list[Problem]:
    """Return everything that is wrong with a pooler, as far as `shape` tells."""
    return judge(RULES, shape)


def _size(shape: PoolShape) -> ComputeSize | None:
    return None if shape.compute is None else compute_size(shape.compute)


@rule("supabase/compute", rows=(55,), fact="compute", severity=Severity.ADVICE)
def compute_size_is_known(shape: PoolShape) -> Iterator[Breach]:
    """Row 55: a size that we have not read of may be new, or a slip of the pen."""
    if shape.compute is not None and _size(shape) is None:
        known = listed(FACTS["compute"].names())
        yield Breach(
            ("compute",),
            quoted(shape.compute),
            f"compute size {quoted(shape.compute)} is none that we know, so its limits cannot be checked",
            f"check its spelling ({known})",
        )


@rule("supabase/pooler-clients", rows=(55,), fact="compute")
def clients_fit_the_pooler(shape: PoolShape) -> Iterator[Breach]:
    """Row 55: the pooler accepts as many clients as the compute size says."""
    size = _size(shape)
    if size is not None and shape.clients is not None and shape.clients > size.pooler_clients:
        yield Breach(
            ("clients", "compute"),
            str(shape.clients),
            f"compute size {size.name}'s pooler accepts {size.pooler_clients} clients, not {shape.clients}",
            f"lower clients to {size.pooler_clients}, or choose a larger compute size",
        )


@rule("supabase/server-pool", rows=(55,), fact="compute")
def pool_fits_the_database(shape: PoolShape) -> Iterator[Breach]:
    """Row 55: what the pooler opens fits into the database's connections less the reserve."""
    size, reserve = _size(shape), shape.reserve or 0
    direct = size.direct if shape.max_connections is None and size is not None else shape.max_connections
    if shape.pool is None or direct is None:
        return
    usable = direct - reserve
    if shape.pool > usable:
        yield Breach(
            ("pool", "max_connections", "reserve"),
            f"pool {shape.pool}, {direct} connections, reserve {reserve}",
            f"the pooler opens {shape.pool} connections, and {direct} less a reserve of {reserve} "
            f"leaves {max(0, usable)}",
            f"lower pool to {usable}" if usable > 0 else "lower the reserve, or choose a larger compute size",
        )


@rule("supabase/max-connections", rows=(55,), fact="compute", severity=Severity.ADVICE)
def max_connections_is_the_sizes(shape: PoolShape) -> Iterator[Breach]:
    """Row 55: more direct connections than the size has by itself exist only where somebody raised them."""
    size = _size(shape)
    if size is not None and shape.max_connections is not None and shape.max_connections > size.direct:
        yield Breach(
            ("max_connections", "compute"),
            str(shape.max_connections),
            f"compute size {size.name} has {size.direct} connections by itself, not {shape.max_connections}",
            f"write {size.direct}, unless the project's own setting was raised",
        )


RULES = (
    compute_size_is_known,
    clients_fit_the_pooler,
    pool_fits_the_database,
    max_connections_is_the_sizes,
)
