"""Outputs that no rule tells are of the SDK's own types, at any depth, for undeclared types too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.localcloud.outputs import Asked, answer, identify
from plimsoll.localcloud.rules import Rule, load_rules
from plimsoll.localcloud.wire import bare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.localcloud.sdk import InstalledSdks

RULES = load_rules()

TYPES = [
    "gcp:assuredworkloads/workload:Workload",
    "gcp:bigquery/job:Job",
    "gcp:bigquery/table:Table",
    "gcp:certificateauthority/certificate:Certificate",
    "gcp:clouddeploy/deliveryPipeline:DeliveryPipeline",
    "gcp:cloudfunctionsv2/function:Function",
    "gcp:compute/instance:Instance",
    "gcp:compute/instanceGroupManager:InstanceGroupManager",
    "gcp:compute/interconnectGroup:InterconnectGroup",
    "gcp:container/cluster:Cluster",
    "gcp:container/nodePool:NodePool",
    "gcp:dns/managedZone:ManagedZone",
    "gcp:edgecontainer/cluster:Cluster",
    "gcp:memcache/instance:Instance",
    "gcp:migrationcenter/importJob:ImportJob",
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy",
    "gcp:pubsub/topic:Topic",
    "gcp:redis/cluster:Cluster",
    "gcp:spanner/instance:Instance",
    "gcp:workstations/workstationConfig:WorkstationConfig",
]


def wrong(value: Any, shape: Any, path: str) -> Iterator[str]:
    """The paths at which a value is not of its shape (see `guest/check_inputs.py`)."""
    value = bare(value)
    match shape, value:
        case ({"list": element}, list()):
            for index, item in enumerate(value):
                yield from wrong(item, element, f"{path}[{index}]")
        case ({"map": element}, dict()):
            for name, item in value.items():
                yield from wrong(item, element, f"{path}.{name}")
        case ({"object": fields}, dict()) if value.keys() == fields.keys():
            for name, inner in fields.items():
                yield from wrong(value[name], inner, f"{path}.{name}")
        case ("any", _) | ("text", str()) | ("flag", bool()):
            pass
        case ("integer" | "number", int() | float()) if not isinstance(value, bool):
            pass
        case _:
            yield f"{path}: {value!r} is not {shape}"


@pytest.mark.parametrize("type_", TYPES)
def test_made_up_outputs_are_of_their_types(sdks: InstalledSdks, type_: str):
    assert type_ not in RULES.resources
    shape = sdks.shape(type_)
    assert shape is not None
    asked = Asked(type_, {}, shape, {"project": "acme", "region": "europe-west1"})
    id_, _ = identify(asked, Rule(), "urn|1")
    found = answer(asked, Rule(), RULES, id_)
    computed = {name: kind for name, kind in shape.outputs.items() if name not in shape.inputs}
    assert computed
    assert [fault for name, kind in computed.items() for fault in wrong(found[name], kind, name)] == []


def test_they_are_as_deep_as_their_types(sdks: InstalledSdks):
    type_ = "gcp:memcache/instance:Instance"
    found = answer(Asked(type_, {}, sdks.shape(type_)), Rule(), RULES, "an-id")
    (node,) = found["memcacheNodes"]
    assert {"host", "nodeId", "port", "state", "zone"} == node.keys()
    assert isinstance(node["port"], int)
