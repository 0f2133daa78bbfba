"""A Cloud Run job: its service's image with another command, and what starts it when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_gcp import cloudrunv2, cloudscheduler, serviceaccount

from infra.container import socket_mount, socket_volume, variables, vpc_access
from plimsoll.settings.rules.jobs import SCHEDULE, demand
from plimsoll.units import format_cpu, format_memory

if TYPE_CHECKING:
    from infra.database import DatabaseReference
    from infra.foundation import Foundation
    from infra.names import Names
    from infra.service import Service
    from plimsoll.settings.model import Job as JobSettings
    from plimsoll.settings.model import Schedule
    from plimsoll.settings.model import Service as ServiceSettings

OF_THE_PIPELINE = (
    "template.template.containers[0].image",
    "client",
    "clientVersion",
    "annotations",
    "template.annotations",
    "template.labels",
)
"""Properties that a release pipeline's deployment changes, as `infra.service` has them for a service."""

STARTED_WITHIN = "180s"
"""How long Cloud Scheduler waits for the answer that the job has started; said, as it comes back."""


@dataclass(frozen=True, kw_only=True)
class JobArgs:
    """What to run."""

    settings: JobSettings
    service: Service
    """The service as whom it runs."""
    of_service: ServiceSettings
    """What the job leaves out."""
    names: Names
    foundation: Foundation
    database: DatabaseReference | None
    """The database, where the service uses it."""


class Job(pulumi.ComponentResource):
    """Owns a Cloud Run job and its schedule, with an account that may start this one job and no more.

    It does not own the account that it runs as, which is its service's, with all that may read; nor, once it
    exists with `owner: pipeline`, its image. Nothing here runs it.
    """

    job_name: pulumi.Output[str]

    def __init__(self, key: str, args: JobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(
            "plimsoll:infra:Job", key, connection_inputs(key, args.settings, args.of_service), opts
        )
        self._key = key
        self._args = args
        job = self._declare_job()
        if args.settings.schedule is not None:
            self._declare_schedule(job, args.settings.schedule)
        self.job_name = job.name
        self.register_outputs({"name": job.name})

    def _declare_job(self) -> cloudrunv2.Job:
        args, settings = self._args, self._args.settings
        # A task that starts before its account may read its secrets fails for good.
        after = [args.foundation.api("run"), *args.service.grants]
        if args.database:
            after.extend(args.database.ready)
            if args.database.network and args.of_service.egress == "all-traffic":
                after.extend(args.database.network.exits)
        options = pulumi.ResourceOptions(parent=self, depends_on=after, protect=args.names.cloud.protect)
        if args.of_service.image.owner == "pipeline":
            options.ignore_changes = list(OF_THE_PIPELINE)
        return cloudrunv2.Job(
            self._key,
            name=args.names.job(self._key, settings),
            location=args.names.cloud.region,
            labels=args.names.labels(job=self._key),
            deletion_protection=args.names.cloud.protect,
            template={
                "task_count": settings.tasks,
                "parallelism": settings.parallelism,
                "template": self._task(),
            },
            opts=options,
        )

    def _task(self) -> cloudrunv2.JobTemplateTemplateArgsDict:
        settings, database = self._args.settings, self._args.database
        container = self._container()
        task: cloudrunv2.JobTemplateTemplateArgsDict = {
            "containers": [container],
            "service_account": self._args.service.account.email,
            "timeout": f"{settings.timeout.normalize():f}s",
            "max_retries": settings.retries,
            # Jobs know no other, and Google says so where nobody does.
            "execution_environment": "EXECUTION_ENVIRONMENT_GEN2",
        }
        if database and database.socket:
            task["volumes"] = [socket_volume(database.socket)]
            container["volume_mounts"] = [socket_mount()]
        if database and database.network:
            task["vpc_access"] = vpc_access(database.network, self._args.of_service.egress)
        return task

    def _container(self) -> cloudrunv2.JobTemplateTemplateContainerArgsDict:
        settings, service = self._args.settings, self._args.of_service
        cpu = service.cpu if settings.cpu is None else settings.cpu
        memory = service.memory if settings.memory is None else settings.memory
        container: cloudrunv2.JobTemplateTemplateContainerArgsDict = {
            "name": self._key,
            "image": service.image.uri,
            "resources": {"limits": {"cpu": format_cpu(cpu), "memory": format_memory(memory)}},
            "envs": self._variables(),
        }
        if settings.command is not None:
            container["commands"] = list(settings.command)
        if settings.args is not None:
            container["args"] = list(settings.args)
        return container

    def _variables(self) -> list[Any]:
        """The service's, or the job's own instead of them."""
        names, settings, service = self._args.names, self._args.settings, self._args.of_service
        project = names.cloud.project
        own = {*settings.env, *settings.secrets}
        plain = {
            **{name: value for name, value in service.env.items() if name not in own},
            **settings.env,
        }
        secrets: dict[str, tuple[str, pulumi.Input[str]]] = {
            variable: (reference.resource(project), str(reference.version))
            for variable, reference in {
                **{name: reference for name, reference in service.secrets.items() if name not in own},
                **settings.secrets,
            }.items()
        }
        pool, database = settings.pool(service), self._args.database
        if database and pool:
            plain["DB_POOL_SIZE"] = str(pool.pool)
            plain["DB_MAX_OVERFLOW"] = str(pool.overflow)
            secrets["DATABASE_URL"] = (database.secret, database.version)
            if settings.database is not None and settings.database.url is not None:
                url = settings.database.url
                secrets["DATABASE_URL"] = (url.resource(project), str(url.version))
        return variables(names, plain, secrets)

    def _declare_schedule(self, job: cloudrunv2.Job, schedule: Schedule) -> None:
        args, names = self._args, self._args.names
        called = f"{self._key}-{SCHEDULE}"
        account = serviceaccount.Account(
            called,
            account_id=names.account(called),
            display_name=f"starts {self._key} ({names.environment})",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.foundation.api("iam")]),
        )
        may_start = cloudrunv2.JobIamMember(
            called,
            name=job.name,
            location=names.cloud.region,
            role="roles/run.invoker",
            member=account.member,
            opts=pulumi.ResourceOptions(parent=self),
        )
        jobs = f"https://run.googleapis.com/v2/projects/{names.cloud.project}/locations/{names.cloud.region}/jobs"
        cloudscheduler.Job(
            called,
            name=names.job(self._key, args.settings),
            region=schedule.region or names.cloud.region,
            description=f"starts the Cloud Run job {names.job(self._key, args.settings)}",
            schedule=schedule.cron,
            time_zone=schedule.time_zone,
            attempt_deadline=STARTED_WITHIN,
            http_target={
                "http_method": "POST",
                "uri": pulumi.Output.concat(jobs, "/", job.name, ":run"),
                "oauth_token": {
                    "service_account_email": account.email,
                    # Google's default, said because it comes back.
                    "scope": "https://www.googleapis.com/auth/cloud-platform",
                },
            },
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[args.foundation.api("cloudscheduler"), may_start]
            ),
        )


def connection_inputs(key: str, settings: JobSettings, service: ServiceSettings) -> dict[str, Any]:
    """Whose job it is, and what it may open at the database while it runs."""
    said: dict[str, Any] = {"service": settings.service}
    opens = demand(key, settings, service)
    if opens is not None:
        said["connections"] = {
            "parallelism": opens.tasks,
            "pool": opens.pool,
            "overflow": opens.overflow,
            **({"direct": True} if opens.direct else {}),
            **({"executions": opens.executions} if opens.executions > 1 else {}),
        }
    return said
