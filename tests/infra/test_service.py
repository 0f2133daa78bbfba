"""What a Cloud Run service is declared as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.service import probe, revision_scaling, service_scaling, traffic
from plimsoll.preview.plan import UNKNOWN
from plimsoll.settings import model
from plimsoll.settings.rules.services import OWN_VARIABLES
from tests.infra.reading import (
    ACCOUNT,
    INVOKER,
    ROLE_GRANT,
    SECRET_GRANT,
    SERVICE,
    as_dict,
    before,
    component,
    container_of,
    one,
    template_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.plan import Plan


def settings(**changes: Any) -> model.Service:
    """A small service with these keys changed, as a stack file writes them."""
    return model.Service.model_validate(
        {
            "image": {"uri": "europe-docker.pkg.dev/acme/services/api:1"},
            "cpu": 1,
            "memory": "512Mi",
            "concurrency": 40,
            "instances": {"max": 3},
            "timeout": "60s",
            "startupProbe": {"tcp": True, "period": "1s", "timeout": "1s", "failures": 60},
            **changes,
        }
    )


# --- scaling ---


@pytest.mark.parametrize(
    ("instances", "expected"),
    [
        pytest.param({"max": 3}, {"max_instance_count": 3}, id="no minimum is left out"),
        pytest.param(
            {"min": 0, "max": 3}, {"max_instance_count": 3}, id="nor is zero sent, which never settles"
        ),
        pytest.param({"min": 2, "max": 3}, {"max_instance_count": 3, "min_instance_count": 2}, id="both"),
        pytest.param(
            {"manual": 4}, {"scaling_mode": "MANUAL", "manual_instance_count": 4}, id="a fixed number alone"
        ),
    ],
)
def test_limits_are_the_services(instances: dict[str, int], expected: dict[str, object]):
    assert service_scaling(settings(instances=instances)) == expected


@pytest.mark.parametrize(
    ("maximum", "targets", "expected"),
    [
        pytest.param(3, {}, None, id="nothing, as a rule"),
        pytest.param(100, {}, None, id="nothing up to what a revision may have anyway"),
        pytest.param(
            101, {}, {"max_instance_count": 101}, id="a maximum beyond that, or it would not be reached"
        ),
        pytest.param(
            3,
            {"cpuUtilization": 0.7},
            {"max_instance_count": 3, "cpu_utilization": 0.7},
            id="a target, with the maximum, or it never settles",
        ),
        pytest.param(
            3,
            {"cpuUtilization": 0, "concurrencyUtilization": 0.8},
            {"max_instance_count": 3, "cpu_utilization": 0.0, "concurrency_utilization": 0.8},
            id="a target of zero, which turns it off",
        ),
    ],
)
def test_a_revision_has_limits_of_its_own_only_where_it_must(
    maximum: int, targets: dict[str, float], expected: dict[str, object] | None
):
    assert revision_scaling(settings(instances={"max": maximum}, scaling=targets)) == expected


def test_no_launch_stage_is_said_even_for_targets(plan: Plan):
    """BETA would update the service on every run (pulumi-gcp#2336)."""
    assert all("launchStage" not in each.inputs for each in plan.of_type(SERVICE))


def test_scaling_reaches_the_wire(socket: Plan):
    assert one(socket, SERVICE, "api").inputs["scaling"] == {
        "scalingMode": "MANUAL",
        "manualInstanceCount": 3,
    }
    assert "scaling" not in template_of(socket, "api")
    assert template_of(socket, "mail")["scaling"] == {"maxInstanceCount": 120, "cpuUtilization": 0.7}


# --- container ---


def test_resources_are_said_in_full(private: Plan):
    """One limit without the other never settles (terraform-provider-google#20399); CPU outside of requests
    is billed where nothing is said.
    """
    assert container_of(private, "mail")["resources"] == {
        "limits": {"cpu": "500m", "memory": "512Mi"},
        "cpuIdle": True,
        "startupCpuBoost": True,
    }
    assert container_of(private, "api")["resources"]["limits"] == {"cpu": "1", "memory": "1Gi"}


def test_the_template_says_how_requests_are_served(private: Plan):
    template = template_of(private, "api")
    assert template["maxInstanceRequestConcurrency"] == 40
    assert template["timeout"] == "60s"
    assert template["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN2"
    assert template_of(private, "mail")["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN1"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param({"http": "/healthz"}, {"http_get": {"path": "/healthz", "port": 8080}}, id="http"),
        pytest.param({"tcp": True}, {"tcp_socket": {"port": 8080}}, id="tcp"),
        pytest.param({"grpc": "goals"}, {"grpc": {"port": 8080, "service": "goals"}}, id="grpc"),
        pytest.param({"grpc": ""}, {"grpc": {"port": 8080}}, id="grpc of the server as a whole"),
    ],
)
def test_a_probe_says_everything(kind: dict[str, Any], expected: dict[str, object]):
    asked = model.Probe.model_validate({"period": "10s", "timeout": "2s", "failures": 3, **kind})
    assert probe(asked, 8080) == {
        "initial_delay_seconds": 0,
        "period_seconds": 10,
        "timeout_seconds": 2,
        "failure_threshold": 3,
        **expected,
    }


def test_liveness_is_asked_only_where_declared(private: Plan):
    assert container_of(private, "api")["livenessProbe"]["initialDelaySeconds"] == 10
    assert "livenessProbe" not in container_of(private, "mail")


def test_the_port_carries_its_protocol(private: Plan, socket: Plan):
    assert container_of(private)["ports"] == {"name": "http1", "containerPort": 8080}
    assert container_of(socket)["ports"] == {"name": "h2c", "containerPort": 8080}


def test_variables_stand_in_the_order_of_their_names(plan: Plan):
    for service in plan.of_type(SERVICE):
        names = [variable["name"] for variable in container_of(plan, service.name)["envs"]]
        assert names == sorted(set(names))


def test_what_the_connection_budget_counts_is_what_the_container_gets(private: Plan):
    variables = {each["name"]: each.get("value") for each in container_of(private)["envs"]}
    counted = component(private, "Service", "api").inputs["connections"]
    assert counted == {
        "instances": 3,
        "workers": 2,
        "concurrency": 40,
        "pool": 3,
        "overflow": 2,
        "perRequest": 1,
    }
    assert variables["WEB_CONCURRENCY"] == "2"
    assert variables["DB_POOL_SIZE"] == "3"
    assert variables["DB_MAX_OVERFLOW"] == "2"


def test_manual_instances_are_counted_as_many_as_there_are(socket: Plan):
    assert as_dict(component(socket, "Service", "api").inputs["connections"])["instances"] == 3


def test_a_service_without_database_counts_and_gets_nothing_of_it(private: Plan):
    assert component(private, "Service", "mail").inputs == {}
    assert [each["name"] for each in container_of(private, "mail")["envs"]] == ["WEB_CONCURRENCY"]


def test_our_own_variables_are_those_that_settings_refuse_to_others(private: Plan):
    named = {each["name"] for each in container_of(private)["envs"]}
    written = {"LOG_LEVEL", "ALLOWED_ORIGIN", "OPENAI_API_KEY", "OPENAI_KEY_OLD_NAME", "PARTNER_KEY"}
    assert named - written == set(OWN_VARIABLES)


# --- secrets, grants, callers ---


def test_secrets_are_references_with_a_version_in_the_form_that_cloud_run_keeps(private: Plan):
    references = {
        each["name"]: each["valueSource"]["secretKeyRef"]
        for each in container_of(private)["envs"]
        if "valueSource" in each
    }
    assert references == {
        "DATABASE_URL": {"secret": "goals-trial-database-url", "version": UNKNOWN},
        "OPENAI_API_KEY": {"secret": "openai-api-key", "version": "1"},
        "OPENAI_KEY_OLD_NAME": {"secret": "openai-api-key", "version": "2"},
        "PARTNER_KEY": {"secret": "projects/acme-shared/secrets/partner", "version": "7"},
    }


def test_the_account_may_read_each_of_its_secrets_once_and_nothing_else(private: Plan):
    granted = [(each.inputs["secretId"], each.inputs["role"]) for each in private.of_type(SECRET_GRANT)]
    assert sorted(granted) == [
        (f"projects/{secret}", "roles/secretmanager.secretAccessor")
        for secret in (
            "acme-goals-dev/secrets/goals-trial-database-url",
            "acme-goals-dev/secrets/openai-api-key",
            "acme-goals-dev/secrets/seed",
            "acme-shared/secrets/partner",
        )
    ]
    assert private.of_type(ROLE_GRANT) == ()


def test_a_grant_is_named_after_its_secret(private: Plan):
    """After a variable, it would be made anew and then taken away when the variable is renamed."""
    assert {each.name for each in private.of_type(SECRET_GRANT)} == {
        "api.goals-trial-database-url",
        "api.openai-api-key",
        # Its job's, which runs as the same account.
        "api.seed",
        "api.acme-shared/partner",
    }


def test_every_service_runs_as_an_account_of_its_own(private: Plan):
    assert {each.name: each.inputs["accountId"] for each in private.of_type(ACCOUNT)} == {
        "api": "goals-api",
        "review-schedule": "goals-review-schedule",
        "mail": "goals-mail",
    }
    for name in ("api", "mail"):
        service = one(private, SERVICE, name)
        assert template_of(private, name)["serviceAccount"] == UNKNOWN
        accounts = set(service.property_dependencies["template"]) & {a.urn for a in private.of_type(ACCOUNT)}
        assert accounts == {one(private, ACCOUNT, name).urn}


def test_roles_of_the_project_are_those_declared_and_what_the_socket_needs(socket: Plan):
    assert {each.inputs["role"] for each in socket.of_type(ROLE_GRANT)} == {
        "roles/cloudsql.client",
        "roles/pubsub.publisher",
    }
    assert {each.inputs["project"] for each in socket.of_type(ROLE_GRANT)} == {"acme-goals-prod"}


def test_a_revision_starts_after_every_grant_of_its_account(plan: Plan):
    grants = {each.urn: each for type_ in (SECRET_GRANT, ROLE_GRANT) for each in plan.of_type(type_)}
    assert grants
    for service in plan.of_type(SERVICE):
        own = {urn for urn, grant in grants.items() if grant.parent == service.parent}
        assert own <= before(plan, service)


def test_anybody_may_call_a_public_service_and_nobody_another(private: Plan):
    invoker = one(private, INVOKER)
    assert invoker.inputs["name"] == "goals-api"
    assert (invoker.inputs["role"], invoker.inputs["member"]) == ("roles/run.invoker", "allUsers")
    assert one(private, SERVICE, "api").inputs["ingress"] == "INGRESS_TRAFFIC_ALL"
    assert one(private, SERVICE, "mail").inputs["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"


def test_no_service_goes_around_the_check_of_callers(plan: Plan):
    assert all("invokerIamDisabled" not in each.inputs for each in plan.of_type(SERVICE))


# --- who deploys ---

PIPELINES = {
    "template.containers[0].image",
    "traffics",
    "client",
    "clientVersion",
    "annotations",
    "template.annotations",
    "template.labels",
    "template.revision",
}


def test_a_pipelines_deployment_is_no_change_to_undo(private: Plan):
    for service in private.of_type(SERVICE):
        assert set(service.options.ignore_changes) == PIPELINES
        assert "traffics" not in service.inputs


def test_the_container_has_a_name_or_a_deployment_would_give_it_one(private: Plan):
    assert container_of(private, "api")["name"] == "api"


def test_pulumis_own_image_is_deployed_with_all_traffic():
    image = {"uri": "a/b@sha256:" + "a" * 64, "owner": "pulumi"}
    assert traffic(settings(image=image)) == [
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
    ]


def test_or_with_the_traffic_that_is_declared_in_its_order(external: Plan):
    service = one(external, SERVICE, "api")
    assert service.options.ignore_changes == ()
    named = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    assert service.inputs["traffics"] == [
        {"type": named, "revision": "goals-api-00012-abc", "percent": 90, "tag": "stable"},
        {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 10},
        # No share is left out: a 0 would never settle.
        {"type": named, "revision": "goals-api-00009-xyz", "tag": "last-year"},
    ]
    counted = as_dict(component(external, "Service", "api").inputs["connections"])
    assert (counted["instances"], counted["tagged"]) == (8, 1)
    assert container_of(external)["image"].endswith("@sha256:" + "a" * 64)


def test_labels_say_whose_it_is(private: Plan):
    assert one(private, SERVICE, "api").inputs["labels"] == {
        "application": "goals",
        "environment": "trial",
        "service": "api",
        "team": "goals",
    }


# --- the way to the database ---


def test_a_private_database_is_reached_through_the_network(private: Plan):
    assert template_of(private, "api")["vpcAccess"] == {
        "egress": "PRIVATE_RANGES_ONLY",
        "networkInterfaces": [{"network": "goals-trial", "subnetwork": "goals-trial-services"}],
    }
    assert "vpcAccess" not in template_of(private, "mail")


def test_all_traffic_goes_through_the_network_where_asked(plan_of: Callable[[str], Plan]):
    assert template_of(plan_of("through-network"), "api")["vpcAccess"]["egress"] == "ALL_TRAFFIC"


def test_a_public_database_is_reached_through_its_socket_with_volume_and_mount(socket: Plan):
    """A mount that is not said would be taken away in every preview (pulumi-gcp#1093)."""
    assert template_of(socket, "api")["volumes"] == [
        {"name": "cloudsql", "cloudSqlInstance": {"instances": [UNKNOWN]}}
    ]
    assert container_of(socket, "api")["volumeMounts"] == [{"name": "cloudsql", "mountPath": "/cloudsql"}]
    assert "volumes" not in template_of(socket, "mail")


def test_a_database_over_tcp_mounts_nothing(private: Plan, external: Plan):
    for plan in (private, external):
        assert "volumes" not in template_of(plan, "api")
        assert "volumeMounts" not in container_of(plan, "api")
