"""The frontend: a Vercel project of this environment's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumiverse_vercel as vercel

from plimsoll.limits import vercel as limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from infra.names import Names
    from plimsoll.settings import model

PROTECTION = {
    "none": "none",
    "standard": "standard_protection_new",
    "previews": "only_preview_deployments",
    "all": "all_deployments",
}
"""Deployment protection as Vercel's API names it; `standard_protection` is its legacy form."""


@dataclass(frozen=True, kw_only=True)
class FrontendArgs:
    """What to deploy, and what it needs of the rest."""

    settings: model.Frontend
    names: Names
    service_uris: Mapping[str, pulumi.Output[str]]
    """Where each service answers."""
    services_callable: Mapping[str, Sequence[pulumi.Resource]]
    """What has to exist before each service does answer."""
    secret: Callable[[str], pulumi.Output[str]]
    """Reads a secret of this stack by its name."""
    protect: bool
    """Whether the project, with its domain and deployments, may not be deleted by an edit."""


class Frontend(pulumi.ComponentResource):
    """Owns a Vercel project, its environment variables (one resource each), log drain and domain.

    It does not own deployments: Vercel makes one of every push.
    """

    exports: dict[str, pulumi.Input[str]]
    """What a person may look for."""

    def __init__(self, name: str, args: FrontendArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plimsoll:infra:Frontend", name, None, opts)
        self._settings = args.settings
        self._lasting = args.protect
        self._project = self._declare_project(name)
        for variable, service in args.settings.service_urls.items():
            self._declare_variable(
                variable, args.service_uris[service], sensitive=False, targets=self._deployed()
            )
        for variable, source in args.settings.env.items():
            value = source.value if source.config is None else args.secret(source.config)
            self._declare_variable(variable, value, sensitive=source.sensitive, targets=source.targets)
        if args.settings.log_drain is not None:
            self._declare_log_drain(args.settings.log_drain, args)
        # Without a domain of its own Vercel chooses one: PROJECT.vercel.app may well be somebody else's.
        self.exports = {"frontendProject": self._project.name}
        if args.settings.domain is not None:
            vercel.ProjectDomain(
                "domain",
                project_id=self._project.id,
                domain=args.settings.domain,
                opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
            )
            self.exports["frontendUrl"] = f"https://{args.settings.domain}"
        self.register_outputs(self.exports)

    def _deployed(self) -> Sequence[model.Target]:
        return ("production", "preview") if self._settings.previews else ("production",)

    def _declare_project(self, name: str) -> vercel.Project:
        settings = self._settings
        return vercel.Project(
            name,
            name=settings.project,
            framework="nextjs",
            git_repository={
                "type": settings.repository.type,
                "repo": settings.repository.repo,
                "production_branch": settings.repository.production_branch,
            },
            root_directory=settings.root_directory,
            node_version=settings.node_version,
            # Not `serverless_function_region` as well: each refuses the other.
            resource_config={
                "fluid": settings.fluid,
                "function_default_cpu_type": settings.cpu,
                "function_default_regions": [settings.region],
                "function_default_timeout": int(settings.timeout),
            },
            preview_deployments_disabled=not settings.previews,
            vercel_authentication={"deployment_type": PROTECTION[settings.protection]},
            # A pull request from a fork would see the variables: somebody of the team has to let it run.
            git_fork_protection=True,
            # VERCEL_ENV and the commit, by which logs and traces are told apart.
            automatically_expose_system_environment_variables=True,
            opts=pulumi.ResourceOptions(parent=self, protect=self._lasting),
        )

    def _declare_log_drain(self, drain: model.LogDrain, args: FrontendArgs) -> None:
        def long_enough(secret: str) -> str:
            shape = limits.DrainShape(secret_characters=len(secret))
            for problem in limits.check_drain(shape):
                raise pulumi.RunError(
                    f"secret {drain.secret}: {problem.message}\n"
                    f"→ {problem.remedy} | pulumi config set --secret {drain.secret}"
                )
            return secret

        vercel.LogDrain(
            "logs",
            name=args.names.log_drain,
            project_ids=[self._project.id],
            endpoint=pulumi.Output.concat(args.service_uris[drain.service], drain.path),
            delivery_format=drain.format,
            sources=sorted(set(drain.sources)),
            environments=sorted(set(drain.environments)),
            secret=args.secret(drain.secret).apply(long_enough),
            # Vercel asks the address at once, and makes no drain where it is refused.
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.services_callable[drain.service]),
        )

    def _declare_variable(
        self,
        key: str,
        value: pulumi.Input[str] | None,
        *,
        sensitive: bool,
        targets: Sequence[model.Target],
    ) -> None:
        vercel.ProjectEnvironmentVariable(
            key,
            project_id=self._project.id,
            key=key,
            value=value,
            sensitive=sensitive,
            targets=sorted(targets),
            opts=pulumi.ResourceOptions(parent=self),
        )
