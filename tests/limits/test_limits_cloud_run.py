"""Cloud Run: every limit from both sides, the last value that passes and the first that does not.

The cases know no data file. That they stand exactly on the boundaries is itself tested: whichever number of
the data file is moved by one step, some case notices.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from plimsoll.limits import (
    JobShape,
    PortShape,
    ProbeShape,
    Problem,
    ServiceShape,
    TargetShape,
    TrafficShape,
    VolumeShape,
    check_job,
    check_service,
    check_traffic,
)
from plimsoll.limits.cloud_run import account_id_lengths
from tests.limits.boundaries import GI, MI, Boundaries, Case, LookUp, Move, not_known, of

D = Decimal
SERVICE = ServiceShape(
    cpu=D(1),
    memory=512 * MI,
    concurrency=80,
    timeout=D(60),
    execution_environment="gen2",
    min_instances=0,
    max_instances=10,
    scaling_mode="AUTOMATIC",
    resources_set=True,
    cpu_idle=True,
)
SMALL = of(SERVICE, cpu=D("0.5"), concurrency=1, execution_environment="gen1")
MANUAL = of(SERVICE, scaling_mode="MANUAL", manual_instances=3, max_instances=None)


JOB = JobShape(
    name="goals-migrate",
    cpu=D(1),
    memory=512 * MI,
    timeout=D(600),
    tasks=4,
    parallelism=2,
    retries=0,
    environment={"LOG_LEVEL": "info"},
)


def traffic(*targets: TargetShape) -> TrafficShape:
    return TrafficShape(service="api", targets=targets)


def latest(percent: int | None, tag: str | None = None) -> TargetShape:
    return TargetShape(latest=True, percent=percent, tag=tag)


def older(revision: str, percent: int | None, tag: str | None = None) -> TargetShape:
    return TargetShape(latest=False, revision=revision, percent=percent, tag=tag)


TRAFFIC = traffic(latest(90), older("api-00007-abc", 10, "canary"))


def check(declared: Any) -> list[Problem]:
    match declared:
        case JobShape():
            return check_job(declared)
        case TrafficShape():
            return check_traffic(declared)
    return check_service(declared)


def startup(**probe: Any) -> Any:
    return of(SERVICE, startup=ProbeShape(**probe))


def liveness(**probe: Any) -> Any:
    return of(SERVICE, liveness=ProbeShape(**probe))


def environment(name: str, value: str = "") -> Any:
    return of(SERVICE, environment={name: value})


def volume(*kinds: str, mount_path: str | None = None) -> Any:
    return of(SERVICE, volumes=(VolumeShape(name="data", kinds=kinds, mount_path=mount_path),))


def port(number: int | None = None, name: str | None = None) -> Any:
    return of(SERVICE, ports=(PortShape(number=number, name=name),))


def pool(workers: int, size: int, overflow: int, *, cloud_sql: bool = True) -> Any:
    return of(SERVICE, workers=workers, pool_size=size, pool_overflow=overflow, cloud_sql=cloud_sql)


# rule, what it is about, the last that passes, the first that does not
CASES: list[Case] = [
    ("cpu", "at least 0.08", of(SMALL, cpu=D("0.08")), of(SMALL, cpu=D("0.079"))),
    ("cpu", "steps of 0.001", of(SMALL, cpu=D("0.501")), of(SMALL, cpu=D("0.5011"))),
    ("cpu", "steps up to 1", of(SMALL, cpu=D("0.999")), of(SMALL, cpu=D("0.9999"))),
    *[
        (
            "cpu",
            f"{whole} but not {other}",
            of(SERVICE, cpu=D(whole), memory=4 * GI),
            of(SERVICE, cpu=D(other), memory=4 * GI),
        )
        for whole, other in (("1", "1.001"), ("2", "3"), ("4", "5"), ("6", "7"), ("8", "9"))
    ],
    ("cpu", "above 0", of(SMALL, cpu=D("0.1")), of(SMALL, cpu=D(-1))),
    ("small-cpu-concurrency", "one request", SMALL, of(SMALL, concurrency=2)),
    (
        "small-cpu-concurrency",
        "below 1 vCPU",
        of(SERVICE, cpu=D(1)),
        of(SMALL, cpu=D("0.999"), concurrency=80),
    ),
    ("small-cpu-generation", "first generation", SMALL, of(SMALL, execution_environment="gen2")),
    (
        "small-cpu-generation",
        "below 1 vCPU",
        of(SERVICE, cpu=D(1), concurrency=1),
        of(SERVICE, cpu=D("0.999"), concurrency=1),
    ),
    (
        "small-cpu-generation",
        "unset is fine",
        of(SMALL, execution_environment=None),
        of(SMALL, execution_environment="gen2"),
    ),
    (
        "instance-billing-cpu",
        "from 1 vCPU",
        of(SERVICE, cpu_idle=False),
        of(SMALL, cpu=D("0.999"), cpu_idle=False),
    ),
    *[
        (
            "memory-by-cpu",
            f"{cpu} vCPU up to {most}",
            of(base, cpu=D(cpu), memory=most),
            of(base, cpu=D(cpu), memory=most + 1),
        )
        for base, cpu, most in (
            (SMALL, "0.08", 512 * MI),
            (SMALL, "0.499", 512 * MI),
            (SMALL, "0.5", GI),
            (SMALL, "0.999", GI),
            (SERVICE, "1", 4 * GI),
            (SERVICE, "2", 8 * GI),
            (SERVICE, "4", 16 * GI),
            (SERVICE, "6", 24 * GI),
            (SERVICE, "8", 32 * GI),
        )
    ],
    *[
        (
            "memory-by-cpu",
            f"{cpu} vCPU from {least}",
            of(SERVICE, cpu=D(cpu), memory=least),
            of(SERVICE, cpu=D(cpu), memory=least - 1),
        )
        for cpu, least in (("4", 2 * GI), ("6", 4 * GI), ("8", 4 * GI))
    ],
    (
        "memory-by-cpu",
        "0.5 vCPU for more than 512Mi",
        of(SMALL, memory=GI),
        of(SMALL, cpu=D("0.499"), memory=GI),
    ),
    ("memory-by-generation", "gen1", of(SMALL, memory=128 * MI), of(SMALL, memory=128 * MI - 1)),
    ("memory-by-generation", "gen2", of(SERVICE, memory=512 * MI), of(SERVICE, memory=512 * MI - 1)),
    (
        "memory-by-generation",
        "whichever",
        of(SMALL, execution_environment=None, memory=128 * MI),
        of(SMALL, execution_environment=None, memory=128 * MI - 1),
    ),
    (
        "memory-maximum",
        "unknown CPU",
        of(SERVICE, cpu=None, memory=32 * GI),
        of(SERVICE, cpu=None, memory=32 * GI + 1),
    ),
    ("concurrency", "from 1", of(SERVICE, concurrency=1), of(SERVICE, concurrency=0)),
    ("concurrency", "to 1000", of(SERVICE, concurrency=1000), of(SERVICE, concurrency=1001)),
    ("concurrency-explicit", "left out", SERVICE, of(SERVICE, concurrency=None)),
    (
        "concurrency-explicit",
        "not known yet",
        not_known(SERVICE, "concurrency"),
        of(SERVICE, concurrency=None),
    ),
    ("cpu-idle-explicit", "left out", SERVICE, of(SERVICE, cpu_idle=None)),
    ("cpu-idle-explicit", "not known yet", not_known(SERVICE, "cpu_idle"), of(SERVICE, cpu_idle=None)),
    (
        "cpu-idle-explicit",
        "no resources",
        of(SERVICE, resources_set=False, cpu_idle=None),
        of(SERVICE, cpu_idle=None),
    ),
    (
        "work-after-response",
        "always-on CPU",
        of(SERVICE, works_after_response=True, cpu_idle=False),
        of(SERVICE, works_after_response=True),
    ),
    (
        "work-after-response",
        "no such work",
        of(SERVICE, works_after_response=False),
        of(SERVICE, works_after_response=True),
    ),
    ("timeout", "an hour", of(SERVICE, timeout=D(3600)), of(SERVICE, timeout=D("3600.001"))),
    (
        "timeout-without-retries",
        "a quarter of an hour",
        of(SERVICE, timeout=D(900)),
        of(SERVICE, timeout=D("900.001")),
    ),
    (
        "timeout-format",
        "nanoseconds",
        of(SERVICE, timeout=D("1.000000001")),
        of(SERVICE, timeout=D("1.0000000001")),
    ),
    ("timeout-format", "no sign", of(SERVICE, timeout=D(0)), of(SERVICE, timeout=D(-1))),
    ("min-above-max", "equal is fine", of(SERVICE, min_instances=10), of(SERVICE, min_instances=11)),
    (
        "min-above-max",
        "not for manual scaling",
        of(MANUAL, min_instances=11, max_instances=10),
        of(SERVICE, min_instances=11),
    ),
    (
        "min-above-max",
        "mode not known yet",
        not_known(of(SERVICE, min_instances=11), "scaling_mode"),
        of(SERVICE, min_instances=11, scaling_mode=None),
    ),
    (
        "min-without-max",
        "max set",
        of(SERVICE, min_instances=1),
        of(SERVICE, min_instances=1, max_instances=None),
    ),
    (
        "min-without-max",
        "min 0",
        of(SERVICE, max_instances=None),
        of(SERVICE, min_instances=1, max_instances=None),
    ),
    (
        "min-without-max",
        "not for manual scaling",
        of(MANUAL, min_instances=1),
        of(SERVICE, min_instances=1, max_instances=None),
    ),
    (
        "min-without-max",
        "not known yet",
        not_known(of(SERVICE, min_instances=1), "max_instances"),
        of(SERVICE, min_instances=1, max_instances=None),
    ),
    ("max-explicit", "left out", SERVICE, of(SERVICE, max_instances=None)),
    ("max-explicit", "not for manual scaling", MANUAL, of(SERVICE, max_instances=None)),
    ("max-explicit", "scaling not spoken of", ServiceShape(), ServiceShape(scaling_mode="AUTOMATIC")),
    ("max-above-quota", "100", of(SERVICE, max_instances=100), of(SERVICE, max_instances=101)),
    (
        "two-minimums",
        "revision 0",
        of(SERVICE, revision_min_instances=0),
        of(SERVICE, revision_min_instances=1),
    ),
    (
        "two-minimums",
        "service silent",
        of(SERVICE, min_instances=None, revision_min_instances=1),
        of(SERVICE, revision_min_instances=1),
    ),
    ("manual-count", "said", MANUAL, of(MANUAL, manual_instances=None)),
    (
        "manual-count",
        "not known yet",
        not_known(MANUAL, "manual_instances"),
        of(MANUAL, manual_instances=None),
    ),
    ("manual-ignores-max", "no max", MANUAL, of(MANUAL, max_instances=10)),
    *[
        (
            "utilization",
            f"{field} {says}",
            of(SERVICE, **{field: D(passes)}),
            of(SERVICE, **{field: D(fails)}),
        )
        for field in ("cpu_utilization", "concurrency_utilization")
        for says, passes, fails in (
            ("from 10 %", "0.10", "0.09"),
            ("to 95 %", "0.95", "0.951"),
            ("or off", "0", "0.01"),
        )
    ],
    (
        "utilization-off",
        "one of two",
        of(SERVICE, cpu_utilization=D(0), concurrency_utilization=D("0.6")),
        of(SERVICE, cpu_utilization=D(0), concurrency_utilization=D(0)),
    ),
    (
        "cpu-utilization-everywhere",
        "90 %",
        of(SERVICE, cpu_utilization=D("0.90")),
        of(SERVICE, cpu_utilization=D("0.901")),
    ),
    *[
        (f"{rule}-probe", says, probe(**passes), probe(**fails))
        for rule, probe, most in (("startup", startup, 240), ("liveness", liveness, 3600))
        for says, passes, fails in (
            ("delay from 0", {"initial_delay": D(0)}, {"initial_delay": D(-1)}),
            ("delay at most", {"initial_delay": D(most)}, {"initial_delay": D(most + 1)}),
            ("delay in whole seconds", {"initial_delay": D(2)}, {"initial_delay": D("2.5")}),
            ("period from 1", {"period": D(1)}, {"period": D(0)}),
            ("period at most", {"period": D(most)}, {"period": D(most + 1)}),
            ("period in whole seconds", {"period": D(2)}, {"period": D("2.5")}),
            ("timeout from 1", {"timeout": D(1)}, {"timeout": D(0)}),
            ("timeout at most", {"timeout": D(3600)}, {"timeout": D(3601)}),
            ("timeout in whole seconds", {"timeout": D(1)}, {"timeout": D("1.5")}),
            (
                "timeout within period",
                {"timeout": D(10), "period": D(10)},
                {"timeout": D(11), "period": D(10)},
            ),
            ("at least one failure", {"failure_threshold": 1}, {"failure_threshold": 0}),
        )
    ],
    (
        "startup-total",
        "240 x 1 s",
        startup(failure_threshold=240, period=D(1)),
        startup(failure_threshold=241, period=D(1)),
    ),
    (
        "startup-total",
        "1 x 240 s",
        startup(failure_threshold=1, period=D(240)),
        startup(failure_threshold=2, period=D(240)),
    ),
    *[
        ("probe-kind", f"{name}: {fails or 'none'}", probe(kinds=(passes,)), probe(kinds=fails))
        for name, probe in (("startup", startup), ("liveness", liveness))
        for passes, fails in (("http", ("http", "tcp")), ("tcp", ()), ("grpc", ("exec",)))
    ],
    ("ports", "one", port(8080), of(SERVICE, ports=(PortShape(number=8080), PortShape(number=8081)))),
    ("ports", "from 1", port(1), port(0)),
    ("ports", "to 65535", port(65535), port(65536)),
    ("ports", "http1", port(8080, "http1"), port(8080, "http2")),
    ("ports", "h2c", port(8080, "h2c"), port(8080, "H2C")),
    ("service-name", "49 characters", of(SERVICE, name="a" * 49), of(SERVICE, name="a" * 50)),
    ("service-name", "a letter first", of(SERVICE, name="a1"), of(SERVICE, name="1a")),
    ("service-name", "no hyphen last", of(SERVICE, name="a-b"), of(SERVICE, name="a-")),
    ("environment-name", "no digit first", environment("_1"), environment("1_")),
    ("environment-name", "no dash", environment("a_b"), environment("a-b")),
    ("environment-name", "not empty", environment("A"), environment("")),
    ("environment-name", "no line end", environment("AB"), environment("AB\n")),
    ("environment-reserved", "PORT", environment("PORTS"), environment("PORT")),
    ("environment-reserved", "K_", environment("KA"), environment("K_A")),
    ("environment-value", "32 KiB", environment("A", "x" * 32768), environment("A", "x" * 32769)),
    (
        "environment-count",
        "1000",
        of(SERVICE, environment={f"A{index}": "" for index in range(1000)}),
        of(SERVICE, environment={f"A{index}": "" for index in range(1001)}),
    ),
    *[
        ("image-host", f"{passes}, not {fails}", of(SERVICE, image=passes), of(SERVICE, image=fails))
        for passes, fails in (
            ("europe-docker.pkg.dev/p/r/api:v1", "europe.docker.pkg.dev/p/r/api:v1"),
            ("docker.pkg.dev/p/r/api:v1", "docker.pkg.dev.evil.io/p/r/api:v1"),
            ("eu.gcr.io/p/api:v1", "eu-gcr.io/p/api:v1"),
            ("gcr.io/p/api:v1", "ghcr.io/p/api:v1"),
            ("docker.io/library/nginx:1", "quay.io/acme/api:v1"),
            ("acme/api:v1", "localhost/api:v1"),
            ("nginx:1", "localhost:5000/nginx:1"),
        )
    ],
    ("labels", "64", of(SERVICE, labels=64), of(SERVICE, labels=65)),
    ("environment-value", "in UTF-8", environment("A", "é" * 16384), environment("A", "é" * 16384 + "x")),
    (
        "cloud-sql-mount",
        "its place",
        volume("cloud_sql", mount_path="/cloudsql"),
        volume("cloud_sql", mount_path="/sql"),
    ),
    ("cloud-sql-mount", "no path", volume("cloud_sql", mount_path=""), volume("cloud_sql", mount_path="/")),
    (
        "cloud-sql-mount",
        "other volumes",
        volume("secret", mount_path="/etc"),
        volume("cloud_sql", mount_path="/etc"),
    ),
    *[
        ("volume-kind", f"{passes}, not {fails or 'none'}", volume(passes), volume(*fails))
        for passes, fails in (
            ("secret", ("secret", "gcs")),
            ("cloud_sql", ()),
            ("empty_dir", ("emptydir",)),
            ("nfs", ("nfs", "nfs")),
            ("gcs", ("s3",)),
        )
    ],
    (
        "vpc-access",
        "connector alone",
        of(SERVICE, connector=True, network_interfaces=False),
        of(SERVICE, connector=True, network_interfaces=True),
    ),
    (
        "vpc-access",
        "interfaces alone",
        of(SERVICE, network_interfaces=True),
        of(SERVICE, connector=True, network_interfaces=True),
    ),
    ("egress", "all", of(SERVICE, egress="ALL_TRAFFIC"), of(SERVICE, egress="all-traffic")),
    ("egress", "private", of(SERVICE, egress="PRIVATE_RANGES_ONLY"), of(SERVICE, egress="")),
    *[
        ("subnet-range", passes, of(SERVICE, subnet=passes), of(SERVICE, subnet=fails))
        for passes, fails in (
            ("10.0.0.0/26", "9.255.255.192/26"),
            ("10.255.255.192/26", "11.0.0.0/26"),
            ("172.16.0.0/26", "172.15.255.192/26"),
            ("172.31.255.192/26", "172.32.0.0/26"),
            ("192.168.0.0/26", "192.167.255.192/26"),
            ("192.168.255.192/26", "192.169.0.0/26"),
            ("100.64.0.0/26", "100.63.255.192/26"),
            ("100.127.255.192/26", "100.128.0.0/26"),
            ("240.0.0.0/26", "239.255.255.192/26"),
        )
    ],
    ("subnet-size", "/26", of(SERVICE, subnet_prefix=26), of(SERVICE, subnet_prefix=27)),
    (
        "subnet-addresses",
        "60 for 30",
        of(SERVICE, subnet_prefix=26, max_instances=30),
        of(SERVICE, subnet_prefix=26, max_instances=31),
    ),
    ("shutdown", "10 s", of(SERVICE, shutdown=D(10)), of(SERVICE, shutdown=D("10.001"))),
    ("connections-per-instance", "100", pool(1, 90, 10), pool(1, 90, 11)),
    ("connections-per-instance", "workers multiply", pool(4, 20, 5), pool(5, 20, 5)),
    ("connections-per-instance", "Cloud SQL only", pool(5, 20, 5, cloud_sql=False), pool(5, 20, 5)),
    ("job-tasks", "from 1", of(JOB, tasks=1, parallelism=1), of(JOB, tasks=0, parallelism=0)),
    ("job-tasks", "to 10000", of(JOB, tasks=10_000), of(JOB, tasks=10_001)),
    ("job-retries", "from 0", of(JOB, retries=0), of(JOB, retries=-1)),
    ("job-retries", "to 10", of(JOB, retries=10), of(JOB, retries=11)),
    ("job-timeout", "to 168 h", of(JOB, timeout=D(604_800)), of(JOB, timeout=D("604800.5"))),
    ("job-timeout", "in hours", of(JOB, timeout=D(601_201)), of(JOB, timeout=D(608_400))),
    ("job-timeout-everywhere", "24 h", of(JOB, timeout=D(86_400)), of(JOB, timeout=D(86_401))),
    (
        "job-timeout-everywhere",
        "not beyond the most",
        of(JOB, timeout=D(608_401)),
        of(JOB, timeout=D(604_800)),
    ),
    ("job-timeout-format", "above 0", of(JOB, timeout=D("0.1")), of(JOB, timeout=D(0))),
    ("job-timeout-format", "nine decimals", of(JOB, timeout=D("1e-9")), of(JOB, timeout=D("1e-10"))),
    ("job-parallelism", "all at once", of(JOB, parallelism=4), of(JOB, parallelism=5)),
    ("job-parallelism", "tasks unknown", not_known(of(JOB, parallelism=5), "tasks"), of(JOB, parallelism=5)),
    (
        "job-generation",
        "the second",
        of(JOB, execution_environment="gen2"),
        of(JOB, execution_environment="gen1"),
    ),
    ("job-cpu", "from 1", of(JOB, cpu=D(1)), of(JOB, cpu=D("0.999"))),
    ("job-name", "49 characters", of(JOB, name="a" * 49), of(JOB, name="a" * 50)),
    ("job-name", "not ending with -", of(JOB, name="a-b"), of(JOB, name="a-")),
    ("cpu", "of a job", of(JOB, cpu=D(2)), of(JOB, cpu=D(3))),
    ("memory-by-cpu", "of a job", of(JOB, memory=4 * GI), of(JOB, memory=4 * GI + 1)),
    ("memory-by-generation", "of a job", of(JOB, memory=512 * MI), of(JOB, memory=512 * MI - 1)),
    ("environment-reserved", "of a job", JOB, of(JOB, environment={"K_JOB": ""})),
    (
        "connections-per-instance",
        "of a job",
        of(JOB, cloud_sql=True, workers=1, pool_size=90, pool_overflow=10),
        of(JOB, cloud_sql=True, workers=1, pool_size=90, pool_overflow=11),
    ),
    ("traffic-sum", "100 and no more", TRAFFIC, traffic(latest(91), older("api-00007-abc", 10, "canary"))),
    ("traffic-sum", "100 and no less", TRAFFIC, traffic(latest(90), older("api-00007-abc", 9, "canary"))),
    ("traffic-sum", "none known", traffic(not_known(latest(1), "percent")), traffic(latest(None))),
    (
        "traffic-percent",
        "from 0",
        traffic(latest(100), older("api-1", 0)),
        traffic(latest(100), older("api-1", -1)),
    ),
    ("traffic-percent", "to 100", traffic(latest(100)), traffic(latest(101))),
    ("traffic-revision", "of this service", traffic(older("api-1", 100)), traffic(older("web-1", 100))),
    (
        "traffic-revision",
        "63 characters",
        traffic(older("api-" + "a" * 59, 100)),
        traffic(older("api-" + "a" * 60, 100)),
    ),
    ("traffic-revision", "a name", traffic(older("api-1", 100)), traffic(older("api-1-", 100))),
    ("traffic-tag", "46 with the service", traffic(latest(100, "a" * 43)), traffic(latest(100, "a" * 44))),
    ("traffic-tag", "a label", traffic(latest(100, "v1")), traffic(latest(100, "1v"))),
    (
        "traffic-twice",
        "one tag each",
        traffic(latest(90, "new"), older("api-1", 10, "old")),
        traffic(latest(90, "new"), older("api-1", 10, "new")),
    ),
    ("traffic-twice", "one share each", traffic(latest(100)), traffic(latest(50), latest(50))),
]
LOOKED_UP: list[LookUp] = [(lambda _: account_id_lengths(), None, (6, 30))]
BOUNDARIES = Boundaries("cloud_run", check, CASES, LOOKED_UP)


@pytest.mark.parametrize(("rule", "says", "passes", "fails"), CASES)
def test_one_step_across_a_boundary_breaks_its_rule_and_no_other(rule, says, passes, fails):
    before, after = BOUNDARIES.broken(passes), BOUNDARIES.broken(fails)
    assert BOUNDARIES.rule(rule) not in before
    assert after.count(BOUNDARIES.rule(rule)) == 1
    assert set(after) - set(before) == {BOUNDARIES.rule(rule)}, says


@pytest.mark.parametrize("declared", [SERVICE, SMALL, MANUAL, JOB, TRAFFIC])
def test_what_the_cases_start_from_has_no_problem(declared):
    assert BOUNDARIES.broken(declared) == []


def test_nothing_is_noticed_where_nothing_is_moved():
    assert not BOUNDARIES.one_notices()


@pytest.mark.parametrize(
    "move",
    BOUNDARIES.moves(
        # Two addresses an instance: one address over changes nothing.
        Move("subnet", ("reserved",), -1),
    ),
    ids=lambda move: move.id,
)
def test_a_number_that_is_moved_is_noticed(move, monkeypatch):
    assert BOUNDARIES.notice(monkeypatch, move)
