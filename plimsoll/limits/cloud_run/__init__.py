"""What Cloud Run accepts of a service: one predicate a rule, over whatever is known of it.

`sizing` is one instance, `scaling` how many and for how long, `probes` and `container` what runs in them,
`network` what they reach. The numbers stand in `data/cloud_run.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plimsoll.limits.cloud_run import container, network, probes, scaling, sizing
from plimsoll.limits.cloud_run.shape import FACTS, PortShape, ProbeShape, ServiceShape, VolumeShape
from plimsoll.limits.rules import judge

if TYPE_CHECKING:
    from plimsoll.limits.problem import Problem

__all__ = [
    "RULES",
    "PortShape",
    "ProbeShape",
    "ServiceShape",
    "VolumeShape",
    "account_id_lengths",
    "check_service",
]

RULES = sizing.RULES + scaling.RULES + probes.RULES + container.RULES + network.RULES


def account_id_lengths() -> tuple[int, int]:
    """Return the least and the most characters of a service account's id."""
    fact = FACTS["service_account_id"]
    return fact.count("from"), fact.count("to")


def check_service(shape: ServiceShape) -> list[Problem]:
    """Return everything that is wrong with a service, as far as `shape` tells."""
    return judge(RULES, shape)
