"""What a service's and a job's container are given alike: each has types of its own, of the same fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plimsoll.settings.rules.services import EGRESS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from infra.foundation import PrivateNetwork
    from infra.names import Names

SOCKET_VOLUME = "cloudsql"
"""Cloud Run reserves this name for Cloud SQL's sockets and refuses them under any other."""


def variables(
    names: Names, plain: Mapping[str, str], secrets: Mapping[str, tuple[str, pulumi.Input[str]]]
) -> list[Any]:
    """Plain values and secrets (full name, version), by name, so that the order in a file is no change."""
    every: dict[str, Any] = {name: {"name": name, "value": value} for name, value in plain.items()}
    for name, (secret, version) in secrets.items():
        reference = {"secret": names.secret(secret), "version": version}
        every[name] = {"name": name, "value_source": {"secret_key_ref": reference}}
    return [every[name] for name in sorted(every)]


def socket_volume(socket: pulumi.Input[str]) -> Any:  # noqa: ANN401 (a type each for service and job)
    """The volume of a database's socket, which also needs `socket_mount`.

    Google adds the mount by itself where it is not said, and a preview would forever take it away again
    (pulumi-gcp#1093).
    """
    return {"name": SOCKET_VOLUME, "cloud_sql_instance": {"instances": [socket]}}


def socket_mount() -> Any:  # noqa: ANN401 (a type each for service and job)
    """Where a container finds it."""
    return {"name": SOCKET_VOLUME, "mount_path": f"/{SOCKET_VOLUME}"}


def vpc_access(network: PrivateNetwork, egress: str) -> Any:  # noqa: ANN401 (a type each for service and job)
    """The way into the private network; `egress` as a stack file says it."""
    return {
        "network_interfaces": [{"network": network.name, "subnetwork": network.subnet}],
        "egress": EGRESS[egress],
    }
