"""`plimsoll db`, as one types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from plimsoll.cli.db import wanted_of
from plimsoll.localdb.server import Wanted, folder_of
from plimsoll.settings.load import from_stack
from plimsoll.settings.project import find_project
from tests.conftest import STACKS

if TYPE_CHECKING:
    from pathlib import Path


def plimsoll(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plimsoll", "db", *arguments, "--project", str(STACKS)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize(
    ("stack", "wanted", "scheme"),
    [
        (
            "dev",
            Wanted(database="goals", user="goals", major=17, max_connections=50),
            "postgresql+asyncpg",
        ),
        ("prod", Wanted(database="goals", user="goals", max_connections=90), "postgresql"),
    ],
)
def test_it_is_what_the_settings_ask_for(stack: str, wanted: Wanted, scheme: str):
    assert wanted_of(from_stack(find_project(STACKS), stack).settings) == (wanted, scheme)


def test_up_url_and_down(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PLIMSOLL_HOME", str(folder.parent))
    stopped = plimsoll("url")
    assert stopped.returncode == 2
    assert stopped.stderr == (
        "error  the local database does not run\n    → plimsoll db up\n    db/stopped\n"
    )

    up = plimsoll("up")
    assert up.returncode == 0, up.stderr
    assert up.stdout.startswith("postgresql+asyncpg://goals:")
    assert up.stdout.endswith("/goals\n")
    url = json.loads(plimsoll("url", "--json").stdout)
    assert url["url"] == up.stdout.strip()
    assert url["version"].startswith("17.")

    # One server for all environments: it is dev's that runs, whoever asks.
    prod = plimsoll("up", "prod")
    assert prod.stderr == (
        "advice  the settings say max_connections 90, and it was started with 50: "
        "plimsoll db down, and up for this environment\n"
    )

    unasked = plimsoll("down", "--delete", "--json")
    assert unasked.returncode == 2
    assert json.loads(unasked.stdout)["faults"][0]["remedy"] == "add --yes"

    down = json.loads(plimsoll("down", "--delete", "--yes", "--json").stdout)
    assert (down["stopped"], down["deleted"]) == (True, True)
    assert list((folder.parent / "db").iterdir()) == []
    assert plimsoll("down").stdout == "it did not run\n"


@pytest.mark.parametrize(("answer", "code", "kept"), [("n", 2, True), ("y", 0, False)])
def test_at_a_terminal_it_asks_before_data_are_removed(
    answer: str, code: int, *, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PLIMSOLL_HOME", str(tmp_path))
    folder = folder_of("plimsoll", STACKS)
    folder.mkdir(parents=True)
    person, terminal = os.openpty()
    os.write(person, f"{answer}\n".encode())
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "db", "down", "--delete", "--project", str(STACKS)],
        stdin=terminal,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(person)
    os.close(terminal)
    assert str(folder) in done.stderr
    assert (done.returncode, folder.exists()) == (code, kept)


def test_a_project_that_is_none_is_refused(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "db", "url", "--project", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Pulumi.yaml" in done.stderr
