"""What is lost with a resource, by its type."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from plimsoll.preview.stateful import stateful
from tests.conftest import ROOT

DATA = json.loads((ROOT / "plimsoll/preview/data/stateful.json").read_text("utf-8"))
LISTED = [(kind, type_) for kind, entry in DATA["kinds"].items() for type_ in entry["types"]]


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("gcp:sql/databaseInstance:DatabaseInstance", "database"),
        ("gcp:sql/user:User", "user"),
        ("gcp:secretmanager/secretVersion:SecretVersion", "secret"),
        ("gcp:storage/bucket:Bucket", "bucket"),
        ("random:index/randomPassword:RandomPassword", "secret"),
        ("vercel:index/project:Project", "project"),
    ],
)
def test_what_this_project_may_declare_is_on_the_list(type_: str, kind: str):
    found = stateful(type_)
    assert found is not None
    assert (found.kind, found.guessed) == (kind, False)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("aws:rds/instance:Instance", "database"),
        ("aws:rds/cluster:Cluster", "database"),
        ("aws:s3/bucketV2:BucketV2", "bucket"),
        ("aws:s3/bucket:Bucket", "bucket"),
        ("aws:secretsmanager/secret:Secret", "secret"),
        ("aws:iam/user:User", "user"),
        ("aws:dynamodb/table:Table", "database"),
        ("aws:sqs/queue:Queue", "queue"),
        ("azure-native:keyvault:Vault", "secret"),
        ("kubernetes:core/v1:Secret", "secret"),
        ("kubernetes:core/v1:PersistentVolumeClaim", "bucket"),
        ("postgresql:index/database:Database", "database"),
    ],
)
def test_of_other_packages_the_name_speaks(type_: str, kind: str):
    found = stateful(type_)
    assert found is not None
    assert (found.kind, found.guessed) == (kind, True)


@pytest.mark.parametrize(
    "type_",
    [
        "gcp:cloudrunv2/service:Service",
        "gcp:secretmanager/secretIamMember:SecretIamMember",
        "gcp:storage/bucketObject:BucketObject",
        "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable",
        "random:index/randomPet:RandomPet",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:rds/subnetGroup:SubnetGroup",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        "pulumi:providers:postgresql",
        "pulumi:pulumi:Stack",
        "mine:index:Databaseless",
        "odd",
        "",
    ],
)
def test_what_can_be_made_anew_is_no_loss(type_: str):
    assert stateful(type_) is None


def test_no_type_is_on_two_lists():
    types = [type_ for _, type_ in LISTED]
    assert len(types) == len(set(types))


def test_every_listed_type_exists_in_the_installed_sdks():
    known: set[str] = set()
    for package in ("pulumi_gcp", "pulumiverse_vercel", "pulumi_random"):
        (folder,) = importlib.import_module(package).__path__
        for file in Path(folder).rglob("*.py"):
            known.update(
                re.findall(
                    r'^\s*(?:pulumi_type = "|super\(\w+, __self__\).__init__\(\s*\')([^"\']+)',
                    file.read_text(),
                    re.MULTILINE,
                )
            )
    assert [type_ for _, type_ in LISTED if type_ not in known] == []
