"""What an entry of `plimsoll:adopt` does to the resource that it names, and to no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.limits.adoption import adoptables, key_of
from plimsoll.preview.adoptable import candidates
from plimsoll.preview.failure import PreviewError
from tests.infra.conftest import PRIVATE, changed, preview
from tests.infra.reading import (
    ACCOUNT,
    DATABASE,
    INSTANCE,
    PASSWORD,
    SECRET,
    SERVICE,
    USER,
    component,
    container_of,
    managed,
    one,
)

if TYPE_CHECKING:
    from plimsoll.preview.plan import Plan

PROJECT = "projects/acme-goals-dev"
SERVICE_ID = f"{PROJECT}/locations/europe-west1/services/goals-api"
ADOPTED: dict[str, Any] = {
    "service/api": {"id": SERVICE_ID, "changes": ["labels"]},
    "instance/database": f"{PROJECT}/instances/goals-trial",
    "database/database": f"{PROJECT}/instances/goals-trial/databases/goals",
}
BY_REFERENCE = {
    "adopt": ADOPTED,
    "database.user": ...,
    "database.url": {"secret": "goals-url", "version": 3},
}


@pytest.fixture(scope="module")
def adopted() -> Plan:
    return preview(changed(PRIVATE, BY_REFERENCE))


def test_it_is_imported_protected_and_guarded(adopted: Plan):
    options = one(adopted, SERVICE, "api").options
    assert (options.import_id, options.protect) == (SERVICE_ID, True)
    assert len(options.hooks) == 2
    assert one(adopted, INSTANCE).options.import_id == f"{PROJECT}/instances/goals-trial"


def test_and_nothing_else_about_it_or_any_other_resource_changes(adopted: Plan):
    with_nothing = preview(changed(PRIVATE, {**BY_REFERENCE, "adopt": {}}))
    for resource in with_nothing.resources:
        same = adopted.resource(resource.urn)
        assert same is not None
        options = same.options
        if options.import_id:
            options = replace(options, import_id="", protect=resource.options.protect, hooks=())
        assert (same.inputs, options) == (resource.inputs, resource.options)
    assert len(adopted.resources) == len(with_nothing.resources)


def test_an_adopted_database_takes_its_user_and_secret_by_reference(adopted: Plan):
    for type_ in (USER, PASSWORD, SECRET):
        assert adopted.of_type(type_) == ()
    assert one(adopted, DATABASE).options.import_id
    reference = next(each for each in container_of(adopted)["envs"] if each["name"] == "DATABASE_URL")
    assert reference["valueSource"]["secretKeyRef"] == {"secret": "goals-url", "version": "3"}


def test_every_type_of_the_program_can_be_adopted_but_what_is_in_no_cloud(plan: Plan):
    types = {resource.type for resource in managed(plan)}
    assert types - adoptables().keys() <= {PASSWORD}


def test_every_candidate_is_listed_with_its_id_and_the_command_that_finds_it(plan: Plan):
    found = {each.key: each for each in candidates(plan)}
    assert found.keys() == {
        key_of(resource.type, resource.name) for resource in managed(plan) if resource.type != PASSWORD
    }
    service = one(plan, SERVICE, "api").inputs
    project = found["service/api"].form.split("/")[1]
    assert found["service/api"].find == (
        f"gcloud run services describe {service['name']} --project={project} --region=europe-west1"
    )
    assert not [each for each in found.values() if "PROJECT" in each.form + each.find]
    # What Google gives stands in the form; what only Vercel knows is left open.
    assert {key for key, each in found.items() if "…" in each.form} <= {
        key for key in found if key.partition("/")[0] in {"frontend", "variable", "domain", "log-drain"}
    }


def test_what_the_program_does_not_declare_is_refused_with_what_it_does():
    account = f"{PROJECT}/serviceAccounts/x@acme-goals-dev.iam.gserviceaccount.com"
    with pytest.raises(PreviewError) as refused:
        preview(changed(PRIVATE, {"adopt": {"account/database": account}}))
    assert "plimsoll:adopt.account/database" in refused.value.message
    assert "There is database/database, instance/database, user/database" in refused.value.message


def test_a_service_under_another_key_is_the_same_service():
    web = {**PRIVATE["services"]["api"], "name": "goals-api", "was": "api"}
    renamed = changed(PRIVATE, {"services.api": ..., "frontend.serviceUrls.API_URL": "web"})
    users = ("flows.goal-list", "jobs.migrate", "jobs.review", "frontend.logDrain")
    plan = preview(changed(renamed, {"services.web": web, **{f"{user}.service": "web" for user in users}}))
    assert [alias.name for alias in component(plan, "Service", "web").options.aliases] == ["api"]
    assert one(plan, ACCOUNT, "web").inputs["accountId"] == "goals-api"
