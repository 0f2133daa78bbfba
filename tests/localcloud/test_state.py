"""What exists, on disk."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from plimsoll.localcloud.state import AlreadyExistsError, Record, State, StateError

if TYPE_CHECKING:
    from pathlib import Path

HOUSE = Record("a:b:House", "one", "urn:1", "street 1", {"rooms": 2}, {"rooms": 2, "colour": "red"})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cloud.jsonl"


def reopened(state: State, path: Path) -> State:
    state.close()
    return State(path)


def test_everything_is_there_again(path: Path):
    state = State(path)
    state.create(HOUSE)
    state.create(Record("a:b:House", "two"))
    state.edit("a:b:House", "one", {"colour": "blue"})
    state.remove("a:b:House", "two")
    assert [state.count("doors"), state.count("doors"), state.count("windows")] == [1, 2, 1]
    before = state.records

    state = reopened(state, path)
    assert state.records == before
    [house] = before
    assert house.properties == {"rooms": 2, "colour": "blue"}
    assert house.inputs == {"rooms": 2}
    assert state.count("doors") == 3
    state.close()


def test_opening_writes_the_file_anew(path: Path):
    state = State(path)
    for colour in range(50):
        state.put(Record("a:b:House", "one", properties={"colour": colour}))
    long = path.stat().st_size
    reopened(state, path).close()
    assert path.stat().st_size < long / 20


TAKEN = {
    "id": Record("a:b:House", "one"),
    "identity": Record("a:b:House", "another", identity="street 1"),
}


@pytest.mark.parametrize("other", TAKEN.values(), ids=TAKEN)
def test_what_is_taken_cannot_be_created(path: Path, other: Record):
    state = State(path)
    state.create(HOUSE)
    with pytest.raises(AlreadyExistsError):
        state.create(other)
    assert state.records == (HOUSE,)
    state.close()


def test_what_only_looks_taken_can(path: Path):
    state = State(path)
    state.create(Record("a:b:House", "one"))
    state.create(Record("a:b:House", "two"))
    state.create(Record("a:b:Boat", "one", identity="street 1"))
    assert len(state.records) == 3
    state.close()


def test_only_its_owner_can_read_it(path: Path):
    path.write_text("")
    path.chmod(0o644)
    State(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_cloud_is_told_of_the_first(path: Path):
    state = State(path)
    with pytest.raises(StateError, match="still running: end that one, or name another file"):
        State(path)
    state.close()
    State(path).close()


def test_a_line_that_a_crash_cut_off_is_dropped(path: Path):
    state = State(path)
    state.create(HOUSE)
    state.close()
    with path.open("a") as file:
        file.write('{"put": {"type": "a:b:Ho')
    state = State(path)
    assert state.records == (HOUSE,)
    state.close()


@pytest.mark.parametrize("place", ["", "missing/cloud.jsonl"], ids=["a-folder", "in-no-folder"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str):
    with pytest.raises(StateError, match=r"cannot be opened .*name a file in a folder that you may write to"):
        State(tmp_path / place)


def test_a_binary_file_is_refused(path: Path):
    path.write_bytes(b"\xff\xfe\x00\n")
    with pytest.raises(StateError, match="is not a local cloud's state"):
        State(path)


@pytest.mark.parametrize(
    "text", ["{}\n", "not json\n", '{"local cloud": 2}\n', '{"local cloud": 1}\n[1]\n', "\n"]
)
def test_another_file_is_refused_and_left_alone(path: Path, text: str):
    path.write_text(text)
    with pytest.raises(StateError, match="is not a local cloud's state"):
        State(path)
    assert path.read_text() == text
