"""Objectives, tiers and false firings: the numbers of the SRE Workbook, and those that were simulated."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction as F  # noqa: N817 (tables of numbers)
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.limits import Severity
from plimsoll.settings.model import Budget
from plimsoll.slo import agreements, grid
from plimsoll.slo.compile import compile_flow, compile_service
from plimsoll.slo.false_firing import Question, expected, safe_from
from plimsoll.slo.filters import MetricFilter, Ratio, Term, burn_rate_filter
from plimsoll.slo.objective import Calendar, Objective, Period
from plimsoll.slo.simulation import Piece, Timeline, simulate
from plimsoll.slo.tiers import Response, Tier, Traffic, burn_rate, one_failure_fires_below, reachable, tiers
from plimsoll.slo.windows import Row, Signal

HOUR = 3600


def objective(goal: str, days: int = 28) -> Objective:
    return Objective("flow", Signal.AVAILABILITY, F(goal), period=Period.rolling(days))


def budget(**says: object) -> Budget:
    return Budget.model_validate({"p95": "300ms", **says})


@pytest.mark.parametrize(
    ("days", "rates"),
    [
        pytest.param(30, ("14.4", "6", "3", "1"), id="30-days"),
        pytest.param(28, ("13.44", "5.6", "2.8", "14/15"), id="28-days"),
        pytest.param(14, ("6.72", "2.8", "1.4", "7/15"), id="14-days"),
        pytest.param(7, ("3.36", "1.4", "0.7", "7/30"), id="7-days"),
    ],
)
def test_burn_rates_follow_the_period(days: int, rates: tuple[str, ...]):
    rows = [("0.02", 1), ("0.05", 6), ("0.1", 24), ("0.1", 72)]
    assert tuple(burn_rate(F(share), days * 86_400, long * HOUR) for share, long in rows) == tuple(
        map(F, rates)
    )


def test_a_catalogue_of_seven_days():
    rows = [("0.08", 1), ("0.125", 6), ("0.2", 24), ("0.42", 72)]
    rates = [burn_rate(F(share), 7 * 86_400, long * HOUR) for share, long in rows]
    assert rates == [F("13.44"), F("3.5"), F("1.4"), F("0.98")]


@pytest.mark.parametrize(
    ("days", "share"), [(30, ("1.44", "0.6", "0.3", "0.1")), (28, ("1.344", "0.56", "0.28", "14/150"))]
)
def test_error_rates_that_fire_at_three_nines(days: int, share: tuple[str, ...]):
    rows = [("0.02", 1), ("0.05", 6), ("0.1", 24), ("0.1", 72)]
    found = [burn_rate(F(part), days * 86_400, long * HOUR) * F("0.001") for part, long in rows]
    assert found == [F(one) / 100 for one in share]


@pytest.mark.parametrize("seconds", [300, 3600, 21_600, 1800, 86_400, 7200])
def test_a_selector_is_written_exactly(seconds: int):
    slo = "projects/p/services/s/serviceLevelObjectives/o"
    assert burn_rate_filter(slo, seconds) == f'select_slo_burn_rate("{slo}", "{seconds}s")'


@pytest.mark.parametrize("seconds", [0, -1, 86_401, 72 * HOUR])
def test_a_selector_looks_back_a_day_at_most(seconds: int):
    with pytest.raises(ValueError, match="24 hours"):
        burn_rate_filter("projects/p/services/s/serviceLevelObjectives/o", seconds)


# goal, days, long, short, share, (seconds, bad), fires, clears
EVENTS = [
    pytest.param("0.999", 30, 3600, 300, "0.02", (60, "1"), 52, 356, 1, id="full-60-s"),
    pytest.param("0.999", 30, 3600, 300, "0.02", (50, "1"), None, None, 1, id="full-50-s-never"),
    pytest.param("0.995", 28, 3600, 300, "0.02", (1000, "1"), 242, 1280, 1, id="full-99.5"),
    pytest.param("0.99", 28, 3600, 300, "0.02", (1000, "1"), 484, 1260, 1, id="full-99"),
    pytest.param("0.999", 30, 3600, 300, "0.02", (600, "0.15"), 346, 872, 1, id="15-percent-10-min"),
    pytest.param("0.999", 30, 3600, 300, "0.02", (10**6, "0.0144"), None, None, 1, id="equal-never"),
    pytest.param("0.999", 30, 3600, 300, "0.02", (10**6, "0.015"), 3457, 1_000_012, 1, id="1.5-percent"),
    pytest.param("0.999", 30, 21_600, 1800, "0.05", (10**6, "0.007"), 18_515, 1_000_258, 1, id="slow"),
    pytest.param("0.999", 30, 259_200, 21_600, "0.1", (10**6, "0.0015"), 172_860, 1_007_220, 60, id="3d"),
    pytest.param("0.999", 30, 3600, 300, "0.05", (10**6, "0.035"), None, None, 1, id="35x-never"),
]


@pytest.mark.parametrize(
    ("goal", "days", "long", "short", "share", "event", "fires", "clears", "every"), EVENTS
)
def test_an_outage_fires_and_clears_to_the_second(  # noqa: PLR0917 (a row of the table)
    goal: str, days: int, long: int, short: int, share: str, event: tuple[int, str], fires, clears, every: int
):
    promised = objective(goal, days)
    tier = Tier("t", long, short, burn_rate(F(share), days * 86_400, long), Response.PAGE)
    timeline = Timeline((Piece(F(event[0]), F(600), F(event[1])),), Piece(F(1), F(600), F(0)))
    episodes = simulate(promised, tier, timeline, every=every).episodes
    assert [(one.fires, one.clears) for one in episodes] == ([] if fires is None else [(fires, clears)])


# The table of slo.md 9, whose usual rates were 0.1 % errors and 2 % slow; minutes, within one.
TABLE = [
    pytest.param("0.995", "0.001", 60, 15, "0.02", "1", 4, 8.2, id="1h-outage-4"),
    pytest.param("0.995", "0.001", 60, 15, "0.02", "1", 10, 13.8, id="1h-outage-10"),
    pytest.param("0.995", "0.001", 120, 20, "0.025", "1", 4, 9.2, id="2h-outage-4"),
    pytest.param("0.995", "0.001", 120, 20, "0.025", "1", 10, 15.0, id="2h-outage-10"),
    pytest.param("0.995", "0.001", 60, 15, "0.02", "0.2", 4, 23, id="1h-20-percent"),
    pytest.param("0.995", "0.001", 60, 15, "0.02", "0.1", 4, 42, id="1h-10-percent"),
    pytest.param("0.995", "0.001", 120, 20, "0.025", "0.2", 4, 28, id="2h-20-percent"),
    pytest.param("0.995", "0.001", 120, 20, "0.025", "0.1", 4, 53, id="2h-10-percent"),
    pytest.param("0.995", "0.001", 360, 30, "0.05", "1", 4, 14.1, id="slow-outage"),
    pytest.param("0.99", "0.002", 60, 15, "0.02", "1", 4, 11.9, id="tail-stall"),
    pytest.param("0.95", "0.02", 60, 15, "0.02", "1", 4, 42, id="p95-2-percent"),
    pytest.param("0.95", "0.02", 60, 15, "0.01", "1", 4, 23, id="p95-1-percent"),
    pytest.param("0.95", "0.02", 60, 15, "0.01", "0.5", 4, 41, id="p95-half-slow"),
    pytest.param("0.95", "0.02", 60, 15, "0.02", "0.5", 4, None, id="p95-half-slow-never"),
    pytest.param("0.995", "0.001", 1440, 120, "0.05", "0.02", 4, 457, id="ticket-2-percent"),
    pytest.param("0.995", "0.001", 60, 5, "0.02", "1", 10, None, id="short-window-within-the-delay"),
]


@pytest.mark.parametrize(("goal", "usual", "long", "short", "share", "bad", "delay", "minutes"), TABLE)
def test_the_simulated_table(  # noqa: PLR0917 (a row of the table)
    goal: str, usual: str, long: int, short: int, share: str, bad: str, delay: int, minutes
):
    promised = objective(goal)
    rate = burn_rate(F(share), promised.period.seconds, long * 60)
    tier = Tier("t", long * 60, short * 60, rate, Response.PAGE)
    timeline = Timeline((Piece(F(86_400), F(600), F(bad)),), Piece(F(1), F(600), F(usual)))
    episodes = simulate(promised, tier, timeline, delay=delay * 60, every=60).episodes
    if minutes is None:
        assert not episodes
    else:
        assert episodes[0].fires / 60 == pytest.approx(minutes, abs=1)


@given(
    st.lists(
        st.tuples(st.integers(1, 5000), st.integers(0, 100), st.integers(0, 900)), min_size=1, max_size=6
    ),
    st.integers(0, 700),
)
def test_the_simulator_agrees_with_a_look_at_every_second_step(
    moments: list[tuple[int, int, int]], delay: int
):
    """Against shares that are summed second by second, the way a reader would check one."""
    tier = Tier("t", 3600, 900, F(14), Response.PAGE)
    promised, step = objective("0.99"), 300
    pieces = tuple(Piece(F(seconds), F(rate), F(bad, 100)) for seconds, bad, rate in moments)
    outcome = simulate(promised, tier, Timeline(pieces, Piece(F(1), F(60), F(0))), delay=delay, every=step)
    seconds = [(rate, rate * bad) for length, bad, rate in moments for _ in range(length)]

    def share_exceeds(at: int, window: int) -> bool:
        total = bad = 0
        for second in range(at - window, at - delay):
            rate, wrong = seconds[second] if 0 <= second < len(seconds) else (60, 0)
            total, bad = total + rate, bad + wrong
        return bad > 14 * total

    def fires(at: int) -> bool:
        return any(one.fires <= at < (one.clears or 10**9) for one in outcome.episodes)

    for at in range(0, min(len(seconds) + 4200, 9000), 1500):
        assert fires(at) == (share_exceeds(at, 3600) and share_exceeds(at, 900))


def test_one_failure_is_enough_below():
    rows = [("0.001", "14.4", 1), ("0.001", "6", 6), ("0.005", "14.4", 1), ("0.01", "14.4", 1)]
    found = [float(one_failure_fires_below(F(rest) * F(rate), hours * HOUR)) for rest, rate, hours in rows]
    assert found == pytest.approx([69.4, 27.8, 13.9, 6.9], abs=0.05)


@pytest.mark.parametrize(
    ("rate", "goal", "can"),
    [("14.4", "0.9", False), ("14.4", "0.95", True), ("6", "5/6", False), ("3", "0.6667", True)],
)
def test_reachable(rate: str, goal: str, *, can: bool):
    assert reachable(F(rate), F(goal)) is can


@pytest.mark.parametrize("goal", ["0", "1", "0.99991", "0.99999"])
def test_goals_that_are_refused(goal: str):
    with pytest.raises(ValueError, match=r"at most 99\.99 %"):
        objective(goal)
    assert objective("0.9999").goal == F("0.9999")


@pytest.mark.parametrize("days", [0, 31, 1.5, True])
def test_periods_that_are_refused(days: int):
    with pytest.raises(ValueError, match="1 to 30 whole days"):
        Period.rolling(days)
    assert [Period.of(calendar).days for calendar in Calendar] == [1, 7, 14, 30]


def question(rate: str, burn: str, rest: str, long: int, dispersion: int = 1) -> Question:
    return Question(F(rate), F(burn) * F(rest), long, 240, 28 * 86_400, dispersion, 2.2)


# Requests an hour from which a tier is safe: Poisson, bursts of 5.
SAFE = [
    pytest.param("0.003", "0.005", 1, "0.02", 70, 800, id="availability-fast"),
    pytest.param("0.003", "0.005", 1, "0.03", 40, 500, id="availability-3-percent"),
    pytest.param("0.003", "0.005", 1, "0.04", 30, 300, id="availability-4-percent"),
    pytest.param("0.003", "0.005", 1, "0.05", 20, 200, id="availability-5-percent"),
    pytest.param("0.003", "0.005", 2, "0.025", 60, 700, id="availability-2h"),
    pytest.param("0.003", "0.005", 6, "0.05", 30, 400, id="availability-slow"),
    pytest.param("0.003", "0.005", 24, "0.05", 135, 1500, id="availability-ticket"),
    pytest.param("0.003", "0.005", 24, "0.1", 30, 250, id="availability-ticket-10"),
    pytest.param("0.04", "0.05", 1, "0.02", 12, 30, id="p95-fast-2"),
    pytest.param("0.04", "0.05", 1, "0.01", 25, 150, id="p95-fast-1"),
    pytest.param("0.04", "0.05", 24, "0.05", 35, 250, id="p95-ticket"),
    pytest.param("0.007", "0.01", 1, "0.02", 40, 400, id="tail-fast"),
    pytest.param("0.007", "0.01", 6, "0.05", 18, 200, id="tail-slow"),
    pytest.param("0.007", "0.01", 24, "0.05", 100, 1000, id="tail-ticket"),
    pytest.param("0.007", "0.01", 24, "0.1", 20, 150, id="tail-ticket-10"),
]


@pytest.mark.parametrize(("rate", "rest", "hours", "share", "poisson", "bursts"), SAFE)
def test_traffic_from_which_a_tier_is_safe(  # noqa: PLR0917 (a row of the table)
    rate: str, rest: str, hours: int, share: str, poisson: int, bursts: int
):
    burn = str(burn_rate(F(share), 28 * 86_400, hours * HOUR))
    for dispersion, simulated in ((1, poisson), (5, bursts)):
        found = safe_from(question(rate, burn, rest, hours * HOUR, dispersion), 0.1)
        assert found == pytest.approx(simulated, rel=0.36)


def simulated_firings(
    rate: float, per_hour: float, theta: float, long: int, short: int, *, seed: int
) -> float:
    """False firings in 28 days of minutes, by throwing dice; averaged over 12 runs."""
    dice, minutes, delay, runs, fired = random.Random(seed), 28 * 1440, 4, 12, 0  # noqa: S311 (a simulation)

    def poisson(mean: float) -> int:
        count, product, floor = 0, dice.random(), exp(-mean)
        while product > floor:
            count, product = count + 1, product * dice.random()
        return count

    for _ in range(runs):
        all_ = [0] * (minutes + 1)
        bad = [0] * (minutes + 1)
        for minute in range(minutes):
            came = poisson(per_hour / 60)
            all_[minute + 1] = all_[minute] + came
            bad[minute + 1] = bad[minute] + sum(dice.random() < rate for _ in range(came))
        above = False
        for at in range(long, minutes + 1):
            now = all(
                bad[at - delay] - bad[at - window] > theta * (all_[at - delay] - all_[at - window])
                for window in (long, short)
            )
            fired += now and not above
            above = now
    return fired / runs


@pytest.mark.parametrize("per_hour", [20, 30])
def test_a_simulation_stays_below_the_formula_times_its_factor(per_hour: int):
    asked = question("0.003", "13.44", "0.005", HOUR)
    fired = simulated_firings(0.003, per_hour, 0.0672, 60, 15, seed=7)
    assert expected(asked, per_hour) / 2.2 * 0.8 < fired < expected(asked, per_hour)


def test_the_grid():
    edges = grid.edges()
    assert (len(edges), edges[0], edges[-1]) == (173, Decimal("0.001"), Decimal(60))
    assert list(edges) == sorted(set(edges))
    for p95 in range(50, 1001, 50):
        assert grid.tail_of(Decimal(p95) / 1000) == Decimal(p95) / 250
    above = [(grid.at_or_above(4 * edge), edge) for edge in edges if edge <= 15]
    assert all(tail is not None and tail <= Decimal("4.29") * edge for tail, edge in above)


@pytest.mark.parametrize(
    ("says", "rule", "remedy"),
    [
        pytest.param({"p95": "310ms"}, "slo/off-grid", "300ms or 320ms", id="off-grid"),
        pytest.param({"p95": "16s"}, "slo/p95-too-long", "15s", id="too-long"),
        pytest.param({"p95": "300ms", "p99": "300ms"}, "slo/tail-below-p95", "raise p99", id="p99-below"),
        pytest.param({"p95": "300ms", "p99": "61s"}, "slo/off-grid", "60s", id="beyond-the-grid"),
        pytest.param({"availability": 99.995}, "slo/goal", "99.99 %", id="goal"),
    ],
)
def test_a_budget_that_cannot_be_measured_says_what_to_write(says: dict[str, object], rule: str, remedy: str):
    found = compile_flow("flow", budget(**says), Traffic())
    (error,) = [problem for problem in found.problems if problem.severity is Severity.ERROR]
    assert error.rule == rule
    assert remedy in error.remedy


def test_a_flow_gets_the_tiers_of_the_design():
    found = compile_flow("flow", budget(), Traffic(Decimal(600)), critical=True)
    tiers_ = {
        (one.objective.signal.value, tier.name): (tier.windows, str(tier.burn_rate), tier.response.value)
        for one in found.alerted
        for tier in one.tiers
    }
    assert tiers_ == {
        ("availability", "fast"): ("2h/20m", "42/5", "page"),
        ("availability", "slow"): ("6h/30m", "28/5", "ticket"),
        ("availability", "ticket"): ("24h/2h", "7/5", "ticket"),
        ("p95", "fast"): ("1h/15m", "168/25", "page"),
        ("p95", "ticket"): ("24h/2h", "7/5", "ticket"),
        ("tail", "fast"): ("2h/20m", "42/5", "page"),
        ("tail", "slow"): ("6h/30m", "28/5", "ticket"),
        ("tail", "ticket"): ("24h/2h", "7/5", "ticket"),
    }
    assert not found.problems


def test_a_whole_service_pages_fast_and_slow():
    (one,) = compile_service("api", F("0.995"), Traffic()).alerted
    assert [tier.response for tier in one.tiers] == [Response.PAGE, Response.PAGE, Response.TICKET]


def test_little_traffic_lowers_and_leaves_out_with_the_arithmetic():
    lowered = compile_flow("flow", budget(), Traffic(Decimal(30)))
    assert any("2.5 % × 672h / 2h = 8.4 fires falsely" in one.message for one in lowered.problems)
    out = compile_flow("flow", budget(), Traffic(Decimal(3), min_instances=0))
    assert any("left out" in one.message and "synthetic" in one.remedy for one in out.problems)
    assert "slo/tail-of-cold-starts" in {one.rule for one in out.problems}


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        pytest.param(Row("fast", HOUR, 900, (F("0.2"),)), "slo/unreachable", id="unreachable"),
        pytest.param(Row("fast", 72 * HOUR, 21_600, (F("0.1"),)), "slo/lookback", id="three-days"),
        pytest.param(Row("fast", HOUR, 300, (F("0.02"),)), "slo/window-within-delay", id="within-delay"),
        pytest.param(Row("fast", 900, HOUR, (F("0.02"),)), "slo/windows", id="exchanged"),
    ],
)
def test_a_tier_of_ones_own_that_cannot_work_is_an_error(row: Row, rule: str):
    found, problems = tiers(objective("0.95"), Traffic(), instead={"fast": row, "slow": None})
    assert [tier.name for tier in found] == ["ticket"]
    assert [(one.rule, one.severity) for one in problems] == [(rule, Severity.ERROR)]


def test_goals_are_held_against_the_vendors_agreements():
    names = ("cloud-run", "cloud-sql-enterprise-regional")
    assert agreements.composed(names) == F("0.9995") ** 2
    problem = agreements.beyond(F("0.9995"), names)
    assert problem is not None
    assert "cloud-run 99.95 % × cloud-sql-enterprise-regional 99.95 % = 99.9 %" in problem.message
    assert agreements.beyond(F("0.995"), names) is None


def test_good_is_total_plus_terms():
    total = MetricFilter("m", "cloud_run_revision", (Term.equal("resource.labels.location", "x"),))
    ratio = Ratio(total, (Term.equal("metric.labels.ok", "yes"),))
    assert str(ratio.good) == f'{ratio.total} AND metric.labels.ok = "yes"'
    with pytest.raises(ValueError, match="all of them are good"):
        Ratio(total, ())
