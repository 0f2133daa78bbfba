"""The connection budget: whether all instances together fit into the database.

One pure function, used by settings, previews, policies and capacity alike. The hard part is what Cloud Run
and the database really allow at the same time; the advisory part adds what happens now and then (a rollout's
two revisions, instances beyond the maximum). Every number is a count of PostgreSQL connections. The factors
and their sources are in `limits/data/connections.json`.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from importlib.resources import files
from math import ceil
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one service may open. All counts are at least 1, `overflow` at least 0."""

    service: str
    instances: int
    """Maximum instances over all revisions."""
    workers: int
    """Processes per instance, each with a pool of its own."""
    concurrency: int
    """Requests that an instance answers at once."""
    pool: int
    overflow: int = 0
    per_request: int = 1
    """Sessions that one request holds at once."""
    at_least: int = 1
    """Minimum of instances: no remedy goes below it."""
    tagged: int = 0
    """Revisions beyond that maximum, to which only a tag leads."""

    @property
    def per_worker(self) -> int:
        """A pool never opens more than the requests in flight ask of it."""
        return min(self.pool + self.overflow, self.concurrency * self.per_request)

    @property
    def most(self) -> int:
        """Connections with every instance up and every pool full."""
        return (self.instances + self._tagged) * self.workers * self.per_worker

    @property
    def _tagged(self) -> int:
        return self.tagged * int(_allowances()["tagged_instances"])

    @property
    def arithmetic(self) -> str:
        """The multiplication, as a reader checks it."""
        pool = f"({self.pool} + {self.overflow})" if self.overflow else f"{self.pool}"
        if self.per_worker < self.pool + self.overflow:
            pool = f"{self.per_worker} in flight"
        instances = f"({self.instances} + {self._tagged} tagged)" if self.tagged else f"{self.instances}"
        return f"{instances} × {self.workers} × {pool} = {self.most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDemand:
    """What a job may open: it has no rollout, and no more tasks at once than it says."""

    job: str
    tasks: int
    """Tasks at the same time, at least 1."""
    pool: int
    overflow: int = 0
    direct: bool = False
    """Whether it goes past a pooler, to the database itself."""
    executions: int = 1
    """Executions at the same time, at least 1: `at_once` of its schedule."""

    @property
    def most(self) -> int:
        """Connections with every task of every execution up and every pool full."""
        return self.executions * self.tasks * (self.pool + self.overflow)

    @property
    def arithmetic(self) -> str:
        """The multiplication, as a reader checks it."""
        pool = f"({self.pool} + {self.overflow})" if self.overflow else f"{self.pool}"
        overlapping = f"{self.executions} executions × " if self.executions > 1 else ""
        return f"{overlapping}{self.tasks} × {pool} = {self.most}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooler:
    """A pooler before the database: `clients` it accepts, `pool` connections it opens."""

    mode: Literal["session", "transaction"]
    clients: int
    pool: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What the database allows."""

    max_connections: int
    reserve: int
    """Kept for superusers, people and the provider's own services."""
    pooler: Pooler | None = None


@dataclass(frozen=True, slots=True)
class Sum:
    """One side of the budget: `used` of `usable`."""

    side: Literal["database", "pooler"]
    """Which limit it is: the database's own connections, or the clients of its pooler."""
    used: int
    usable: int
    advised: int
    """What `peak` should stay within: the advised share of `usable`, rounded down."""
    peak: int
    """With rollout overlap and overshoot."""

    @property
    def over(self) -> int:
        """By how many connections it does not fit; 0 where it does."""
        return max(0, self.used - self.usable)

    @property
    def tight(self) -> bool:
        """Whether a rollout during a spike can exceed what is advised."""
        return self.peak > self.advised


@dataclass(frozen=True, slots=True)
class ConnectionBudget:
    """The verdict on one database, with all that a reader needs to check it."""

    demands: tuple[Demand, ...]
    jobs: tuple[JobDemand, ...]
    supply: Supply
    migrations: int
    sums: tuple[Sum, ...]

    def jobs_in(self, one: Sum) -> list[JobDemand]:
        """The jobs that are added up in `one`."""
        alone = self.supply.pooler is None
        return [each for each in self.jobs if alone or each.direct == (one.side == "database")]

    def terms(self, one: Sum) -> list[str]:
        """What is added up in `one`, each as a reader checks it."""
        pooler = self.supply.pooler
        services = [f"{each.service} {each.arithmetic}" for each in self.demands]
        jobs = [f"job {each.job} {each.arithmetic}" for each in self.jobs_in(one)]
        if one.side == "pooler":
            return [*services, *jobs]
        opened = services if pooler is None else [f"pooler {pooler.pool}"]
        return [*opened, *jobs, f"migration {self.migrations}"]

    @property
    def fits(self) -> bool:
        """The hard part."""
        return all(not one.over for one in self.sums)


@cache
def _allowances() -> Mapping[str, Fraction]:
    data = json.loads(files("plimsoll.limits").joinpath("data/connections.json").read_text("utf-8"))
    return {name: Fraction(str(entry["value"])) for name, entry in data["values"].items()}


def assess(demands: Sequence[Demand], supply: Supply, jobs: Sequence[JobDemand] = ()) -> ConnectionBudget:
    """Add up what services and jobs may open and hold it against what the database allows.

    Each job is counted as often as its schedule can have it running at once, and at least once, since any of
    them may run at any time; that somebody starts one by hand while it runs is not counted.

    Without a pooler there is one sum. A session pooler hands a connection to each client for as long as the
    client stays, so its clients are bounded by its pool too. A transaction pooler has two independent sums:
    its clients, and its own pool at the database. One migration is always counted, at the database itself.
    """
    rule = _allowances()
    migrations = int(rule["migrations"])
    services = sum(demand.most for demand in demands)
    direct = sum(job.most for job in jobs if job.direct)
    pooled = sum(job.most for job in jobs if not job.direct)
    factor = 1 + (rule["rollout_overlap"] - 1) + (rule["overshoot"] - 1)
    at_database = supply.max_connections - supply.reserve

    def side(name: Literal["database", "pooler"], used: int, extra: int, usable: int, grow: Fraction) -> Sum:
        return Sum(name, used + extra, usable, int(usable * rule["advised_share"]), int(used * grow) + extra)

    if supply.pooler is None:
        sums = (side("database", services, direct + pooled + migrations, at_database, factor),)
    else:
        pooler = supply.pooler
        clients = min(pooler.clients, pooler.pool) if pooler.mode == "session" else pooler.clients
        # The pooler's own pool does not grow with a rollout: that is what it is for.
        sums = (
            side("pooler", services, pooled, clients, factor),
            side("database", pooler.pool, direct + migrations, at_database, Fraction(1)),
        )
    return ConnectionBudget(tuple(demands), tuple(jobs), supply, migrations, sums)


def at_once(lasts: Fraction | Decimal, interval: int | None) -> int:
    """Executions of a job that run at the same time, where each takes its worst.

    `lasts`: seconds of the longest execution (timeout x attempts x rounds of tasks); `interval`: seconds
    between two starts, `None` where nothing starts it by itself. Cloud Scheduler keeps its own requests from
    overlapping, and the one that starts a job is answered at once: the execution goes on without it.
    """
    return 1 if interval is None else max(1, ceil(lasts / interval))


def remedy(budget: ConnectionBudget, one: Sum) -> str:
    """What to change so that `one` fits (or, where it does, is within what is advised), with the numbers."""
    larger = "a larger database" if one.side == "database" else "a larger pooler"
    heaviest = max(budget.jobs_in(one), key=lambda job: job.most, default=None)
    if one.side == "database" and budget.supply.pooler is not None:
        job = "" if heaviest is None else f", or {_lower(heaviest)}"
        return f"lower the pooler's pool{job}, or take {larger}"
    worst = max(budget.demands, key=lambda demand: demand.most, default=None)
    if heaviest is not None and (worst is None or heaviest.most >= worst.most):
        return f"lower {_lower(heaviest)}, or take {larger}"
    if worst is None:
        return f"take {larger}"

    def excess(changed: Demand) -> int:
        demands = [changed if each is worst else each for each in budget.demands]
        changed_sums = assess(demands, budget.supply, budget.jobs).sums
        same = next(each for each in changed_sums if each.side == one.side)
        return same.over if one.over else max(0, same.peak - same.advised)

    # Both grow with their count: the last one without excess stands just before the first one with some.
    instances = bisect_left(
        range(1, worst.instances), 1, key=lambda count: excess(replace(worst, instances=count))
    )
    pool = bisect_left(
        range(1, worst.pool + worst.overflow),
        1,
        key=lambda size: excess(replace(worst, pool=size, overflow=0)),
    )
    options: list[str] = []
    if instances >= worst.at_least:
        options.append(f"a maximum of {instances} instances of {worst.service}")
    if pool:
        options.append(f"pool and overflow of {pool} together in {worst.service}")
    return ", or ".join([*options, larger])


def _lower(job: JobDemand) -> str:
    overlapping = "the timeout, or how often it is due, or " if job.executions > 1 else ""
    return f"{overlapping}the parallelism or the pool of job {job.job}"
