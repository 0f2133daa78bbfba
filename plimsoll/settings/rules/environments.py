"""Rules over all environments side by side: what one holds, no other may.

A preview, a test or a migration of one environment must not reach another's data, and no stack sees more than
itself: so this is checked over the stack files together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from plimsoll.limits import supabase
from plimsoll.settings.model import CloudSqlDatabase, Settings
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
        yield "database project", f"{database.provider}/{database.project}", ("database", "project")
        if not supabase.is_shared_host(database.host):
            yield "host", database.host.lower(), ("database", "host")
        yield "secret", database.url.resource(one.cloud.project), ("database", "url", "secret")
    for name, service in one.services.items():
        for variable, reference in service.secrets.items():
            path: KeyPath = ("services", name, "secrets", variable, "secret")
            yield "secret", reference.resource(one.cloud.project), path
    if one.frontend is not None:
        yield "Vercel project", f"{one.frontend.team or ''}/{one.frontend.project}", ("frontend", "project")
        if one.frontend.domain is not None:
            yield "host", one.frontend.domain.lower(), ("frontend", "domain")


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
