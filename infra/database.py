"""Databases: one contract, one class a kind.

A further kind is one class like `ExternalDatabase` and one `case` in `declare_database`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_random as random
from pulumi_gcp import secretmanager, sql

from plimsoll.limits.cloud_sql import insights_query_length
from plimsoll.settings import model
from plimsoll.settings.rules.capacity import supply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.foundation import Foundation, PrivateNetwork
    from infra.names import Names


@dataclass(frozen=True, kw_only=True)
class DatabaseReference:
    """What a service has to know of a database, whoever runs it."""

    secret: str
    """Full name of the secret that holds the connection URL."""
    version: pulumi.Input[str]
    """Which version of the secret."""
    socket: pulumi.Output[str] | None = None
    """Connection name of the Cloud SQL instance, where it is reached through a socket; else `None`."""
    network: PrivateNetwork | None = None
    """Our network through which it is reached; `None`: none."""
    holder: pulumi.Resource | None = None
    """The secret itself, where it is ours: a grant on it goes when it goes, and has to come again."""
    ready: Sequence[pulumi.Resource] = ()
    """What has to exist before a service can use it."""


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What every kind may need beside its own settings."""

    names: Names
    foundation: Foundation


class Database(pulumi.ComponentResource):
    """What the kinds have in common: they register what no resource carries, such as connection limits."""

    reference: DatabaseReference
    exports: dict[str, pulumi.Input[str]]
    """What a person may look for: names, never a secret's value."""

    def __init__(
        self,
        kind: str,
        name: str,
        settings: model.Database,
        opts: pulumi.ResourceOptions | None,
        **said: str,
    ) -> None:
        limits = supply(settings)
        connections: dict[str, Any] = {"maxConnections": limits.max_connections, "reserve": limits.reserve}
        if limits.pooler is not None:
            connections["pooler"] = {
                "mode": limits.pooler.mode,
                "clients": limits.pooler.clients,
                "pool": limits.pooler.pool,
            }
        super().__init__(f"plimsoll:infra:{kind}", name, {"connections": connections, **said}, opts)

    def _refer(self, reference: DatabaseReference, **exports: pulumi.Input[str]) -> None:
        self.reference = reference
        self.exports = {"databaseUrlSecret": reference.secret, **exports}
        self.register_outputs(self.exports)


def declare_database(
    name: str, settings: model.Database, args: DatabaseArgs, opts: pulumi.ResourceOptions
) -> Database:
    """The component for the kind that `settings` are of."""
    match settings:
        case model.CloudSqlDatabase():
            return CloudSqlDatabase(name, settings, args, opts)
        case model.ExternalDatabase():
            return ExternalDatabase(name, settings, args, opts)


class ExternalDatabase(Database):
    """Owns nothing: somebody else runs this database and holds its users; its URL is in a secret already.

    It stands in the program for its limits, and as what services refer to. It does not look at the database.
    """

    def __init__(
        self, name: str, settings: model.ExternalDatabase, args: DatabaseArgs, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__(
            "ExternalDatabase",
            name,
            settings,
            opts,
            provider=settings.provider,
            project=settings.project,
            host=settings.host,
        )
        self._refer(
            DatabaseReference(
                secret=settings.url.resource(args.names.cloud.project), version=str(settings.url.version)
            )
        )


class CloudSqlDatabase(Database):
    """Owns a PostgreSQL instance in Cloud SQL with one database, one user, its password, its URL as a secret.

    With `url` it owns instance and database alone: the user is somebody's already, and so is the secret.

    It does not own what is inside the database: tables, roles and extensions are the migrations'. So neither
    database nor user is ever dropped by itself: PostgreSQL refuses to drop a user that owns anything, and a
    new name in the settings must not cost the data under the old one. Both go with the instance.
    """

    def __init__(
        self, name: str, settings: model.CloudSqlDatabase, args: DatabaseArgs, opts: pulumi.ResourceOptions
    ) -> None:
        super().__init__("CloudSqlDatabase", name, settings, opts)
        self._settings = settings
        self._names = args.names
        self._foundation = args.foundation
        self._private = args.foundation.network if settings.address == "private" else None
        self.instance = self._declare_instance(name)
        database = sql.Database(
            name,
            name=settings.name,
            instance=self.instance.name,
            deletion_policy="ABANDON",
            opts=self._holds_data(),
        )
        where: dict[str, Any] = {
            "socket": None if self._private else self.instance.connection_name,
            "network": self._private,
        }
        named: dict[str, pulumi.Input[str]] = {
            "databaseInstance": self.instance.name,
            "databaseConnectionName": self.instance.connection_name,
        }
        if settings.url is not None:
            # Its user is there already, with a password that is not ours to change.
            self._refer(
                DatabaseReference(
                    secret=settings.url.resource(args.names.cloud.project),
                    version=str(settings.url.version),
                    ready=[database],
                    **where,
                ),
                **named,
            )
            return
        password = random.RandomPassword(
            name,
            length=32,
            # Letters and digits mean themselves in a URL.
            special=False,
            opts=self._holds_data(),
        )
        user = sql.User(
            name,
            name=settings.user,
            instance=self.instance.name,
            password=password.result,
            deletion_policy="ABANDON",
            opts=self._holds_data(),
        )
        secret, version = self._declare_url(name, password.result, after=[database, user])
        self._refer(
            DatabaseReference(
                secret=f"projects/{self._names.cloud.project}/secrets/{self._names.database_url}",
                version=version.version,
                holder=secret,
                ready=[version],
                **where,
            ),
            **named,
        )

    def _holds_data(
        self, *after: pulumi.Resource, ignore_changes: Sequence[str] = ()
    ) -> pulumi.ResourceOptions:
        """Options of what cannot be made again once it is lost."""
        return pulumi.ResourceOptions(
            parent=self,
            protect=self._names.cloud.protect,
            depends_on=after,
            ignore_changes=list(ignore_changes),
            # Names are explicit: a replacement made first would collide with what it replaces.
            delete_before_replace=True,
        )

    def _declare_instance(self, name: str) -> sql.DatabaseInstance:
        settings, names = self._settings, self._names
        after = [self._foundation.api("sqladmin")]
        if self._private:
            after.append(self._private.ready)
        return sql.DatabaseInstance(
            name,
            name=names.instance(settings),
            region=names.cloud.region,
            database_version=settings.version,
            deletion_protection=names.cloud.protect,
            settings={
                "edition": settings.edition,
                "tier": settings.tier,
                "availability_type": settings.availability,
                "activation_policy": "ALWAYS",
                "disk_type": "PD_SSD",
                "disk_size": settings.disk_gb,
                "disk_autoresize": True,
                "disk_autoresize_limit": settings.disk_limit_gb,
                "deletion_protection_enabled": names.cloud.protect,
                # A public address answers connectors alone; a private one is asked directly.
                "connector_enforcement": "NOT_REQUIRED" if self._private else "REQUIRED",
                "ip_configuration": self._addresses(),
                "database_flags": database_flags(settings),
                "insights_config": {
                    "query_insights_enabled": True,
                    "query_plans_per_minute": settings.insights_plans_per_minute,
                    # Its default cuts what an object mapper writes, and half a statement cannot be explained.
                    "query_string_length": insights_query_length(),
                    # The comment with which an application says which route a statement serves.
                    "record_application_tags": True,
                    "record_client_address": False,
                },
                "backup_configuration": backup_configuration(settings.backups),
                "maintenance_window": {
                    "day": settings.maintenance.day,
                    "hour": settings.maintenance.hour,
                    "update_track": "stable",
                },
                "user_labels": names.labels(),
            },
            # The disk grows by itself and never shrinks: the size it has by now is not a change to undo.
            opts=self._holds_data(*after, ignore_changes=["settings.diskSize"]),
        )

    def _addresses(self) -> sql.DatabaseInstanceSettingsIpConfigurationArgsDict:
        if self._private:
            return {
                "ipv4_enabled": False,
                "private_network": self._private.id,
                "ssl_mode": "ENCRYPTED_ONLY",
            }
        return {"ipv4_enabled": True, "ssl_mode": "ENCRYPTED_ONLY"}

    def _declare_url(
        self, name: str, password: pulumi.Output[str], *, after: Sequence[pulumi.Resource]
    ) -> tuple[secretmanager.Secret, secretmanager.SecretVersion]:
        settings, names = self._settings, self._names
        secret = secretmanager.Secret(
            f"{name}-url",
            secret_id=names.database_url,
            # Where the services that read it are: an organisation's location policy may refuse `auto`.
            replication={"user_managed": {"replicas": [{"location": names.cloud.region}]}},
            labels=names.labels(),
            deletion_protection=names.cloud.protect,
            opts=self._holds_data(self._foundation.api("secretmanager")),
        )
        place = self.instance.private_ip_address if self._private else self.instance.connection_name
        url = pulumi.Output.all(password=password, place=place).apply(
            lambda known: connection_url(settings, password=known["password"], place=known["place"])
        )
        # Not protected: a new password makes a new version, and the old one is of no use to anybody.
        version = secretmanager.SecretVersion(
            f"{name}-url",
            secret=secret.id,
            secret_data=url,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )
        return secret, version


def connection_url(settings: model.CloudSqlDatabase, *, password: str, place: str) -> str:
    """The URL as the driver reads it. `place`: the private address, or a public instance's connection name.

    The connector behind the socket encrypts by itself; over TCP the driver has to be told, each in its own
    word: libpq's `sslmode`, asyncpg's `ssl` (SQLAlchemy hands either over as it stands).
    """
    login = f"{settings.url_scheme}://{settings.user}:{password}@"
    if settings.address == "public":
        return f"{login}/{settings.name}?host=/cloudsql/{place}"
    encryption = "ssl" if settings.url_scheme == "postgresql+asyncpg" else "sslmode"
    return f"{login}{place}:5432/{settings.name}?{encryption}=require"


def database_flags(
    settings: model.CloudSqlDatabase,
) -> list[sql.DatabaseInstanceSettingsDatabaseFlagArgsDict]:
    """Flags, by name: Google reports them in no order of ours."""
    flags = {
        "max_connections": str(settings.max_connections),
        "log_min_duration_statement": f"{settings.slow_query * 1000:.0f}",
        "log_connections": "on",
        "log_disconnections": "on",
        "log_lock_waits": "on",
        "log_checkpoints": "on",
        "log_temp_files": "0",
    }
    return [{"name": name, "value": value} for name, value in sorted(flags.items())]


def backup_configuration(
    backups: model.Backups | None,
) -> sql.DatabaseInstanceSettingsBackupConfigurationArgsDict:
    """Backups, or that there are none: Enterprise Plus would otherwise turn point-in-time recovery on."""
    if backups is None:
        return {"enabled": False, "point_in_time_recovery_enabled": False}
    configuration: sql.DatabaseInstanceSettingsBackupConfigurationArgsDict = {
        "enabled": True,
        "start_time": backups.start,
        "backup_retention_settings": {"retained_backups": backups.retained, "retention_unit": "COUNT"},
        "point_in_time_recovery_enabled": backups.pitr_days is not None,
    }
    if backups.pitr_days is not None:
        configuration["transaction_log_retention_days"] = backups.pitr_days
    return configuration
