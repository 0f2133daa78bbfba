"""A rehearsal that is told to end, at every stage: no process and no folder of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.rehearse.signals import Interrupted, Interruptions
from tests.rehearse.conftest import Repository

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = (
    "copying",
    "trying the working tree",
    "bringing up",
    "previewing the working tree",
    "applying the change",
    "previewing again",
)

SLOW = """
import time
import pulumi_random as random
random.RandomPet("first")
time.sleep(0.7)
random.RandomPet("second", length={length})
"""
"""Long enough in each stage to be met at work in it."""


def belonging_to(mark: str) -> list[str]:
    """The processes that carry our mark in their environment, and so everything that a rehearsal started."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().decode().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.engine
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("stage", STAGES)
def test_nothing_is_left(
    foreign: Callable[[str], Repository], tmp_path: Path, stage: str, number: signal.Signals
):
    repository = foreign("garden")
    repository.commit({"src/garden/__main__.py": SLOW.format(length=2)})
    repository.write({"src/garden/__main__.py": SLOW.format(length=3)})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    mark = f"{os.getpid()}-{stage}-{number}"
    process = subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "rehearse", "dev", "--from", "HEAD", "-C", repository.root],
        env={**os.environ, "TMPDIR": str(temporary), "REHEARSAL_MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if stage in line:
            break
    else:
        pytest.fail(f"never came to {stage}")
    if stage != "copying":
        time.sleep(0.5)
    # To the whole group, as a terminal does; and again, as somebody in a hurry does.
    for _ in range(2):
        os.killpg(process.pid, number)
        time.sleep(0.05)
    out, err = process.communicate(timeout=60)
    # The second one may meet a process that has tidied up already and is about to go.
    assert process.returncode in {128 + number, -number}, err
    assert "interrupted by" in err
    assert "Traceback" not in err
    assert out == ""
    assert list(temporary.iterdir()) == []
    deadline = time.monotonic() + 5
    while (left := belonging_to(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def test_a_signal_outside_waits_for_the_next_allowed_part():
    interruptions = Interruptions()
    reached = []

    def work():
        with interruptions.watching():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("made whole")
            with interruptions.allowed():
                reached.append("never")

    with pytest.raises(Interrupted) as caught:
        work()
    assert (reached, caught.value.number) == (["made whole"], signal.SIGTERM)


def test_only_the_first_signal_counts_and_tidying_up_goes_on():
    interruptions = Interruptions()
    tidied = []

    def work():
        with interruptions.watching(), interruptions.allowed():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                tidied.append("all of it")

    with pytest.raises(Interrupted) as caught:
        work()
    assert (tidied, caught.value.number) == (["all of it"], signal.SIGINT)


def test_the_handlers_from_before_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with Interruptions().watching():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def children(parent: int) -> dict[str, int]:
    """The processes that a process started itself, by the end of their first words: the script or program."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and (folder / "stat").read_text().rpartition(")")[2].split()[1] == str(
                parent
            ):
                for word in (folder / "cmdline").read_bytes().decode().split("\0")[:3]:
                    found[word.rpartition("/")[2]] = int(folder.name)
        except OSError:
            continue
    return found


@pytest.mark.engine
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are looked for in /proc")
@pytest.mark.parametrize(
    ("victim", "stage"),
    [
        ("pulumi", "bringing up"),
        ("pulumi", "applying the change"),
        ("check_inputs.py", "bringing up"),
        ("check_inputs.py", "applying the change"),
    ],
)
def test_what_somebody_else_kills_is_one_error_and_nothing_is_left(
    foreign: Callable[[str], Repository], tmp_path: Path, victim: str, stage: str
):
    repository = foreign("garden")
    repository.commit({"src/garden/__main__.py": SLOW.format(length=2)})
    repository.write({"src/garden/__main__.py": SLOW.format(length=3)})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    mark = f"{os.getpid()}-{stage}-{victim}"
    process = subprocess.Popen(
        [sys.executable, "-m", "plimsoll", "rehearse", "dev", "--from", "HEAD", "-C", repository.root],
        env={**os.environ, "TMPDIR": str(temporary), "REHEARSAL_MARK": mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any(stage in line for line in process.stderr)
    time.sleep(0.5)
    os.kill(children(process.pid)[victim], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in out + err
    if victim == "pulumi":
        assert (process.returncode, out) == (2, "")
        assert len([line for line in err.splitlines() if line.startswith("error  ")]) == 1
        assert "was ended by SIGKILL" in err
    else:
        # Applying is not the rehearsal's failure but the change's: half of it is done.
        assert process.returncode == (1 if stage == "applying the change" else 2)
        assert "ended while it was asked" in out + err
    assert list(temporary.iterdir()) == []
    deadline = time.monotonic() + 5
    while (left := belonging_to(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
