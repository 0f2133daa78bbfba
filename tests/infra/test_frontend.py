"""What the frontend's Vercel project is declared as."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from infra.frontend import PROTECTION
from plimsoll.preview.failure import PreviewError
from plimsoll.preview.plan import UNKNOWN, Secret
from plimsoll.settings import model
from tests.infra.conftest import PRIVATE, preview
from tests.infra.reading import DOMAIN, DRAIN, INVOKER, PROJECT, SERVICE, VARIABLE, as_dict, before, one

if TYPE_CHECKING:
    from plimsoll.preview.plan import Plan


def test_functions_run_beside_the_services(private: Plan):
    project = one(private, PROJECT).inputs
    assert project["resourceConfig"] == {
        "fluid": True,
        "functionDefaultCpuType": "standard",
        "functionDefaultRegions": ["cdg1"],
        "functionDefaultTimeout": 30,
    }
    assert "serverlessFunctionRegion" not in project  # each refuses the other


def test_vercel_builds_from_the_repository(private: Plan):
    project = one(private, PROJECT).inputs
    assert (project["framework"], project["nodeVersion"]) == ("nextjs", "22.x")
    assert project["gitRepository"] == {"type": "github", "repo": "acme/goals", "productionBranch": "main"}


def test_a_fork_sees_no_variable_before_somebody_let_it(plan: Plan):
    assert all(each.inputs["gitForkProtection"] is True for each in plan.of_type(PROJECT))


def test_pull_requests_are_deployed_where_the_environment_says_so(private: Plan, external: Plan):
    assert one(private, PROJECT).inputs["previewDeploymentsDisabled"] is False
    assert one(external, PROJECT).inputs["previewDeploymentsDisabled"] is True


@pytest.mark.parametrize("environment", ["private", "external"])
def test_deployment_protection_is_said(request: pytest.FixtureRequest, environment: str):
    project = one(request.getfixturevalue(environment), PROJECT).inputs
    expected = {"private": "standard_protection_new", "external": "all_deployments"}
    assert project["vercelAuthentication"] == {"deploymentType": expected[environment]}


def test_every_protection_that_settings_know_has_a_name_at_vercel():
    assert set(PROTECTION) == set(get_args(model.Frontend.model_fields["protection"].annotation))


def test_variables_are_resources_of_their_own(plan: Plan):
    """Inline ones would wipe these out (terraform-provider-vercel#71)."""
    assert all("environments" not in each.inputs for each in plan.of_type(PROJECT))


def test_a_services_url_is_open_and_comes_from_the_service(private: Plan):
    variable = one(private, VARIABLE, "API_URL")
    assert variable.inputs["sensitive"] is False
    assert variable.inputs["value"] == Secret(unknown=True)  # the SDK makes every value a secret
    assert variable.property_dependencies["value"] == (one(private, SERVICE, "api").urn,)


def test_a_services_url_reaches_previews_only_where_there_are_any(private: Plan, external: Plan):
    assert one(private, VARIABLE, "API_URL").inputs["targets"] == ["preview", "production"]
    assert one(external, VARIABLE, "API_URL").inputs["targets"] == ["production"]


def test_variables_say_whether_they_can_be_read_and_where(private: Plan):
    declared = {each.name: each.inputs for each in private.of_type(VARIABLE)}
    assert {name: inputs["sensitive"] for name, inputs in declared.items()} == {
        "API_URL": False,
        "NEXT_PUBLIC_ENVIRONMENT": False,
        "SESSION_KEY": True,
    }
    assert declared["SESSION_KEY"]["targets"] == ["preview", "production"]
    assert declared["SESSION_KEY"]["value"] == Secret(unknown=False)
    assert {inputs["projectId"] for inputs in declared.values()} == {UNKNOWN}


def test_log_lines_are_posted_to_the_service_and_signed(private: Plan, external: Plan):
    drain = one(private, DRAIN)
    assert drain.inputs == {
        "name": "goals-trial-logs",
        "projectIds": [UNKNOWN],
        "endpoint": UNKNOWN,
        "deliveryFormat": "ndjson",
        "sources": ["lambda"],
        "environments": ["preview", "production"],
        "secret": Secret(unknown=False),
    }
    assert drain.property_dependencies["endpoint"] == (one(private, SERVICE, "api").urn,)
    # Vercel asks the address when the drain is made.
    assert one(private, INVOKER, "api-public").urn in before(private, drain)
    assert drain.property_dependencies["projectIds"] == (one(private, PROJECT).urn,)
    assert one(external, DRAIN).inputs["environments"] == ["production"]


def test_a_secret_that_could_be_guessed_ends_the_program_without_being_told():
    with pytest.raises(PreviewError) as ended:
        preview(PRIVATE, drainKey="swordfish")
    text = str(ended.value)
    assert "secret drainKey: a log drain's secret has at least 32 characters, not 9" in text
    assert "pulumi config set --secret drainKey" in text
    assert "swordfish" not in text


def test_a_domain_is_attached_where_given(private: Plan, external: Plan):
    assert private.of_type(DOMAIN) == ()
    assert one(external, DOMAIN).inputs["domain"] == "app.acme-goals.com"


def test_an_environment_without_frontend_asks_nothing_of_vercel(socket: Plan):
    assert [
        each.urn for each in socket.resources if each.type.startswith(("vercel:", "pulumi:providers:vercel"))
    ] == []
    assert "frontendProject" not in as_dict(socket.outputs)
