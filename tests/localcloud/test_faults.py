"""Faults: what they are in text, when they strike, and what is heard of them."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.faults import (
    TIMED,
    Effect,
    Fault,
    FaultError,
    Faults,
    Operation,
    parse_fault,
)
from tests.localcloud.test_server import Connection

if TYPE_CHECKING:
    from collections.abc import Generator

ACCOUNT = "gcp:serviceaccount/account:Account"
POLICY = "gcp:monitoring/alertPolicy:AlertPolicy"
BY_DEFAULT = Fault(Operation.CREATE)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("create", BY_DEFAULT),
        ("create:1=fails", BY_DEFAULT),
        (" create:2 ", Fault(Operation.CREATE, 2)),
        ("update@Service", Fault(Operation.UPDATE, type="Service")),
        (
            "delete:3@gcp:sql/user:User=quota",
            Fault(Operation.DELETE, 3, "gcp:sql/user:User", Effect.QUOTA),
        ),
        ("read=slow:500ms", Fault(Operation.READ, effect=Effect.SLOW, seconds=Decimal("0.5"))),
    ],
)
def test_a_fault_in_text(text: str, fault: Fault):
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is not of that form"),
        ("creates:2", "'creates' is not an operation: create, read, update, delete"),
        ("create:0", "'0' is no number from 1"),
        ("create:second", "'second' is no number from 1"),
        ("create:", "'' is no number from 1"),
        ("create@", "'' is no type of a resource"),
        ("create@a b", "'a b' is no type"),
        ("create=explodes", "'explodes' is not an effect: fails, quota, slow"),
        ("create=slow", "slow says for how long: slow:2s"),
        ("create=slow:2", "'2' is not a duration"),
        ("create=slow:1h", "1h is longer than 600 s"),
        ("create=quota:2s", "quota takes no time"),
        ("create:2=metric-not-found:2s", "is of every create while a metric is new"),
        ("update=metric-not-found:2s", "is of every create while a metric is new"),
    ],
)
def test_what_is_no_fault_says_why_and_what_one_looks_like(text: str, why: str):
    with pytest.raises(FaultError) as caught:
        parse_fault(text)
    assert why in str(caught.value)
    assert "OPERATION[:N][@TYPE][=EFFECT], such as create:2" in str(caught.value)


@st.composite
def faults(draw: st.DrawFn) -> Fault:
    effect = draw(st.sampled_from(Effect))
    of_all = effect is Effect.METRIC_NOT_FOUND
    milliseconds = draw(st.integers(0, 600_000)) if effect in TIMED else 0
    return Fault(
        Operation.CREATE if of_all else draw(st.sampled_from(Operation)),
        1 if of_all else draw(st.integers(1, 999_999)),
        draw(st.sampled_from(["", "Service", "gcp:sql/user:User", "pulumi-python:dynamic:Resource"])),
        effect,
        Decimal(milliseconds) / 1000,
    )


@given(faults())
def test_what_is_written_is_read(fault: Fault):
    assert parse_fault(str(fault)) == fault


@given(st.text())
def test_any_text_is_a_fault_or_one_clear_error(text: str):
    try:
        fault = parse_fault(text)
    except FaultError as error:
        assert repr(text) in str(error)
    else:
        assert parse_fault(str(fault)) == fault


class TestWhenItStrikes:
    def struck(self, plan: Faults, *asked: tuple[Operation, str]) -> list[bool]:
        return [plan.strike(operation, "urn::it", type_, {}, 0) is not None for operation, type_ in asked]

    def test_the_nth_of_all(self):
        plan = Faults([Fault(Operation.CREATE, 2)])
        create, read = (Operation.CREATE, ACCOUNT), (Operation.READ, ACCOUNT)
        assert self.struck(plan, create, read, (Operation.CREATE, POLICY), create) == [
            False,
            False,
            True,
            False,
        ]

    @pytest.mark.parametrize("type_", [POLICY, "AlertPolicy"])
    def test_the_nth_of_a_type(self, type_: str):
        plan = Faults([Fault(Operation.CREATE, type=type_)])
        assert plan.unmet == (Fault(Operation.CREATE, type=type_),)
        assert self.struck(plan, (Operation.CREATE, ACCOUNT), (Operation.CREATE, POLICY)) == [False, True]
        assert plan.unmet == ()
        assert plan.struck == ((Fault(Operation.CREATE, type=type_), "it"),)

    def test_two_in_a_row(self):
        plan = Faults([Fault(Operation.CREATE, 1), Fault(Operation.CREATE, 2)])
        assert self.struck(plan, *[(Operation.CREATE, ACCOUNT)] * 3) == [True, True, False]

    def test_a_metric_is_not_found_while_it_is_new(self):
        seconds = Decimal(5)
        plan = Faults([Fault(Operation.CREATE, effect=Effect.METRIC_NOT_FOUND, seconds=seconds)])
        plan.metric_made("slow", 100)

        def strikes(metric: str, now: float) -> bool:
            inputs = {"conditions": [{"filter": f'metric.type="logging.googleapis.com/user/{metric}"'}]}
            return plan.strike(Operation.CREATE, "urn::it", POLICY, inputs, now) is not None

        assert [strikes("slow", 101), strikes("slow", 104.9), strikes("slow", 105)] == [True, True, False]
        assert not strikes("slower", 101)

    def test_one_that_has_to_give_way_strikes_next(self):
        plan = Faults([Fault(Operation.CREATE), Fault(Operation.CREATE, type=ACCOUNT)])
        assert self.struck(plan, *[(Operation.CREATE, ACCOUNT)] * 3) == [True, True, False]

    def test_what_is_lifted_strikes_no_more_and_the_others_count_on(self):
        late = Fault(Operation.CREATE, effect=Effect.METRIC_NOT_FOUND, seconds=Decimal(600))
        plan = Faults([late, Fault(Operation.CREATE, 2)])
        plan.metric_made("slow", 0)
        inputs = {"filter": "logging.googleapis.com/user/slow"}
        assert plan.strike(Operation.CREATE, "urn::it", POLICY, inputs, 1) == late
        plan.lift()
        assert plan.strike(Operation.CREATE, "urn::it", POLICY, inputs, 2) == Fault(Operation.CREATE, 2)
        assert plan.strike(Operation.CREATE, "urn::it", POLICY, inputs, 3) is None


@contextmanager
def broken(folder: Path, *texts: str) -> Generator[LocalCloud]:
    with LocalCloud(
        interpreter=Path(sys.executable), state=folder / "cloud.jsonl", faults=map(parse_fault, texts)
    ) as cloud:
        yield cloud


@pytest.mark.parametrize(
    ("text", "type_", "said"),
    [
        (
            "create",
            ACCOUNT,
            "Error creating Account: googleapi: Error 503: The service is currently unavailable.",
        ),
        ("create=quota", ACCOUNT, "googleapi: Error 429: Quota exceeded for quota metric"),
        ("create=quota", "vercel:index/project:Project", "rate_limited (429) - Too many requests"),
        ("create", "vercel:index/project:Project", "internal_server_error (500)"),
        ("create=quota", "random:index/randomPet:RandomPet", "Error creating RandomPet: quota"),
    ],
)
def test_what_fails_makes_nothing_and_says_it_in_the_vendors_words(
    tmp_path: Path, text: str, type_: str, said: str
):
    with broken(tmp_path, text) as cloud:
        connection = Connection(cloud)
        inputs = {"accountId": "an-account", "name": "it"}
        with pytest.raises(grpc.RpcError) as caught:
            connection.create(type_, inputs)
        assert said in str(caught.value)
        assert cloud.records == ()
        connection.create(type_, inputs)  # Once.


def test_a_preview_is_never_struck(tmp_path: Path):
    with broken(tmp_path, "create") as cloud:
        Connection(cloud).create(ACCOUNT, {"accountId": "an-account"}, preview=True)
        assert len(cloud.faults.unmet) == 1


@pytest.mark.parametrize(("when", "exist"), [("before", 0), ("after", 1)])
def test_a_provider_that_is_killed_says_nothing_more_and_another_one_does(
    tmp_path: Path, when: str, exist: int
):
    with broken(tmp_path, f"create=killed-{when}") as cloud:
        connection = Connection(cloud)
        for name in ("first", "second"):
            with pytest.raises(grpc.RpcError) as caught:
                connection.create(ACCOUNT, {"accountId": name})
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert len(cloud.records) == exist
        Connection(cloud).create(ACCOUNT, {"accountId": "third"})
        assert len(cloud.records) == exist + 1


def test_what_is_slow_exists_before_it_is_answered(tmp_path: Path):
    with ThreadPoolExecutor(1) as pool, broken(tmp_path, "create=slow:10m") as cloud:
        asked = pool.submit(Connection(cloud).create, ACCOUNT, {"accountId": "an-account"})
        while cloud.records == ():
            assert not asked.done()
            time.sleep(0.01)
        assert not asked.done()


def test_what_stalls_is_not_done_where_whoever_asked_has_gone(tmp_path: Path):
    with broken(tmp_path, "create=stalled:1s") as cloud:
        connection = Connection(cloud)
        with pytest.raises(grpc.RpcError):
            connection.create(ACCOUNT, {"accountId": "an-account"}, timeout=0.3)
        connection.create(ACCOUNT, {"accountId": "another"})
    assert [record.id.partition("@")[0].rpartition("/")[2] for record in cloud.records] == ["another"]
