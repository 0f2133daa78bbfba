"""Rules over all environments side by side: what one holds, no other may.

A preview, a test or a migration of one environment must not reach another's data, and no stack sees more than
itself: so this is checked over the stack files together, in references and in the plain values of variables.

Images may be shared: the same one goes from environment to environment, and reads nobody's data.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from plimsoll.limits import supabase
from plimsoll.settings.model import CloudSqlDatabase, Job, Settings
from plimsoll.settings.rules import Broken, KeyPath, ours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _held(environment: str, one: Settings) -> Iterator[tuple[str, str, KeyPath]]:
    """What an environment holds for itself: what it is, its identity in the world, and where it is named."""
    yield "Google Cloud project", one.cloud.project, ("cloud", "project")
    database = one.database
    if isinstance(database, CloudSqlDatabase):
        instance = database.physical_name(one.cloud, environment)
        yield "database", f"{one.cloud.project}/{instance}", ("database", "instance")
    else:
        yield "database project", database.project.lower(), ("database", "project")
        if not supabase.is_shared_host(database.host):
            yield "host", database.host.lower(), ("database", "host")
    if database.url is not None:
        yield "secret", database.url.resource(one.cloud.project), ("database", "url", "secret")
    for name, service in one.services.items():
        for variable, reference in service.secrets.items():
            path: KeyPath = ("services", name, "secrets", variable, "secret")
            yield "secret", reference.resource(one.cloud.project), path
    for name, job in one.jobs.items():
        yield from _held_by_job(("jobs", name), job, one.cloud.project)
    if one.frontend is not None:
        yield "Vercel project", f"{one.frontend.team or ''}/{one.frontend.project}", ("frontend", "project")
        if one.frontend.domain is not None:
            yield "host", one.frontend.domain.lower(), ("frontend", "domain")


def _held_by_job(at: KeyPath, job: Job, project: str) -> Iterator[tuple[str, str, KeyPath]]:
    for variable, reference in job.secrets.items():
        yield "secret", reference.resource(project), (*at, "secrets", variable, "secret")
    if job.database is not None and job.database.url is not None:
        yield "secret", job.database.url.resource(project), (*at, "database", "url", "secret")


def _said(one: Settings) -> Iterator[tuple[str, KeyPath]]:
    """Every value that may name something of another environment, and where it stands."""
    for name, service in one.services.items():
        for variable, value in service.env.items():
            yield value, ("services", name, "env", variable)
        for variable, reference in service.secrets.items():
            yield reference.secret, ("services", name, "secrets", variable, "secret")
    for name, job in one.jobs.items():
        yield from _said_by_job(("jobs", name), job)
    if not isinstance(one.database, CloudSqlDatabase):
        yield one.database.host, ("database", "host")
    if one.database.url is not None:
        yield one.database.url.secret, ("database", "url", "secret")
    for name, variable in one.frontend.env.items() if one.frontend is not None else ():
        if variable.value is not None:
            yield variable.value, ("frontend", "env", name, "value")


def _said_by_job(base: KeyPath, job: Job) -> Iterator[tuple[str, KeyPath]]:
    for variable, value in job.env.items():
        yield value, (*base, "env", variable)
    for variable, reference in job.secrets.items():
        yield reference.secret, (*base, "secrets", variable, "secret")
    if job.database is not None and job.database.url is not None:
        yield job.database.url.secret, (*base, "database", "url", "secret")
    for key, words in (("command", job.command), ("args", job.args)):
        for index, word in enumerate(words or ()):
            yield word, (*base, key, index)


def named(environments: Mapping[str, Settings]) -> Iterator[tuple[str, Broken]]:
    """Each value of one environment that names a project, host or database of another."""
    held = {
        environment: {
            (kind, identity)
            for kind, identity, _ in _held(environment, settings)
            # A secret's full name holds its project's, and a Vercel project's name is any word.
            if kind in {"Google Cloud project", "database project", "host"}
        }
        for environment, settings in environments.items()
    }
    for environment, settings in environments.items():
        own = {identity for _, identity in held[environment]}
        for value, path in _said(settings):
            for other in sorted(set(environments) - {environment}):
                for kind, identity in sorted(held[other]):
                    whole = rf"(?<![a-z0-9-]){re.escape(identity)}(?![a-z0-9-])"
                    if identity not in own and re.search(whole, value.lower()):
                        yield (
                            environment,
                            ours(
                                path,
                                "names-another-environment",
                                identity,
                                f"this is the {kind} of {other}, so a mistake here is felt there",
                                f"name {environment}'s own {kind}",
                            ),
                        )


def shared(environments: Mapping[str, Settings]) -> Iterator[tuple[str, Broken]]:
    """Each thing that two environments share, once for each of them, as (environment, what is broken)."""
    holders: defaultdict[tuple[str, str], dict[str, KeyPath]] = defaultdict(dict)
    for environment, settings in environments.items():
        for kind, identity, path in _held(environment, settings):
            holders[kind, identity].setdefault(environment, path)
    for (kind, identity), where in holders.items():
        for environment, path in where.items() if len(where) > 1 else ():
            others = ", ".join(sorted(set(where) - {environment}))
            yield (
                environment,
                ours(
                    path,
                    "shared-between-environments",
                    identity,
                    f"{others} names the same {kind}, so a mistake here is felt there",
                    f"give each environment a {kind} of its own",
                ),
            )
