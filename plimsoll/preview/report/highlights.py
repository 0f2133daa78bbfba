"""Which inputs of a resource a reader wants to see without asking, and what its type is called in words.

A type that is not listed here is shown by its name and token alone; `--resource NAME` shows every input.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.preview.plan import Archive, Asset, ResourceReference, Secret, Unknown
from plimsoll.printable import printable

if TYPE_CHECKING:
    from plimsoll.preview.plan import Resource, Value


@dataclass(frozen=True, slots=True)
class Highlights:
    """`title` names the type in words; `values` pairs a label with the path of an input."""

    title: str
    values: tuple[tuple[str, str], ...] = ()
    absent: tuple[tuple[str, str, str], ...] = ()
    """What the absence of an input says where another one is given: both paths, and the text."""


_SERVICE = "gcp:cloudrunv2/service:Service"
_TASK = "template.template"
_CONTAINER = "template.containers[0]"

_BY_TYPE: dict[str, Highlights] = {
    "plimsoll:infra:Environment": Highlights("environment"),
    "plimsoll:infra:Foundation": Highlights("APIs and network"),
    "plimsoll:infra:Service": Highlights("service"),
    "plimsoll:infra:Job": Highlights("job", (("of", "service"),)),
    "plimsoll:infra:Registry": Highlights("images"),
    "plimsoll:infra:CloudSqlDatabase": Highlights("database, created here"),
    "plimsoll:infra:ExternalDatabase": Highlights(
        "database, somebody else's",
        (
            ("", "provider"),
            ("", "project"),
            ("", "host"),
            ("", "connections.pooler.mode"),
            ("connections", "connections.maxConnections"),
        ),
    ),
    "plimsoll:infra:Frontend": Highlights("frontend"),
    _SERVICE: Highlights(
        "Cloud Run service",
        (
            ("", "name"),
            ("cpu", f"{_CONTAINER}.resources.limits.cpu"),
            ("memory", f"{_CONTAINER}.resources.limits.memory"),
            ("concurrency", "template.maxInstanceRequestConcurrency"),
            ("min", "scaling.minInstanceCount"),
            ("max", "scaling.maxInstanceCount"),
            ("fixed", "scaling.manualInstanceCount"),
            ("timeout", "template.timeout"),
            ("", "template.executionEnvironment"),
            ("image", f"{_CONTAINER}.image"),
        ),
        absent=(("scaling.minInstanceCount", "scaling.maxInstanceCount", "scales to zero"),),
    ),
    "gcp:cloudrunv2/serviceIamMember:ServiceIamMember": Highlights("may call it", (("", "member"),)),
    "gcp:cloudrunv2/job:Job": Highlights(
        "Cloud Run job",
        (
            ("", "name"),
            ("runs", f"{_TASK}.containers[0].commands"),
            ("with", f"{_TASK}.containers[0].args"),
            ("cpu", f"{_TASK}.containers[0].resources.limits.cpu"),
            ("memory", f"{_TASK}.containers[0].resources.limits.memory"),
            ("tasks", "template.taskCount"),
            ("at once", "template.parallelism"),
            ("retries", f"{_TASK}.maxRetries"),
            ("timeout", f"{_TASK}.timeout"),
        ),
    ),
    "gcp:cloudrunv2/jobIamMember:JobIamMember": Highlights("may start it"),
    "gcp:cloudscheduler/job:Job": Highlights("schedule", (("", "schedule"), ("", "timeZone"))),
    "gcp:artifactregistry/repository:Repository": Highlights(
        "image repository",
        (
            ("", "repositoryId"),
            ("untagged go after", "cleanupPolicies[0].condition.olderThan"),
            ("newest kept", "cleanupPolicies[1].mostRecentVersions.keepCount"),
            ("dry run", "cleanupPolicyDryRun"),
        ),
    ),
    "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember": Highlights(
        "may use it", (("", "role"), ("", "member"))
    ),
    "gcp:sql/databaseInstance:DatabaseInstance": Highlights(
        "Cloud SQL instance",
        (
            ("", "name"),
            ("", "databaseVersion"),
            ("", "settings.edition"),
            ("", "settings.tier"),
            ("", "settings.availabilityType"),
            ("backups", "settings.backupConfiguration.enabled"),
            ("public address", "settings.ipConfiguration.ipv4Enabled"),
        ),
    ),
    "gcp:sql/database:Database": Highlights("SQL database", (("", "name"),)),
    "gcp:sql/user:User": Highlights("SQL user", (("", "name"),)),
    "gcp:secretmanager/secret:Secret": Highlights("secret", (("", "secretId"),)),
    "gcp:secretmanager/secretVersion:SecretVersion": Highlights("version of a secret"),
    "gcp:secretmanager/secretIamMember:SecretIamMember": Highlights(
        "may read the secret", (("", "secretId"),)
    ),
    "gcp:serviceaccount/account:Account": Highlights("service account", (("", "accountId"),)),
    "gcp:projects/service:Service": Highlights("API", (("", "service"),)),
    "gcp:projects/iAMMember:IAMMember": Highlights("project role", (("", "role"),)),
    "gcp:compute/network:Network": Highlights("network", (("", "name"),)),
    "gcp:compute/subnetwork:Subnetwork": Highlights("subnet", (("", "name"), ("", "ipCidrRange"))),
    "gcp:compute/globalAddress:GlobalAddress": Highlights(
        "address range", (("", "name"), ("/", "prefixLength"))
    ),
    "gcp:servicenetworking/connection:Connection": Highlights("peering with Google's services"),
    "random:index/randomPassword:RandomPassword": Highlights("random password", (("length", "length"),)),
    "vercel:index/project:Project": Highlights(
        "Vercel project",
        (
            ("", "name"),
            ("functions in", "resourceConfig.functionDefaultRegions"),
            ("timeout", "resourceConfig.functionDefaultTimeout"),
            ("fluid", "resourceConfig.fluid"),
            ("previews disabled", "previewDeploymentsDisabled"),
        ),
    ),
    "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable": Highlights(
        "variable", (("", "key"), ("", "targets"), ("sensitive", "sensitive"))
    ),
    "vercel:index/logDrain:LogDrain": Highlights(
        "log drain",
        (("to", "endpoint"), ("sources", "sources"), ("of", "environments"), ("", "deliveryFormat")),
    ),
    "vercel:index/projectDomain:ProjectDomain": Highlights("domain", (("", "domain"),)),
    "pulumi:providers:gcp": Highlights("provider", (("project", "project"), ("region", "region"))),
    "pulumi:providers:vercel": Highlights("provider", (("team", "team"),)),
    "pulumi:providers:random": Highlights("provider"),
}


def title(resource: Resource) -> str:
    """What the resource's type is called: in words where we know it, else its token."""
    known = _BY_TYPE.get(resource.type)
    return known.title if known else resource.type


def highlights(resource: Resource) -> list[str]:
    """The values that matter, each as a short text; inputs that the program did not give are left out."""
    known = _BY_TYPE.get(resource.type, Highlights("", (("", "name"),)))
    texts: list[str] = []
    for label, path in known.values:
        value = _at(resource.inputs, path)
        if value is None:
            texts += [
                text
                for absent, given, text in known.absent
                if absent == path and _at(resource.inputs, given) is not None
            ]
        elif label or value != resource.name:
            texts.append(f"{label}{'' if label in {'', '/'} else ' '}{written(value)}")
    return texts + (_shares(resource.inputs.get("traffics")) if resource.type == _SERVICE else [])


def _shares(traffics: Value) -> list[str]:
    """Which revisions answer, where it is not simply the newest: `90 % api-12-abc, 10 % latest (canary)`."""
    targets = [one for one in traffics if isinstance(one, dict)] if isinstance(traffics, list) else []
    shares: list[str] = []
    for target in targets:
        tag = f" ({written(target['tag'])})" if "tag" in target else ""
        shares.append(
            f"{written(target.get('percent', 0))} % {written(target.get('revision', 'latest'))}{tag}"
        )
    return [] if shares in ([], ["100 % latest"]) else [f"traffic {', '.join(shares)}"]


def written(value: Value) -> str:
    """One value as a reader sees it: a secret and an unknown by name, never what is behind them."""
    match value:
        case list():
            text = "[" + ", ".join(written(item) for item in value) + "]"
        case dict():
            text = "{" + ", ".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
        case Secret():
            text = "[secret]"
        case Unknown():
            text = "[known after the update]"
        case Asset(kind, location) | Archive(kind, location):
            text = f"[{kind} {location}]"
        case ResourceReference(urn):
            text = urn.rpartition("::")[2]
        case bool():
            text = "yes" if value else "no"
        case _:
            text = "null" if value is None else str(value)
    return printable(text)


def _at(inputs: dict[str, Value], path: str) -> Value:
    """The input at a path such as `a.b[0].c`, or the unknown or secret above it; `None`: absent."""
    value: Value = inputs
    for key in path.replace("[", ".[").split("."):
        if isinstance(value, Unknown | Secret):
            return value
        if key.startswith("["):
            index = int(key[1:-1])
            value = value[index] if isinstance(value, list) and index < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value
