"""Whatever a shape holds: no rule raises, nothing is judged that is not known, no secret is repeated."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from plimsoll.limits import (
    DrainShape,
    FunctionShape,
    InstanceShape,
    JobShape,
    PoolShape,
    PortShape,
    ProbeShape,
    ScheduleShape,
    ServiceShape,
    Severity,
    TargetShape,
    TrafficShape,
    VariableShape,
    VolumeShape,
    check_drain,
    check_function,
    check_instance,
    check_job,
    check_pool,
    check_project_name,
    check_region,
    check_schedule,
    check_service,
    check_traffic,
    check_variable,
)
from plimsoll.units import parse_memory
from tests.limits.test_limits_cloud_run import CASES, SERVICE
from tests.limits.test_limits_cloud_sql import CASES as CLOUD_SQL_CASES

CHECKS = {
    ServiceShape: check_service,
    InstanceShape: check_instance,
    FunctionShape: check_function,
    VariableShape: check_variable,
    PoolShape: check_pool,
    JobShape: check_job,
    TrafficShape: check_traffic,
    ScheduleShape: check_schedule,
    DrainShape: check_drain,
}
WHOLE = st.integers() | st.integers(-1, 300) | st.sampled_from([-(10**6000), 10**6000])
NUMBER = (
    st.decimals()
    | st.decimals(-1, 10, places=3)
    | st.sampled_from([Decimal("1e999999"), Decimal("1e-999999")])
)
WORD = st.text(max_size=80) | st.sampled_from(
    [
        "MANUAL",
        "AUTOMATIC",
        "gen1",
        "ENTERPRISE",
        "POSTGRES_17",
        "db-custom-2-7680",
        "db-custom-9-",
        "REGIONAL",
        "pro",
    ]
)
WORDS = st.lists(WORD, max_size=3).map(tuple)


@cache
def shapes(kind: Any) -> st.SearchStrategy[Any]:
    """Shapes of a kind with anything in their fields, by the fields' annotations."""
    return st.builds(kind, **{field.name: values(str(field.type)) for field in dataclasses.fields(kind)})


def values(annotation: str) -> st.SearchStrategy[Any]:
    kind, _, rest = annotation.partition(" | ")
    if kind.startswith("Literal"):
        return st.sampled_from([None, "ODD", *re.findall(r'"(\w+)"', kind)])
    strategy = {
        "bool": st.booleans(),
        "int": WHOLE,
        "Decimal": NUMBER,
        "str": WORD,
        "tuple[str, ...]": WORDS,
        "frozenset[str]": WORDS.map(frozenset),
        "Mapping[str, str]": st.dictionaries(st.text(), st.text()),
        "ProbeShape": st.deferred(lambda: shapes(ProbeShape)),
        "tuple[PortShape, ...]": st.deferred(lambda: st.lists(shapes(PortShape), max_size=3).map(tuple)),
        "tuple[TargetShape, ...]": st.deferred(lambda: st.lists(shapes(TargetShape), max_size=3).map(tuple)),
        "tuple[VolumeShape, ...]": st.deferred(lambda: st.lists(shapes(VolumeShape), max_size=3).map(tuple)),
    }[kind]
    return st.none() | strategy if rest == "None" else strategy


@pytest.mark.parametrize("kind", CHECKS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_no_shape_makes_a_rule_raise_or_print_pages(kind, data):
    for problem in CHECKS[kind](data.draw(shapes(kind))):
        assert len(problem.message) < 600
        assert len(problem.remedy) < 300
        assert "\n" not in problem.message + problem.remedy + problem.value


@given(name=st.text(), region=WORD, google=WORD)
def test_no_name_makes_a_rule_raise(name, region, google):
    check_project_name(name)
    check_region(google, region)


@pytest.mark.parametrize("kind", [kind for kind in CHECKS if kind is not VariableShape])
def test_of_what_nothing_is_known_nothing_is_wrong(kind):
    assert CHECKS[kind](kind()) == []


LEGAL = [
    passes
    for cases in (CASES, CLOUD_SQL_CASES)
    for _, _, passes, _ in cases
    if all(problem.severity is Severity.ADVICE for problem in CHECKS[type(passes)](passes))
]


@given(shape=st.sampled_from(LEGAL), data=st.data())
def test_not_knowing_a_value_makes_no_legal_shape_illegal(shape, data):
    optional = [field.name for field in dataclasses.fields(shape) if str(field.type).endswith("| None")]
    hidden = data.draw(st.sets(st.sampled_from(optional)))
    less = dataclasses.replace(shape, **dict.fromkeys(hidden), unknown=shape.unknown | hidden)
    assert [problem for problem in CHECKS[type(less)](less) if problem.severity is Severity.ERROR] == []


@pytest.mark.parametrize("cpu", [Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")])
def test_what_is_no_number_is_not_known(cpu):
    shape = ServiceShape(cpu=cpu, memory=512 * 2**20)
    assert shape.cpu is None
    assert "cpu" in shape.unknown
    assert check_service(shape) == []


def test_the_value_of_a_variable_is_never_repeated():
    secret = "hunter2-" * 10_000
    shape = dataclasses.replace(SERVICE, environment={"1_BAD": secret, "PORT": secret, "K_X": secret})
    problems = check_service(shape)
    assert len(problems) == 6
    assert "hunter2" not in repr(problems)


@given(
    cpu=st.sampled_from([Decimal(one) for one in ("0.08", "0.25", "0.5", "0.999", "1", "2", "4", "6", "8")]),
    memory=st.integers(1, 40 * 2**30),
)
@example(cpu=Decimal(1), memory=8 * 2**30)
@example(cpu=Decimal(4), memory=2**30)
def test_following_either_remedy_for_memory_puts_it_right(cpu, memory):
    def problems(**shape: Any) -> list[Any]:
        return [one for one in check_service(ServiceShape(**shape)) if one.rule == "cloud-run/memory-by-cpu"]

    found = problems(cpu=cpu, memory=memory)
    assume(found)
    [remedy] = [one.remedy for one in found]
    raised = re.search(r"cpu to (\d+)", remedy)
    changed = re.search(r"memory to (\S+)", remedy)
    assert changed is not None
    assert problems(cpu=cpu, memory=parse_memory(changed[1])) == []
    assert raised is not None or memory > 32 * 2**30
    assert raised is None or problems(cpu=Decimal(raised[1]), memory=memory) == []


@pytest.mark.parametrize(
    ("edition", "fields", "message"),
    [
        (
            "ENTERPRISE_PLUS",
            ("tier", "edition"),
            "edition ENTERPRISE_PLUS has no machine type 'db-g1-small': that is ENTERPRISE's",
        ),
        (
            None,
            ("edition", "tier"),
            "edition ENTERPRISE_PLUS, which POSTGRES_17 gets when none is set, has no machine type "
            "'db-g1-small': that is ENTERPRISE's",
        ),
    ],
)
def test_the_wrong_edition_points_at_what_was_said_or_left_out(edition, fields, message):
    [problem] = check_instance(InstanceShape(version="POSTGRES_17", edition=edition, tier="db-g1-small"))
    assert (problem.fields, problem.message) == (fields, message)


def test_a_problem_reads_as_a_sentence_with_its_numbers():
    [problem] = check_service(dataclasses.replace(SERVICE, memory=8 * 2**30))
    assert problem.fields == ("memory", "cpu")
    assert problem.value == "cpu 1, memory 8Gi"
    assert problem.message == "1 vCPU takes at most 4Gi of memory, not 8Gi"
    assert problem.remedy == "raise cpu to 2, or lower memory to 4Gi"
    assert problem.source == "cloud.google.com/run/docs/configuring/services/cpu (2026-08)"
