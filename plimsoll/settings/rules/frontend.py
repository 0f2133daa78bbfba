"""Rules for the Vercel project of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.limits import vercel
from plimsoll.settings.rules import Broken, KeyPath, ours, password_in_clear, theirs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plimsoll.settings.model import Cloud, Frontend, LogDrain, Service, Variable

_BASE: KeyPath = ("frontend",)


def frontend(
    one: Frontend, cloud: Cloud | None, services: Mapping[str, Service], *, complete: bool
) -> Iterator[Broken]:
    """Judge the frontend; `complete`: every service could be read, so one that is not there is missing."""
    yield from theirs(_BASE, {"name": ("project",)}, vercel.check_project_name(one.project))
    shape = vercel.FunctionShape(plan=one.plan, timeout=one.timeout, fluid=one.fluid, cpu_type=one.cpu)
    yield from theirs(_BASE, {"timeout": ("timeout",), "cpu_type": ("cpu",)}, vercel.check_function(shape))
    if cloud is not None:
        yield from theirs(_BASE, {"region": ("region",)}, vercel.check_region(cloud.region, one.region))
        if cloud.production and one.previews:
            yield ours(
                (*_BASE, "previews"),
                "production-previews",
                "true",
                "a preview of this project would hold production values",
                "set `previews: false`; the dev environment's project builds the previews",
            )
    for name, key in one.service_urls.items():
        path = (*_BASE, "serviceUrls", name)
        server = services.get(key)
        if server is None and complete:
            yield ours(
                path,
                "url-of-no-service",
                key,
                f"this environment has no service of that name; it has {', '.join(services) or 'none'}",
                "correct the name, or declare the service",
            )
        if server is not None and server.ingress != "all":
            yield ours(
                path,
                "url-unreachable",
                key,
                f"Vercel's functions call from outside, and the ingress of {key} is {server.ingress}",
                f"set `services.{key}.ingress: all`",
            )
        if name in one.env:
            yield ours(
                (*_BASE, "env", name),
                "variable-twice",
                name,
                "the variable is set below `serviceUrls` and below `env`",
                "remove one of them",
            )
    for name, variable in one.env.items():
        yield from _variable(name, variable, previews=one.previews)
    if one.log_drain is not None:
        yield from _log_drain(one.log_drain, one, services, complete=complete)


def _log_drain(
    drain: LogDrain, one: Frontend, services: Mapping[str, Service], *, complete: bool
) -> Iterator[Broken]:
    path: KeyPath = (*_BASE, "logDrain")
    yield from theirs(_BASE, {"plan": ("plan",)}, vercel.check_drain(vercel.DrainShape(plan=one.plan)))
    server = services.get(drain.service)
    if server is None and complete:
        yield ours(
            (*path, "service"),
            "drain-to-no-service",
            drain.service,
            f"this environment has no service of that name; it has {', '.join(services) or 'none'}",
            "correct the name, or declare the service",
        )
    if server is not None and not (server.public and server.ingress == "all"):
        yield ours(
            (*path, "service"),
            "drain-unreachable",
            drain.service,
            f"Vercel posts from outside and signs with the drain's secret, not as a caller of Google's, and "
            f"{drain.service} is not open to that",
            f"set `public: true` and `ingress: all` for services.{drain.service}, or name another service",
        )
    if "preview" in drain.environments and not one.previews:
        yield ours(
            (*path, "environments"),
            "preview-target",
            "preview",
            "this project makes no previews, so there is nothing to drain",
            "remove it",
        )


def _variable(name: str, variable: Variable, *, previews: bool) -> Iterator[Broken]:
    path: KeyPath = (*_BASE, "env", name)
    shape = vercel.VariableShape(key=name, sensitive=variable.sensitive, targets=variable.targets)
    keys: dict[str, KeyPath] = {"sensitive": ("sensitive",), "targets": ("targets",)}
    yield from theirs(path, keys, vercel.check_variable(shape))
    if (variable.value is None) == (variable.config is None):
        yield ours(
            path,
            "variable-value",
            "both" if variable.value is not None else "neither",
            "a variable has a `value`, or names a Pulumi secret in `config`",
            "give one of them",
        )
    if variable.value is not None:
        yield from password_in_clear(
            (*path, "value"), variable.value, f"name a Pulumi secret: `config: …` below {name}"
        )
    if variable.config is not None and not variable.sensitive and "development" not in variable.targets:
        yield ours(
            (*path, "sensitive"),
            "secret-not-sensitive",
            "false",
            "the value is a secret here, and everyone in the Vercel team could read it there",
            "set `sensitive: true`",
        )
    if variable.config is not None and name.startswith("NEXT_PUBLIC_"):
        yield ours(
            path,
            "secret-public",
            name,
            "Next.js writes variables that start with NEXT_PUBLIC_ into what every browser loads",
            "rename it, or give it as a plain `value`",
        )
    if not previews and "preview" in variable.targets:
        yield ours(
            (*path, "targets"),
            "preview-target",
            "preview",
            "this project makes no previews, so nothing would ever read it",
            "remove the target",
        )
