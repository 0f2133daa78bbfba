"""What everything else in an environment stands on: Google's APIs and, where needed, a private network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
from pulumi_gcp import compute, projects, servicenetworking

from plimsoll.settings.model import CloudSqlDatabase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.names import Names
    from plimsoll.settings.model import Network, Settings


FIRST_API = "cloudresourcemanager"
"""The provider asks it for the project whenever it reads an API's state, peers a network or grants a role."""


@dataclass(frozen=True, kw_only=True)
class FoundationArgs:
    """What to lay."""

    names: Names
    apis: Sequence[str]
    """Google's APIs, by the first part of their names (`run`)."""
    network: Network | None
    """The private network; `None`: none."""
    internet_through_network: bool
    """Whether anything sends its internet traffic through the network, which has no way out by itself."""


@dataclass(frozen=True, kw_only=True)
class PrivateNetwork:
    """A network in which services reach Google's services by private addresses."""

    id: pulumi.Output[str]
    name: pulumi.Output[str]
    subnet: pulumi.Output[str]
    """Name of the subnet in which services get their addresses."""
    ready: pulumi.Resource
    """What has to exist before one of Google's services can get an address in it."""
    exits: Sequence[pulumi.Resource]
    """What has to exist before traffic to the internet may enter it."""


def foundation_args(settings: Settings, names: Names) -> FoundationArgs:
    """What `settings` need: only the APIs of what is declared, a network only for a private database."""
    database = settings.database
    cloudsql = isinstance(database, CloudSqlDatabase)
    private = cloudsql and database.address == "private"
    users = [service for service in settings.services.values() if service.database is not None]
    apis = {FIRST_API, "iam", "run"}
    runs = (*settings.services.values(), *settings.jobs.values())
    if cloudsql or users or any(one.secrets for one in runs):
        apis.add("secretmanager")
    if any(job.schedule is not None for job in settings.jobs.values()):
        apis.add("cloudscheduler")
    if settings.registry is not None:
        apis.add("artifactregistry")
    if cloudsql:
        apis.add("sqladmin")
    if private:
        apis |= {"compute", "servicenetworking"}
    return FoundationArgs(
        names=names,
        apis=sorted(apis),
        network=settings.network if private else None,
        internet_through_network=any(service.egress == "all-traffic" for service in users),
    )


class Foundation(pulumi.ComponentResource):
    """Owns which of Google's APIs are on, and the private network with its range for Google's services.

    It does not own the project: that, its billing, and its Service Usage and Cloud Resource Manager APIs,
    which the provider itself asks, are there before Pulumi runs (README). It never turns an API off again,
    since others in the project may have come to rely on it.

    The network can be destroyed about two hours after the last service in it: Cloud Run keeps its addresses.
    """

    network: PrivateNetwork | None

    def __init__(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("plimsoll:infra:Foundation", name, None, opts)
        self._args = args
        first = self._enable(FIRST_API)
        others = {api: self._enable(api, first) for api in args.apis if api != FIRST_API}
        self._apis = {FIRST_API: first, **others}
        self.network = self._lay(args.network) if args.network else None
        self.register_outputs({"apis": [service.service for service in self._apis.values()]})

    def _enable(self, api: str, *after: pulumi.Resource) -> projects.Service:
        return projects.Service(
            api,
            service=f"{api}.googleapis.com",
            disable_on_destroy=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )

    def api(self, name: str) -> pulumi.Resource:
        """The API that a resource has to wait for. KeyError where this environment was not given it."""
        return self._apis[name]

    def _lay(self, settings: Network) -> PrivateNetwork:
        names = self._args.names
        after_compute = self._lasting("compute")
        network = compute.Network(
            "network", name=names.network(), auto_create_subnetworks=False, opts=after_compute
        )
        subnet = compute.Subnetwork(
            "services",
            name=names.network("services"),
            region=names.cloud.region,
            network=network.id,
            ip_cidr_range=str(settings.subnet),
            # Google's own APIs stay reachable for a service that sends everything through the network.
            private_ip_google_access=True,
            opts=after_compute,
        )
        addresses = compute.GlobalAddress(
            "google-services",
            name=names.network("google-services"),
            network=network.id,
            purpose="VPC_PEERING",
            address_type="INTERNAL",
            prefix_length=settings.services_prefix,
            opts=after_compute,
        )
        peering = servicenetworking.Connection(
            "google-services",
            network=network.id,
            service="servicenetworking.googleapis.com",
            reserved_peering_ranges=[addresses.name],
            # Google holds on to the connection for days after an instance is gone, and a plain delete fails
            # (terraform-provider-google#18834); what it still remembers must not stop a new one.
            deletion_policy="REMOVE_PEERING",
            update_on_creation_fail=True,
            opts=self._lasting("servicenetworking"),
        )
        return PrivateNetwork(
            id=network.id,
            name=network.name,
            subnet=subnet.name,
            ready=peering,
            exits=self._exits(network) if self._args.internet_through_network else (),
        )

    def _lasting(self, api: str) -> pulumi.ResourceOptions:
        """Options of what a database cannot be reached without."""
        return pulumi.ResourceOptions(
            parent=self, depends_on=[self.api(api)], protect=self._args.names.cloud.protect
        )

    def _exits(self, network: compute.Network) -> Sequence[pulumi.Resource]:
        """Address translation, without which `egress: all-traffic` would reach no address outside."""
        names = self._args.names
        inside = pulumi.ResourceOptions(parent=self)
        router = compute.Router(
            "internet",
            name=names.network("internet"),
            region=names.cloud.region,
            network=network.id,
            opts=inside,
        )
        nat = compute.RouterNat(
            "internet",
            name=names.network("internet"),
            region=names.cloud.region,
            router=router.name,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="ALL_SUBNETWORKS_ALL_IP_RANGES",
            opts=inside,
        )
        return (nat,)
