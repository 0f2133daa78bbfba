"""What a database is declared as, kind by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.database import backup_configuration, connection_url, database_flags
from plimsoll.preview.plan import UNKNOWN
from plimsoll.settings import model
from tests.infra.reading import (
    DATABASE,
    INSTANCE,
    PASSWORD,
    SECRET,
    SECRET_GRANT,
    SECRET_VERSION,
    SERVICE,
    USER,
    before,
    component,
    one,
    settings_of,
)

if TYPE_CHECKING:
    from plimsoll.preview.plan import Plan


def settings(**changes: Any) -> model.CloudSqlDatabase:
    """A small instance with these keys changed, as a stack file writes them."""
    return model.CloudSqlDatabase.model_validate(
        {
            "kind": "cloudsql",
            "version": "POSTGRES_17",
            "edition": "ENTERPRISE",
            "tier": "db-g1-small",
            "availability": "ZONAL",
            "maxConnections": 50,
            "backups": None,
            "name": "goals",
            "user": "writer",
            **changes,
        }
    )


# --- external ---


def test_an_external_database_creates_nothing(external: Plan):
    assert external.children(component(external, "ExternalDatabase", "database").urn) == ()
    types = {each.type for each in external.resources}
    assert types & {INSTANCE, DATABASE, USER, PASSWORD, SECRET, SECRET_VERSION} == set()


def test_an_external_database_registers_where_it_is_with_its_pooler_and_limits(external: Plan):
    assert component(external, "ExternalDatabase", "database").inputs == {
        "provider": "other",
        "project": "main",
        "host": "db.acme.com",
        "connections": {
            "maxConnections": 90,
            "reserve": 30,
            "pooler": {"mode": "transaction", "clients": 400, "pool": 40},
        },
    }


def test_a_service_may_read_an_external_databases_url(external: Plan):
    granted = {each.inputs["secretId"] for each in external.of_type(SECRET_GRANT)}
    assert "projects/acme-goals-prod/secrets/database-url" in granted


# --- Cloud SQL ---


def test_cloud_sql_registers_its_limits(private: Plan):
    assert component(private, "CloudSqlDatabase", "database").inputs == {
        "connections": {"maxConnections": 50, "reserve": 3}
    }


def test_the_instance_says_what_would_cost_most_if_guessed(private: Plan):
    said = settings_of(private)
    assert one(private, INSTANCE).inputs["databaseVersion"] == "POSTGRES_17"
    assert (said["edition"], said["tier"], said["availabilityType"]) == ("ENTERPRISE", "db-g1-small", "ZONAL")
    assert said["activationPolicy"] == "ALWAYS"


def test_a_private_instance_has_no_public_address(private: Plan):
    assert settings_of(private)["ipConfiguration"] == {
        "ipv4Enabled": False,
        "privateNetwork": UNKNOWN,
        "sslMode": "ENCRYPTED_ONLY",
    }
    assert settings_of(private)["connectorEnforcement"] == "NOT_REQUIRED"


def test_a_public_instance_answers_connectors_alone(socket: Plan):
    """No network is authorised, and a direct connection is refused."""
    assert settings_of(socket)["ipConfiguration"] == {"ipv4Enabled": True, "sslMode": "ENCRYPTED_ONLY"}
    assert settings_of(socket)["connectorEnforcement"] == "REQUIRED"


def test_a_grown_disk_is_no_change_to_undo(private: Plan):
    said = settings_of(private)
    assert (said["diskSize"], said["diskAutoresize"], said["diskAutoresizeLimit"]) == (10, True, 30)
    assert one(private, INSTANCE).options.ignore_changes == ("settings.diskSize",)


def test_flags_stand_in_the_order_of_their_names():
    names = [str(flag["name"]) for flag in database_flags(settings())]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("max_connections", "50"),
        ("log_min_duration_statement", "200"),
        ("log_connections", "on"),
        ("log_disconnections", "on"),
        ("log_lock_waits", "on"),
    ],
)
def test_flags_are_said(flag: str, value: str):
    assert {"name": flag, "value": value} in database_flags(settings())


def test_slow_statements_are_counted_in_milliseconds(private: Plan):
    assert {"name": "log_min_duration_statement", "value": "100"} in settings_of(private)["databaseFlags"]


def test_query_insights_keep_whole_statements_and_no_addresses(private: Plan):
    assert settings_of(private)["insightsConfig"] == {
        "queryInsightsEnabled": True,
        "queryPlansPerMinute": 5,
        "queryStringLength": 4500,
        "recordApplicationTags": True,
        "recordClientAddress": False,
    }


@pytest.mark.parametrize(
    ("backups", "expected"),
    [
        pytest.param(
            None, {"enabled": False, "point_in_time_recovery_enabled": False}, id="none, said aloud"
        ),
        pytest.param(
            {"start": "03:30", "retained": 14},
            {
                "enabled": True,
                "start_time": "03:30",
                "backup_retention_settings": {"retained_backups": 14, "retention_unit": "COUNT"},
                "point_in_time_recovery_enabled": False,
            },
            id="daily",
        ),
        pytest.param(
            {"start": "03:30", "retained": 14, "pitrDays": 7},
            {
                "enabled": True,
                "start_time": "03:30",
                "backup_retention_settings": {"retained_backups": 14, "retention_unit": "COUNT"},
                "point_in_time_recovery_enabled": True,
                "transaction_log_retention_days": 7,
            },
            id="to any point in time",
        ),
    ],
)
def test_backups(backups: dict[str, Any] | None, expected: dict[str, object]):
    assert backup_configuration(settings(backups=backups).backups) == expected


def test_both_deletion_protections_follow_the_environment(private: Plan, socket: Plan):
    for plan, protected in ((private, False), (socket, True)):
        assert one(plan, INSTANCE).inputs["deletionProtection"] is protected
        assert settings_of(plan)["deletionProtectionEnabled"] is protected


def test_database_and_user_go_with_the_instance_not_by_themselves(private: Plan):
    """A user that owns tables cannot be dropped, and a database dropped for its new name would be lost."""
    assert one(private, DATABASE).inputs["deletionPolicy"] == "ABANDON"
    assert one(private, USER).inputs["deletionPolicy"] == "ABANDON"


def test_maintenance_is_said(private: Plan):
    assert settings_of(private)["maintenanceWindow"] == {"day": 7, "hour": 3, "updateTrack": "stable"}


def test_labels_say_whose_it_is(private: Plan):
    expected = {"application": "goals", "environment": "trial", "team": "goals"}
    assert settings_of(private)["userLabels"] == expected
    assert one(private, SECRET).inputs["labels"] == expected


# --- the URL ---

PASSWORD_TEXT = "s3cretS3cret"


@pytest.mark.parametrize(
    ("address", "scheme", "place", "url"),
    [
        (
            "private",
            "postgresql",
            "10.1.2.3",
            f"postgresql://writer:{PASSWORD_TEXT}@10.1.2.3:5432/goals?sslmode=require",
        ),
        (
            "private",
            "postgresql+psycopg",
            "10.1.2.3",
            f"postgresql+psycopg://writer:{PASSWORD_TEXT}@10.1.2.3:5432/goals?sslmode=require",
        ),
        (
            "private",
            "postgresql+asyncpg",
            "10.1.2.3",
            f"postgresql+asyncpg://writer:{PASSWORD_TEXT}@10.1.2.3:5432/goals?ssl=require",
        ),
        (
            "public",
            "postgresql+asyncpg",
            "acme:europe-west1:goals-prod",
            f"postgresql+asyncpg://writer:{PASSWORD_TEXT}@/goals?host=/cloudsql/acme:europe-west1:goals-prod",
        ),
    ],
)
def test_the_url_is_written_for_driver_and_address(address: str, scheme: str, place: str, url: str):
    written = connection_url(settings(address=address, urlScheme=scheme), password=PASSWORD_TEXT, place=place)
    assert written == url


def test_the_password_needs_no_escape_in_a_url(private: Plan):
    assert one(private, PASSWORD).inputs == {"length": 32, "special": False}


def test_the_url_is_kept_in_the_region(private: Plan):
    assert one(private, SECRET).inputs["replication"] == {
        "userManaged": {"replicas": [{"location": "europe-west1"}]}
    }


def test_a_service_starts_once_its_url_works(private: Plan):
    """Secret, user and database first; a revision that cannot connect fails for good."""
    service = before(private, one(private, SERVICE, "api"))
    for type_ in (SECRET_VERSION, USER, DATABASE):
        assert one(private, type_).urn in service
    assert one(private, SECRET_VERSION).urn not in before(private, one(private, SERVICE, "mail"))


def test_the_urls_secret_exists_before_a_grant_on_it(private: Plan):
    (grant,) = (
        each
        for each in private.of_type(SECRET_GRANT)
        if str(each.inputs["secretId"]).endswith("goals-trial-database-url")
    )
    assert one(private, SECRET).urn in before(private, grant)


def test_a_new_password_can_make_a_new_version(socket: Plan):
    """In a protected environment too, so the version itself is not protected."""
    assert one(socket, SECRET).options.protect
    assert not one(socket, SECRET_VERSION).options.protect
