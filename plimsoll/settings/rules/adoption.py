"""Rules for `adopt`: what each entry names, the form of its id, and that it is this environment's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plimsoll.limits import Problem, Severity
from plimsoll.limits.adoption import kinds, same_id
from plimsoll.settings.explain import nearest
from plimsoll.settings.model import CloudSqlDatabase
from plimsoll.settings.rules import Broken, ours

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from plimsoll.settings.model import Adopted, Cloud, Database, Frontend, Job, Service


@dataclass(frozen=True, slots=True)
class Declared:
    """What the settings themselves declare: `kinds` of which they know every resource, and physical `names`.

    Both by KIND and KIND/NAME; a name is "" where only the vendor knows what is in the id.
    """

    kinds: Collection[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)


def declared(
    environment: str,
    *,
    cloud: Cloud | None,
    services: Mapping[str, Service] | None,
    jobs: Mapping[str, Job] | None,
    store: Database | None,
    web: tuple[Frontend | None] | None,
) -> Declared:
    """What the settings declare of these sections; None for one that could not be read whole."""
    if cloud is None:
        return Declared()
    known: set[str] = set()
    names: dict[str, str] = {}
    for kind, section in (("service", services), ("job", jobs)):
        if section is not None:
            known.add(kind)
            names |= {f"{kind}/{key}": one.physical_name(cloud, key) for key, one in section.items()}
    if store is not None:
        known |= {"instance", "database", "user"}
    if isinstance(store, CloudSqlDatabase):
        names |= {
            "instance/database": store.physical_name(cloud, environment),
            "database/database": store.name,
        }
        if store.url is None:
            names["user/database"] = ""
    if web is not None:
        known |= {"frontend", "variable", "domain"}
    if web is not None and web[0] is not None:
        names |= {"frontend/frontend": ""}
        names |= {f"variable/{variable}": "" for variable in (*web[0].service_urls, *web[0].env)}
        names |= {} if web[0].domain is None else {"domain/domain": web[0].domain}
    return Declared(known, names)


def adoption(
    entries: Mapping[str, Adopted], cloud: Cloud | None, store: Database | None, own: Declared
) -> Iterator[Broken]:
    """Judge every entry, then two that name the same thing, then what an adopted database needs."""
    first: dict[tuple[str, str], str] = {}
    for key, entry in entries.items():
        kind, slash, name = key.partition("/")
        path = ("adopt", key)
        if not slash or not name or kind not in kinds():
            near = nearest(kind, list(kinds())) if slash else None
            yield ours(
                path,
                "adopt-name",
                key,
                f"a resource is named by its kind and its name, such as service/api: {', '.join(kinds())}",
                near or "`plimsoll adopt ENV` lists what there is",
            )
            continue
        yield from _id(key, entry.id, cloud)
        other = first.setdefault((kind, same_id(entry.id)), key)
        if other != key:
            yield ours(
                path,
                "adopt-twice",
                entry.id,
                f"{other} has the same id, and one thing cannot be two resources",
                "give each its own id, or remove one of the two",
            )
        if kind in own.kinds and key not in own.names:
            yield from undeclared({key: entry}, own.names)
        elif (name := own.names.get(key, "")) != "":
            yield from misnamed(key, entry, name)
    yield from _of_project(entries)
    yield from _database(entries, store)


def misnamed(key: str, entry: Adopted, name: str) -> Iterator[Broken]:
    """Judge an id by the physical name that the program gives: another name is another thing."""
    adoptable = kinds()[key.partition("/")[0]]
    parts = adoptable.read(entry.id)
    found = None if parts is None else parts.get(adoptable.named)
    if found is not None and found != name:
        yield ours(
            ("adopt", key),
            "adopt-name-differs",
            entry.id,
            f"it is called {found} there and {name} in this environment: it would be replaced",
            f"adopt what is called {name}, or give {key} the name that is live (services and jobs: `name`, "
            "an instance: `database.instance`)",
        )


def _of_project(entries: Mapping[str, Adopted]) -> Iterator[Broken]:
    """What lives in a Vercel project is adopted in the one that is."""
    project = entries.get("frontend/frontend")
    if project is None:
        return
    own = same_id(project.id)
    for key, entry in entries.items():
        adoptable = kinds().get(key.partition("/")[0])
        parts = adoptable.read(entry.id) if adoptable is not None else None
        found = None if parts is None else parts.get("projectId")
        if found is not None and same_id(found) != own:
            yield ours(
                ("adopt", key),
                "adopt-elsewhere",
                entry.id,
                f"it belongs to the project {same_id(found)}, and frontend/frontend is {own}",
                f"an id of what belongs to it begins with {own}/",
            )


def _id(key: str, id_: str, cloud: Cloud | None) -> Iterator[Broken]:
    adoptable = kinds()[key.partition("/")[0]]
    parts = adoptable.read(id_)
    if parts is None:
        problem = Problem(
            rule="settings/adopt-id",
            severity=Severity.ERROR,
            fields=(key,),
            value=id_,
            message=f"the id of a {adoptable.kind} has the form {adoptable.write(lambda _: None)}",
            remedy="`plimsoll adopt ENV` says the command that finds it",
            source=adoptable.source,
        )
        yield Broken(("adopt", key), problem)
        return
    if cloud is None:
        return
    for what, own in (("project", cloud.project), ("region", cloud.region), ("location", cloud.region)):
        if (found := parts.get(what, own)) != own:
            yield ours(
                ("adopt", key),
                "adopt-elsewhere",
                id_,
                f"it lives in the {what} {found}, and this environment in {own}: it would be replaced",
                f"adopt what lives in {own}, or set `cloud.{'project' if what == 'project' else 'region'}`",
            )


def _database(entries: Mapping[str, Adopted], store: Database | None) -> Iterator[Broken]:
    if not isinstance(store, CloudSqlDatabase):
        return
    live = next((key for key in ("instance/database", "user/database") if key in entries), None)
    if live is not None and store.url is None:
        yield ours(
            ("adopt", live),
            "adopt-database",
            entries[live].id,
            "its user exists too, and would collide or get a new password"
            if live == "instance/database"
            else "a user that lives would get a new password, which nobody who uses it knows",
            "name the secret that holds its URL: `plimsoll:database.url: { secret: …, version: 1 }`",
        )
    if "instance/database" in entries and "database/database" not in entries:
        yield ours(
            ("adopt", "instance/database"),
            "adopt-database",
            store.name,
            f"the database {store.name} in it would be created, which fails where it exists",
            "adopt it too, as database/database; a new one is made first (gcloud sql databases create)",
        )


def undeclared(entries: Mapping[str, Adopted], declared: Collection[str]) -> Iterator[Broken]:
    """Judge the entries by what the program declares: `declared`, as KIND/NAME."""
    for key, entry in entries.items():
        if key in declared:
            continue
        name = key.partition("/")[2]
        alike = sorted(one for one in declared if one.partition("/")[2] == name)
        near = nearest(key, sorted(declared)) or "remove the entry; `plimsoll adopt ENV` lists what there is"
        yield ours(
            ("adopt", key),
            "adopt-undeclared",
            entry.id,
            "the program declares no such resource, so nothing would be adopted",
            f"there is {', '.join(alike)}" if alike else near,
        )
