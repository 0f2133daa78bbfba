"""Replacements that depend on how a property changes: each condition with a pair that replaces and one that
does not."""

from __future__ import annotations

from typing import Any

import pytest

from plimsoll.localcloud.conditions import PREDICATES, Condition
from plimsoll.localcloud.diff import compare
from plimsoll.localcloud.rules import load_rules
from plimsoll.localcloud.wire import UNKNOWN, secret

RULES = load_rules()
INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
SUBNET = "gcp:compute/subnetwork:Subnetwork"
BUCKET = "gcp:storage/bucket:Bucket"


def network(name: str | None) -> dict[str, Any]:
    return {"settings": {"tier": "db-f1-micro", "ipConfiguration": {"privateNetwork": name, "sslMode": "X"}}}


def disk(size: float | str, *, grows: bool) -> dict[str, Any]:
    return {"settings": {"diskSize": size, "diskAutoresize": grows}}


def upgrade(*, on: object) -> dict[str, Any]:
    return {"settings": {"autoUpgradeEnabled": on, "tier": "db-f1-micro"}}


CASES: dict[str, tuple[str, Any, Any, str]] = {
    # type, before, after, the path that replaces ("": none does)
    "subnet-moves": (SUBNET, {"ipCidrRange": "10.8.0.0/26"}, {"ipCidrRange": "10.9.0.0/26"}, "ipCidrRange"),
    "subnet-shrinks": (SUBNET, {"ipCidrRange": "10.8.0.0/24"}, {"ipCidrRange": "10.8.0.0/26"}, "ipCidrRange"),
    "subnet-grows": (SUBNET, {"ipCidrRange": "10.8.0.0/26"}, {"ipCidrRange": "10.8.0.0/24"}, ""),
    "subnet-grows-downwards": (SUBNET, {"ipCidrRange": "10.8.0.192/26"}, {"ipCidrRange": "10.8.0.0/24"}, ""),
    "subnet-in-other-words": (SUBNET, {"ipCidrRange": "10.8.0.1/26"}, {"ipCidrRange": "10.8.0.2/26"}, ""),
    "network-taken-away": (
        INSTANCE,
        network("projects/a/global/networks/n"),
        network(None),
        "settings.ipConfiguration.privateNetwork",
    ),
    "network-taken-away-with-all-around-it": (
        INSTANCE,
        network("projects/a/global/networks/n"),
        {"settings": {"tier": "db-f1-micro"}},
        "settings.ipConfiguration",
    ),
    "network-given": (INSTANCE, network(None), network("projects/a/global/networks/n"), ""),
    "network-exchanged": (INSTANCE, network("projects/a/n"), network("projects/b/n"), ""),
    "disk-shrinks": (INSTANCE, disk(100, grows=False), disk(50, grows=False), "settings.diskSize"),
    "disk-shrinks-in-text": (
        INSTANCE,
        disk("100", grows=False),
        disk("50", grows=False),
        "settings.diskSize",
    ),
    "disk-grows": (INSTANCE, disk(50, grows=False), disk(100, grows=False), ""),
    "disk-that-grows-by-itself": (INSTANCE, disk(100, grows=True), disk(50, grows=True), ""),
    "upgrade-turned-off": (INSTANCE, upgrade(on=True), upgrade(on=False), "settings.autoUpgradeEnabled"),
    "upgrade-left-out": (INSTANCE, upgrade(on=True), upgrade(on=None), "settings.autoUpgradeEnabled"),
    "upgrade-turned-on": (INSTANCE, upgrade(on=False), upgrade(on=True), ""),
    "another-primary": (
        INSTANCE,
        {"masterInstanceName": "a", "instanceType": "READ_REPLICA_INSTANCE"},
        {"masterInstanceName": "b", "instanceType": "READ_REPLICA_INSTANCE"},
        "masterInstanceName",
    ),
    "a-promotion": (
        INSTANCE,
        {"masterInstanceName": "a", "instanceType": "READ_REPLICA_INSTANCE"},
        {"instanceType": "CLOUD_SQL_INSTANCE"},
        "",
    ),
    "cascadable": (
        INSTANCE,
        {"replicaConfiguration": {"cascadableReplica": True}},
        {"replicaConfiguration": {"cascadableReplica": False}},
        "replicaConfiguration.cascadableReplica",
    ),
    "cascadable-in-a-switchover": (
        INSTANCE,
        {"replicaConfiguration": {"cascadableReplica": True}, "instanceType": "READ_REPLICA_INSTANCE"},
        {"replicaConfiguration": {"cascadableReplica": False}, "instanceType": "CLOUD_SQL_INSTANCE"},
        "",
    ),
    "bucket-unlocked": (
        BUCKET,
        {"retentionPolicy": {"isLocked": True}},
        {"retentionPolicy": {"isLocked": False}},
        "retentionPolicy.isLocked",
    ),
    "bucket-locked": (
        BUCKET,
        {"retentionPolicy": {"isLocked": False}},
        {"retentionPolicy": {"isLocked": True}},
        "",
    ),
}


@pytest.mark.parametrize(("type_", "old", "new", "path"), CASES.values(), ids=CASES)
def test_it_depends_on_how_it_changes(type_: str, old: Any, new: Any, path: str):
    changes = compare(old, new, RULES.forcing(type_, ()) or (), RULES.conditions[type_])
    assert changes
    assert [change.path for change in changes if change.replaces] == ([path] if path else [])


def test_every_condition_of_the_data_has_a_pair_on_both_sides():
    said = {(type_, one.path) for type_, several in RULES.conditions.items() for one in several}
    judged = {
        (type_, one.path, one.holds(old, new))
        for type_, old, new, _ in CASES.values()
        for one in RULES.conditions[type_]
    }
    assert said
    assert judged == {(*one, held) for one in said for held in (True, False)}
    assert {one.when for several in RULES.conditions.values() for one in several} == PREDICATES.keys()


@pytest.mark.parametrize("when", PREDICATES)
@pytest.mark.parametrize(("old", "new"), [(UNKNOWN, 1), (1, UNKNOWN), (True, secret(UNKNOWN))])
def test_what_is_unknown_is_left_to_the_provider(when: str, old: Any, new: Any):
    assert not Condition("it", when).holds({"it": old}, {"it": new})


@pytest.mark.parametrize(
    ("when", "old", "new", "holds"),
    [
        ("leaves its range", "fd00::/64", "fd00::/56", False),
        ("leaves its range", "fd00::/64", "fd01::/64", True),
        ("leaves its range", "10.0.0.0/8", "fd00::/8", True),
        ("leaves its range", "10.0.0.0/8", "anything", False),
        ("leaves its range", None, "10.0.0.0/8", False),
        ("shrinks", "many", 3, False),
        ("shrinks", 3, None, False),
        ("shrinks", secret(3), secret(2), True),
        ("is unset", "", None, False),
        ("is unset", "a", "", True),
        ("is turned off", None, False, False),
    ],
)
def test_odd_values(when: str, old: Any, new: Any, holds: object):
    assert Condition("it", when).holds({"it": old}, {"it": new}) is holds
