"""A rehearsal's folder: gone with it, swept up after it, and never while somebody is in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.rehearse.folders import OWNER, PREFIX, Folder, started, sweep

HOLD = """
import sys, time
from plimsoll.rehearse.folders import Folder
print(Folder(keep=sys.argv[1] == "keep").path, flush=True)
time.sleep(60)
"""


def hold(word: str = "") -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, word], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_it_is_gone_on_leaving_it_unless_it_is_kept(temporary: Path):
    for keep in (False, True):
        folder = Folder(keep=keep)
        (folder.path / "file").touch()
        folder.leave()
        assert folder.path.exists() is keep
    assert [path.name.startswith(PREFIX) for path in temporary.iterdir()] == [True]


@pytest.mark.parametrize(("word", "swept"), [("", True), ("keep", False)])
def test_what_a_killed_one_leaves_is_swept_by_the_next(temporary: Path, word: str, swept: object):
    process, folder = hold(word)
    (folder / "python/bin").mkdir(parents=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert folder in set(temporary.resolve().iterdir())
    assert (folder in {path.resolve() for path in sweep()}) is swept
    assert folder.exists() is not swept


@pytest.mark.usefixtures("temporary")
def test_one_at_work_is_left_alone():
    process, folder = hold()
    try:
        assert sweep() == ()
        said = json.loads((folder / OWNER).read_text())
        assert said == {"pid": process.pid, "started": started(process.pid)}
    finally:
        process.kill()
        process.communicate()
    assert started(process.pid) != said["started"]


def _nothing(_: Path) -> None:
    pass


def _of_a_living_process(folder: Path) -> None:
    said = {"pid": os.getpid(), "started": started(os.getpid())}
    (folder / OWNER).write_text(json.dumps(said))


def _nonsense(folder: Path) -> None:
    (folder / OWNER).write_text("[")


def _without_a_pid(folder: Path) -> None:
    (folder / OWNER).write_text('{"started": "1"}')


@pytest.mark.parametrize("make", [_nothing, _of_a_living_process, _nonsense, _without_a_pid])
def test_what_is_in_doubt_stays(temporary: Path, make: object):
    folder = temporary / f"{PREFIX}x"
    folder.mkdir()
    assert callable(make)
    make(folder)
    assert sweep() == ()
    assert folder.is_dir()


def test_a_pid_that_was_given_again_is_another_process(temporary: Path):
    folder = temporary / f"{PREFIX}x"
    folder.mkdir()
    (folder / OWNER).write_text(json.dumps({"pid": os.getpid(), "started": "before this one"}))
    assert sweep() == (folder,)
    assert not folder.exists()


def test_a_link_leads_nowhere(temporary: Path, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / OWNER).write_text(json.dumps({"pid": os.getpid(), "started": "before this one"}))
    (temporary / f"{PREFIX}x").symlink_to(elsewhere)
    assert sweep() == ()
    assert elsewhere.exists()
