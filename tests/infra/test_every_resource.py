"""What holds of every resource in every environment."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from plimsoll.preview.plan import Secret, to_json
from tests.infra.conftest import CANARIES
from tests.infra.reading import (
    ACCOUNT,
    ADDRESSES,
    API,
    DATABASE,
    DOMAIN,
    DRAIN,
    INSTANCE,
    INVOKER,
    JOB,
    NAT,
    NETWORK,
    PASSWORD,
    PEERING,
    PROJECT,
    REPOSITORY,
    REPOSITORY_GRANT,
    ROLE_GRANT,
    ROUTER,
    SCHEDULE,
    SECRET,
    SECRET_GRANT,
    SECRET_VERSION,
    SERVICE,
    STARTER,
    SUBNET,
    USER,
    VARIABLE,
    before,
    component,
    managed,
    one,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.plan import Plan, Resource

NAMED_BY: dict[str, tuple[str, ...]] = {
    ACCOUNT: ("accountId",),
    ADDRESSES: ("name",),
    API: ("service",),
    DATABASE: ("instance", "name"),
    DOMAIN: ("domain",),
    DRAIN: ("name",),
    INSTANCE: ("name",),
    INVOKER: ("name", "role", "member"),
    JOB: ("name",),
    REPOSITORY: ("repositoryId",),
    REPOSITORY_GRANT: ("repository", "role", "member"),
    SCHEDULE: ("name",),
    STARTER: ("name", "role"),
    NAT: ("name",),
    NETWORK: ("name",),
    PEERING: ("service",),
    PROJECT: ("name",),
    ROLE_GRANT: ("project", "role"),
    ROUTER: ("name",),
    SECRET: ("secretId",),
    SECRET_GRANT: ("secretId", "role"),
    SERVICE: ("name",),
    SUBNET: ("name",),
    USER: ("instance", "name"),
    VARIABLE: ("key",),
}
"""Inputs that a vendor calls a thing by. A password has none, and a secret's version is numbered."""

AFTER_API = {
    "gcp:artifactregistry": "artifactregistry",
    "gcp:cloudrunv2": "run",
    "gcp:cloudscheduler": "cloudscheduler",
    "gcp:compute": "compute",
    "gcp:projects": "cloudresourcemanager",
    "gcp:secretmanager": "secretmanager",
    "gcp:serviceaccount": "iam",
    "gcp:servicenetworking": "servicenetworking",
    "gcp:sql": "sqladmin",
}

HOLDS_DATA = {INSTANCE, DATABASE, USER, PASSWORD, SECRET, REPOSITORY}
LASTING = HOLDS_DATA | {SERVICE, JOB, NETWORK, SUBNET, ADDRESSES, PEERING, PROJECT, DOMAIN}


def test_it_goes_through_an_explicit_provider(plan: Plan):
    assert [each.urn for each in managed(plan) if each.provider is None or not each.provider.explicit] == []


def test_its_physical_name_is_said_and_known(plan: Plan):
    unnamed = [
        each.urn
        for each in managed(plan)
        if each.type not in {PASSWORD, SECRET_VERSION}
        and not all(isinstance(each.inputs.get(key), str) for key in NAMED_BY[each.type])
    ]
    assert unnamed == []


def test_it_stands_below_one_of_our_components(plan: Plan):
    for resource in managed(plan):
        parent = plan.resource(resource.parent or "")
        assert parent is not None
        assert parent.type.startswith("plimsoll:infra:"), resource.urn


def test_every_component_stands_below_the_environment(plan: Plan):
    environment = component(plan, "Environment", "environment")
    components = {each.urn for each in plan.resources if each.type.startswith("plimsoll:infra:")}
    assert {each.urn for each in plan.children(environment.urn)} == components - {environment.urn}


def test_it_waits_for_its_api_where_google_has_one(plan: Plan):
    for resource in managed(plan):
        module = resource.type.split("/", maxsplit=1)[0]
        if resource.type != API and module in AFTER_API:
            assert one(plan, API, AFTER_API[module]).urn in before(plan, resource), resource.urn


def test_no_api_is_on_that_nothing_here_needs(plan: Plan):
    needed = {
        AFTER_API.get(each.type.split("/", maxsplit=1)[0]) for each in managed(plan) if each.type != API
    }
    # The provider itself asks for the project, whatever is declared.
    assert {each.name for each in plan.of_type(API)} == (needed - {None}) | {"cloudresourcemanager"}


def test_every_api_comes_after_the_one_that_the_provider_asks(plan: Plan):
    (first,) = [each.urn for each in plan.of_type(API) if each.name == "cloudresourcemanager"]
    others = [each for each in plan.of_type(API) if each.urn != first]
    assert others
    assert all(first in each.dependencies for each in others)


def test_apis_stay_on_when_the_environment_goes(plan: Plan):
    assert {each.inputs["disableOnDestroy"] for each in plan.of_type(API)} == {False}


def test_no_secret_of_the_stack_is_in_clear(plan: Plan):
    text = json.dumps(to_json(plan)) + repr(plan)
    assert [key for key, canary in CANARIES.items() if canary in text] == []


@pytest.mark.parametrize(
    ("type_", "key"),
    [(USER, "password"), (SECRET_VERSION, "secretData"), (VARIABLE, "value"), (DRAIN, "secret")],
)
def test_what_may_be_secret_is_passed_as_a_secret(private: Plan, type_: str, key: str):
    values = [each.inputs[key] for each in private.of_type(type_)]
    assert values
    assert all(isinstance(value, Secret) for value in values)


@pytest.mark.parametrize("name", ["external", "socket"])
def test_a_protected_environment_protects_what_lasts(plan_of: Callable[[str], Plan], name: str):
    for resource in managed(plan_of(name)):
        assert resource.options.protect == (resource.type in LASTING), resource.urn


def test_an_unprotected_environment_can_be_destroyed(private: Plan):
    assert [each.urn for each in private.resources if each.options.protect] == []
    assert one(private, SERVICE, "api").inputs["deletionProtection"] is False
    assert one(private, INSTANCE).inputs["deletionProtection"] is False
    assert one(private, SECRET).inputs["deletionProtection"] is False


def test_new_physical_names_and_variables_give_nothing_else_another_identity(plan_of: Callable[[str], Plan]):
    """Neither a new name nor a moved variable may replace a neighbour."""
    first, renamed = plan_of("private"), plan_of("renamed")
    assert {each.urn for each in first.resources} == {each.urn for each in renamed.resources}
    changed = {_identity(each) for each in renamed.resources} - {_identity(each) for each in first.resources}
    assert {(type_, names) for type_, _, names in changed} == {
        (SERVICE, ("goals-backend",)),
        (INVOKER, ("goals-backend", "roles/run.invoker", "allUsers")),
        (INSTANCE, ("goals-staging",)),
        (DATABASE, ("goals-staging", "goals")),
        (USER, ("goals-staging", "goals")),
        (PROJECT, ("goals-web-dev",)),
    }


def _identity(resource: Resource) -> tuple[str, str, tuple[str, ...]]:
    names = tuple(str(resource.inputs[key]) for key in NAMED_BY.get(resource.type, ()))
    return resource.type, resource.urn, names
