"""A Cloud Run service: what runs, as whom, and who may call it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi_gcp import cloudrunv2, projects, secretmanager, serviceaccount

from infra.container import socket_mount, socket_volume, variables, vpc_access
from plimsoll.limits.facts import Facts
from plimsoll.settings.rules.capacity import demand
from plimsoll.settings.rules.services import LATEST
from plimsoll.units import format_cpu, format_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from infra.database import DatabaseReference
    from infra.foundation import Foundation
    from infra.names import Names
    from plimsoll.settings.model import Job, Probe, SecretReference
    from plimsoll.settings.model import Service as ServiceSettings

OF_THE_PIPELINE = (
    # What it deploys.
    "template.containers[0].image",
    "traffics",
    # What its tools note beside that (terraform-provider-google#13410, terraform-google-cloud-run#415,
    # cloud-foundation-fabric#3685).
    "client",
    "clientVersion",
    "annotations",
    "template.annotations",
    "template.labels",
    "template.revision",
)
"""Properties that a release pipeline's deployment changes."""

INGRESS = {
    "all": "INGRESS_TRAFFIC_ALL",
    "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "internal-and-load-balancer": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}
_LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
GENERATIONS = {"gen1": "EXECUTION_ENVIRONMENT_GEN1", "gen2": "EXECUTION_ENVIRONMENT_GEN2"}


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """What to run."""

    settings: ServiceSettings
    names: Names
    foundation: Foundation
    database: DatabaseReference | None
    """The database, where the service uses it."""
    jobs: Sequence[Job] = ()
    """The jobs that run as its account, which may therefore read their secrets too."""


class Service(pulumi.ComponentResource):
    """Owns a Cloud Run service, the account it runs as, and every grant to and of it.

    It does not own the secrets that it reads; nor, once it exists with `owner: pipeline`, image and traffic.
    """

    service_name: pulumi.Output[str]
    uri: pulumi.Output[str]
    account: serviceaccount.Account
    """As whom it runs, and its jobs."""
    grants: Sequence[pulumi.Resource]
    """What that account may do."""
    callable: Sequence[pulumi.Resource]
    """What has to exist before it answers whoever may call it."""

    def __init__(self, key: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        was = args.settings.was
        # What is inside is named after the key, and the engine renames it along.
        renamed = pulumi.ResourceOptions(aliases=None if was is None else [pulumi.Alias(name=was)])
        super().__init__(
            "plimsoll:infra:Service",
            key,
            connection_inputs(key, args.settings),
            pulumi.ResourceOptions.merge(opts, renamed),
        )
        self._key = key
        self._args = args
        self.account = self._declare_account()
        self.grants = [*self._secret_grants(), *self._role_grants()]
        service = self._declare_service()
        self.callable = [service]
        if args.settings.public:
            public = cloudrunv2.ServiceIamMember(
                f"{key}-public",
                name=service.name,
                location=args.names.cloud.region,
                role="roles/run.invoker",
                member="allUsers",
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.callable = [service, public]
        self.service_name = service.name
        self.uri = service.uri
        self.register_outputs({"name": service.name, "uri": service.uri, "account": self.account.email})

    def _declare_account(self) -> serviceaccount.Account:
        args = self._args
        return serviceaccount.Account(
            self._key,
            account_id=args.names.account(args.settings.was or self._key),
            display_name=f"{self._key} ({args.names.environment})",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.foundation.api("iam")]),
        )

    def _secrets(self) -> set[str]:
        """Full names of the secrets it reads. Two variables may read one: a grant each would be one grant."""
        args = self._args
        references: list[SecretReference] = list(args.settings.secrets.values())
        for job in args.jobs:
            references.extend(job.secrets.values())
            if job.database is not None and job.database.url is not None:
                references.append(job.database.url)
        secrets = {reference.resource(args.names.cloud.project) for reference in references}
        if args.database:
            secrets.add(args.database.secret)
        return secrets

    def _secret_grants(self) -> Iterator[pulumi.Resource]:
        """One for each secret, named after the secret.

        Named after a variable, a renamed variable would create the grant anew and then delete the old one:
        to Google the same, so that the service would lose access.
        """
        args = self._args
        for secret in sorted(self._secrets()):
            options = pulumi.ResourceOptions(parent=self, depends_on=[args.foundation.api("secretmanager")])
            if args.database and args.database.secret == secret:
                options = pulumi.ResourceOptions.merge(options, _with_its_secret(args.database))
            called = args.names.secret(secret).removeprefix("projects/").replace("/secrets/", "/")
            yield secretmanager.SecretIamMember(
                # A key has no dot, so no two services' grants share a name.
                f"{self._key}.{called}",
                secret_id=secret,
                role="roles/secretmanager.secretAccessor",
                member=self.account.member,
                opts=options,
            )

    def _role_grants(self) -> Iterator[pulumi.Resource]:
        args = self._args
        roles = set(args.settings.roles)
        if args.database and args.database.socket:
            roles.add("roles/cloudsql.client")
        for role in sorted(roles):
            yield projects.IAMMember(
                f"{self._key}.{role.removeprefix('roles/').replace('/', '-')}",
                project=args.names.cloud.project,
                role=role,
                member=self.account.member,
                opts=pulumi.ResourceOptions(
                    parent=self, depends_on=[args.foundation.api("cloudresourcemanager")]
                ),
            )

    def _declare_service(self) -> cloudrunv2.Service:
        args, settings = self._args, self._args.settings
        # A revision that starts before it may read its secrets fails for good.
        after = [args.foundation.api("run"), *self.grants]
        if args.database:
            after.extend(args.database.ready)
            if args.database.network and settings.egress == "all-traffic":
                after.extend(args.database.network.exits)
        # Pulumi's protection says no in the preview; deletion protection alone would fail half-way.
        options = pulumi.ResourceOptions(parent=self, depends_on=after, protect=args.names.cloud.protect)
        traffics: list[cloudrunv2.ServiceTrafficArgsDict] | None = None
        if settings.image.owner == "pipeline":
            options.ignore_changes = list(OF_THE_PIPELINE)
        else:
            traffics = traffic(settings)
        return cloudrunv2.Service(
            self._key,
            name=args.names.service(self._key, settings),
            location=args.names.cloud.region,
            ingress=INGRESS[settings.ingress],
            labels=args.names.labels(service=self._key),
            deletion_protection=args.names.cloud.protect,
            scaling=service_scaling(settings),
            template=self._template(),
            traffics=traffics,
            opts=options,
        )

    def _template(self) -> cloudrunv2.ServiceTemplateArgsDict:
        settings, database = self._args.settings, self._args.database
        container = self._container()
        template: cloudrunv2.ServiceTemplateArgsDict = {
            "containers": [container],
            "service_account": self.account.email,
            "max_instance_request_concurrency": settings.concurrency,
            "timeout": f"{settings.timeout.normalize():f}s",
            "execution_environment": GENERATIONS[settings.execution_environment],
        }
        scaling = revision_scaling(settings)
        if scaling is not None:
            template["scaling"] = scaling
        if database and database.socket:
            template["volumes"] = [socket_volume(database.socket)]
            container["volume_mounts"] = [socket_mount()]
        if database and database.network:
            template["vpc_access"] = vpc_access(database.network, settings.egress)
        return template

    def _container(self) -> cloudrunv2.ServiceTemplateContainerArgsDict:
        settings = self._args.settings
        container: cloudrunv2.ServiceTemplateContainerArgsDict = {
            # Said, because Google makes one up where there is none (terraform-provider-google#21035).
            "name": self._key,
            "image": settings.image.uri,
            "ports": {"name": "h2c" if settings.http2 else "http1", "container_port": settings.port},
            "resources": {
                "limits": {"cpu": format_cpu(settings.cpu), "memory": format_memory(settings.memory)},
                "cpu_idle": settings.cpu_idle,
                "startup_cpu_boost": settings.startup_cpu_boost,
            },
            "startup_probe": probe(settings.startup_probe, settings.port),
            "envs": self._variables(),
        }
        if settings.liveness_probe:
            container["liveness_probe"] = probe(settings.liveness_probe, settings.port)
        return container

    def _variables(self) -> list[cloudrunv2.ServiceTemplateContainerEnvArgsDict]:
        names, settings, database = self._args.names, self._args.settings, self._args.database
        plain = {**settings.env, "WEB_CONCURRENCY": str(settings.workers)}
        secrets: dict[str, tuple[str, pulumi.Input[str]]] = {
            variable: (reference.resource(names.cloud.project), str(reference.version))
            for variable, reference in settings.secrets.items()
        }
        if database and settings.database:
            plain["DB_POOL_SIZE"] = str(settings.database.pool)
            plain["DB_MAX_OVERFLOW"] = str(settings.database.overflow)
            secrets["DATABASE_URL"] = (database.secret, database.version)
        return variables(names, plain, secrets)


def _with_its_secret(database: DatabaseReference) -> pulumi.ResourceOptions:
    """Options of a grant on the database's secret: it goes with the secret, and comes again after it."""
    if database.holder is None:
        return pulumi.ResourceOptions(depends_on=list(database.ready))
    return pulumi.ResourceOptions(
        depends_on=list(database.ready), replace_with=[database.holder], delete_before_replace=True
    )


def connection_inputs(key: str, settings: ServiceSettings) -> dict[str, Any]:
    """What a service may open at the database: no resource carries workers, pool and sessions."""
    opens = demand(key, settings)
    if opens is None:
        return {}
    return {
        "connections": {
            "instances": opens.instances,
            "workers": opens.workers,
            "concurrency": opens.concurrency,
            "pool": opens.pool,
            "overflow": opens.overflow,
            "perRequest": opens.per_request,
            **({"tagged": opens.tagged} if opens.tagged else {}),
        }
    }


def traffic(settings: ServiceSettings) -> list[cloudrunv2.ServiceTrafficArgsDict]:
    """Which revisions answer, in the order of the file; all of it the latest's where nothing is said.

    No share is left out: it comes back as nothing, and 0 would differ for ever.
    """
    targets: list[cloudrunv2.ServiceTrafficArgsDict] = []
    for said in settings.traffic:
        target: cloudrunv2.ServiceTrafficArgsDict = {"type": _LATEST}
        if said.revision != LATEST:
            target = {"type": _REVISION, "revision": said.revision}
        if said.percent:
            target["percent"] = said.percent
        if said.tag is not None:
            target["tag"] = said.tag
        targets.append(target)
    return targets or [{"type": _LATEST, "percent": 100}]


def service_scaling(settings: ServiceSettings) -> cloudrunv2.ServiceScalingArgsDict:
    """Limits over all revisions, changed without a new one.

    No minimum is left out, not sent as 0, which comes back as nothing and would differ for ever
    (terraform-provider-google#25457).
    """
    instances = settings.instances
    if instances.manual is not None:
        return {"scaling_mode": "MANUAL", "manual_instance_count": instances.manual}
    scaling: cloudrunv2.ServiceScalingArgsDict = {"max_instance_count": instances.max}
    if instances.min is not None and instances.min > 0:
        scaling["min_instance_count"] = instances.min
    return scaling


def revision_scaling(settings: ServiceSettings) -> cloudrunv2.ServiceTemplateScalingArgsDict | None:
    """Limits of each revision, only where those of the service do not do.

    Without a maximum of its own a revision stops at the region's quota. Beside any other value here, a
    maximum left out would differ for ever (terraform-provider-google#20399).
    """
    maximum, targets = settings.instances.max, settings.scaling
    cpu, concurrency = targets.cpu_utilization, targets.concurrency_utilization
    beyond = maximum is not None and maximum > Facts("cloud_run")["instances_quota"].count()
    if cpu is None and concurrency is None and not beyond:
        return None
    scaling: cloudrunv2.ServiceTemplateScalingArgsDict = {}
    if maximum is not None:
        scaling["max_instance_count"] = maximum
    # No launch stage: Cloud Run asks for none any more (magic-modules#19119), and BETA where the API says GA
    # would update the service on every run (pulumi-gcp#2336).
    if cpu is not None:
        scaling["cpu_utilization"] = float(cpu)
    if concurrency is not None:
        scaling["concurrency_utilization"] = float(concurrency)
    return scaling


def probe(settings: Probe, port: int) -> Any:  # noqa: ANN401 (startup and liveness have a type each, of the same fields)
    """A startup or liveness probe with everything said.

    Google would fill in the port, and the provider defaults of its own, which are not Cloud Run's. Whole
    seconds: the settings' rules have refused a fraction.
    """
    asked: dict[str, Any] = {
        "initial_delay_seconds": int(settings.initial_delay),
        "period_seconds": int(settings.period),
        "timeout_seconds": int(settings.timeout),
        "failure_threshold": settings.failures,
    }
    if settings.http is not None:
        asked["http_get"] = {"path": settings.http, "port": port}
    elif settings.grpc is not None:
        asked["grpc"] = {"port": port, "service": settings.grpc} if settings.grpc else {"port": port}
    else:
        asked["tcp_socket"] = {"port": port}
    return asked
