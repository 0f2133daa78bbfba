"""The real PostgreSQL: it answers on the loopback address alone, keeps its data, and recovers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plimsoll.localdb import server
from plimsoll.localdb.binaries import choose
from plimsoll.localdb.failure import Failure, LocalDatabaseError
from plimsoll.localdb.server import LocalDatabase, Wanted

if TYPE_CHECKING:
    from pathlib import Path

GOALS = Wanted(database="goals", user="goals", major=17, max_connections=50)


def ask(database: LocalDatabase, statement: str) -> str:
    """The answer to one statement, by the URL that the application gets."""
    psql = choose(database.major).program("psql")
    done = subprocess.run(
        [psql, "-XAt", "-c", statement, database.url("postgresql")],
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout or done.stderr).strip()


def failure(folder: Path, wanted: Wanted = GOALS, port: int | None = None) -> LocalDatabaseError:
    with pytest.raises(LocalDatabaseError) as refused:
        server.up(folder, wanted, port=port)
    return refused.value


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        while True:  # until whoever adopted it has seen its end
            os.kill(process, 0)
            time.sleep(0.01)


def test_its_life(folder: Path):
    first = server.up(folder, GOALS)
    assert first.version.startswith("17.")
    assert ask(first, "SHOW max_connections") == "50"
    assert ask(first, "SELECT current_user, current_database()") == "goals|goals"
    ask(first, "CREATE TABLE goal (name text); INSERT INTO goal VALUES ('ä')")
    assert "password authentication failed" in ask(replace(first, password="guessed"), "SELECT 1")

    # Up again is no other database, and its address stays.
    assert server.up(folder, GOALS) == first
    assert server.running(folder, GOALS) == first

    # Whatever its own files and ALTER SYSTEM say, it listens nowhere else, and on no socket that others see.
    ask(first, "ALTER SYSTEM SET listen_addresses = '*'")
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.write("listen_addresses = '*'\nunix_socket_directories = '/tmp'\n")
    assert server.down(folder)
    again = server.up(folder, GOALS)
    assert again == first
    assert ask(again, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(again, "SHOW unix_socket_directories") == ""
    assert ask(again, "SELECT name FROM goal") == "ä"

    # A new name in the settings is a further database; the old one keeps its rows.
    other = server.up(folder, Wanted(database="reports", user="reader", major=17))
    assert ask(other, "SELECT current_user") == "reader"
    assert ask(first, "SELECT count(*) FROM goal") == "1"

    # Killed at the worst moment, it starts again.
    kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]))
    assert ask(server.up(folder, GOALS), "SELECT count(*) FROM goal") == "1"

    assert failure(folder, port=first.port % 60000 + 1024).failure is Failure.RUNNING
    assert server.down(folder)
    assert not server.down(folder)
    with pytest.raises(LocalDatabaseError, match="does not run"):
        server.running(folder, GOALS)
    assert server.down(folder, delete=True) is False
    assert not folder.exists()


def test_a_port_that_is_taken_is_said_and_not_kept(folder: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused = failure(folder, port=port)
        assert refused.failure is Failure.PORT_TAKEN
        assert str(port) in refused.message
        # Interrupted half-way through initdb, it begins anew; here it had come that far already.
        (folder / "data.new").mkdir()
        assert server.up(folder, GOALS).port != port


@pytest.mark.parametrize("ended", [False, True], ids=["alive", "zombie"])
def test_a_process_that_only_has_its_number_is_not_taken_for_it(folder: Path, *, ended: bool):
    first = server.up(folder, GOALS)
    file = folder / "data" / "postmaster.pid"
    said = file.read_text()
    kill(int(said.split()[0]))
    sleep = f"import time; time.sleep({0 if ended else 60})"
    with subprocess.Popen([sys.executable, "-c", sleep]) as foreign:
        while ended and os.waitid(os.P_PID, foreign.pid, os.WEXITED | os.WNOWAIT) is None:
            pass
        file.write_text("\n".join([str(foreign.pid), *said.splitlines()[1:], ""]))
        with pytest.raises(LocalDatabaseError, match="does not run"):
            server.running(folder, GOALS)
        assert not server.down(folder)
        assert foreign.poll() == (0 if ended else None)
        assert server.up(folder, GOALS) == first
        assert ask(first, "SELECT 1") == "1"
        foreign.kill()


def test_what_runs_for_another_environment_is_said_as_it_is(folder: Path):
    first = server.up(folder, GOALS)
    other = Wanted(database="reports", user="reader", major=17, max_connections=90)
    with pytest.raises(LocalDatabaseError, match="without a database reports of user reader"):
        server.running(folder, other)
    assert server.up(folder, other).max_connections == first.max_connections == 50


def test_data_of_another_major_version_are_refused_and_stay(folder: Path):
    newer = server.up(folder, replace(GOALS, major=18))
    assert newer.version.startswith("18.")
    refused = failure(folder)
    assert refused.failure is Failure.OTHER_VERSION
    assert "PostgreSQL 18's" in refused.message
    assert "plimsoll db down --delete" in refused.remedy
    assert ask(newer, "SELECT 1") == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
@pytest.mark.usefixtures("postgres")
def test_in_place_of_root_somebody_runs_it_who_must_reach_it_and_no_folder_is_opened(tmp_path: Path):
    tmp_path.chmod(0o700)
    refused = failure(tmp_path / "db" / "shop")
    assert refused.failure is Failure.UNREACHABLE
    assert "refuses to run as root" in refused.message
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "db" / "shop").exists()


def test_one_folder_a_copy_of_a_project_outside_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PLIMSOLL_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    here, there = (server.folder_of("shop", tmp_path / copy) for copy in ("a", "b"))
    assert here != there
    assert here.parent == there.parent == tmp_path / "share" / "plimsoll" / "db"
    monkeypatch.setenv("PLIMSOLL_HOME", str(tmp_path / "home"))
    assert server.folder_of("shop", tmp_path / "a") == tmp_path / "home" / "db" / here.name
