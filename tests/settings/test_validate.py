"""What settings refuse, and what they say about it: one change to a shipped stack file at a time."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from plimsoll.limits import Severity
from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.project import find_project, read_stack, resolve
from plimsoll.settings.tree import to_python
from plimsoll.settings.validate import Loaded, Place, validate
from tests.conftest import STACKS

PROJECT = find_project(STACKS)
SHIPPED = {
    stack: {
        key.removeprefix("plimsoll:"): to_python(entry.node)
        for key, entry in resolve(PROJECT, read_stack(PROJECT, stack)).entries.items()
        if key.startswith("plimsoll:")
    }
    for stack in ("dev", "prod")
}
REMOVED = object()


def changed(stack: str, path: str, value: Any) -> dict[str, Any]:
    """The shipped file with one value changed, added or removed; `path` as in an error: services.api.cpu."""
    config = copy.deepcopy(SHIPPED[stack])
    *parents, last = path.split(".")
    place: Any = config
    for key in parents:
        place = place.setdefault(key, {})
    if value is REMOVED:
        del place[last]
    else:
        place[last] = value
    return config


def nowhere(_: object) -> Place | None:
    return None


def read(config: dict[str, Any], secrets: frozenset[str] = frozenset()) -> Loaded:
    return validate("plimsoll", "dev", config, secrets, nowhere)


def faults(config: dict[str, Any], secrets: frozenset[str] = frozenset()) -> list[Fault]:
    """Every fault and every advice."""
    try:
        return list(read(config, secrets).advice)
    except SettingsError as error:
        return list(error.faults)


def refused(
    config: dict[str, Any], secrets: frozenset[str] = frozenset()
) -> set[tuple[str | None, str | None]]:
    return {
        (fault.rule, fault.key and fault.key.removeprefix("plimsoll:"))
        for fault in faults(config, secrets)
        if fault.severity is Severity.ERROR
    }


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_files_that_are_changed_below_hold_and_need_no_advice(stack: str):
    assert faults(SHIPPED[stack]) == []


API = "services.api"
RUNS = "projects/acme-goals-dev/locations/europe-west1"

REFUSED = [
    # what exists already
    ("dev", "adopt", {"api": "x"}, "settings/adopt-name", "adopt.api"),
    ("dev", "adopt", {"services/api": "x"}, "settings/adopt-name", "adopt.services/api"),
    ("dev", "adopt", {"service/api": "goals-api"}, "settings/adopt-id", "adopt.service/api"),
    ("dev", "adopt", {"service/api": {"changes": []}}, "settings/missing", "adopt.service/api.id"),
    ("dev", "adopt", ["service/api"], "settings/mapping", "adopt"),
    (
        "dev",
        "adopt",
        {"service/api": "projects/other-project/locations/europe-west1/services/api"},
        "settings/adopt-elsewhere",
        "adopt.service/api",
    ),
    (
        "dev",
        "adopt",
        {"service/api": "projects/acme-goals-dev/locations/us-central1/services/api"},
        "settings/adopt-elsewhere",
        "adopt.service/api",
    ),
    ("dev", "adopt", {"service/api": 12}, "settings/adopt-entry", "adopt.service/api"),
    ("dev", "adopt", {"service/api": None}, "settings/adopt-entry", "adopt.service/api"),
    (
        "dev",
        "adopt",
        {"service/nope": f"{RUNS}/services/nope"},
        "settings/adopt-undeclared",
        "adopt.service/nope",
    ),
    (
        "dev",
        "adopt",
        {"job/migrat": f"{RUNS}/jobs/goals-migrate"},
        "settings/adopt-undeclared",
        "adopt.job/migrat",
    ),
    (
        "dev",
        "adopt",
        {"variable/API_ULR": "prj_abc/v1"},
        "settings/adopt-undeclared",
        "adopt.variable/API_ULR",
    ),
    (
        "dev",
        "adopt",
        {"service/api": f"{RUNS}/services/other"},
        "settings/adopt-name-differs",
        "adopt.service/api",
    ),
    (
        "dev",
        "adopt",
        {"frontend/frontend": "prj_abc", "variable/API_URL": "prj_xyz/v1"},
        "settings/adopt-elsewhere",
        "adopt.variable/API_URL",
    ),
    (
        "dev",
        "adopt",
        {"user/database": "acme-goals-dev/goals-dev/goals"},
        "settings/adopt-database",
        "adopt.user/database",
    ),
    (
        "dev",
        "adopt",
        {"frontend/a": "prj_abc", "frontend/b": "team_xyz/prj_abc"},
        "settings/adopt-twice",
        "adopt.frontend/b",
    ),
    (
        "dev",
        "adopt",
        {"instance/database": "projects/acme-goals-dev/instances/goals"},
        "settings/adopt-database",
        "adopt.instance/database",
    ),
    (
        "dev",
        "database.url",
        {"secret": "goals-url", "version": 1},
        "settings/database-user",
        "database.user",
    ),
    ("dev", f"{API}.was", "api", "settings/service-was-twice", f"{API}.was"),
    # single values
    ("dev", f"{API}.cpu", "lots", "settings/value-error", f"{API}.cpu"),
    ("dev", f"{API}.cpu", True, "settings/value-error", f"{API}.cpu"),
    ("dev", f"{API}.memory", 512, "settings/value-error", f"{API}.memory"),
    ("dev", f"{API}.concurrency", "40", "settings/int-type", f"{API}.concurrency"),
    ("dev", f"{API}.public", "yes", "settings/bool-type", f"{API}.public"),
    ("dev", f"{API}.env.LOG_LEVEL", 3, "settings/string-type", f"{API}.env.LOG_LEVEL"),
    ("dev", f"{API}.memroy", "512Mi", "settings/extra-forbidden", f"{API}.memroy"),
    ("dev", f"{API}.memory", REMOVED, "settings/missing", f"{API}.memory"),
    ("dev", f"{API}.image.uri", "api", "settings/value-error", f"{API}.image.uri"),
    *[
        ("dev", f"{API}.image.uri", uri, "settings/value-error", f"{API}.image.uri")
        for uri in ("https://docker.pkg.dev/p/api:v1", "docker.pkg.dev//api:v1", "docker.pkg.dev/P/api:v1")
    ],
    ("dev", f"{API}.image.uri", "quay.io/acme/api:v1", "cloud-run/image-host", f"{API}.image.uri"),
    ("dev", f"{API}.image.owner", "me", "settings/literal-error", f"{API}.image.owner"),
    ("dev", f"{API}.secrets.OPENAI_API_KEY.version", "latest", "settings/int-type", None),
    ("dev", f"{API}.secrets.OPENAI_API_KEY.version", REMOVED, "settings/missing", None),
    ("dev", "services", {}, "settings/mapping", "services"),
    ("dev", "services", [1], "settings/mapping", "services"),
    ("dev", "services.API", {}, "settings/value-error", "services.API"),
    ("dev", "cloud.project", "Acme", "settings/value-error", "cloud.project"),
    ("dev", "cloud.region", "Belgium", "settings/value-error", "cloud.region"),
    ("dev", "cloud.labels.Team", "goals", "settings/value-error", "cloud.labels.Team"),
    ("dev", "cloud", REMOVED, "settings/missing", "cloud"),
    ("dev", "budgets.goal-list.p95", 300, "settings/value-error", "budgets.goal-list.p95"),
    ("dev", "budgets.goal-list.p95", "0s", "settings/greater-than", "budgets.goal-list.p95"),
    ("dev", "budgets.goal-list.availability", 100, "settings/less-than", "budgets.goal-list.availability"),
    ("dev", "network.subnet", "10.8.0.1/26", "settings/value-error", "network.subnet"),
    ("dev", "database.kind", "mysql", "settings/database-kind", "database.kind"),
    ("dev", "database.kind", REMOVED, "settings/database-kind", "database"),
    ("prod", "database.host", "postgres://u:p@h/db", "settings/value-error", "database.host"),
    ("dev", "servcies", {}, "settings/unknown-key", "servcies"),
    # flows and budgets
    ("dev", "budgets.ghost", {"p95": "1s"}, "settings/flow-without-identity", "budgets.ghost"),
    ("dev", "budgets.dashboard", REMOVED, "settings/flow-without-budget", "budgets"),
    ("dev", "flows.dashboard", {"page": "/"}, "settings/kind", "flows.dashboard"),
    ("dev", "flows.goal-list.service", "apj", "settings/flow-without-service", "flows.goal-list.service"),
    (
        "dev",
        "flows.goal-list.endpoint",
        "POST /api/evaluations/{session_id}/answers",
        "settings/endpoint-twice",
        "flows.goal-list.endpoint",
    ),
    ("dev", "frontend", REMOVED, "settings/flow-without-frontend", "flows.dashboard.serverAction"),
    ("dev", "budgets.goal-list.p99", "300ms", "settings/tail-below-p95", "budgets.goal-list.p99"),
    ("dev", "budgets.goal-list.p95", "60s", "settings/budget-beyond-timeout", "budgets.goal-list.p95"),
    # services
    ("dev", f"{API}.memory", "8Gi", "cloud-run/memory-by-cpu", f"{API}.memory"),
    ("dev", f"{API}.memory", "64Gi", "cloud-run/memory-by-cpu", f"{API}.memory"),
    ("dev", f"{API}.cpu", 3, "cloud-run/cpu", f"{API}.cpu"),
    ("dev", f"{API}.name", "a-", "settings/value-error", f"{API}.name"),
    ("dev", f"{API}.concurrency", 1001, "cloud-run/concurrency", f"{API}.concurrency"),
    ("dev", f"{API}.timeout", "2h", "cloud-run/timeout", f"{API}.timeout"),
    ("dev", f"{API}.instances.min", 9, "cloud-run/min-above-max", f"{API}.instances.min"),
    ("dev", f"{API}.startupProbe.failures", 600, "cloud-run/startup-total", f"{API}.startupProbe.failures"),
    ("dev", f"{API}.startupProbe.tcp", True, "cloud-run/probe-kind", f"{API}.startupProbe"),
    ("dev", f"{API}.env.PORT", "1", "cloud-run/environment-reserved", f"{API}.env.PORT"),
    ("dev", f"{API}.instances.manual", 2, "settings/instances", f"{API}.instances"),
    ("dev", f"{API}.instances.max", REMOVED, "settings/max-instances", f"{API}.instances"),
    ("dev", f"{API}.env.OPENAI_API_KEY", "x", "settings/variable-twice", f"{API}.secrets.OPENAI_API_KEY"),
    ("dev", f"{API}.env.DB_POOL_SIZE", "9", "settings/own-variable", f"{API}.env.DB_POOL_SIZE"),
    ("dev", f"{API}.env.CACHE", "redis://u:pw@h/0", "settings/password-in-clear", f"{API}.env.CACHE"),
    ("dev", f"{API}.image", {"uri": "a/b:latest", "owner": "pulumi"}, "settings/image-latest", None),
    ("dev", f"{API}.roles", ["roles/editor"], "settings/basic-role", f"{API}.roles[0]"),
    ("dev", f"{API}.timeout", "0s", "settings/greater-than", f"{API}.timeout"),
    ("dev", f"{API}.cpu_idle", True, "settings/extra-forbidden", f"{API}.cpu_idle"),
    ("dev", f"{API}.env.DSN", "host=h password=x", "settings/password-in-clear", f"{API}.env.DSN"),
    ("dev", f"{API}.env.DSN", "pg://u:p/w@h/db", "settings/password-in-clear", f"{API}.env.DSN"),
    ("prod", f"{API}.egress", "all-traffic", "settings/egress-without-network", f"{API}.egress"),
    ("dev", "cloud.labels.service", "x", "settings/own-label", "cloud.labels.service"),
    # who deploys
    (
        "dev",
        f"{API}.traffic",
        [{"revision": "latest", "percent": 100}],
        "settings/traffic-of-the-pipeline",
        None,
    ),
    # jobs
    ("dev", "jobs.migrate.service", REMOVED, "settings/missing", "jobs.migrate.service"),
    ("dev", "jobs.migrate.service", "apj", "settings/job-of-no-service", "jobs.migrate.service"),
    ("dev", "jobs.migrate.cpu", "500m", "cloud-run/job-cpu", "jobs.migrate.cpu"),
    ("dev", "jobs.migrate.memory", "8Gi", "cloud-run/memory-by-cpu", "jobs.migrate.memory"),
    ("dev", "jobs.migrate.tasks", 0, "cloud-run/job-tasks", "jobs.migrate.tasks"),
    ("dev", "jobs.migrate.retries", 11, "cloud-run/job-retries", "jobs.migrate.retries"),
    ("dev", "jobs.migrate.timeout", "169h", "cloud-run/job-timeout", "jobs.migrate.timeout"),
    ("dev", "jobs.migrate.timeout", "0s", "settings/greater-than", "jobs.migrate.timeout"),
    ("dev", "jobs.migrate.parallelism", 2, "cloud-run/job-parallelism", "jobs.migrate.parallelism"),
    ("dev", "jobs.migrate.parallelism", 0, "settings/greater-than", "jobs.migrate.parallelism"),
    ("dev", "jobs.migrate.command", [], "settings/too-short", "jobs.migrate.command"),
    ("dev", "jobs.migrate.command", "alembic", "settings/tuple-type", "jobs.migrate.command"),
    (
        "dev",
        "jobs.migrate.args",
        ["--url=pg://u:pw@h/db"],
        "settings/password-in-clear",
        "jobs.migrate.args[0]",
    ),
    ("dev", "jobs.migrate.env.PORT", "1", "cloud-run/environment-reserved", "jobs.migrate.env.PORT"),
    ("dev", "jobs.migrate.env.DB_POOL_SIZE", "9", "settings/own-variable", "jobs.migrate.env.DB_POOL_SIZE"),
    ("dev", "jobs.migrate.env.DSN", "pg://u:pw@h/db", "settings/password-in-clear", "jobs.migrate.env.DSN"),
    ("dev", "jobs.migrate.database.url", {"secret": "x", "version": 1}, "settings/job-url", None),
    ("dev", f"{API}.database", REMOVED, "settings/job-without-database", "jobs.migrate.database"),
    ("dev", "jobs.migrate.name", "goals-review-queries", "settings/job-name-twice", "jobs.migrate.name"),
    ("dev", "jobs.migrate.schedule", "daily", "settings/model-type", "jobs.migrate.schedule"),
    (
        "dev",
        "jobs.migrate.schedule",
        {"cron": "0 3 * * *"},
        "settings/missing",
        "jobs.migrate.schedule.timeZone",
    ),
    (
        "dev",
        "jobs.review-queries.schedule.cron",
        "@daily",
        "cloud-scheduler/cron",
        "jobs.review-queries.schedule.cron",
    ),
    (
        "dev",
        "jobs.review-queries.schedule.timeZone",
        "Europe/Berlim",
        "settings/value-error",
        "jobs.review-queries.schedule.timeZone",
    ),
    (
        "dev",
        "jobs.review-queries.schedule.timeZone",
        "../UTC",
        "settings/value-error",
        "jobs.review-queries.schedule.timeZone",
    ),
    *[
        (
            "dev",
            "jobs.review-queries.schedule.timeZone",
            zone,
            "settings/value-error",
            "jobs.review-queries.schedule.timeZone",
        )
        for zone in ("localtime", "Factory", "posixrules", "posix/UTC", "right/UTC")
    ],
    ("dev", "jobs.migrate.command", [""], "settings/value-error", "jobs.migrate.command[0]"),
    ("dev", "cloud.labels.job", "x", "settings/own-label", "cloud.labels.job"),
    # registry
    ("dev", "registry.name", "Images", "settings/value-error", "registry.name"),
    ("dev", "registry.keepVersions", 2**31, "settings/less-than-equal", "registry.keepVersions"),
    (
        "dev",
        "registry.deleteUntaggedAfterDays",
        10**9,
        "settings/less-than-equal",
        "registry.deleteUntaggedAfterDays",
    ),
    ("dev", "registry.keepVersions", 0, "settings/greater-than", "registry.keepVersions"),
    ("dev", "registry.writers", ["deploy@acme"], "settings/value-error", "registry.writers[0]"),
    # database
    ("dev", "database.tier", "db-perf-optimized-N-2", "cloud-sql/tier-edition", "database.tier"),
    ("dev", "database.tier", "db-custom-3-4096", "cloud-sql/custom-tier", "database.tier"),
    ("dev", "database.availability", "REGIONAL", "cloud-sql/regional-backups", None),
    ("dev", "database.backups.pitrDays", 8, "cloud-sql/pitr-days", "database.backups.pitrDays"),
    (
        "dev",
        "database.insightsPlansPerMinute",
        21,
        "cloud-sql/insights-plans",
        "database.insightsPlansPerMinute",
    ),
    ("dev", "network.subnet", "10.8.0.0/27", "cloud-run/subnet-size", "network.subnet"),
    ("dev", "network.subnet", "8.8.8.0/26", "cloud-run/subnet-range", "network.subnet"),
    ("dev", "database.name", "postgres", "cloud-sql/reserved-name", "database.name"),
    ("dev", "database.user", "pg_app", "cloud-sql/reserved-name", "database.user"),
    ("dev", "database.version", "POSTGRES_99", "cloud-sql/version", "database.version"),
    ("dev", "database.slowQuery", "0.4ms", "settings/greater-than-equal", "database.slowQuery"),
    ("dev", "database.version", "POSTGRES_17_5", "cloud-sql/version", "database.version"),
    ("dev", "database.diskLimitGb", 4000, "cloud-sql/disk", "database.diskLimitGb"),
    ("dev", "database.slowQuery", "600h", "cloud-sql/slow-query", "database.slowQuery"),
    ("dev", "database.slowQuery", "1.5ms", "settings/slow-query", "database.slowQuery"),
    ("dev", "database.backups", {"retained": 5, "pitrDays": 5}, "cloud-sql/backups-beyond-logs", None),
    ("dev", "network", REMOVED, "settings/network-missing", "database.address"),
    ("dev", "database.address", "public", "settings/network-unused", "network"),
    ("dev", "database.diskLimitGb", 5, "settings/disk-limit", "database.diskLimitGb"),
    ("dev", "database.reserve", 50, "settings/reserve", "database.reserve"),
    ("prod", "database.pooler.clients", 500, "supabase/pooler-clients", "database.pooler.clients"),
    ("prod", "database.pooler.pool", 70, "supabase/server-pool", "database.pooler.pool"),
    # the connection budget
    ("dev", f"{API}.instances.max", 40, "settings/connection-budget", "database.maxConnections"),
    ("prod", f"{API}.instances.max", 60, "settings/connection-budget", "database.pooler"),
    ("prod", "jobs.migrate.database.pool", 20, "settings/connection-budget", "database.maxConnections"),
    # frontend
    ("dev", "frontend.timeout", "900s", "vercel/function-timeout", "frontend.timeout"),
    ("dev", "frontend.project", "x" * 60, "vercel/project-name", "frontend.project"),
    ("prod", "frontend.previews", True, "settings/production-previews", "frontend.previews"),
    (
        "dev",
        "frontend.serviceUrls.API_URL",
        "apj",
        "settings/url-of-no-service",
        "frontend.serviceUrls.API_URL",
    ),
    ("dev", f"{API}.ingress", "internal", "settings/url-unreachable", "frontend.serviceUrls.API_URL"),
    (
        "dev",
        "frontend.env.API_URL",
        {"value": "x", "sensitive": False, "targets": ["preview"]},
        "settings/variable-twice",
        None,
    ),
    (
        "dev",
        "frontend.env.A",
        {"sensitive": False, "targets": ["preview"]},
        "settings/variable-value",
        "frontend.env.A",
    ),
    ("dev", "frontend.env.A", {"value": "x", "sensitive": False, "targets": []}, "settings/too-short", None),
    (
        "dev",
        "frontend.env.1A",
        {"value": "x", "sensitive": False, "targets": ["preview"]},
        "vercel/variable-name",
        None,
    ),
    (
        "dev",
        "frontend.env.A",
        {"value": "x", "targets": ["preview"]},
        "settings/missing",
        "frontend.env.A.sensitive",
    ),
    (
        "dev",
        "frontend.env.A",
        {"value": "x", "sensitive": True, "targets": ["development"]},
        "vercel/variable-development",
        None,
    ),
    (
        "prod",
        "frontend.env.A",
        {"value": "x", "sensitive": False, "targets": ["preview"]},
        "settings/preview-target",
        "frontend.env.A.targets",
    ),
    (
        "dev",
        "frontend.env.A",
        {"config": "token", "sensitive": True, "targets": ["preview"]},
        "settings/no-such-secret",
        "frontend.env.A.config",
    ),
]


@pytest.mark.parametrize(
    ("stack", "path", "value", "rule", "key"),
    [pytest.param(*case, id=f"{case[0]}-{case[1]}-{case[3]}") for case in REFUSED],
)
def test_refused(stack: str, path: str, value: object, rule: str, key: str | None):
    found = refused(changed(stack, path, value))
    assert rule in {one for one, _ in found}, found
    assert key is None or (rule, key) in found, found


ADVISED = [
    ("dev", f"{API}.timeout", "20m", "cloud-run/timeout-without-retries"),
    ("dev", f"{API}.worksAfterResponse", True, "cloud-run/work-after-response"),
    ("dev", "network.subnet", "10.8.0.0/26", "cloud-run/subnet-addresses"),
    ("dev", "cloud.production", True, "cloud-sql/sla"),
    ("dev", "frontend.region", "sfo1", "vercel/region"),
    ("dev", f"{API}.database.overflow", 5, "settings/connection-headroom"),
    ("dev", "jobs.migrate.timeout", "25h", "cloud-run/job-timeout-everywhere"),
    ("dev", "jobs.review-queries.timeout", "43201s", "settings/job-overlap"),
    ("dev", "jobs.review-queries.schedule.cron", "30 2 * * *", "cloud-scheduler/clock-change"),
    ("dev", "cloud.region", "europe-wst1", "settings/region-unknown"),
    ("dev", f"{API}.image", {"uri": "a/b:v1", "owner": "pulumi"}, "settings/image-tag"),
]


@pytest.mark.parametrize(
    ("stack", "path", "value", "rule"), [pytest.param(*case, id=case[3]) for case in ADVISED]
)
def test_advised(stack: str, path: str, value: object, rule: str):
    config = changed(stack, path, value)
    if rule == "cloud-run/subnet-addresses":
        config["services"]["api"]["instances"] = {"max": 40}
        config["services"]["api"]["database"] = {"pool": 1}
    if path == "cloud.production":
        config["frontend"] = SHIPPED["prod"]["frontend"]
    loaded = read(config)
    assert rule in {fault.rule for fault in loaded.advice}


DIGEST = "a/b@sha256:" + "a" * 64
CANARY = [
    {"revision": "latest", "percent": 10, "tag": "canary"},
    {"revision": "goals-api-00012-abc", "percent": 90},
]


def split(*targets: dict[str, Any]) -> dict[str, Any]:
    config = changed("dev", f"{API}.image", {"uri": DIGEST, "owner": "pulumi"})
    config["services"]["api"]["traffic"] = [*targets]
    return config


class TestTraffic:
    def test_of_a_digest_may_be_split(self):
        assert faults(split(*CANARY)) == []

    @pytest.mark.parametrize(
        ("change", "rule", "key"),
        [
            ({"percent": 11}, "cloud-run/traffic-sum", "traffic"),
            ({"percent": 101}, "cloud-run/traffic-percent", "traffic[0].percent"),
            ({"percent": -1}, "settings/greater-than-equal", "traffic[0].percent"),
            ({"revision": "goals-web-00012-abc"}, "cloud-run/traffic-revision", "traffic[0].revision"),
            ({"revision": "goals-api-00012-abc"}, "cloud-run/traffic-twice", "traffic[1].revision"),
            ({"tag": "Canary"}, "cloud-run/traffic-tag", "traffic[0].tag"),
        ],
        ids=["sum", "percent", "negative", "revision", "twice", "tag"],
    )
    def test_must_be_one_that_cloud_run_takes(self, change: dict[str, Any], rule: str, key: str):
        assert refused(split({**CANARY[0], **change}, CANARY[1])) == {(rule, f"{API}.{key}")}

    def test_that_goes_nowhere_is_refused(self):
        found = refused(split({"revision": "latest", "percent": 100}, {"revision": "goals-api-1"}))
        assert found == {("settings/traffic-of-nothing", f"{API}.traffic[1]")}

    def test_a_revision_that_only_a_tag_leads_to_is_counted(self):
        latest = {"revision": "latest", "percent": 100}
        tags = [{"revision": f"goals-api-{index}", "tag": f"v{index}"} for index in range(9)]
        assert refused(split(latest, *tags[:8])) == set()
        found = refused(split(latest, *tags))
        assert found == {("settings/connection-budget", "database.maxConnections")}


class TestLogDrain:
    DRAIN = {"service": "api", "path": "/internal/logs", "secret": "logs"}  # noqa: RUF012 (read only)

    def drained(self, stack: str = "prod", **changes: Any) -> dict[str, Any]:
        return {**changed(stack, "frontend.logDrain", {**self.DRAIN, **changes}), "logs": "[secret]"}

    def found(self, config: dict[str, Any]) -> set[tuple[str | None, str | None]]:
        return refused(config, frozenset({"logs"}))

    def test_to_a_public_service_with_a_secret_holds(self):
        assert self.found(self.drained()) == set()

    def test_needs_its_secret_to_be_one(self):
        config = self.drained()
        assert ("settings/secret-in-clear", "logs") in refused(config)
        del config["logs"]
        assert ("settings/no-such-secret", "frontend.logDrain.secret") in refused(config)

    def test_needs_a_plan_that_has_drains(self):
        config = self.drained()
        config["frontend"]["plan"] = "hobby"
        (fault,) = faults(config, frozenset({"logs"}))
        assert (fault.rule, fault.key) == ("vercel/log-drain-plan", "plimsoll:frontend.plan")
        assert "plan pro or enterprise" in fault.message

    @pytest.mark.parametrize(
        ("changes", "rule", "key"),
        [
            ({"service": "apj"}, "settings/drain-to-no-service", "service"),
            ({"path": "logs"}, "settings/value-error", "path"),
            ({"sources": ["lambdas"]}, "settings/literal-error", "sources[0]"),
            ({"format": "text"}, "settings/literal-error", "format"),
            ({"environments": ["preview"]}, "settings/preview-target", "environments"),
        ],
        ids=["service", "path", "source", "format", "environment"],
    )
    def test_must_lead_somewhere(self, changes: dict[str, Any], rule: str, key: str):
        assert (rule, f"frontend.logDrain.{key}") in self.found(self.drained(**changes))

    def test_reaches_no_service_that_asks_google_who_calls(self):
        config = self.drained()
        config["services"]["api"]["public"] = False
        assert self.found(config) == {("settings/drain-unreachable", "frontend.logDrain.service")}


def test_a_jobs_pool_must_fit_through_the_socket_of_cloud_sql():
    config = changed("dev", "database.address", "public")
    del config["network"]
    config["jobs"]["migrate"]["database"]["pool"] = 101
    found = refused(config)
    assert ("cloud-run/connections-per-instance", "jobs.migrate.database.pool") in found


def test_a_job_does_not_repeat_what_is_wrong_with_its_service():
    found = refused(changed("dev", f"{API}.memory", "8Gi"))
    assert found == {("cloud-run/memory-by-cpu", f"{API}.memory")}


def test_a_job_needs_a_cpu_of_its_own_where_its_service_has_less_than_one():
    config = changed("dev", f"{API}.cpu", "500m")
    config["services"]["api"] |= {"concurrency": 1, "executionEnvironment": "gen1"}
    assert refused(config) == {
        ("cloud-run/job-cpu", "jobs.migrate.cpu"),
        ("cloud-run/job-cpu", "jobs.review-queries.cpu"),
    }


def test_a_wrong_time_zone_is_told_the_nearest():
    config = changed("dev", "jobs.review-queries.schedule.timeZone", "Europe/Berlim")
    assert [fault.message for fault in faults(config)] == [
        "a time zone is a name of the tz database, such as Europe/Berlin"
    ]


def test_the_account_that_starts_a_job_may_not_be_a_services():
    config = changed("dev", "services.review-queries-schedule", SHIPPED["dev"]["services"]["api"])
    assert ("settings/job-account", "jobs.review-queries") in refused(config)


def test_nor_that_of_a_service_that_was_called_so():
    config = changed("dev", f"{API}.was", "review-queries-schedule")
    assert refused(config) == {("settings/job-account", "jobs.review-queries")}


def test_a_job_that_outlasts_its_schedule_is_counted_as_often_as_it_runs():
    config = changed("dev", "jobs.review-queries.schedule.cron", "* * * * *")
    config["jobs"]["review-queries"]["timeout"] = "24h"
    found = {fault.rule: fault for fault in faults(config)}
    assert "2880 executions × 1 × 1 = 2880" in found["settings/connection-budget"].message
    overlap = found["settings/job-overlap"]
    assert overlap.value == "2880 at once"
    assert overlap.remedy == (
        "a timeout of at most 30s, or a schedule that is due every 172800s or more rarely"
    )
    config["jobs"]["review-queries"]["timeout"] = "30s"
    assert faults(config) == []


def test_a_job_may_have_a_database_of_its_own_where_its_service_has_none():
    config = changed("dev", "services.mail", {**SHIPPED["dev"]["services"]["api"]})
    del config["services"]["mail"]["database"]
    config["jobs"]["etl"] = {
        "service": "mail",
        "timeout": "10m",
        "env": {"WEB_CONCURRENCY": "2"},
        "secrets": {"DATABASE_URL": {"secret": "warehouse-url", "version": 1}},
    }
    assert faults(config) == []


def test_variables_are_counted_with_those_that_a_job_inherits_and_labels_with_our_own():
    config = changed("dev", f"{API}.env", {f"A{index}": "" for index in range(600)})
    config["jobs"]["migrate"]["env"] = {f"B{index}": "" for index in range(600)}
    config["cloud"]["labels"] = {f"a{index}": "b" for index in range(62)}
    assert refused(config) == {
        ("cloud-run/environment-count", "jobs.migrate.env"),
        ("cloud-run/labels", "cloud.labels"),
    }


def test_two_services_may_not_be_called_the_same():
    config = changed("dev", "services.web", SHIPPED["dev"]["services"]["api"])
    config["services"]["web"] = {**config["services"]["web"], "name": "goals-api"}
    assert {key for rule, key in refused(config) if rule == "settings/service-name-twice"} == {
        "services.api.name",
        "services.web.name",
    }


@pytest.mark.parametrize("environment", ["Dev_X", "dev.2", "-x", "a" * 31])
def test_an_environments_name_must_do_for_physical_names(environment: str):
    with pytest.raises(SettingsError) as caught:
        validate("plimsoll", environment, SHIPPED["dev"], frozenset(), nowhere)
    assert {fault.rule for fault in caught.value.faults} == {"settings/environment-name"}


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        (f"{API}.public", "true", '"true"'),
        (f"{API}.concurrency", "40", '"40"'),
        (f"{API}.concurrency", True, "true"),
        ("budgets.goal-list.p95", "0ms", "0.000"),
        ("network.subnet", "postgres://u:canary@h/db", None),
        (f"{API}.secrets.OPENAI_API_KEY", "sk-canary", None),
        (f"{API}.secrets.OPENAI_API_KEY.secret", "sk canary", None),
    ],
)
def test_a_wrong_value_is_shown_as_written_unless_it_may_be_a_secret(path: str, value: object, shown: str):
    found = [fault for fault in faults(changed("dev", path, value)) if fault.key == f"plimsoll:{path}"]
    assert {fault.value for fault in found} == {shown}
    assert "canary" not in str(found)


def test_a_list_with_a_wrong_item_has_one_fault():
    variable = {"value": "x", "sensitive": False, "targets": ["prod"]}
    (fault,) = faults(changed("dev", "frontend.env.A", variable))
    assert (fault.key, fault.value) == ("plimsoll:frontend.env.A.targets[0]", "prod")


def test_two_long_names_may_not_make_one_that_is_too_long():
    config = changed("dev", "cloud.application", "a" * 30)
    config["services"]["b" * 25] = config["services"]["api"]
    assert ("cloud-run/service-name", f"services.{'b' * 25}.name") in refused(config)


def test_every_mistake_is_reported_at_once():
    config = changed("dev", f"{API}.cpu", "lots")
    config["services"]["worker"] = {**SHIPPED["dev"]["services"]["api"], "cpu": 8, "memory": "64Gi"}
    config["database"]["tier"] = "db-perf-optimized-N-2"
    config["budgets"]["goal-list"]["p95"] = "fast"
    config["frontend"]["timeout"] = "900s"
    assert {rule for rule, _ in refused(config)} == {
        "settings/value-error",
        "cloud-run/memory-by-cpu",
        "cloud-sql/tier-edition",
        "vercel/function-timeout",
    }


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        (f"{API}.memroy", "did you mean `memory`?"),
        (f"{API}.startupProbe.timout", "did you mean `timeout`?"),
        (f"{API}.cpu_idle", "did you mean `cpuIdle`?"),
        ("frontend.repository.branch", "known are"),
        ("frontend.env.NEXT_PUBLIC_ENVIRONMENT.target", "did you mean `targets`?"),
        ("budget", "did you mean `budgets`?"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_known_one(path: str, remedy: str):
    unknown = [fault for fault in faults(changed("dev", path, {})) if "unknown key" in fault.message]
    assert [fault for fault in unknown if (fault.remedy or "").startswith(remedy)], unknown


class TestSecrets:
    CONFIG = changed(
        "dev", "frontend.env.SESSION", {"config": "session", "sensitive": True, "targets": ["production"]}
    )

    def test_a_secret_that_a_variable_names_is_known(self):
        assert refused({**self.CONFIG, "session": "[secret]"}, frozenset({"session"})) == set()

    def test_so_is_the_token_of_vercel(self):
        assert refused({**SHIPPED["dev"], "vercelToken": "[secret]"}, frozenset({"vercelToken"})) == set()

    def test_a_secret_that_nothing_reads_is_refused(self):
        found = refused({**SHIPPED["dev"], "old": "[secret]"}, frozenset({"old"}))
        assert found == {("settings/unknown-key", "old")}

    def test_a_plain_value_is_no_secret(self):
        found = refused({**self.CONFIG, "session": "in clear"})
        assert ("settings/no-such-secret", "frontend.env.SESSION.config") in found

    def test_a_section_that_is_encrypted_cannot_be_checked(self):
        found = refused(SHIPPED["dev"], frozenset({"services"}))
        assert ("settings/secret-section", "services") in found
        assert ("settings/missing", "services") not in found

    def test_what_should_be_a_secret_may_not_stand_in_clear(self):
        found = faults({**SHIPPED["dev"], "vercelToken": "canary"})
        assert [fault.rule for fault in found] == ["settings/secret-in-clear"]
        assert "canary" not in str(found)

    def test_a_secret_may_not_reach_the_browser(self):
        config = changed(
            "dev",
            "frontend.env.NEXT_PUBLIC_KEY",
            {"config": "session", "sensitive": True, "targets": ["production"]},
        )
        found = refused({**config, "session": "[secret]"}, frozenset({"session"}))
        assert found == {("settings/secret-public", "frontend.env.NEXT_PUBLIC_KEY")}

    def test_what_may_be_a_secret_is_not_repeated(self):
        canary = "correct-horse"
        in_url = faults(changed("dev", f"{API}.env.CACHE", f"redis://u:{canary}@h/0"))
        in_number = faults(changed("dev", f"{API}.env.PIN", 12345))
        texts = " ".join(map(str, [*in_url, *in_number]))
        assert "CACHE" in texts
        assert "PIN" in texts
        assert canary not in texts
        assert "12345" not in texts
