"""How tests read a plan: the inputs of one resource, the grants of one account, what comes before what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.preview.plan import Plan, Resource

SERVICE = "gcp:cloudrunv2/service:Service"
JOB = "gcp:cloudrunv2/job:Job"
STARTER = "gcp:cloudrunv2/jobIamMember:JobIamMember"
SCHEDULE = "gcp:cloudscheduler/job:Job"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
REPOSITORY_GRANT = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"
INVOKER = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
ACCOUNT = "gcp:serviceaccount/account:Account"
SECRET = "gcp:secretmanager/secret:Secret"
SECRET_VERSION = "gcp:secretmanager/secretVersion:SecretVersion"
SECRET_GRANT = "gcp:secretmanager/secretIamMember:SecretIamMember"
ROLE_GRANT = "gcp:projects/iAMMember:IAMMember"
API = "gcp:projects/service:Service"
NETWORK = "gcp:compute/network:Network"
SUBNET = "gcp:compute/subnetwork:Subnetwork"
ADDRESSES = "gcp:compute/globalAddress:GlobalAddress"
ROUTER = "gcp:compute/router:Router"
NAT = "gcp:compute/routerNat:RouterNat"
PEERING = "gcp:servicenetworking/connection:Connection"
INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
DATABASE = "gcp:sql/database:Database"
USER = "gcp:sql/user:User"
PASSWORD = "random:index/randomPassword:RandomPassword"
PROJECT = "vercel:index/project:Project"
VARIABLE = "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable"
DRAIN = "vercel:index/logDrain:LogDrain"
DOMAIN = "vercel:index/projectDomain:ProjectDomain"


def one(plan: Plan, type_: str, name: str | None = None) -> Resource:
    """The only resource of a type, or the only one of that name."""
    (found,) = (each for each in plan.of_type(type_) if name in {None, each.name})
    return found


def component(plan: Plan, kind: str, name: str) -> Resource:
    """One of our components."""
    return one(plan, f"plimsoll:infra:{kind}", name)


def settings_of(plan: Plan) -> dict[str, Any]:
    """The `settings` of the Cloud SQL instance."""
    return as_dict(one(plan, INSTANCE).inputs["settings"])


def template_of(plan: Plan, name: str = "api") -> dict[str, Any]:
    """The template of a service."""
    return as_dict(one(plan, SERVICE, name).inputs["template"])


def container_of(plan: Plan, name: str = "api") -> dict[str, Any]:
    """The container of a service."""
    (container,) = template_of(plan, name)["containers"]
    return as_dict(container)


def as_dict(value: object) -> dict[str, Any]:
    """`value`, which is an object."""
    assert isinstance(value, dict)
    return value


def before(plan: Plan, resource: Resource) -> set[str]:
    """URNs of all that has to exist before `resource`, however far back."""
    found: set[str] = set()
    waiting = list(resource.dependencies)
    while waiting:
        urn = waiting.pop()
        if urn not in found:
            found.add(urn)
            dependency = plan.resource(urn)
            assert dependency is not None, f"{resource.urn} waits for {urn}, which does not exist"
            waiting.extend(dependency.dependencies)
    return found


def managed(plan: Plan) -> Iterator[Resource]:
    """Every resource that a provider makes."""
    return (
        resource
        for resource in plan.resources
        if resource.custom and not resource.type.startswith("pulumi:providers:")
    )
