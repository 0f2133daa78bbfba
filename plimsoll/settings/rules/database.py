"""Rules for the database, the network that it needs, and the connections that services open to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.limits import cloud_sql, supabase
from plimsoll.settings.model import Cloud, CloudSqlDatabase, Database, ExternalDatabase, Network
from plimsoll.settings.rules import Broken, KeyPath, ours, theirs
from plimsoll.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS: dict[str, KeyPath] = {
    "edition": ("edition",),
    "tier": ("tier",),
    "version": ("version",),
    "availability": ("availability",),
    "backups": ("backups",),
    "pitr": ("backups", "pitrDays"),
    "pitr_days": ("backups", "pitrDays"),
    "backups_retained": ("backups", "retained"),
    "database": ("name",),
    "user": ("user",),
    "insights_plans_per_minute": ("insightsPlansPerMinute",),
    "max_connections": ("maxConnections",),
    "disk_gb": ("diskGb",),
    "disk_limit_gb": ("diskLimitGb",),
    "slow_query": ("slowQuery",),
}


def database(
    one: Database, cloud: Cloud | None, network: Network | None, *, network_given: bool
) -> Iterator[Broken]:
    """Judge the database and the network that it needs.

    `network_given`: the file has one, even where it could not be read.
    """
    base: KeyPath = ("database",)
    private = isinstance(one, CloudSqlDatabase) and one.address == "private"
    if private and not network_given:
        yield ours(
            (*base, "address"),
            "network-missing",
            "private",
            "a private address needs a network between services and database",
            "add `plimsoll:network: { subnet: 10.8.0.0/26 }`, or set `address: public`",
        )
    if network is not None and not private:
        yield ours(
            ("network",),
            "network-unused",
            str(network.subnet),
            "only a database with a private address uses the network",
            "remove `plimsoll:network`",
        )
    if isinstance(one, ExternalDatabase):
        yield from _external(one)
        return
    shape = cloud_sql.InstanceShape(
        edition=one.edition,
        tier=one.tier,
        version=one.version,
        availability=one.availability,
        backups=one.backups is not None,
        pitr=one.backups is not None and one.backups.pitr_days is not None,
        pitr_days=one.backups.pitr_days if one.backups else None,
        backups_retained=one.backups.retained if one.backups else None,
        ssd=True,
        database=one.name,
        user=one.user,
        pooling=False,
        insights_plans_per_minute=one.insights_plans_per_minute,
        max_connections=one.max_connections,
        disk_gb=one.disk_gb,
        disk_limit_gb=one.disk_limit_gb,
        slow_query=one.slow_query,
        production=cloud.production if cloud else None,
    )
    yield from theirs(base, _KEYS, cloud_sql.check_instance(shape))
    if one.slow_query * 1000 % 1:
        yield ours(
            (*base, "slowQuery"),
            "slow-query",
            format_seconds(one.slow_query),
            "PostgreSQL logs by whole milliseconds",
            "round it",
        )
    if one.url is not None:
        for field, key in (("user", "user"), ("url_scheme", "urlScheme")):
            if field in one.model_fields_set:
                yield ours(
                    (*base, key),
                    "database-user",
                    str(getattr(one, field)),
                    "nothing reads it: user and URL are those of `url`",
                    f"remove `{key}`, or `url`",
                )
    if one.disk_limit_gb and one.disk_limit_gb < one.disk_gb:
        yield ours(
            (*base, "diskLimitGb"),
            "disk-limit",
            f"{one.disk_limit_gb} GB",
            f"the disk starts at {one.disk_gb} GB, so it is already past where it should stop growing",
            "raise the limit, or set 0 for none",
        )


def _external(one: ExternalDatabase) -> Iterator[Broken]:
    if one.provider != "supabase":
        return
    shape = supabase.PoolShape(
        compute=one.compute,
        clients=one.pooler.clients if one.pooler else None,
        pool=one.pooler.pool if one.pooler else None,
        max_connections=one.max_connections,
        reserve=one.reserve,
    )
    keys: dict[str, KeyPath] = {
        "compute": ("compute",),
        "clients": ("pooler", "clients"),
        "pool": ("pooler", "pool"),
        "max_connections": ("maxConnections",),
        "reserve": ("reserve",),
    }
    yield from theirs(("database",), keys, supabase.check_pool(shape))
