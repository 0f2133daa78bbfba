"""What Cloud SQL for PostgreSQL accepts of an instance: rows 46 to 50, and its default `max_connections`.

The numbers stand in `data/cloud_sql.json`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from plimsoll.limits.facts import Facts
from plimsoll.limits.problem import Problem, Severity
from plimsoll.limits.rules import Breach, Shape, judge, listed, quoted, rule
from plimsoll.units import format_memory, format_seconds, parse_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTS = Facts("cloud_sql")

_MEBIBYTE = 2**20
_GIBIBYTE = 2**30
_VERSION = re.compile(r"POSTGRES_([0-9]{1,3})(?:_[0-9]{1,3})?")
_CUSTOM = re.compile(r"db-custom-([0-9]{1,9})-([0-9]{1,9})")
# The N4 series has ratios of its own, which we have not read: its memory is known, its shape is not judged.
_CUSTOM_SERIES = re.compile(r"db-custom-[A-Z][A-Z0-9]*-([0-9]{1,9})-([0-9]{1,9})")


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceShape(Shape):
    """An instance of Cloud SQL. All fields are optional."""

    version: str | None = None
    """As the API writes it: `POSTGRES_17`."""
    edition: Literal["ENTERPRISE", "ENTERPRISE_PLUS"] | None = None
    tier: str | None = None
    """Machine type: `db-custom-2-7680`."""
    availability: Literal["ZONAL", "REGIONAL"] | None = None
    backups: bool | None = None
    pitr: bool | None = None
    """Point-in-time recovery."""
    pitr_days: int | None = None
    """Days of transaction logs kept for it."""
    backups_retained: int | None = None
    """Daily backups kept."""
    ssd: bool | None = None
    """Whether the disk is an SSD persistent disk, the default."""
    database: str | None = None
    user: str | None = None
    pooling: bool | None = None
    """Managed connection pooling."""
    insights_plans_per_minute: int | None = None
    max_connections: int | None = None
    disk_gb: int | None = None
    """What the disk starts with."""
    disk_limit_gb: int | None = None
    """Where it stops growing."""
    slow_query: Decimal | None = None
    """Seconds from which on a statement is logged."""
    production: bool | None = None
    """Whether customers depend on it, so that an SLA matters."""


def check_instance(shape: InstanceShape) -> list[Problem]:
    """Return everything that is wrong with an instance, as far as `shape` tells."""
    return judge(RULES, shape)


def insights_query_length() -> int:
    """Return the most bytes of a statement that Query Insights keeps."""
    return FACTS["insights_query_length"].count()


def tier_memory(tier: str) -> int | None:
    """Return a machine type's memory in bytes; `None` for one that we do not know."""
    for fact in (FACTS["shared_core"], FACTS["predefined"]):
        if tier in fact.names():
            return fact.memory(tier)
    if custom := _CUSTOM.fullmatch(tier) or _CUSTOM_SERIES.fullmatch(tier):
        return int(custom[2]) * _MEBIBYTE
    return None


def default_max_connections(memory_bytes: int) -> int | None:
    """Return what `max_connections` is where no flag says it; `None` below the smallest machine.

    It goes by the largest instance in a chain of replicas, and does not reliably follow a changed tier: read
    the live value, or set the flag.
    """
    steps = FACTS["max_connections_default"].value
    reached = [int(step["connections"]) for step in steps if parse_memory(step["from"]) <= memory_bytes]
    return max(reached, default=None)


def _edition(shape: InstanceShape) -> str | None:
    """The edition said, else the one that the API picks for the version; `None` where neither is known."""
    if shape.edition is not None or not shape.leaves_out("edition"):
        return shape.edition
    version = _VERSION.fullmatch(shape.version or "")
    if version is None:
        return None
    fact = FACTS["edition_default"]
    return fact.text("edition" if int(version[1]) >= fact.count("from_version") else "before")


def _tier_edition(tier: str) -> str | None:
    """The edition that has this family of machine types."""
    fact = FACTS["tier_editions"]
    return next((fact.text(prefix) for prefix in fact.names() if tier.startswith(prefix)), None)


@rule("cloud-sql/tier", rows=(46,), fact="tier_editions")
def tier_exists(shape: InstanceShape) -> Iterator[Breach]:
    """Row 46: a name of a known family that is none of its machine types, or one that PostgreSQL lacks."""
    if shape.tier is None:
        return
    postgres = _VERSION.fullmatch(shape.version or "") is not None
    foreign = postgres and shape.tier.startswith(FACTS["tiers_without_postgres"].names())
    if not foreign and (_tier_edition(shape.tier) is None or tier_memory(shape.tier) is not None):
        return
    series = shape.tier.rpartition("-")[0]
    family = [name for name in FACTS["predefined"].names() if name.rpartition("-")[0] == series]
    shared = FACTS["shared_core"].names()
    yield Breach(
        ("tier",),
        quoted(shape.tier),
        f"Cloud SQL for PostgreSQL has no machine type {quoted(shape.tier)}",
        f"write {listed(family or [*shared, 'db-custom-VCPUS-MEBIBYTES (db-custom-2-7680)'], 'or')}",
    )


@rule("cloud-sql/tier-unknown", rows=(46,), fact="tier_editions", severity=Severity.ADVICE)
def tier_is_of_a_known_family(shape: InstanceShape) -> Iterator[Breach]:
    """Row 46: a family that we have not read of may be new, or a slip of the pen."""
    if shape.tier is None or _tier_edition(shape.tier) is not None:
        return
    if not shape.tier.startswith(FACTS["tiers_without_postgres"].names()):
        families = listed([name + "…" * name.endswith("-") for name in FACTS["tier_editions"].names()])
        yield Breach(
            ("tier",),
            quoted(shape.tier),
            f"machine type {quoted(shape.tier)} is of no family that we know ({families}), "
            "so edition and connections cannot be checked",
            "check its spelling, and that the API lists it",
        )


@rule("cloud-sql/custom-tier", rows=(46,), fact="custom")
def custom_tier_has_a_legal_shape(shape: InstanceShape) -> Iterator[Breach]:
    """Row 46: db-custom-VCPUS-MEBIBYTES, with bounds on both and on their ratio."""
    custom = _CUSTOM.fullmatch(shape.tier or "")
    if custom is None:
        return
    fact = FACTS["custom"]
    vcpus, memory = int(custom[1]), int(custom[2]) * _MEBIBYTE
    most, even = fact.count("vcpus", "to"), fact.count("vcpus", "step")
    if not 1 <= vcpus <= most or (vcpus > 1 and vcpus % even):
        yield Breach(
            ("tier",),
            quoted(custom[0]),
            f"a custom machine has 1 vCPU or an even number up to {most}, not {vcpus}",
            "write 1 or an even number of vCPUs",
        )
        return
    least, step = fact.memory("memory", "from"), fact.memory("memory", "step")
    low, high = fact.number("gib_per_vcpu", "from"), fact.number("gib_per_vcpu", "to")
    floor = max(Decimal(least), low * vcpus * _GIBIBYTE)
    ceiling = high * vcpus * _GIBIBYTE
    if memory % step or not floor <= memory <= ceiling:
        smallest = int(-(-floor // step)) * step // _MEBIBYTE
        largest = int(ceiling // step) * step // _MEBIBYTE
        yield Breach(
            ("tier",),
            quoted(custom[0]),
            f"a custom machine's memory is a multiple of {format_memory(step)}, at least "
            f"{format_memory(least)}, and {low} to {high} GB for each vCPU, not {custom[2]} MiB for {vcpus}",
            f"write db-custom-{vcpus}-MEBIBYTES with {smallest} to {largest}",
        )


@rule("cloud-sql/tier-edition", rows=(46,), fact="edition_default")
def tier_matches_edition(shape: InstanceShape) -> Iterator[Breach]:
    """Row 46: each edition has its own machine types; from PostgreSQL 16 on, the dear one is the default."""
    edition = _edition(shape)
    if shape.tier is None or edition is None:
        return
    needed = _tier_edition(shape.tier)
    if needed in (None, edition):
        return
    said = shape.edition is not None
    why = f"edition {edition}" if said else f"edition {edition}, which {shape.version} gets when none is set,"
    yield Breach(
        ("tier", "edition") if said else ("edition", "tier"),
        f"{quoted(shape.tier)}, edition {edition if said else 'not set'}",
        f"{why} has no machine type {quoted(shape.tier)}: that is {needed}'s",
        f"set edition {needed}, or choose a machine type of {edition}",
    )


@rule("cloud-sql/pitr-days", rows=(46,), fact="pitr_days")
def log_retention_in_range(shape: InstanceShape) -> Iterator[Breach]:
    """Row 46: days of logs by edition. Where it is not known, what no edition takes is still refused."""
    fact, edition = FACTS["pitr_days"], _edition(shape)
    known = [name for name in fact.names() if edition in (None, name)]
    if shape.pitr_days is None or not known:
        return
    low = min(fact.count(name, "from") for name in known)
    high = max(fact.count(name, "to") for name in known)
    if not low <= shape.pitr_days <= high:
        yield Breach(
            ("pitr_days", "edition"),
            str(shape.pitr_days),
            f"{edition or 'Cloud SQL'} keeps {low} to {high} days of logs for point-in-time recovery, "
            f"not {shape.pitr_days}",
            f"write {low} to {high}",
        )


@rule("cloud-sql/backups-retained", rows=(46,), fact="backups_retained")
def backups_retained_in_range(shape: InstanceShape) -> Iterator[Breach]:
    """Row 46: how many daily backups may be kept."""
    fact = FACTS["backups_retained"]
    low, high = fact.count("from"), fact.count("to")
    if shape.backups_retained is not None and not low <= shape.backups_retained <= high:
        yield Breach(
            ("backups_retained",),
            str(shape.backups_retained),
            f"Cloud SQL keeps {low} to {high} backups, not {shape.backups_retained}",
            f"write {low} to {high}",
        )


@rule("cloud-sql/backups-beyond-logs", rows=(46,), fact="backups_beyond_logs")
def backups_reach_beyond_logs(shape: InstanceShape) -> Iterator[Breach]:
    """Row 46: a point in time is restored from the backup before it, so backups reach further than logs."""
    kept, days = shape.backups_retained, shape.pitr_days
    if kept is not None and days is not None and kept <= days:
        yield Breach(
            ("backups_retained", "pitr_days"),
            f"{kept} backups, {days} days of logs",
            f"point-in-time recovery over {days} days needs more than {days} daily backups, not {kept}",
            f"keep {days + 1} backups, or fewer days",
        )


@rule("cloud-sql/version", rows=(), fact="versions")
def version_exists(shape: InstanceShape) -> Iterator[Breach]:
    """SQL-013, relaxed: a version that is gone; a newer one than we know may well be there."""
    match = _VERSION.fullmatch(shape.version or "")
    oldest, newest = FACTS["versions"].count("oldest"), FACTS["versions"].count("newest")
    # Far beyond the newest is a slip of the pen, not a release.
    if match is not None and not oldest <= int(match[1]) <= 2 * newest:
        yield Breach(
            ("version",),
            quoted(shape.version or ""),
            f"Cloud SQL has PostgreSQL {oldest} to {newest}, as far as we know",
            f"write POSTGRES_{newest}",
        )
    elif match is not None and "_" in match[0].removeprefix("POSTGRES_"):
        alone = FACTS["versions"].names("with_minor")
        if match[0] not in alone:
            yield Breach(
                ("version",),
                quoted(match[0]),
                f"Cloud SQL is asked for a major version and chooses the minor itself (save {listed(alone)})",
                f"write POSTGRES_{match[1]}",
            )


@rule("cloud-sql/disk", rows=(), fact="disk")
def disk_is_not_too_large(shape: InstanceShape) -> Iterator[Breach]:
    """A disk ends somewhere, and a shared core's sooner."""
    kind = "shared" if shape.tier in FACTS["shared_core"].names() else "dedicated"
    most = FACTS["disk"].count(kind)
    for field, size in (("disk_gb", shape.disk_gb), ("disk_limit_gb", shape.disk_limit_gb)):
        if size is not None and size > most:
            yield Breach(
                (field,),
                f"{size} GB",
                f"the disk of a machine with a {kind} core has at most {most} GB, not {size}",
                f"write at most {most}",
            )


@rule("cloud-sql/slow-query", rows=(), fact="slow_query")
def slow_query_is_an_int(shape: InstanceShape) -> Iterator[Breach]:
    """The setting's own end, in milliseconds."""
    most = FACTS["slow_query"].number() / 1000
    if shape.slow_query is not None and shape.slow_query > most:
        yield Breach(
            ("slow_query",),
            format_seconds(shape.slow_query),
            f"PostgreSQL counts at most {format_seconds(most)} here, not {format_seconds(shape.slow_query)}",
            "write what is slow for a statement, such as 200ms",
        )


@rule("cloud-sql/disk-of-tier", rows=(46,), fact="hyperdisk")
def tier_takes_the_disk(shape: InstanceShape) -> Iterator[Breach]:
    """Row 46: the newer machine series take Hyperdisk only."""
    series = [one for one in FACTS["hyperdisk"].names() if (shape.tier or "").lower().startswith(one.lower())]
    if series and shape.ssd is True:
        yield Breach(
            ("tier",),
            quoted(shape.tier or ""),
            f"machine types {series[0]}… take Hyperdisk only, and this instance has an SSD persistent disk",
            "choose a machine type of another series",
        )


@rule("cloud-sql/reserved-name", rows=(), fact="reserved_users")
def names_are_free(shape: InstanceShape) -> Iterator[Breach]:
    """PostgreSQL and Cloud SQL have databases and users of their own."""
    fact = FACTS["reserved_users"]
    user, prefixes = shape.user or "", fact.names("prefixes")
    if user in fact.names("names") or any(user.startswith(prefix) for prefix in prefixes):
        yield Breach(
            ("user",), quoted(user), f"user {quoted(user)} is Cloud SQL's own", "choose another name"
        )
    if shape.database in FACTS["reserved_databases"].names():
        name = quoted(shape.database or "")
        yield Breach(("database",), name, f"database {name} is there already", "choose another name")


@rule("cloud-sql/regional-backups", rows=(47,), fact="regional")
def regional_keeps_backups(shape: InstanceShape) -> Iterator[Breach]:
    """Row 47: a standby is built from backups and logs, so both have to be on."""
    for field in FACTS["regional"].names():
        if shape.availability == "REGIONAL" and getattr(shape, field) is False:
            yield Breach(
                (field, "availability"),
                f"REGIONAL, {field} false",
                f"availability REGIONAL needs {field}, and it is off",
                f"turn {field} on, or choose ZONAL",
            )


@rule("cloud-sql/sla", rows=(48,), fact="sla", severity=Severity.ADVICE)
def production_has_an_sla(shape: InstanceShape) -> Iterator[Breach]:
    """Row 48: Google promises nothing for a zonal instance, nor for a shared core."""
    if shape.production is not True:
        return
    if shape.availability == "ZONAL":
        yield Breach(
            ("availability", "production"),
            "ZONAL",
            "a production database of availability ZONAL has no SLA: one zone's failure stops it",
            "choose REGIONAL, or accept it",
        )
    if shape.tier in FACTS["shared_core"].names():
        yield Breach(
            ("tier", "production"),
            quoted(shape.tier),
            f"a production database on a shared core ({quoted(shape.tier)}) has no SLA",
            "choose a machine type with cores of its own, such as db-custom-2-7680",
        )


@rule("cloud-sql/pooling", rows=(49,), fact="pooling")
def pooling_needs_plus(shape: InstanceShape) -> Iterator[Breach]:
    """Row 49: managed connection pooling is Enterprise Plus's. Peers drop it silently elsewhere."""
    needed, edition = FACTS["pooling"].text(), _edition(shape)
    if shape.pooling is True and edition not in (None, needed):
        yield Breach(
            ("pooling", "edition"),
            f"pooling true, edition {edition}",
            f"managed connection pooling needs edition {needed}, not {edition}",
            f"turn pooling off, or set edition {needed}",
        )


@rule("cloud-sql/insights-plans", rows=(50,), fact="insights_plans_per_minute")
def insights_plans_in_range(shape: InstanceShape) -> Iterator[Breach]:
    """Row 50: query plans that Query Insights samples a minute."""
    fact, plans = FACTS["insights_plans_per_minute"], shape.insights_plans_per_minute
    low, high = fact.count("from"), fact.count("to")
    if plans is not None and not low <= plans <= high:
        yield Breach(
            ("insights_plans_per_minute",),
            str(plans),
            f"Query Insights samples {low} to {high} plans a minute, not {plans}",
            f"write {low} to {high}",
        )


@rule("cloud-sql/max-connections", rows=(), fact="max_connections")
def max_connections_in_range(shape: InstanceShape) -> Iterator[Breach]:
    """The flag's own range (`cloud-run.md`, section 3)."""
    fact = FACTS["max_connections"]
    low, high = fact.count("from"), fact.count("to")
    if shape.max_connections is not None and not low <= shape.max_connections <= high:
        yield Breach(
            ("max_connections",),
            str(shape.max_connections),
            f"max_connections is {low} to {high}, not {shape.max_connections}",
            f"write {low} or more",
        )


RULES = (
    tier_exists,
    tier_is_of_a_known_family,
    custom_tier_has_a_legal_shape,
    tier_matches_edition,
    log_retention_in_range,
    backups_retained_in_range,
    backups_reach_beyond_logs,
    version_exists,
    tier_takes_the_disk,
    names_are_free,
    regional_keeps_backups,
    production_has_an_sla,
    pooling_needs_plus,
    insights_plans_in_range,
    max_connections_in_range,
    disk_is_not_too_large,
    slow_query_is_an_int,
)
