"""Rules for one service."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from plimsoll.limits import Severity, cloud_run
from plimsoll.limits.facts import Facts
from plimsoll.settings.model import Cloud, CloudSqlDatabase, Database, Network, Probe, Service
from plimsoll.settings.rules import Broken, KeyPath, ours, password_in_clear, theirs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWN_LABELS = {"application", "environment", "service", "job"}
"""Labels that resources get from what they are."""

OWN_VARIABLES = {
    "DATABASE_URL": "the database's URL, from its secret",
    "WEB_CONCURRENCY": "`workers`",
    "DB_POOL_SIZE": "`database.pool`",
    "DB_MAX_OVERFLOW": "`database.overflow`",
}
"""Variables that every service gets from its settings, so that what is counted is what runs."""

LATEST = "latest"
"""The revision that is the newest whenever it is asked for."""

EGRESS = {"private-ranges": "PRIVATE_RANGES_ONLY", "all-traffic": "ALL_TRAFFIC"}
"""Cloud Run's words for what leaves through the private network."""

_KEYS: dict[str, KeyPath] = {
    "name": ("name",),
    "image": ("image", "uri"),
    "cpu": ("cpu",),
    "memory": ("memory",),
    "concurrency": ("concurrency",),
    "timeout": ("timeout",),
    "min_instances": ("instances", "min"),
    "max_instances": ("instances", "max"),
    "manual_instances": ("instances", "manual"),
    "scaling_mode": ("instances",),
    "cpu_utilization": ("scaling", "cpuUtilization"),
    "concurrency_utilization": ("scaling", "concurrencyUtilization"),
    "cpu_idle": ("cpuIdle",),
    "works_after_response": ("worksAfterResponse",),
    "execution_environment": ("executionEnvironment",),
    **{
        f"{shape}{field}": (key, *inner)
        for shape, key in (("startup", "startupProbe"), ("liveness", "livenessProbe"))
        for field, inner in (
            ("", ()),
            (".initial_delay", ("initialDelay",)),
            (".period", ("period",)),
            (".timeout", ("timeout",)),
            (".failure_threshold", ("failures",)),
        )
    },
    "ports": ("port",),
    "environment": ("env",),
    "egress": ("egress",),
    "shutdown": ("shutdown",),
    "workers": ("workers",),
    "pool_size": ("database", "pool"),
    "pool_overflow": ("database", "overflow"),
}


def _probe(probe: Probe | None) -> cloud_run.ProbeShape | None:
    if probe is None:
        return None
    asked = {"http": probe.http is not None, "tcp": bool(probe.tcp), "grpc": probe.grpc is not None}
    return cloud_run.ProbeShape(
        initial_delay=probe.initial_delay,
        period=probe.period,
        timeout=probe.timeout,
        failure_threshold=probe.failures,
        kinds=tuple(kind for kind, given in asked.items() if given),
    )


def shape(service: Service, database: Database | None, network: Network | None) -> cloud_run.ServiceShape:
    """What `plimsoll.limits` judges of a service, given the database that it uses and the way there."""
    sessions = service.database
    sql = isinstance(database, CloudSqlDatabase) and sessions is not None
    socket = sql and database.address == "public"
    attached = network if sql and not socket else None
    mounts = (cloud_run.VolumeShape(name="cloudsql", kinds=("cloud_sql",), mount_path="/cloudsql"),)
    return cloud_run.ServiceShape(
        image=service.image.uri,
        cpu=service.cpu,
        memory=service.memory,
        concurrency=service.concurrency,
        timeout=service.timeout,
        min_instances=service.instances.min,
        max_instances=service.instances.max,
        scaling_mode="AUTOMATIC" if service.instances.manual is None else "MANUAL",
        manual_instances=service.instances.manual,
        cpu_utilization=service.scaling.cpu_utilization,
        concurrency_utilization=service.scaling.concurrency_utilization,
        resources_set=True,
        cpu_idle=service.cpu_idle,
        works_after_response=service.works_after_response,
        execution_environment=service.execution_environment,
        startup=_probe(service.startup_probe),
        liveness=_probe(service.liveness_probe),
        ports=(cloud_run.PortShape(number=service.port, name="h2c" if service.http2 else "http1"),),
        environment=variables(service),
        volumes=mounts if socket else (),
        shutdown=service.shutdown,
        network_interfaces=attached is not None,
        egress=EGRESS[service.egress] if attached else None,
        subnet=str(attached.subnet) if attached else None,
        subnet_prefix=attached.subnet.prefixlen if attached else None,
        workers=service.workers,
        pool_size=sessions.pool if sessions else None,
        pool_overflow=sessions.overflow if sessions else None,
        cloud_sql=socket,
    )


def variables(service: Service) -> dict[str, str]:
    """Every variable of the container: those of secrets, and those of its settings, with no value."""
    own = OWN_VARIABLES if service.database is not None else {"WEB_CONCURRENCY"}
    return {**dict.fromkeys([*own, *service.secrets], ""), **service.env}


def service(
    name: str, one: Service, cloud: Cloud | None, database: Database | None, network: Network | None
) -> Iterator[Broken]:
    """Judge one service; the other parts are `None` where the file has none that could be read."""
    base: KeyPath = ("services", name)
    keys: dict[str, KeyPath] = {
        **_KEYS,
        **{f"environment.{key}": ("env", key) for key in one.env},
        **{f"environment.{key}": ("secrets", key) for key in one.secrets},
    }
    whole = replace(
        shape(one, database, network), name=one.physical_name(cloud, name) if cloud is not None else one.name
    )
    problems = cloud_run.check_service(whole)
    subnet = [problem for problem in problems if problem.fields[0].startswith("subnet")]
    yield from theirs(base, keys, [problem for problem in problems if problem not in subnet])
    yield from theirs(("network", "subnet"), {}, subnet)
    yield from _instances((*base, "instances"), one)
    yield from _variables(base, one)
    if one.image.owner == "pulumi" and one.image.uri.endswith(":latest"):
        yield ours(
            (*base, "image", "uri"),
            "image-latest",
            one.image.uri,
            "Pulumi sees no change when `latest` moves, so it would never deploy it",
            "name a digest or a tag that does not move, or set `owner: pipeline`",
        )
    elif one.image.owner == "pulumi" and "@" not in one.image.uri:
        yield ours(
            (*base, "image", "uri"),
            "image-tag",
            one.image.uri,
            "a tag can be moved, and then what runs is not what was reviewed",
            "name the digest: …@sha256:… (`gcloud artifacts docker images describe` prints it)",
            severity=Severity.ADVICE,
        )
    yield from _traffic(base, one, whole.name)
    if one.egress == "all-traffic" and whole.network_interfaces is not True:
        yield ours(
            (*base, "egress"),
            "egress-without-network",
            "all-traffic",
            "only a service that uses a database with a private address is in the network",
            "remove it",
        )
    for index, role in enumerate(one.roles):
        if role in {"roles/owner", "roles/editor", "roles/viewer"}:
            yield ours(
                (*base, "roles", index),
                "basic-role",
                role,
                "a basic role reaches nearly everything in the project",
                "name the roles that the service needs",
            )


def together(several: Mapping[str, Service], cloud: Cloud) -> Iterator[Broken]:
    """Judge services beside each other, and the labels that all of them get."""
    names = Counter(one.physical_name(cloud, key) for key, one in several.items())
    for key, one in several.items():
        name = one.physical_name(cloud, key)
        if names[name] > 1:
            yield ours(
                ("services", key, "name"),
                "service-name-twice",
                name,
                "two services of this environment would be called that",
                "rename one of them",
            )
        if one.was is not None and (
            one.was in several or [it.was for it in several.values()].count(one.was) > 1
        ):
            yield ours(
                ("services", key, "was"),
                "service-was-twice",
                one.was,
                "another service has or had that key, and one thing cannot become two",
                "say the key under which this one was created, or remove `was`",
            )
    regions = Facts("prices")["cloud_run_tiers"]
    known = [region for tier in regions.names() for region in regions.names(tier)]
    if cloud.region not in known:
        near = get_close_matches(cloud.region, known, n=1)
        yield ours(
            ("cloud", "region"),
            "region-unknown",
            cloud.region,
            f"no region of Cloud Run's that we know of ({regions.citation}); a new one may well be there",
            f"did you mean {near[0]}?" if near else "check its name",
            severity=Severity.ADVICE,
        )
    # The most that one resource has: application, environment, and service or job.
    labels = cloud_run.ServiceShape(labels=len(OWN_LABELS) - 1 + len(cloud.labels))
    yield from theirs(("cloud",), {"labels": ("labels",)}, cloud_run.check_service(labels))
    for label in sorted(OWN_LABELS & set(cloud.labels)):
        yield ours(
            ("cloud", "labels", label),
            "own-label",
            label,
            "everything gets this label from what it is",
            "remove it here, or give it another key",
        )


def _instances(path: KeyPath, one: Service) -> Iterator[Broken]:
    scale = one.instances
    if scale.manual is not None and (scale.min is not None or scale.max is not None):
        yield ours(
            path,
            "instances",
            f"manual {scale.manual} beside min or max",
            "a service runs a fixed number of instances or scales between two, not both",
            "keep `manual`, or `min` and `max`",
        )
    if scale.manual is None and scale.max is None:
        yield ours(
            path,
            "max-instances",
            "no max",
            "Cloud Run would take a maximum from the project's quota, and no connection budget could be made",
            "set `instances.max`, or `instances.manual`",
        )


def _traffic(base: KeyPath, one: Service, name: str | None) -> Iterator[Broken]:
    if one.traffic and one.image.owner == "pipeline":
        yield ours(
            (*base, "traffic"),
            "traffic-of-the-pipeline",
            f"{len(one.traffic)} targets",
            "with `image.owner: pipeline` the pipeline divides the traffic, so this would never be applied",
            "remove it and use `gcloud run services update-traffic`, or set `owner: pulumi` (docs/images.md)",
        )
    targets = tuple(
        cloud_run.TargetShape(
            latest=target.revision == LATEST,
            revision=None if target.revision == LATEST else target.revision,
            percent=target.percent,
            tag=target.tag,
        )
        for target in one.traffic
    )
    keys: dict[str, KeyPath] = {
        "targets": ("traffic",),
        **{
            f"targets.{index}.{field}": ("traffic", index, field)
            for index in range(len(targets))
            for field in ("revision", "percent", "tag")
        },
    }
    yield from theirs(
        base, keys, cloud_run.check_traffic(cloud_run.TrafficShape(service=name, targets=targets))
    )
    for index, target in enumerate(one.traffic):
        if target.percent == 0 and target.tag is None:
            yield ours(
                (*base, "traffic", index),
                "traffic-of-nothing",
                target.revision,
                "without a share and without a tag nobody reaches this revision",
                "give it a percent or a tag, or remove it",
            )


def _variables(base: KeyPath, one: Service) -> Iterator[Broken]:
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
            if key in OWN_VARIABLES and (key == "WEB_CONCURRENCY" or one.database is not None):
                yield ours(
                    (*base, section, key),
                    "own-variable",
                    key,
                    f"the service gets this variable from {OWN_VARIABLES[key]}",
                    "remove it here",
                )
    for key, value in one.env.items():
        yield from password_in_clear(
            (*base, "env", key), value, "put it into Secret Manager and name it below `secrets`"
        )
