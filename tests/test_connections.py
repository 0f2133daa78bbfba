"""The connection budget, held against sums done by hand."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.connections import Demand, JobDemand, Pooler, Supply, assess, at_once, remedy

API = Demand(service="api", instances=1, workers=1, concurrency=80, pool=5, overflow=10)


def service(**changes: int) -> Demand:
    return replace(API, **changes)


@pytest.mark.parametrize(
    ("demand", "most"),
    [
        pytest.param(service(), 15, id="one-instance-opens-its-pool-and-overflow"),
        pytest.param(service(instances=5), 75, id="every-instance-has-a-pool"),
        pytest.param(service(instances=5, workers=2), 150, id="every-worker-has-a-pool"),
        pytest.param(service(concurrency=4), 4, id="no-more-than-the-requests-in-flight"),
        pytest.param(service(concurrency=4, per_request=2), 8, id="times-the-sessions-of-a-request"),
        pytest.param(service(concurrency=4, workers=2), 8, id="since-any-worker-may-get-all-requests"),
    ],
)
def test_a_service_opens_at_most(demand: Demand, most: int):
    assert demand.most == most


# Supabase Small: 90 connections, of which 76 are usable (14 kept). Pool 5 + 10.
SMALL = Supply(max_connections=90, reserve=14)


@pytest.mark.parametrize(
    ("instances", "over", "tight"),
    [
        pytest.param(1, 0, False, id="one-instance-fits-even-in-a-rollout-during-a-spike"),
        pytest.param(2, 0, True, id="two-fit-but-a-rollout-during-a-spike-would-not"),
        pytest.param(5, 0, True, id="five-and-a-migration-take-every-usable-connection"),
        pytest.param(6, 15, True, id="six-are-refused"),
    ],
)
def test_a_small_supabase_takes_five_instances_of_fifteen(instances: int, over: int, *, tight: bool):
    (one,) = assess([service(instances=instances)], SMALL).sums
    assert (one.over, one.tight) == (over, tight)


def test_one_migration_is_always_counted():
    assert assess([], SMALL).sums[0].used == 1
    assert not assess([service(instances=5)], Supply(max_connections=89, reserve=14)).fits


def test_a_revision_that_only_a_tag_leads_to_takes_an_instance_beyond_the_maximum():
    tagged = service(instances=4, tagged=1)
    assert tagged.most == 75
    assert tagged.arithmetic == "(4 + 1 tagged) × 1 × (5 + 10) = 75"
    assert assess([tagged], SMALL).fits
    assert not assess([service(instances=5, tagged=1)], SMALL).fits


class TestJobs:
    JOB = JobDemand(job="backfill", tasks=4, pool=2, overflow=1)

    def test_a_job_opens_the_pool_of_each_task_that_runs_at_once(self):
        assert self.JOB.most == 12
        assert self.JOB.arithmetic == "4 × (2 + 1) = 12"

    def test_jobs_are_counted_beside_services_and_the_migration(self):
        (one,) = assess([service(instances=4)], SMALL, [self.JOB]).sums
        assert (one.used, one.over) == (60 + 12 + 1, 0)
        assert assess([service(instances=5)], SMALL, [self.JOB]).sums[0].over == 12

    def test_a_job_has_no_rollout_and_does_not_overshoot(self):
        alone, beside = assess([service()], SMALL).sums[0], assess([service()], SMALL, [self.JOB]).sums[0]
        assert beside.peak == alone.peak + 12

    def test_behind_a_pooler_a_job_is_one_of_its_clients_unless_it_goes_past_it(self):
        pooler = Pooler(mode="transaction", clients=400, pool=40)
        supply = Supply(max_connections=90, reserve=30, pooler=pooler)
        clients, server = assess([service()], supply, [self.JOB]).sums
        assert (clients.used, server.used) == (15 + 12, 40 + 1)
        budget = assess([service()], supply, [replace(self.JOB, direct=True)])
        clients, server = budget.sums
        assert (clients.used, server.used) == (15, 40 + 12 + 1)
        assert budget.terms(clients) == ["api 1 × 1 × (5 + 10) = 15"]
        assert budget.terms(server) == ["pooler 40", "job backfill 4 × (2 + 1) = 12", "migration 1"]

    @pytest.mark.parametrize(
        ("lasts", "interval", "count"),
        [(86400, 60, 1440), (600, 600, 1), (601, 600, 2), (1, 600, 1), (86400, None, 1)],
    )
    def test_what_outlasts_its_schedule_runs_beside_the_next(
        self, lasts: int, interval: int | None, count: int
    ):
        assert at_once(Decimal(lasts), interval) == count

    def test_each_execution_opens_the_pools_of_its_own(self):
        twice = replace(self.JOB, executions=2)
        assert twice.most == 24
        assert twice.arithmetic == "2 executions × 4 × (2 + 1) = 24"
        budget = assess([service()], SMALL, [replace(self.JOB, executions=200)])
        assert "lower the timeout, or how often it is due" in remedy(budget, budget.sums[0])

    def test_the_remedy_names_the_job_where_it_takes_most(self):
        heavy = replace(self.JOB, tasks=100)
        budget = assess([service()], SMALL, [heavy])
        assert remedy(budget, budget.sums[0]) == (
            "lower the parallelism or the pool of job backfill, or take a larger database"
        )

    def test_behind_a_pooler_the_remedy_names_what_is_on_that_side(self):
        pooler = Pooler(mode="transaction", clients=400, pool=40)
        supply = Supply(max_connections=90, reserve=30, pooler=pooler)
        budget = assess([service(instances=30)], supply, [replace(self.JOB, tasks=200, direct=True)])
        clients, server = (remedy(budget, one) for one in budget.sums)
        assert "job" not in clients
        assert "lower the pooler's pool, or the parallelism or the pool of job backfill" in server

    def test_the_remedy_leaves_room_for_jobs(self):
        budget = assess([service(instances=9)], SMALL, [self.JOB])
        assert "a maximum of 4 instances of api" in remedy(budget, budget.sums[0])


class TestBehindAPooler:
    def test_a_transaction_pooler_has_two_sums(self):
        pooler = Pooler(mode="transaction", clients=400, pool=40)
        clients, server = assess(
            [service(instances=10)], Supply(max_connections=90, reserve=30, pooler=pooler)
        ).sums
        assert (clients.side, clients.used, clients.usable) == ("pooler", 150, 400)
        assert (server.side, server.used, server.usable) == ("database", 41, 60)

    def test_its_own_pool_must_leave_the_reserve(self):
        pooler = Pooler(mode="transaction", clients=400, pool=60)
        budget = assess([service()], Supply(max_connections=90, reserve=30, pooler=pooler))
        assert [one.over for one in budget.sums] == [0, 1]

    def test_a_session_pooler_lends_a_connection_to_each_client_for_good(self):
        pooler = Pooler(mode="session", clients=400, pool=40)
        clients, _ = assess(
            [service(instances=10)], Supply(max_connections=90, reserve=30, pooler=pooler)
        ).sums
        assert (clients.usable, clients.over) == (40, 110)


COUNTS = st.integers(1, 40)
DEMANDS = st.builds(
    Demand,
    service=st.sampled_from(["api", "worker"]),
    instances=COUNTS,
    workers=st.integers(1, 8),
    concurrency=st.integers(1, 200),
    pool=COUNTS,
    overflow=st.integers(0, 20),
    per_request=st.integers(1, 3),
)


@given(st.lists(DEMANDS, max_size=4), st.integers(10, 5000))
def test_one_more_instance_never_makes_it_fit(demands: list[Demand], connections: int):
    supply = Supply(max_connections=connections, reserve=3)
    before = assess(demands, supply)
    after = assess([*demands, service()], supply)
    assert before.fits or not after.fits
    assert after.sums[0].used == before.sums[0].used + 15
    assert before.sums[0].peak >= before.sums[0].used


@given(DEMANDS, st.integers(10, 500))
def test_the_remedy_is_the_largest_change_that_fits(demand: Demand, connections: int):
    supply = Supply(max_connections=connections, reserve=3)
    budget = assess([demand], supply)
    (one,) = budget.sums
    if not one.over:
        return
    text = remedy(budget, one)
    words = text.split()
    if "instances" in words:
        count = int(words[words.index("instances") - 1])
        assert assess([replace(demand, instances=count)], supply).fits
        assert not assess([replace(demand, instances=count + 1)], supply).fits
    if "together" in words:
        size = int(words[words.index("together") - 1])
        assert assess([replace(demand, pool=size, overflow=0)], supply).fits
        assert not assess([replace(demand, pool=size + 1, overflow=0)], supply).fits


def test_no_remedy_goes_below_the_minimum_of_instances():
    pooler = Pooler(mode="session", clients=400, pool=20)
    supply = Supply(max_connections=90, reserve=30, pooler=pooler)
    warm = service(instances=8, at_least=2)
    budget = assess([warm], supply)
    assert "instances" not in remedy(budget, budget.sums[0])
    assert "a maximum of 1 instances of api" in remedy(assess([service(instances=8)], supply), budget.sums[0])
