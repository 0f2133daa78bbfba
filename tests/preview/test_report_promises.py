"""What a plan promises, for our components and for programs that have none of them, and how it is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from plimsoll.connections import ConnectionBudget
from plimsoll.preview.plan import (
    UNKNOWN,
    Diagnostic,
    Options,
    Plan,
    Resource,
    Secret,
    Severity,
    Source,
    Step,
)
from plimsoll.preview.promises import INSTANCE, JOB, SERVICE, Undecided, connection_budget, promises
from plimsoll.preview.report.machine import promises_json
from plimsoll.preview.report.terminal import report, resource_report

STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"


def resource(type_: str, name: str, inputs: dict[str, Any], **changes: Any) -> Resource:
    given: dict[str, Any] = {
        "urn": f"urn:pulumi:dev::shop::{type_}::{name}",
        "type": type_,
        "name": name,
        "parent": STACK,
        "custom": not type_.startswith("plimsoll:"),
        "read": False,
        "provider": None,
        "inputs": inputs,
        "outputs": {},
        "dependencies": (),
        "property_dependencies": {},
        "options": Options(),
        "source": None,
        "steps": (Step.CREATE,),
    } | changes
    return Resource(**given)


def plan(*resources: Resource, **changes: Any) -> Plan:
    root = resource("pulumi:pulumi:Stack", "shop-dev", {}, urn=STACK, parent=None, custom=False)
    whole = Plan("shop", "dev", Source.OFFLINE, knows_state=False, resources=(root, *resources), outputs={})
    return replace(whole, **changes)


def text(renderable: Any) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


DEMAND = {"instances": 3, "workers": 2, "concurrency": 40, "pool": 5, "overflow": 2, "perRequest": 1}
SUPPLY = {"maxConnections": 50, "reserve": 3}


def ours(demand: dict[str, Any] = DEMAND, supply: dict[str, Any] = SUPPLY) -> Plan:
    return plan(
        resource("plimsoll:infra:Service", "api", {"connections": demand}),
        resource("plimsoll:infra:CloudSqlDatabase", "database", {"connections": supply}),
    )


class TestOfOurComponents:
    def test_connections_are_added_up(self):
        budget = connection_budget(ours())
        assert isinstance(budget, ConnectionBudget)
        assert [(one.used, one.usable) for one in budget.sums] == [(43, 47)]

    def test_behind_a_pooler_there_are_two_sums(self):
        pooler = {"mode": "transaction", "clients": 200, "pool": 15}
        budget = connection_budget(ours(supply={**SUPPLY, "pooler": pooler}))
        assert isinstance(budget, ConnectionBudget)
        assert [one.side for one in budget.sums] == ["pooler", "database"]

    def test_what_is_not_known_is_named(self):
        budget = connection_budget(ours({**DEMAND, "pool": UNKNOWN}, {**SUPPLY, "maxConnections": Secret()}))
        assert isinstance(budget, Undecided)
        assert budget.missing == ("pool of api", "maxConnections of the database")

    def test_jobs_and_tagged_revisions_are_added(self):
        job = {"connections": {"parallelism": 3, "pool": 1, "overflow": 0}, "service": "api"}
        whole = plan(
            *ours({**DEMAND, "tagged": 1}).resources[1:], resource("plimsoll:infra:Job", "seed", job)
        )
        budget = connection_budget(whole)
        assert isinstance(budget, ConnectionBudget)
        assert [one.used for one in budget.sums] == [(3 + 1) * 2 * 7 + 3 + 1]
        shown = text(report(whole))
        assert "api (3 + 1 tagged) × 2 × (5 + 2) = 56 · job seed 3 × 1 = 3 · migration 1" in shown
        said: Any = promises_json(whole)["connections"]
        assert said["jobs"] == {"seed": {"most": 3, "arithmetic": "3 × 1 = 3"}}

    def test_a_job_that_does_not_say_its_pool_cannot_be_decided(self):
        job = resource("plimsoll:infra:Job", "seed", {"connections": {"parallelism": 3, "overflow": 0}})
        assert connection_budget(plan(*ours().resources[1:], job)) == Undecided(("pool of job seed",))

    def test_several_databases_cannot_be_told_apart(self):
        both = plan(
            *ours().resources[1:],
            resource("plimsoll:infra:ExternalDatabase", "other", {"connections": SUPPLY}),
        )
        budget = connection_budget(both)
        assert isinstance(budget, Undecided)
        assert "which of several databases" in budget.missing[0]

    def test_budgets_are_read_from_the_environment(self):
        flow = {
            "endpoint": "GET /a",
            "service": "api",
            "critical": True,
            "p95": "300ms",
            "availability": "99.5",
        }
        (one,) = promises(plan(resource("plimsoll:infra:Environment", "environment", {"flows": {"a": flow}})))
        assert (one.flow, one.label, one.p95, one.critical) == ("a", "GET /a", "300ms", True)

    @pytest.mark.parametrize("custom", [True, False])
    def test_nobody_elses_resource_promises_anything_whatever_its_inputs_are_called(self, *, custom: bool):
        said = {"flows": {"a": {"p95": "1s"}}, "connections": DEMAND}
        foreign = resource("aws:x:Y", "y", said, custom=custom)
        assert promises(plan(foreign)) == ()
        assert connection_budget(plan(foreign)) is None


def cloud_run(
    name: str = "web", variables: dict[str, str] | None = None, *, scaling: int = 4, revision: int = 0
) -> Resource:
    envs = [{"name": key, "value": value} for key, value in (variables or {}).items()]
    return resource(
        SERVICE,
        name,
        {
            "scaling": {"maxInstanceCount": scaling},
            "template": {
                "scaling": {"maxInstanceCount": revision},
                "maxInstanceRequestConcurrency": 80,
                "containers": [{"envs": envs}],
            },
        },
    )


def cloud_run_job(name: str, variables: dict[str, str] | None = None, **template: int) -> Resource:
    envs = [{"name": key, "value": value} for key, value in (variables or {}).items()]
    return resource(JOB, name, {"template": {**template, "template": {"containers": [{"envs": envs}]}}})


def cloud_sql(*flags: tuple[str, str]) -> Resource:
    said = [{"name": name, "value": value} for name, value in flags]
    return resource(INSTANCE, "main", {"settings": {"databaseFlags": said}})


VARIABLES = {"WEB_CONCURRENCY": "2", "DB_POOL_SIZE": "5", "DB_MAX_OVERFLOW": "0"}


class TestOfAForeignProgram:
    def test_named_variables_and_the_flag_decide(self):
        budget = connection_budget(plan(cloud_run("web", VARIABLES), cloud_sql(("max_connections", "50"))))
        assert isinstance(budget, ConnectionBudget)
        assert budget.demands[0].most == 40

    @pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "DB_POOL_SIZE"])
    def test_without_one_of_them_it_cannot_be_decided(self, name: str):
        variables = {key: value for key, value in VARIABLES.items() if key != name}
        budget = connection_budget(plan(cloud_run("web", variables), cloud_sql(("max_connections", "50"))))
        assert budget == Undecided((f"{name} of web",))

    @pytest.mark.parametrize(
        ("template", "tasks"),
        [
            pytest.param({}, 1, id="one-where-nothing-is-said"),
            pytest.param({"taskCount": 4}, 4, id="all-at-once-without-a-parallelism"),
            pytest.param({"taskCount": 4, "parallelism": 0}, 4, id="or-with-one-of-0"),
            pytest.param({"taskCount": 4, "parallelism": 2}, 2, id="as-many-as-may-run-at-once"),
        ],
    )
    def test_a_job_that_uses_the_database_is_added(self, template: dict[str, Any], tasks: int):
        job = cloud_run_job("seed", VARIABLES, **template)
        whole = plan(cloud_run("web", VARIABLES), job, cloud_sql(("max_connections", "50")))
        budget = connection_budget(whole)
        assert isinstance(budget, ConnectionBudget)
        assert [(one.tasks, one.most) for one in budget.jobs] == [(tasks, tasks * 5)]
        assert budget.sums[0].used == 40 + tasks * 5 + 1

    def test_a_job_that_does_not_say_its_pool_cannot_be_decided(self):
        supply = cloud_sql(("max_connections", "50"))
        silent = cloud_run_job("seed", {"DATABASE_URL": "x"})
        whole = plan(cloud_run("web", VARIABLES), silent, cloud_run_job("mail"), supply)
        assert connection_budget(whole) == Undecided(("DB_POOL_SIZE of job seed",))

    def test_nor_without_the_flag(self):
        budget = connection_budget(plan(cloud_run("web", VARIABLES), cloud_sql()))
        assert budget == Undecided(("the max_connections flag of main",))

    def test_a_service_that_shows_no_sign_of_a_database_uses_none(self):
        both = plan(cloud_run("web", VARIABLES), cloud_run("site"), cloud_sql(("max_connections", "50")))
        budget = connection_budget(both)
        assert isinstance(budget, ConnectionBudget)
        assert [one.service for one in budget.demands] == ["web"]

    def test_nor_of_one_that_has_a_database_and_says_nothing_of_pools(self):
        both = plan(
            cloud_run("web", VARIABLES),
            cloud_run("b", {"DATABASE_URL": "x"}),
            cloud_sql(("max_connections", "50")),
        )
        budget = connection_budget(both)
        assert isinstance(budget, Undecided)
        assert budget.missing == ("WEB_CONCURRENCY of b", "DB_POOL_SIZE of b")

    def test_a_maximum_of_0_is_the_providers_word_for_none(self):
        service = cloud_run("web", VARIABLES, scaling=0, revision=5)
        budget = connection_budget(plan(service, cloud_sql(("max_connections", "50"))))
        assert isinstance(budget, ConnectionBudget)
        assert budget.demands[0].instances == 5

    @pytest.mark.parametrize(
        "alone", [plan(cloud_run("web", VARIABLES)), plan(cloud_sql(("max_connections", "50"))), plan()]
    )
    def test_services_or_databases_alone_have_no_budget(self, alone: Plan):
        assert connection_budget(alone) is None


class TestAtATerminal:
    def test_an_overdrawn_budget_cannot_be_overlooked(self):
        shown = text(report(ours({**DEMAND, "instances": 9})))
        assert "127 of 47 usable  OVER by 80" in shown
        assert "api 9 × 2 × (5 + 2) = 126" in shown

    def test_what_cannot_be_decided_says_what_is_missing(self):
        shown = text(report(plan(cloud_run(), cloud_run("b", {"DB_POOL_SIZE": "5"}), cloud_sql())))
        assert "cannot decide" in shown
        assert "WEB_CONCURRENCY of b" in shown

    def test_imports_reads_protection_and_warnings_are_marked(self):
        shown = text(
            report(
                plan(
                    resource(
                        "a:b:C",
                        "taken",
                        {},
                        steps=(Step.IMPORT,),
                        options=Options(protect=True, import_id="x"),
                    ),
                    resource("a:b:C", "seen", {}, read=True, steps=(Step.READ,)),
                    diagnostics=(
                        Diagnostic(Severity.WARNING, "mind the gap"),
                        Diagnostic(Severity.INFO, "fine"),
                    ),
                )
            )
        )
        assert "taken  a:b:C  import  protected" in shown
        assert "seen  a:b:C  read" in shown
        assert "1 to import, 1 read" in shown
        assert "mind the gap" in shown
        assert "fine" not in shown

    def test_a_split_of_traffic_is_shown_and_what_everybody_has_is_not(self):
        latest = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}
        older = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": "api-7", "tag": "old"}

        def shown(*targets: dict[str, Any]) -> str:
            return text(report(plan(resource(SERVICE, "api", {"traffics": [*targets]}))))

        assert "traffic 100 % latest, 0 % api-7 (old)" in shown(latest, older)
        assert "traffic 100" not in shown(latest)
        assert "traffic [known after the update] % latest" in shown({**latest, "percent": UNKNOWN})

    def test_markup_in_a_program_s_own_words_is_only_text(self):
        shown = text(report(plan(resource("a:b:C", "[red]x[/red]", {"name": "[/nonsense]"}))))
        assert "[red]x[/red]" in shown
        assert "[/nonsense]" in shown

    def test_one_resource_shows_every_input_by_its_path(self):
        one = resource(
            "a:b:C", "x", {"a": [{"b": "1", "c": 1, "d": True}], "s": Secret(), "u": UNKNOWN, "e": {}}
        )
        shown = text(resource_report(plan(one), one))
        for line in ('a[0].b: "1"', "a[0].c: 1", "a[0].d: true", "s: [secret]", "u: [known after", "e: {}"):
            assert line in shown


def test_a_machine_is_told_why_it_cannot_be_decided():
    said = promises_json(plan(cloud_run("web", {"DB_POOL_SIZE": "5"}), cloud_sql()))
    assert said["connections"] == {
        "undecided": ["WEB_CONCURRENCY of web", "the max_connections flag of main"]
    }
    assert promises_json(plan())["connections"] is None
