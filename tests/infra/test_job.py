"""What jobs and their schedules are declared as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plimsoll.preview.plan import UNKNOWN
from tests.infra.reading import (
    ACCOUNT,
    JOB,
    ROLE_GRANT,
    SCHEDULE,
    SECRET_GRANT,
    STARTER,
    as_dict,
    before,
    component,
    one,
    template_of,
)

if TYPE_CHECKING:
    from plimsoll.preview.plan import Plan


def task_of(plan: Plan, name: str) -> dict[str, Any]:
    return as_dict(as_dict(one(plan, JOB, name).inputs["template"])["template"])


def container_of(plan: Plan, name: str) -> dict[str, Any]:
    (container,) = task_of(plan, name)["containers"]
    return as_dict(container)


def variables_of(plan: Plan, name: str) -> dict[str, Any]:
    variables = container_of(plan, name)["envs"]
    names = [each["name"] for each in variables]
    assert names == sorted(set(names))
    return {each["name"]: each.get("value") or each["valueSource"]["secretKeyRef"] for each in variables}


def test_what_a_job_leaves_out_is_its_services(private: Plan):
    container = container_of(private, "migrate")
    assert container["image"] == "europe-west1-docker.pkg.dev/acme-goals-dev/services/api:bootstrap"
    assert container["resources"] == {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert container["commands"] == ["alembic", "upgrade", "head"]
    assert "args" not in container
    assert task_of(private, "migrate")["vpcAccess"] == template_of(private, "api")["vpcAccess"]
    assert variables_of(private, "migrate") == {
        "ALLOWED_ORIGIN": "https://dev.acme.com",
        "DATABASE_URL": {"secret": "goals-trial-database-url", "version": UNKNOWN},
        "DB_MAX_OVERFLOW": "0",
        "DB_POOL_SIZE": "1",
        "LOG_LEVEL": "debug",
        "OPENAI_API_KEY": {"secret": "openai-api-key", "version": "3"},
        "OPENAI_KEY_OLD_NAME": {"secret": "openai-api-key", "version": "2"},
        "PARTNER_KEY": {"secret": "projects/acme-shared/secrets/partner", "version": "7"},
        "SEED": {"secret": "seed", "version": "1"},
    }


def test_and_what_it_says_is_its_own(private: Plan):
    container, task = container_of(private, "review"), task_of(private, "review")
    template = as_dict(one(private, JOB, "review").inputs["template"])
    assert container["resources"] == {"limits": {"cpu": "2", "memory": "2Gi"}}
    assert container["args"] == ["review", "--all"]
    assert "commands" not in container
    assert (template["taskCount"], template["parallelism"]) == (4, 2)
    assert (task["timeout"], task["maxRetries"]) == ("3600s", 3)
    variables = variables_of(private, "review")
    assert (variables["LOG_LEVEL"], variables["BATCH"]) == ("info", "100")
    assert (variables["DB_POOL_SIZE"], variables["DB_MAX_OVERFLOW"]) == ("3", "2")


def test_every_number_that_cloud_run_would_choose_is_said(private: Plan):
    template = as_dict(one(private, JOB, "clean").inputs["template"])
    task = task_of(private, "clean")
    assert (template["taskCount"], template["parallelism"], task["maxRetries"]) == (1, 1, 0)
    assert task["timeout"] == "1.5s"
    # Its service runs in the first generation, which runs no jobs.
    assert task["executionEnvironment"] == "EXECUTION_ENVIRONMENT_GEN2"


def test_a_job_of_a_service_without_database_knows_none(private: Plan):
    assert container_of(private, "clean")["envs"] == []
    assert "vpcAccess" not in task_of(private, "clean")
    assert component(private, "Job", "clean").inputs == {"service": "mail"}


def test_a_database_behind_a_socket_is_mounted(socket: Plan):
    assert task_of(socket, "migrate")["volumes"] == template_of(socket, "api")["volumes"]
    assert container_of(socket, "migrate")["volumeMounts"] == [{"name": "cloudsql", "mountPath": "/cloudsql"}]


def test_a_migration_goes_past_the_pooler_with_a_url_of_its_own(external: Plan):
    assert variables_of(external, "migrate")["DATABASE_URL"] == {
        "secret": "database-session-url",
        "version": "1",
    }
    assert variables_of(external, "review")["DATABASE_URL"] == {"secret": "database-url", "version": "2"}
    assert "api.database-session-url" in {each.name for each in external.of_type(SECRET_GRANT)}


def test_what_the_connection_budget_counts_is_said(private: Plan, external: Plan):
    assert component(private, "Job", "review").inputs == {
        "service": "api",
        "connections": {"parallelism": 2, "pool": 3, "overflow": 2},
    }
    assert as_dict(component(external, "Job", "migrate").inputs["connections"])["direct"] is True


def test_a_job_runs_as_its_service_and_only_once_that_may_read_its_secrets(plan: Plan):
    grants = [each for type_ in (SECRET_GRANT, ROLE_GRANT) for each in plan.of_type(type_)]
    for job in plan.of_type(JOB):
        key = str(component(plan, "Job", job.name).inputs["service"])
        account = one(plan, ACCOUNT, key)
        assert account.urn in job.property_dependencies["template"]
        own = {grant.urn for grant in grants if grant.name.startswith(f"{key}.")}
        assert own <= before(plan, job)


def test_the_pipelines_image_is_no_change_to_undo(private: Plan, external: Plan):
    ignored = one(private, JOB, "migrate").options.ignore_changes
    assert "template.template.containers[0].image" in ignored
    assert one(external, JOB, "migrate").options.ignore_changes == ()
    assert container_of(external, "migrate")["image"].endswith("@sha256:" + "a" * 64)


def test_a_job_is_deleted_by_an_edit_only_where_nothing_is_protected(private: Plan, external: Plan):
    for plan, protected in ((private, False), (external, True)):
        job = one(plan, JOB, "migrate")
        assert (job.inputs["deletionProtection"], job.options.protect) == (protected, protected)


def test_labels_say_whose_it_is(private: Plan):
    assert one(private, JOB, "review").inputs["labels"] == {
        "application": "goals",
        "environment": "trial",
        "job": "review",
        "team": "goals",
    }


def test_a_schedule_starts_this_job_as_an_account_that_may_do_nothing_else(private: Plan):
    (schedule,) = private.of_type(SCHEDULE)
    assert (schedule.inputs["schedule"], schedule.inputs["timeZone"]) == ("30 3 * * MON-FRI", "Europe/Berlin")
    assert schedule.inputs["region"] == "europe-west3"  # Cloud Scheduler is not everywhere
    target = as_dict(schedule.inputs["httpTarget"])
    assert target["httpMethod"] == "POST"
    assert target["oauthToken"] == {
        "serviceAccountEmail": UNKNOWN,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    }
    assert target["uri"] == (
        "https://run.googleapis.com/v2/projects/acme-goals-dev/locations/europe-west1/jobs/goals-review:run"
    )
    (starter,) = private.of_type(STARTER)
    assert (starter.inputs["name"], starter.inputs["role"]) == ("goals-review", "roles/run.invoker")
    account = one(private, ACCOUNT, "review-schedule")
    assert account.urn in starter.property_dependencies["member"]
    assert {starter.urn, account.urn} <= before(private, schedule)
    assert [each.name for each in private.of_type(ROLE_GRANT)] == []


def test_who_has_no_schedule_has_no_account_for_one(private: Plan):
    assert {each.name for each in private.of_type(ACCOUNT)} == {"api", "mail", "review-schedule"}
