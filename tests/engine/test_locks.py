"""Whose a lock is, and whether its holder still runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plimsoll.engine.locks import Holder, Lock, explain, holder, parse_locks, read_locks

HERE = socket.gethostname()

SAID = """
error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) to end or delete \
the lock file with `pulumi cancel`.
  file:///state/.pulumi/locks/organization/tiny/dev/a.json?no_tmp_dir=true: created by joe@vm (pid 32410) at \
2026-11-24T15:10:05Z
  gs://acme/.pulumi/locks/organization/tiny/dev/b.json: created by ACME\\jo doe@build-7 (pid 1) at \
2026-11-24T16:10:05+01:00
"""
SINCE = datetime(2026, 11, 24, 15, 10, 5, tzinfo=UTC)


def lock(pid: int, since: datetime | None = None, host: str = HERE) -> Lock:
    return Lock(pid, "joe", host, since or datetime.now(UTC), "somewhere")


def test_the_engines_own_words_name_every_holder():
    locks = "/.pulumi/locks/organization/tiny/dev"
    assert parse_locks(SAID) == (
        Lock(32410, "joe", "vm", SINCE, f"file:///state{locks}/a.json"),
        Lock(1, "ACME\\jo doe", "build-7", SINCE, f"gs://acme{locks}/b.json"),
    )
    assert parse_locks("error: no stack named 'dev' found") == ()


def test_a_folders_lock_files_are_read_for_this_stack_alone(tmp_path: Path):
    file = tmp_path / ".pulumi/locks/organization/tiny/dev/x.json"
    for path in (file, tmp_path / ".pulumi/locks/organization/tiny/prod/y.json"):
        path.parent.mkdir(parents=True)
        path.write_text(
            '{"pid":7,"username":"joe","hostname":"vm","timestamp":"2026-11-24T15:10:05.281738547Z"}'
        )
    since = SINCE.replace(microsecond=281738)
    assert read_locks(tmp_path, "tiny", "dev") == (Lock(7, "joe", "vm", since, str(file)),)
    file.with_name("z.json").write_text('{"pid":')
    unknown, known = read_locks(tmp_path, "tiny", "dev")
    assert (unknown.pid, known.pid) == (0, 7)
    assert "does not say whose" in explain(unknown)


def test_who_runs_here_is_alive_and_who_ran_here_is_gone():
    assert holder(lock(os.getpid())) is Holder.ALIVE
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert holder(lock(ended.pid)) is Holder.GONE


def test_a_process_whose_parent_has_not_noticed_its_end_is_gone():
    # Killed, and not waited for.
    ended = subprocess.Popen([sys.executable, "-c", "print()"], stdout=subprocess.PIPE)
    assert ended.stdout is not None
    ended.stdout.read()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert holder(lock(ended.pid)) is Holder.GONE
    ended.communicate()


def test_a_younger_process_with_the_same_number_is_another_one():
    assert holder(lock(os.getpid(), since=datetime.now(UTC) - timedelta(days=30))) is Holder.GONE


def test_of_another_machine_nobody_here_can_tell():
    assert holder(lock(os.getpid(), host="build-7")) is Holder.ELSEWHERE


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (
            Lock(1, "jo", "build-7", SINCE, ""),
            "jo@build-7 (process 1) since 2026-11-24 15:10:05 UTC",
        ),
        (Lock(os.getpid(), "jo", HERE, None, ""), "which is still running"),
    ],
    ids=["elsewhere", "here"],
)
def test_a_lock_in_words(held: Lock, words: str):
    assert words in explain(held)
