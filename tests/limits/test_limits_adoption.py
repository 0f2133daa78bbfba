"""The ids by which what exists is imported."""

from __future__ import annotations

import pytest

from plimsoll.limits.adoption import adoptables, kinds, same_id

ACCOUNT = "projects/acme-dev/serviceAccounts/api@acme-dev.iam.gserviceaccount.com"
IDS = [
    ("service", "projects/acme-dev/locations/europe-west1/services/api", True),
    ("service", "europe-west1/api", False),
    ("service", "projects/acme-dev/locations/europe-west1/services/api/", False),
    ("account", ACCOUNT, True),
    ("account", ACCOUNT.replace("@acme-dev", "@acme-prod"), False),
    ("account", "api@acme-dev.iam.gserviceaccount.com", False),
    ("user", "acme-dev/goals/app", True),
    ("peering", "projects/acme-dev/global/networks/goals:servicenetworking.googleapis.com", True),
    ("service-grant", "projects/p/locations/l/services/api roles/run.invoker allUsers", True),
    ("service-grant", "projects/p/locations/l/services/api run.invoker allUsers", False),
    ("project-grant", "acme-dev roles/cloudsql.client serviceAccount:a@b", True),
    ("project-grant", "acme-dev projects/acme-dev/roles/mine user:a@b", True),
    ("secret-grant", "projects/p/secrets/key roles/secretmanager.secretAccessor user:a@b", True),
    ("secret-version", "projects/p/secrets/key/versions/3", True),
    ("secret-version", "projects/p/secrets/key/versions/latest", False),
    ("frontend", "prj_abc", True),
    ("frontend", "team_x/prj_abc", True),
    ("frontend", "goals", False),
    ("variable", "team_x/prj_abc/aB3", True),
    ("domain", "prj_abc/app.acme.com", True),
]


@pytest.mark.parametrize(("kind", "id_", "right"), IDS)
def test_an_id_has_the_form_that_its_provider_documents(kind: str, id_: str, right: object):
    assert (kinds()[kind].read(id_) is not None) is right


def test_a_kind_is_one_type():
    assert len(kinds()) == len(adoptables())


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_form_that_is_filled_is_read_back(kind: str):
    parts = {
        "role": "roles/run.invoker",
        "member": "user:a@b",
        "service": "run.googleapis.com",
        "secretId": "projects/p/secrets/s" if kind == "secret-grant" else "s",
        "version": "7",
        "vercelProject": "prj_1",
        "projectId": "prj_1",
        "variableId": "v1",
        "domain": "acme.com",
        "logDrainId": "ld_1",
    }
    filled = kinds()[kind].write(lambda name: parts.get(name, name.lower()))
    found = kinds()[kind].read(filled)
    assert found is not None, filled
    assert all(value == parts.get(name, name.lower()) for name, value in found.items())


def test_a_team_may_be_left_out_of_vercels_ids():
    assert same_id("team_x/prj_abc") == same_id("prj_abc")
