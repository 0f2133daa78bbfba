"""What the repository of images is declared as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.infra.reading import REPOSITORY, REPOSITORY_GRANT, one

if TYPE_CHECKING:
    from plimsoll.preview.plan import Plan


def test_the_newest_are_kept_and_what_no_tag_names_goes_once_it_is_old(private: Plan):
    inputs = one(private, REPOSITORY).inputs
    assert inputs["format"] == "DOCKER"
    assert inputs["cleanupPolicies"] == [
        {
            "id": "delete-untagged",
            "action": "DELETE",
            "condition": {"tagState": "UNTAGGED", "olderThan": "1209600s"},
        },
        {"id": "keep-recent", "action": "KEEP", "mostRecentVersions": {"keepCount": 20}},
    ]


def test_it_is_no_dry_run_and_says_so(private: Plan):
    assert one(private, REPOSITORY).inputs["cleanupPolicyDryRun"] is False


def test_whoever_pushes_may_push_there_and_nowhere_else(private: Plan):
    (grant,) = private.of_type(REPOSITORY_GRANT)
    assert grant.inputs["role"] == "roles/artifactregistry.writer"
    assert grant.inputs["member"] == "serviceAccount:deploy@acme-ci.iam.gserviceaccount.com"
    assert grant.inputs["repository"] == "services"


def test_its_address_is_an_output(private: Plan):
    assert private.outputs["registry"] == "europe-west1-docker.pkg.dev/acme-goals-dev/services"
