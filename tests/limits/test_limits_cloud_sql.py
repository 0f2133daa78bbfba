"""Cloud SQL: every limit from both sides, the last value that passes and the first that does not.

The cases know no data file. That they stand exactly on the boundaries is itself tested: whichever number of
the data file is moved by one step, some case notices.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from plimsoll.limits import InstanceShape, check_instance, default_max_connections, tier_memory
from plimsoll.limits.cloud_sql import insights_query_length
from tests.limits.boundaries import GI, MI, Boundaries, Case, LookUp, Move, not_known, of

INSTANCE = InstanceShape(
    version="POSTGRES_17",
    edition="ENTERPRISE",
    tier="db-custom-2-7680",
    availability="ZONAL",
    backups=True,
    pitr=True,
    pitr_days=7,
    pooling=False,
    insights_plans_per_minute=5,
    max_connections=100,
    production=False,
)
PLUS = of(INSTANCE, edition="ENTERPRISE_PLUS", tier="db-perf-optimized-N-2")


# rule, what it is about, the last that passes, the first that does not
CASES: list[Case] = [
    ("backups-retained", "at least 1", of(INSTANCE, backups_retained=1), of(INSTANCE, backups_retained=0)),
    (
        "backups-retained",
        "at most 365",
        of(INSTANCE, backups_retained=365),
        of(INSTANCE, backups_retained=366),
    ),
    (
        "backups-beyond-logs",
        "more backups than days of logs",
        of(INSTANCE, pitr_days=6, backups_retained=7),
        of(INSTANCE, pitr_days=7, backups_retained=7),
    ),
    ("version", "not before 9", of(INSTANCE, version="POSTGRES_9_6"), of(INSTANCE, version="POSTGRES_8")),
    ("version", "no minor", of(INSTANCE, version="POSTGRES_17"), of(INSTANCE, version="POSTGRES_17_5")),
    ("disk", "64 TB", of(INSTANCE, disk_gb=65536), of(INSTANCE, disk_gb=65537)),
    ("disk", "its limit too", of(INSTANCE, disk_limit_gb=65536), of(INSTANCE, disk_limit_gb=65537)),
    (
        "disk",
        "3 TB of a shared core",
        of(INSTANCE, edition="ENTERPRISE", tier="db-g1-small", disk_gb=3062),
        of(INSTANCE, edition="ENTERPRISE", tier="db-g1-small", disk_gb=3063),
    ),
    (
        "slow-query",
        "an int of milliseconds",
        of(INSTANCE, slow_query=Decimal("2147483.647")),
        of(INSTANCE, slow_query=Decimal("2147483.648")),
    ),
    ("version", "nor far ahead", of(INSTANCE, version="POSTGRES_36"), of(INSTANCE, version="POSTGRES_37")),
    ("disk-of-tier", "C4A", of(PLUS, tier="db-c4a-highmem-2"), of(PLUS, tier="db-c4a-highmem-2", ssd=True)),
    (
        "disk-of-tier",
        "N4",
        of(INSTANCE, ssd=True),
        of(INSTANCE, tier="db-custom-N4-2-4096", ssd=True),
    ),
    ("reserved-name", "user", of(INSTANCE, user="app"), of(INSTANCE, user="cloudsqladmin")),
    ("reserved-name", "pg_", of(INSTANCE, user="pgapp"), of(INSTANCE, user="pg_app")),
    ("reserved-name", "database", of(INSTANCE, database="app"), of(INSTANCE, database="postgres")),
    ("tier", "shared core", of(INSTANCE, tier="db-f1-micro"), of(INSTANCE, tier="db-f1-micro-2")),
    ("tier", "custom", INSTANCE, of(INSTANCE, tier="db-custom-2")),
    ("tier", "predefined", PLUS, of(PLUS, tier="db-perf-optimized-N-3")),
    ("tier", "Arm", of(PLUS, tier="db-c4a-highmem-2"), of(PLUS, tier="db-c4a-highmem-3")),
    (
        "tier",
        "n1 is MySQL's",
        of(INSTANCE, version="MYSQL_8_0", tier="db-n1-standard-1"),
        of(INSTANCE, tier="db-n1-standard-1"),
    ),
    (
        "tier-unknown",
        "N4 is known",
        of(INSTANCE, tier="db-custom-N4-2-4096"),
        of(INSTANCE, tier="db-costum-2-4096"),
    ),
    *[
        (
            "custom-tier",
            says,
            of(INSTANCE, tier=f"db-custom-{passes}"),
            of(INSTANCE, tier=f"db-custom-{fails}"),
        )
        for says, passes, fails in (
            ("1 vCPU", "1-3840", "0-3840"),
            ("even vCPUs", "2-7680", "3-7680"),
            ("even vCPUs above 2", "4-7680", "5-7680"),
            ("at most 96 vCPUs", "96-98304", "98-98304"),
            ("at least 3840 MiB", "1-3840", "1-3584"),
            ("multiple of 256 MiB", "2-7680", "2-7681"),
            ("0.9 GB for each vCPU", "8-7424", "8-7168"),
            ("6.5 GB for each vCPU", "96-638976", "96-639232"),
        )
    ],
    ("tier-edition", "custom is ENTERPRISE's", INSTANCE, of(INSTANCE, edition="ENTERPRISE_PLUS")),
    (
        "tier-edition",
        "shared core is ENTERPRISE's",
        of(INSTANCE, tier="db-g1-small"),
        of(PLUS, tier="db-g1-small"),
    ),
    ("tier-edition", "N2 is ENTERPRISE_PLUS's", PLUS, of(PLUS, edition="ENTERPRISE", pitr_days=7)),
    (
        "tier-edition",
        "left out before 16",
        of(INSTANCE, edition=None, version="POSTGRES_15"),
        of(INSTANCE, edition=None, version="POSTGRES_16"),
    ),
    (
        "tier-edition",
        "left out, 9.6",
        of(INSTANCE, edition=None, version="POSTGRES_9_6"),
        of(INSTANCE, edition=None, version="POSTGRES_17"),
    ),
    (
        "tier-edition",
        "left out for PLUS",
        of(PLUS, edition=None, version="POSTGRES_16"),
        of(PLUS, edition=None, version="POSTGRES_15"),
    ),
    ("tier-edition", "not known yet", not_known(INSTANCE, "edition"), of(INSTANCE, edition=None)),
    ("pitr-days", "ENTERPRISE from 1", of(INSTANCE, pitr_days=1), of(INSTANCE, pitr_days=0)),
    ("pitr-days", "ENTERPRISE to 7", of(INSTANCE, pitr_days=7), of(INSTANCE, pitr_days=8)),
    ("pitr-days", "PLUS from 1", of(PLUS, pitr_days=1), of(PLUS, pitr_days=0)),
    ("pitr-days", "PLUS to 35", of(PLUS, pitr_days=35), of(PLUS, pitr_days=36)),
    ("pitr-days", "whichever", InstanceShape(pitr_days=35), InstanceShape(pitr_days=36)),
    (
        "regional-backups",
        "backups",
        of(INSTANCE, availability="REGIONAL"),
        of(INSTANCE, availability="REGIONAL", backups=False),
    ),
    (
        "regional-backups",
        "pitr",
        of(INSTANCE, availability="REGIONAL"),
        of(INSTANCE, availability="REGIONAL", pitr=False),
    ),
    (
        "regional-backups",
        "zonal is free",
        of(INSTANCE, backups=False),
        of(INSTANCE, availability="REGIONAL", backups=False),
    ),
    (
        "sla",
        "regional",
        of(INSTANCE, availability="REGIONAL", production=True),
        of(INSTANCE, production=True),
    ),
    ("sla", "staging", INSTANCE, of(INSTANCE, production=True)),
    *[
        (
            "sla",
            tier,
            of(INSTANCE, availability="REGIONAL", production=True),
            of(INSTANCE, availability="REGIONAL", production=True, tier=tier),
        )
        for tier in ("db-f1-micro", "db-g1-small")
    ],
    ("pooling", "PLUS", of(PLUS, pooling=True), of(INSTANCE, pooling=True)),
    ("pooling", "off", INSTANCE, of(INSTANCE, pooling=True)),
    (
        "insights-plans",
        "from 0",
        of(INSTANCE, insights_plans_per_minute=0),
        of(INSTANCE, insights_plans_per_minute=-1),
    ),
    (
        "insights-plans",
        "to 20",
        of(INSTANCE, insights_plans_per_minute=20),
        of(INSTANCE, insights_plans_per_minute=21),
    ),
    ("max-connections", "from 14", of(INSTANCE, max_connections=14), of(INSTANCE, max_connections=13)),
    (
        "max-connections",
        "to 262143",
        of(INSTANCE, max_connections=262143),
        of(INSTANCE, max_connections=262144),
    ),
]
LOOKED_UP: list[LookUp] = [
    (lambda _: insights_query_length(), None, 4500),
    (tier_memory, "db-f1-micro", 614 * MI),
    (tier_memory, "db-g1-small", 1740 * MI),
    (tier_memory, "db-custom-1-3840", 3840 * MI),
    (tier_memory, "db-custom-N4-2-4096", 4096 * MI),
    (tier_memory, "db-custom-2", None),
    (tier_memory, "db-perf-optimized-N-3", None),
    (tier_memory, "", None),
    *[(tier_memory, f"db-perf-optimized-N-{n}", n * 8 * GI) for n in (2, 4, 8, 16, 32, 48, 64, 80, 96)],
    (tier_memory, "db-perf-optimized-N-128", 864 * GI),
    *[(tier_memory, f"db-c4a-highmem-{n}", n * 8 * GI) for n in (2, 4, 8, 16, 32, 48, 64, 72)],
    (default_max_connections, 0, None),
    *[
        case
        for below, memory, connections in (
            (None, 512 * MI, 25),
            (25, 1740 * MI, 50),
            (50, 3840 * MI, 100),
            (100, 6 * GI, 200),
            (200, 7680 * MI, 400),
            (400, 15 * GI, 500),
            (500, 30 * GI, 600),
            (600, 60 * GI, 800),
            (800, 120 * GI, 1000),
        )
        for case in (
            (default_max_connections, memory - 1, below),
            (default_max_connections, memory, connections),
        )
    ],
]
BOUNDARIES = Boundaries("cloud_sql", check_instance, CASES, LOOKED_UP)


@pytest.mark.parametrize(("rule", "says", "passes", "fails"), CASES)
def test_one_step_across_a_boundary_breaks_its_rule_and_no_other(rule, says, passes, fails):
    before, after = BOUNDARIES.broken(passes), BOUNDARIES.broken(fails)
    assert BOUNDARIES.rule(rule) not in before
    assert after.count(BOUNDARIES.rule(rule)) == 1
    assert set(after) - set(before) == {BOUNDARIES.rule(rule)}, says


@pytest.mark.parametrize("declared", [INSTANCE, PLUS])
def test_what_the_cases_start_from_has_no_problem(declared):
    assert BOUNDARIES.broken(declared) == []


@pytest.mark.parametrize(("look_up", "asked", "answer"), LOOKED_UP)
def test_what_the_vendor_decides_can_be_looked_up(look_up, asked, answer):
    assert look_up(asked) == answer


def test_nothing_is_noticed_where_nothing_is_moved():
    assert not BOUNDARIES.one_notices()


@pytest.mark.parametrize(
    "move",
    BOUNDARIES.moves(
        # 97 is odd, and 3839 no multiple of 256: both are refused as such.
        Move("custom", ("vcpus", "to"), +1),
        Move("custom", ("memory", "from"), -1),
    ),
    ids=lambda move: move.id,
)
def test_a_number_that_is_moved_is_noticed(move, monkeypatch):
    assert BOUNDARIES.notice(monkeypatch, move)
