"""What an environment says of itself, and what its parts learn of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plimsoll.preview.offline import PreviewError
from plimsoll.preview.plan import UNKNOWN, Secret, Severity
from tests.infra.conftest import EXTERNAL, changed, preview
from tests.infra.reading import (
    ADDRESSES,
    INSTANCE,
    NAT,
    NETWORK,
    PEERING,
    SERVICE,
    SUBNET,
    before,
    component,
    one,
    template_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.offline import PreviewError
from plimsoll.preview.plan import Plan


def test_it_registers_each_flow_with_its_budget_as_its_own_input(private: Plan):
    assert component(private, "Environment", "environment").inputs == {
        "production": False,
        "flows": {
            "goal-list": {
                "endpoint": "GET /api/goals",
                "service": "api",
                "owner": "goals",
                "critical": True,
                "p95": "300ms",
                "p99": "1.2s",
                "availability": "99.5",
            },
            "dashboard": {
                "serverAction": "loadDashboard",
                "page": "/dashboard",
                "critical": False,
                "p95": "800ms",
                "availability": "99",
            },
        },
    }


@pytest.mark.parametrize(
    ("environment", "package", "expected"),
    [
        ("private", "gcp", {"project": "acme-goals-dev", "region": "europe-west1"}),
        ("private", "random", {}),
        ("private", "vercel", {"team": "acme", "apiToken": Secret()}),
        ("external", "gcp", {"project": "acme-goals-prod", "region": "europe-west1"}),
    ],
)
def test_each_provider_is_told_where_it_works(
    plan_of: Callable[[str], Plan], environment: str, package: str, expected: dict[str, object]
):
    assert one(plan_of(environment), f"pulumi:providers:{package}").inputs == expected


@pytest.mark.parametrize(
    ("environment", "packages"),
    [
        ("private", {"gcp", "random", "vercel"}),
        ("external", {"gcp", "vercel"}),
        ("socket", {"gcp", "random"}),
    ],
)
def test_it_has_a_provider_for_what_it_declares_and_no_other(
    plan_of: Callable[[str], Plan], environment: str, packages: set[str]
):
    plan = plan_of(environment)
    prefix = "pulumi:providers:"
    declared = [each for each in plan.resources if each.type.startswith(prefix)]
    assert {each.type.removeprefix(prefix) for each in declared} == packages
    assert len(declared) == len(packages)


def test_it_exports_addresses_and_names_but_no_secret(external: Plan):
    assert external.outputs == {
        "region": "europe-west1",
        "serviceUrls": {"api": UNKNOWN},
        "serviceNames": {"api": "goals-api"},
        "jobNames": {"migrate": "goals-migrate", "review": "goals-review"},
        "registry": "europe-west1-docker.pkg.dev/acme-goals-prod/services",
        "databaseUrlSecret": "projects/acme-goals-prod/secrets/database-url",
        "frontendProject": "goals",
        "frontendUrl": "https://app.acme-goals.com",
    }


def test_it_exports_the_instance_where_it_made_one(private: Plan):
    assert private.outputs["databaseInstance"] == "goals-trial"
    assert private.outputs["databaseConnectionName"] == UNKNOWN
    assert private.outputs["databaseUrlSecret"] == "projects/acme-goals-dev/secrets/goals-trial-database-url"


def test_without_a_domain_it_claims_no_address_of_the_frontend(private: Plan):
    """PROJECT.vercel.app may be somebody else's."""
    assert "frontendUrl" not in private.outputs


def test_advice_is_given_as_warnings(private: Plan):
    warnings = [said.message for said in private.diagnostics if said.severity is Severity.WARNING]
    assert any("plimsoll:database.maxConnections" in message for message in warnings)


def test_wrong_settings_end_the_program_in_their_own_words():
    with pytest.raises(PreviewError) as ended:
        preview(changed(EXTERNAL, {"services.api.memory": "8Gi", "budgets.checkout": {"p95": "1s"}}))
    keys = [line.split(": ")[0] for line in str(ended.value).splitlines()]
    assert {"plimsoll:services.api.memory", "plimsoll:budgets.checkout"} <= set(keys)


@pytest.mark.parametrize("environment", ["external", "socket"])
def test_only_a_private_database_needs_a_network(plan_of: Callable[[str], Plan], environment: str):
    plan = plan_of(environment)
    assert [*plan.of_type(NETWORK), *plan.of_type(SUBNET), *plan.of_type(PEERING)] == []
    assert all("vpcAccess" not in template_of(plan, each.name) for each in plan.of_type(SERVICE))


def test_the_network_has_one_subnet_for_services_and_a_range_for_googles_own(private: Plan):
    assert one(private, NETWORK).inputs == {"name": "goals-trial", "autoCreateSubnetworks": False}
    subnet = one(private, SUBNET).inputs
    assert (subnet["ipCidrRange"], subnet["region"]) == ("10.8.0.0/26", "europe-west1")
    assert subnet["privateIpGoogleAccess"] is True
    addresses = one(private, ADDRESSES).inputs
    assert (addresses["purpose"], addresses["addressType"]) == ("VPC_PEERING", "INTERNAL")
    assert addresses["prefixLength"] == 20


def test_the_instance_waits_for_the_peering_that_gives_it_an_address(private: Plan):
    peering = one(private, PEERING)
    assert peering.inputs["reservedPeeringRanges"] == ["goals-trial-google-services"]
    assert peering.urn in one(private, INSTANCE).dependencies


def test_the_peering_does_not_stop_the_network_from_being_destroyed(private: Plan):
    """Google holds on to it for days (terraform-provider-google#18834)."""
    assert one(private, PEERING).inputs["deletionPolicy"] == "REMOVE_PEERING"


def test_only_traffic_to_the_internet_gives_the_network_a_way_out(plan_of: Callable[[str], Plan]):
    assert plan_of("private").of_type(NAT) == ()
    through = plan_of("through-network")
    nat = one(through, NAT)
    assert nat.urn in before(through, one(through, SERVICE, "api"))
    assert nat.urn not in before(through, one(through, SERVICE, "mail"))
