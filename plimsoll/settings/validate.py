"""From the values of a configuration to one typed environment, with every mistake reported at once. Pure.

Each part (a service, a flow, the database, …) is validated by itself, and the rules over several parts run on
those that could be read: so a typing error in one service hides no mistake elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from plimsoll.limits import Severity
from plimsoll.settings import model, values
from plimsoll.settings.errors import Fault, SettingsError, key_path, shown
from plimsoll.settings.explain import explain, nearest, written
from plimsoll.settings.rules import (
    DESIGN,
    Broken,
    KeyPath,
    adoption,
    capacity,
    database,
    flows,
    frontend,
    jobs,
    services,
)

if TYPE_CHECKING:
    from pathlib import Path

S = TypeVar("S", bound=model.Section)

TOKEN_KEY = "vercelToken"  # noqa: S105 (the name of a key, not a token)
"""Pulumi secret with the Vercel API token; without it the provider reads VERCEL_API_TOKEN."""

_DATABASES: dict[str, type[model.CloudSqlDatabase | model.ExternalDatabase]] = {
    "cloudsql": model.CloudSqlDatabase,
    "external": model.ExternalDatabase,
}
_FLOWS: dict[str, type[model.EndpointFlow | model.ServerActionFlow]] = {
    "endpoint": model.EndpointFlow,
    "serverAction": model.ServerActionFlow,
}
_NAME = TypeAdapter(values.Name)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key stands: `line` and `column` from 1."""

    file: Path
    line: int
    column: int


Locate = Callable[[KeyPath], Place | None]
"""Where the key of a path, or else the nearest key around it, is written; `None`: in no file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An environment whose settings hold, with what a reader should think about all the same."""

    environment: str
    settings: model.Settings
    advice: tuple[Fault, ...]
    place: Callable[[Broken], Fault] = field(repr=False, compare=False)
    """Says where in the files a rule does not hold that only the program can judge."""


def validate(
    project: str,
    environment: str,
    config: Mapping[str, object],
    secrets: frozenset[str],
    locate: Locate,
) -> Loaded:
    """Read the environment from `config`: keys without the project's namespace, values as JSON has them.

    `secrets` are the keys whose values are Pulumi secrets; these are never looked at. Raises SettingsError
    with every fault, advice included; where there is only advice, it is returned.
    """
    reader = _Reader(project, locate, secrets)
    reader.name(environment)
    settings = reader.settings(config, environment)
    if settings is None:
        raise SettingsError(reader.faults)
    return Loaded(
        environment,
        settings,
        SettingsError(reader.faults).faults,
        lambda broken: fault(project, locate, broken),
    )


def fault(project: str, locate: Locate, broken: Broken) -> Fault:
    """A broken rule, with the place where its key is written."""
    problem = broken.problem
    found = Fault(
        problem.message,
        value=problem.value,
        rule=problem.rule,
        source=problem.source,
        remedy=problem.remedy,
        severity=problem.severity,
    )
    return _placed(project, locate, broken.path, found)


def _placed(project: str, locate: Locate, path: KeyPath, found: Fault) -> Fault:
    found = replace(found, key=key_path([f"{project}:{path[0]}", *path[1:]]))
    place = locate(path)
    return found if place is None else replace(found, file=place.file, line=place.line, column=place.column)


@dataclass(slots=True)
class _Reader:
    """Reads part by part, and notes what is wrong."""

    project: str
    locate: Locate
    secrets: frozenset[str]
    faults: list[Fault] = field(default_factory=list)

    def note(
        self, path: KeyPath, message: str, *, rule: str, value: str | None = None, remedy: str | None = None
    ) -> None:
        found = Fault(message, rule=f"settings/{rule}", source=DESIGN, value=value, remedy=remedy)
        self.faults.append(_placed(self.project, self.locate, path, found))

    def name(self, environment: str) -> None:
        """The environment's name becomes part of physical names and labels."""
        try:
            _NAME.validate_python(environment, strict=True)
        except ValidationError:
            self.note(
                ("cloud",),
                "the environment's name goes into physical names: 1 to 30 of a-z, 0-9 and -, from a letter",
                value=environment,
                rule="environment-name",
                remedy="rename the stack and its file",
            )

    def settings(self, config: Mapping[str, object], environment: str) -> model.Settings | None:
        raw = {key: value for key, value in config.items() if key not in self.secrets}
        for key in sorted(self.secrets & {str(one.alias) for one in model.Settings.model_fields.values()}):
            self.note(
                (key,),
                "the whole section is a secret, so nothing in it can be checked or shown",
                rule="secret-section",
                remedy="set it in clear; what is secret in it goes into Secret Manager",
            )
        cloud = self.section(model.Cloud, raw, "cloud")
        network = self.section(model.Network, raw, "network", needed=False)
        web = self.section(model.Frontend, raw, "frontend", needed=False)
        store = self.database(raw)
        servers, all_servers = self.named(raw, "services", lambda _: model.Service)
        registry = self.section(model.Registry, raw, "registry", needed=False)
        tasks, all_tasks = self.named(raw, "jobs", lambda _: model.Job, needed=False)
        identities, all_flows = self.named(raw, "flows", self.flow_kind)
        budgets, all_budgets = self.named(raw, "budgets", lambda _: model.Budget)
        adopted = self.adopted(raw)
        self.unknown(config, web)

        self.rules(
            rule
            for name, one in servers.items()
            for rule in services.service(name, one, cloud, store, network)
        )
        if cloud is not None:
            self.rules(services.together(servers, cloud))
            self.rules(jobs.together(tasks, cloud))
        self.rules(
            rule
            for name, one in tasks.items()
            for rule in jobs.job(name, one, servers, cloud, store, complete=all_servers)
        )
        if all_flows and all_budgets:
            has_frontend = "frontend" in raw
            self.rules(flows.flows(identities, budgets, servers, frontend=has_frontend, complete=all_servers))
        if store is not None:
            self.rules(database.database(store, cloud, network, network_given="network" in raw))
            self.rules(capacity.fits(servers, tasks, store) if all_servers else ())
        own = adoption.declared(
            environment,
            cloud=cloud,
            services=servers if all_servers else None,
            jobs=tasks if all_tasks else None,
            store=store,
            web=None if web is None and "frontend" in raw else (web,),
        )
        self.rules(adoption.adoption(adopted, cloud, store, own))
        if web is not None:
            self.rules(frontend.frontend(web, cloud, servers, complete=all_servers))
        if cloud is None or store is None or any(one.severity is Severity.ERROR for one in self.faults):
            return None
        return model.Settings(
            cloud=cloud,
            flows=identities,
            budgets=budgets,
            services=servers,
            jobs=tasks,
            registry=registry,
            network=network,
            database=store,
            frontend=web,
            adopt=adopted,
        )

    def rules(self, broken: Iterator[Broken] | tuple[()]) -> None:
        self.faults += [fault(self.project, self.locate, one) for one in broken]

    def section(self, kind: type[S], raw: Mapping[str, object], key: str, *, needed: bool = True) -> S | None:
        if key not in raw:
            if needed:
                self.missing(key)
            return None
        return self.validated(kind, raw[key], (key,))

    def missing(self, key: str) -> None:
        if key in self.secrets:
            return  # said already
        self.note(
            (key,),
            "required, and missing",
            rule="missing",
            remedy=f"add `{self.project}:{key}` to the stack file",
        )

    def database(self, raw: Mapping[str, object]) -> model.CloudSqlDatabase | model.ExternalDatabase | None:
        if "database" not in raw:
            self.missing("database")
            return None
        value = raw["database"]
        kind = cast("Mapping[str, object]", value).get("kind") if isinstance(value, Mapping) else None
        if not isinstance(kind, str) or kind not in _DATABASES:
            self.note(
                ("database", "kind") if isinstance(value, Mapping) and "kind" in value else ("database",),
                f"the kind of database is one of {', '.join(_DATABASES)}",
                value=None if kind is None else shown(str(kind)),
                rule="database-kind",
                remedy=nearest(str(kind), list(_DATABASES)) or "add `kind: cloudsql` or `kind: external`",
            )
            return None
        return self.validated(_DATABASES[kind], value, ("database",))

    def flow_kind(self, value: object) -> type[model.EndpointFlow | model.ServerActionFlow] | str:
        kinds = [one for one in _FLOWS if isinstance(value, Mapping) and one in value]
        if len(kinds) == 1:
            return _FLOWS[kinds[0]]
        return "a flow is either the `endpoint` of a service or a `serverAction` of the frontend"

    def named(
        self,
        raw: Mapping[str, object],
        key: str,
        kind: Callable[[object], type[S] | str],
        *,
        needed: bool = True,
    ) -> tuple[dict[str, S], bool]:
        """The items of a mapping by name, and whether all of them could be read."""
        if key not in raw:
            if needed:
                self.missing(key)
            return {}, not needed
        items = raw[key]
        if not isinstance(items, Mapping) or not items:
            self.note((key,), "must name at least one, as `name: { … }`", rule="mapping")
            return {}, False
        read: dict[str, S] = {}
        for name, value in cast("Mapping[str, object]", items).items():
            path = (key, name)
            section = kind(value)
            if isinstance(section, str):
                self.note(path, section, rule="kind")
                continue
            try:
                _NAME.validate_python(name, strict=True)
            except ValidationError as error:
                self.validation(model.Section, path, error)
                continue
            one = self.validated(section, value, path)
            if one is not None:
                read[name] = one
        return read, len(read) == len(items)

    def adopted(self, raw: Mapping[str, object]) -> dict[str, model.Adopted]:
        items = raw.get("adopt", {})
        if not isinstance(items, Mapping):
            self.note(("adopt",), "names what exists already, as `KIND/NAME: id`", rule="mapping")
            return {}
        read: dict[str, model.Adopted | None] = {}
        for name, value in cast("Mapping[str, object]", items).items():
            path = ("adopt", str(name))
            if isinstance(value, str | Mapping):
                read[str(name)] = self.validated(model.Adopted, value, path)
            else:
                self.note(
                    path,
                    "an entry is the id, as text, or a mapping with `id`",
                    value=None if value is None else shown(str(value)),
                    rule="adopt-entry",
                    remedy="`plimsoll adopt ENV` says the id's form; or remove the entry",
                )
        return {name: one for name, one in read.items() if one is not None}

    def validated(self, kind: type[S], value: object, path: KeyPath) -> S | None:
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            self.validation(kind, path, error)
            return None

    def validation(self, kind: type[model.Section], path: KeyPath, error: ValidationError) -> None:
        every = error.errors(include_url=False)
        inside = {details["loc"][:-1] for details in every}
        for details in every:
            if details["type"] == "too_short" and details["loc"] in inside:
                continue  # only because its items were refused
            # Pydantic marks an error in a mapping's key so; the key itself is the step before.
            steps = tuple(step for step in details["loc"] if step != "[key]")
            message, remedy = explain(kind, steps, details)
            self.note(
                (*path, *steps),
                message,
                value=None if _private(steps) else written(details),
                rule=f"{details['type'].replace('_', '-')}",
                remedy=remedy,
            )

    def unknown(self, config: Mapping[str, object], web: model.Frontend | None) -> None:
        """Refuse keys that nothing reads; a secret must be one that the frontend, or its provider, takes."""
        secrets = self.secrets
        known = [str(one.alias) for one in model.Settings.model_fields.values()]
        taken: dict[str, KeyPath] = {}
        if web is not None:
            taken = {
                one.config: ("frontend", "env", name, "config")
                for name, one in web.env.items()
                if one.config is not None
            }
            if web.log_drain is not None:
                taken[web.log_drain.secret] = ("frontend", "logDrain", "secret")
        for name, path in taken.items():
            if name not in secrets:
                self.note(
                    path,
                    "this stack has no secret of that name",
                    value=name,
                    rule="no-such-secret",
                    remedy=f"pulumi config set --secret {name}",
                )
        for key in config:
            if key in known or (key in secrets and (key == TOKEN_KEY or key in taken)):
                continue
            if key == TOKEN_KEY or key in taken:
                self.note(
                    (key,),
                    "stands in clear in a file that is committed",
                    rule="secret-in-clear",
                    remedy=f"pulumi config set --secret {key}, and make a new one",
                )
                continue
            # Without the frontend nobody can say which secrets it takes.
            if key in secrets and web is None and "frontend" in config:
                continue
            self.note(
                (key,),
                "nothing reads this secret" if key in secrets else "unknown key",
                rule="unknown-key",
                remedy=nearest(key, known) or f"known are {', '.join(known)}",
            )


def _private(steps: KeyPath) -> bool:
    """Whether what stands there may be a secret that went astray: a variable's value, a reference to one."""
    variable = "env" in steps and (steps[-2:-1] == ("env",) or steps[-1] == "value")
    return variable or "secrets" in steps or "url" in steps
