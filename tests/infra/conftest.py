"""Environments that the components are tried on: the real program, previewed offline, once each."""

from __future__ import annotations

import copy
import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.preview.offline import ProgramJob, preview_offline

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.plan import Plan

ROOT = Path(__file__).parent.parent.parent
CANARIES = {
    "vercelToken": "canary-of-the-token-aaaa",
    "sessionKey": "canary-of-the-session-key",
    "drainKey": "canary-of-the-drain-which-has-to-be-long",
}
"""Secrets of the stack; none may appear in any plan."""

PROBE = {"http": "/healthz", "period": "1s", "timeout": "1s", "failures": 60}

PRIVATE: dict[str, Any] = {
    "cloud": {
        "application": "goals",
        "project": "acme-goals-dev",
        "region": "europe-west1",
        "production": False,
        "protect": False,
        "labels": {"team": "goals"},
    },
    "flows": {
        "goal-list": {"endpoint": "GET /api/goals", "service": "api", "owner": "goals", "critical": True},
        "dashboard": {"serverAction": "loadDashboard", "page": "/dashboard"},
    },
    "budgets": {
        "goal-list": {"p95": "300ms", "p99": "1.2s", "availability": 99.5},
        "dashboard": {"p95": "0.8s", "availability": 99},
    },
    "services": {
        "api": {
            "image": {"uri": "europe-west1-docker.pkg.dev/acme-goals-dev/services/api:bootstrap"},
            "public": True,
            "cpu": 1,
            "memory": "1024Mi",
            "concurrency": 40,
            "instances": {"min": 0, "max": 3},
            "timeout": "1m",
            "startupProbe": PROBE,
            "livenessProbe": {**PROBE, "initialDelay": "10s", "period": "30s", "failures": 3},
            "workers": 2,
            "database": {"pool": 3, "overflow": 2},
            "env": {"LOG_LEVEL": "debug", "ALLOWED_ORIGIN": "https://dev.acme.com"},
            "secrets": {
                "OPENAI_API_KEY": {"secret": "openai-api-key", "version": 1},
                "OPENAI_KEY_OLD_NAME": {
                    "secret": "projects/acme-goals-dev/secrets/openai-api-key",
                    "version": 2,
                },
                "PARTNER_KEY": {"secret": "projects/acme-shared/secrets/partner", "version": 7},
            },
        },
        "mail": {
            "image": {"uri": "europe-west1-docker.pkg.dev/acme-goals-dev/services/mail:bootstrap"},
            "ingress": "internal",
            "cpu": "500m",
            "memory": "512Mi",
            "concurrency": 1,
            "executionEnvironment": "gen1",
            "instances": {"max": 2},
            "timeout": "60s",
            "startupProbe": {**PROBE, "http": None, "tcp": True},
        },
    },
    "jobs": {
        "migrate": {
            "service": "api",
            "command": ["alembic", "upgrade", "head"],
            "timeout": "15m",
            "secrets": {
                "OPENAI_API_KEY": {"secret": "openai-api-key", "version": 3},
                "SEED": {"secret": "seed", "version": 1},
            },
            "database": {"pool": 1},
        },
        "review": {
            "service": "api",
            "args": ["review", "--all"],
            "cpu": 2,
            "memory": "2Gi",
            "timeout": "1h",
            "tasks": 4,
            "parallelism": 2,
            "retries": 3,
            "env": {"LOG_LEVEL": "info", "BATCH": "100"},
            "schedule": {"cron": "30 3 * * MON-FRI", "timeZone": "Europe/Berlin", "region": "europe-west3"},
        },
        "clean": {"service": "mail", "cpu": 1, "timeout": "1.5s"},
    },
    "registry": {
        "name": "services",
        "keepVersions": 20,
        "deleteUntaggedAfterDays": 14,
        "writers": ["serviceAccount:deploy@acme-ci.iam.gserviceaccount.com"],
    },
    "network": {"subnet": "10.8.0.0/26"},
    "database": {
        "kind": "cloudsql",
        "version": "POSTGRES_17",
        "edition": "ENTERPRISE",
        "tier": "db-g1-small",
        "availability": "ZONAL",
        "diskLimitGb": 30,
        "maxConnections": 50,
        "slowQuery": "100ms",
        "backups": None,
        "name": "goals",
        "user": "goals",
    },
    "frontend": {
        "project": "goals-dev",
        "team": "acme",
        "plan": "pro",
        "repository": {"repo": "acme/goals"},
        "region": "cdg1",
        "timeout": "30s",
        "previews": True,
        "serviceUrls": {"API_URL": "api"},
        "logDrain": {
            "service": "api",
            "path": "/internal/logs",
            "secret": "drainKey",
            "environments": ["production", "preview"],
        },
        "env": {
            "NEXT_PUBLIC_ENVIRONMENT": {
                "value": "dev",
                "sensitive": False,
                "targets": ["production", "preview"],
            },
            "SESSION_KEY": {"config": "sessionKey", "sensitive": True, "targets": ["preview", "production"]},
        },
    },
}
"""Cloud SQL with a private address, images of a pipeline, nothing protected, pull requests previewed."""


def changed(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of `base` with the values at dotted paths set, or taken away where the value is `...`."""
    copied = copy.deepcopy(base)
    for path, value in changes.items():
        *way, last = path.split(".")
        inside = copied
        for step in way:
            inside = inside[step]
        if value is ...:
            del inside[last]
        else:
            inside[last] = value
    return copied


EXTERNAL = changed(
    PRIVATE,
    {
        "cloud.project": "acme-goals-prod",
        "cloud.production": True,
        "cloud.protect": True,
        "services.mail": ...,
        "jobs.clean": ...,
        "jobs.migrate.secrets": ...,
        "jobs.migrate.database.url": {"secret": "database-session-url", "version": 1},
        "services.api.traffic": [
            {"revision": "goals-api-00012-abc", "percent": 90, "tag": "stable"},
            {"revision": "latest", "percent": 10},
            {"revision": "goals-api-00009-xyz", "tag": "last-year"},
        ],
        "services.api.image": {
            "uri": "europe-west1-docker.pkg.dev/acme-goals-prod/services/api@sha256:" + "a" * 64,
            "owner": "pulumi",
        },
        "services.api.instances": {"min": 2, "max": 8},
        "services.api.secrets": {"OPENAI_API_KEY": {"secret": "openai-api-key", "version": 4}},
        "network": ...,
        "database": {
            "kind": "external",
            "provider": "other",
            "project": "main",
            "host": "db.acme.com",
            "url": {"secret": "database-url", "version": 2},
            "pooler": {"mode": "transaction", "clients": 400, "pool": 40},
            "maxConnections": 90,
            "reserve": 30,
        },
        "frontend.project": "goals",
        "frontend.previews": False,
        "frontend.logDrain.environments": ["production"],
        "frontend.protection": "all",
        "frontend.domain": "app.acme-goals.com",
        "frontend.env": {
            "SESSION_KEY": {"config": "sessionKey", "sensitive": True, "targets": ["production"]},
        },
    },
)
"""A database that somebody else runs, an image of Pulumi's, everything protected, production only."""

SOCKET = changed(
    PRIVATE,
    {
        "cloud.project": "acme-goals-prod",
        "cloud.production": True,
        "cloud.protect": True,
        "flows.dashboard": ...,
        "budgets.dashboard": ...,
        "services.api.roles": ["roles/pubsub.publisher"],
        "services.api.instances": {"manual": 3},
        "services.api.startupProbe": {"grpc": "", "period": "1s", "timeout": "1s", "failures": 60},
        "services.api.http2": True,
        "services.mail.instances": {"max": 120},
        "services.mail.scaling": {"cpuUtilization": 0.7},
        "network": ...,
        "database.address": "public",
        "database.tier": "db-custom-2-7680",
        "database.availability": "REGIONAL",
        "database.maxConnections": 200,
        "database.backups": {"start": "03:30", "retained": 14, "pitrDays": 7},
        "database.urlScheme": "postgresql+asyncpg",
        "frontend": ...,
    },
)
"""Cloud SQL with a public address behind its socket, everything protected, no frontend."""

THROUGH_NETWORK = changed(
    PRIVATE,
    {
        "services.api.egress": "all-traffic",
        "frontend": ...,
        "flows.dashboard": ...,
        "budgets.dashboard": ...,
    },
)
"""As PRIVATE, with all traffic of a service through the network."""

RENAMED = changed(
    PRIVATE,
    {
        "services.api.name": "goals-backend",
        "services.api.env": {"ALLOWED_ORIGIN": "https://dev.acme.com", "LOG_LEVEL": "debug"},
        "services.api.secrets": {
            "PARTNER_API_KEY": {"secret": "projects/acme-shared/secrets/partner", "version": 7},
            "OPENAI_API_KEY": {"secret": "openai-api-key", "version": 1},
        },
        "database.instance": "goals-staging",
        "frontend.project": "goals-web-dev",
    },
)
"""As PRIVATE, with other physical names and variables."""

ENVIRONMENTS = {
    "private": PRIVATE,
    "external": EXTERNAL,
    "socket": SOCKET,
    "through-network": THROUGH_NETWORK,
    "renamed": RENAMED,
}


def preview(settings: dict[str, Any], **changed_secrets: str) -> Plan:
    """Run the program on these settings, in the stack `trial`. Raises PreviewError."""
    # A secret that nothing reads is refused.
    secrets = {**CANARIES, **changed_secrets} if "frontend" in settings else {}
    texts = {key: json.dumps(value) for key, value in settings.items()} | secrets
    return preview_offline(
        ProgramJob(
            project="plimsoll",
            stack="trial",
            root=ROOT,
            program=ROOT / "infra",
            interpreter=Path(sys.executable),
            config={f"plimsoll:{key}": text for key, text in texts.items()},
            secret_keys=frozenset(f"plimsoll:{key}" for key in secrets),
        )
    )


@pytest.fixture(scope="session")
def plan_of() -> Callable[[str], Plan]:
    """The plan of one of ENVIRONMENTS."""
    return functools.cache(lambda name: preview(ENVIRONMENTS[name]))


@pytest.fixture(scope="session")
def private(plan_of: Callable[[str], Plan]) -> Plan:
    return plan_of("private")


@pytest.fixture(scope="session")
def external(plan_of: Callable[[str], Plan]) -> Plan:
    return plan_of("external")


@pytest.fixture(scope="session")
def socket(plan_of: Callable[[str], Plan]) -> Plan:
    return plan_of("socket")


@pytest.fixture(params=sorted(ENVIRONMENTS))
def plan(request: pytest.FixtureRequest, plan_of: Callable[[str], Plan]) -> Plan:
    """Each of ENVIRONMENTS in turn."""
    return plan_of(request.param)
