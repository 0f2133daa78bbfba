"""Rules for jobs, and what the connection budget counts of them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from plimsoll import connections
from plimsoll.limits import Severity, cloud_run, cloud_scheduler
from plimsoll.settings.model import CloudSqlDatabase, Database, ExternalDatabase
from plimsoll.settings.rules import Broken, KeyPath, ours, password_in_clear, theirs
from plimsoll.settings.rules.services import OWN_VARIABLES, variables
from plimsoll.units import format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plimsoll.limits import Problem
    from plimsoll.settings.model import Cloud, Job, Service

SCHEDULE = "schedule"
"""What ends the name of the account that may start a job when it is due."""

_KEYS: dict[str, KeyPath] = {
    "name": ("name",),
    "cpu": ("cpu",),
    "memory": ("memory",),
    "timeout": ("timeout",),
    "tasks": ("tasks",),
    "parallelism": ("parallelism",),
    "retries": ("retries",),
    "environment": ("env",),
    "pool_size": ("database", "pool"),
}


def longest(job: Job) -> Decimal:
    """Seconds of a job's longest execution: every attempt of every task lasts to its timeout."""
    rounds = -(-max(1, job.tasks) // job.parallelism)
    return job.timeout * (max(0, job.retries) + 1) * rounds


def _interval(job: Job) -> int | None:
    """Seconds between two starts of a job by its schedule, at the least."""
    minutes = None if job.schedule is None else cloud_scheduler.shortest_interval(job.schedule.cron)
    return None if minutes is None else minutes * 60


def demand(name: str, job: Job, service: Service) -> connections.JobDemand | None:
    """What a job may open; `None` where its service does not use the database."""
    pool = job.pool(service)
    if pool is None:
        return None
    return connections.JobDemand(
        job=name,
        tasks=job.parallelism,
        pool=pool.pool,
        overflow=pool.overflow,
        direct=job.database is not None and job.database.url is not None,
        executions=connections.at_once(longest(job), _interval(job)),
    )


def job(
    name: str,
    one: Job,
    servers: Mapping[str, Service],
    cloud: Cloud | None,
    database: Database | None,
    *,
    complete: bool,
) -> Iterator[Broken]:
    """Judge one job; `complete`: every service could be read, so one that is not there is missing.

    `cloud` and `database` are `None` where the file has none that could be read.
    """
    base: KeyPath = ("jobs", name)
    server = servers.get(one.service)
    if server is None and complete:
        yield ours(
            (*base, "service"),
            "job-of-no-service",
            one.service,
            f"this environment has no service of that name; it has {', '.join(servers) or 'none'}",
            "correct the name, or declare the service",
        )
    pool = one.pool(server) if server is not None else None
    shape = cloud_run.JobShape(
        name=one.physical_name(cloud, name) if cloud is not None else one.name,
        cpu=one.cpu if one.cpu is not None or server is None else server.cpu,
        memory=one.memory if one.memory is not None or server is None else server.memory,
        timeout=one.timeout,
        tasks=one.tasks,
        parallelism=one.parallelism,
        retries=one.retries,
        environment={
            **(variables(server) if server is not None else {}),
            **one.env,
            **dict.fromkeys(one.secrets, ""),
        },
        cloud_sql=isinstance(database, CloudSqlDatabase) and database.address == "public",
        workers=1,
        pool_size=pool.pool if pool is not None else None,
        pool_overflow=pool.overflow if pool is not None else None,
    )
    keys: dict[str, KeyPath] = {
        **_KEYS,
        **{f"environment.{key}": ("env", key) for key in one.env},
        **{f"environment.{key}": ("secrets", key) for key in one.secrets},
    }
    # What is wrong with the service, and was taken from it, is said there.
    said = {(problem.rule, problem.message) for problem in _of_the_service(server)}
    problems = [one for one in cloud_run.check_job(shape) if (one.rule, one.message) not in said]
    yield from theirs(base, keys, problems)
    if one.schedule is not None:
        due = cloud_scheduler.ScheduleShape(cron=one.schedule.cron, time_zone=one.schedule.time_zone)
        yield from theirs((*base, "schedule"), {"cron": ("cron",)}, cloud_scheduler.check_schedule(due))
        yield from _overlap((*base, "schedule", "cron"), one)
        if f"{name}-{SCHEDULE}" in {each.was or key for key, each in servers.items()}:
            yield ours(
                base,
                "job-account",
                f"{name}-{SCHEDULE}",
                "the account that starts this job would have the id of a service's",
                "rename the job",
            )
    yield from _variables(base, one, server)
    yield from _database(base, one, server, database)


def _overlap(path: KeyPath, one: Job) -> Iterator[Broken]:
    interval, lasts = _interval(one), longest(one)
    count = connections.at_once(lasts, interval)
    if interval is None or count == 1:
        return
    timeout = int(interval * one.timeout / lasts)
    shorter = f"a timeout of at most {format_seconds(Decimal(timeout))}, or " if timeout else ""
    yield ours(
        path,
        "job-overlap",
        f"{count} at once",
        f"it is due again after {format_seconds(Decimal(interval))}, and an execution may last "
        f"{format_seconds(lasts)} (timeout, attempts and rounds of tasks together): up to {count} run at "
        "once, because nothing waits for the one before",
        f"{shorter}a schedule that is due every {format_seconds(lasts)} or more rarely",
        severity=Severity.ADVICE,
    )


def _of_the_service(server: Service | None) -> list[Problem]:
    if server is None:
        return []
    return cloud_run.check_service(
        cloud_run.ServiceShape(
            cpu=server.cpu,
            memory=server.memory,
            execution_environment=server.execution_environment,
            environment=variables(server),
        )
    )


def _database(base: KeyPath, one: Job, server: Service | None, database: Database | None) -> Iterator[Broken]:
    if one.database is None:
        return
    if server is not None and server.database is None:
        yield ours(
            (*base, "database"),
            "job-without-database",
            one.service,
            f"{one.service} does not use the database, so neither does this job",
            f"add `database` to services.{one.service}, or remove it here",
        )
    pooled = database is None or (isinstance(database, ExternalDatabase) and database.pooler is not None)
    if one.database.url is not None and not pooled:
        yield ours(
            (*base, "database", "url"),
            "job-url",
            one.database.url.secret,
            "no pooler stands before this database, so its one URL serves jobs too",
            "remove it",
        )


def together(several: Mapping[str, Job], cloud: Cloud) -> Iterator[Broken]:
    """Judge jobs beside each other."""
    names = Counter(one.physical_name(cloud, key) for key, one in several.items())
    for key, one in several.items():
        name = one.physical_name(cloud, key)
        if names[name] > 1:
            yield ours(
                ("jobs", key, "name"),
                "job-name-twice",
                name,
                "two jobs of this environment would be called that",
                "rename one of them",
            )


def _variables(base: KeyPath, one: Job, server: Service | None) -> Iterator[Broken]:
    # WEB_CONCURRENCY is a service's alone.
    own = set(OWN_VARIABLES) - {"WEB_CONCURRENCY"} if server is not None and server.database else set()
    for key in sorted(set(one.env) & set(one.secrets)):
        yield ours(
            (*base, "secrets", key),
            "variable-twice",
            key,
            "the variable has a value below `env` and a secret below `secrets`",
            "remove one of them",
        )
    for section, names in (("env", one.env), ("secrets", one.secrets)):
        for key in names:
            if key in own:
                yield ours(
                    (*base, section, key),
                    "own-variable",
                    key,
                    "a job gets this variable from its service and from its own `database`",
                    "remove it here",
                )
    for key, value in one.env.items():
        yield from password_in_clear(
            (*base, "env", key), value, "put it into Secret Manager and name it below `secrets`"
        )
    for section, words in (("command", one.command), ("args", one.args)):
        for index, word in enumerate(words or ()):
            yield from password_in_clear(
                (*base, section, index), word, "put it into Secret Manager and read it from a variable"
            )
