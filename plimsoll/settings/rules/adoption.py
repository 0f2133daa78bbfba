"""Rules for `adopt`: what each entry names, the form of its id, and that it is this environment's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.limits import Problem, Severity
from plimsoll.limits.adoption import kinds, same_id
from plimsoll.settings.explain import nearest
from plimsoll.settings.model import CloudSqlDatabase
from plimsoll.settings.rules import Broken, ours

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from plimsoll.settings.model import Adopted, Cloud, Database


def adoption(entries: Mapping[str, Adopted], cloud: Cloud | None, store: Database | None) -> Iterator[Broken]:
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
    yield from _database(entries, store)


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
    if "instance/database" in entries and store.url is None:
        yield ours(
            ("adopt", "instance/database"),
            "adopt-database",
            entries["instance/database"].id,
            "its user exists too, and would collide or get a new password",
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
