"""The monthly floor: what an environment costs in a month in which nobody uses it. Pure, in exact
decimals.

It is what is billed by the hour whether or not a request comes: Cloud Run's idle instances, and Cloud SQL's
machine and disk. Prices are list prices from `limits/data/prices.json`, before discounts and free tiers (a
free tier belongs to a billing account, which several environments share). What has no price there is named
and left out, never guessed: the floor is then "at least" this much.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from plimsoll.limits.cloud_sql import tier_memory
from plimsoll.limits.facts import Facts
from plimsoll.units import format_cpu, format_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PRICES = Facts("prices")

NOT_COUNTED: Final = (
    "requests and traffic",
    "runs of jobs",
    "Cloud Scheduler's jobs",
    "versions of secrets",
    "backups",
    "images",
    "logs",
    "Vercel's plan and seats",
    "databases that somebody else runs",
)
"""What the floor leaves out on purpose: it depends on use, or no resource of the environment carries it."""

_GIB: Final = 2**30
_CENT: Final = Decimal("0.01")
_CUSTOM = re.compile(r"db-custom-([0-9]{1,9})-[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleInstances:
    """The instances of a Cloud Run service that are kept, whether or not a request comes.

    `cpu` (vCPU) and `memory` (bytes) are those of one instance, all its containers together. `always`: its
    CPU is never taken away, and it is billed for its whole life ("instance-based").
    """

    service: str
    region: str
    count: int
    cpu: Decimal
    memory: int
    always: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlInstance:
    """A Cloud SQL instance for PostgreSQL. `disk_gb` is what it has at first of SSD; 0: none."""

    name: str
    region: str
    tier: str
    regional: bool
    disk_gb: Decimal
    runs: bool = True
    """Whether it is started: a stopped one pays for its disk alone."""


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the bill: `usd` a month, exact. `instances` is of how many instances that is, 0 of none."""

    owner: str
    what: str
    usd: Decimal
    instances: int = 0


@dataclass(frozen=True, slots=True)
class Unpriced:
    """What the floor is without, and why: `no price for db-g1-small in europe-west1`."""

    owner: str
    why: str


@dataclass(frozen=True, slots=True)
class CostFloor:
    """What a month costs at least."""

    items: tuple[Item, ...]
    unpriced: tuple[Unpriced, ...] = ()

    @property
    def total(self) -> Decimal:
        """US dollars a month, exact."""
        return sum((item.usd for item in self.items), Decimal(0))


def cost_floor(
    services: Iterable[IdleInstances], databases: Iterable[SqlInstance], others: Iterable[Unpriced] = ()
) -> CostFloor:
    """The floor of these together; `others` are known to be billed, and have no price here."""
    lines: list[Item | Unpriced] = [line for service in services for line in _idle(service)]
    lines += [line for database in databases for line in _sql(database)]
    return CostFloor(
        tuple(line for line in lines if isinstance(line, Item)),
        (*(line for line in lines if isinstance(line, Unpriced)), *others),
    )


def dollars(usd: Decimal) -> str:
    """To the cent, half a cent up: `$1,041.10`."""
    return f"${usd.quantize(_CENT, 'ROUND_HALF_UP'):,f}"


def signed(usd: Decimal) -> str:
    """A difference, to the cent: `+$9.70`, `-$9.70`."""
    return f"{'-' if usd < 0 else '+'}{dollars(abs(usd))}"


def prices_of() -> str:
    """When the prices were read: `2026-11`."""
    return PRICES["hours_a_month"].as_of


def _hours() -> Decimal:
    return PRICES["hours_a_month"].number()


def _price(fact: str, *path: str) -> Decimal | None:
    """A price, or `None` where we have read none."""
    value = PRICES[fact].value
    for key in path:
        if key not in value:
            return None
        value = value[key]
    return Decimal(value)


def _idle(service: IdleInstances) -> Iterator[Item | Unpriced]:
    """Instances x vCPU x price, and instances x GiB x price, over the month's seconds.

    Source: cloud.google.com/run/pricing. With request-based billing an idle minimum instance has a price of
    its own; with instance-based billing a second costs the same whether anybody asks or not.
    """
    if service.count == 0:
        return
    fact = "cloud_run_instance" if service.always else "cloud_run_idle"
    tiers = PRICES["cloud_run_tiers"]
    tier = next((name for name in tiers.names() if service.region in tiers.names(name)), "")
    seconds = _hours() * 3600
    many = f"{service.count} instance{'s' if service.count > 1 else ''}"
    kind = "always billed" if service.always else "idle"
    gib = Decimal(service.memory) / _GIB
    for amount, price, each in (
        (service.cpu, _price(fact, tier, "vcpu_second"), f"{format_cpu(service.cpu)} vCPU"),
        (gib, _price(fact, tier, "gib_second"), format_memory(service.memory)),
    ):
        if price is None:
            yield Unpriced(service.service, f"no price for {many} × {each}, {kind}, in {service.region}")
        else:
            usd = service.count * amount * price * seconds
            yield Item(service.service, f"{many} × {each}, {kind}", usd, service.count)


def _sql(database: SqlInstance) -> Iterator[Item | Unpriced]:
    """Machine by the hour (shared core: one price; else vCPU and GiB apart) and GB of disk by the month.

    Source: cloud.google.com/sql/pricing; a regional instance has a second one in another zone, and costs
    twice as much.
    """
    factor = PRICES["cloud_sql_regional"].number() if database.regional else Decimal(1)
    zones = ", regional" if database.regional else ""
    if database.runs:
        hourly = _hourly(database.region, database.tier)
        if hourly is None:
            yield Unpriced(database.name, f"no price for {database.tier}{zones} in {database.region}")
        else:
            yield Item(database.name, f"{database.tier}{zones}", hourly * _hours() * factor)
    if not database.disk_gb:
        return
    ssd = _price("cloud_sql_ssd", database.region)
    size = f"{database.disk_gb.normalize():f} GB of SSD{zones}"
    if ssd is None:
        yield Unpriced(database.name, f"no price for {size} in {database.region}")
    else:
        yield Item(database.name, size, database.disk_gb * ssd * factor)


def _hourly(region: str, tier: str) -> Decimal | None:
    """What a zonal machine costs an hour."""
    custom = _CUSTOM.fullmatch(tier)
    if custom is None:
        return _price("cloud_sql_shared", region, tier)
    memory = tier_memory(tier)
    vcpu = _price("cloud_sql_machine", region, "vcpu_hour")
    gib = _price("cloud_sql_machine", region, "gib_hour")
    if memory is None or vcpu is None or gib is None:
        return None
    return int(custom[1]) * vcpu + Decimal(memory) / _GIB * gib
