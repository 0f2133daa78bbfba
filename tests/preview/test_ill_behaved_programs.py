"""Whatever a program does, its preview ends, leaves nothing running, and answers in words: no empty plan."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.preview.failure import FIRST_FRAMES, LAST_FRAMES, Failure, PreviewError
from plimsoll.preview.offline import ProgramJob, preview_offline
from plimsoll.preview.process import FIRST_LINES, LAST_LINES, LONGEST_LINE, Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from plimsoll.preview.plan import Plan

NAME = "ill-behaved"
PROGRAM = Path(__file__).parent.parent / "foreign" / NAME / "__main__.py"
PROC = Path("/proc")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="promised, and found in /proc, on Linux only")


def code_at(error: PreviewError) -> str:
    """The line of the program that an error points at."""
    assert error.place is not None
    assert error.place.file == "__main__.py"
    return PROGRAM.read_text().splitlines()[error.place.line - 1].strip()


def still_running(mark: str) -> list[str]:
    """The processes that carry a mark in their environment, once killed ones had time to disappear."""
    for _ in range(100):
        running = []
        for process in PROC.glob("[0-9]*"):
            try:
                if mark.encode() in (process / "environ").read_bytes():
                    running.append((process / "cmdline").read_text())
            except OSError:
                continue
        if not running:
            break
        time.sleep(0.05)
    return running


RAISING = [
    pytest.param("raises", "ValueError: a pool of 0 is too small", "raise ValueError(", id="an exception"),
    pytest.param(
        "raises-from", "because of KeyError: 'workers'", "raise RuntimeError(", id="one with a cause"
    ),
    pytest.param("raises-in-apply", "ZeroDivisionError", "number / 0", id="one inside apply"),
    pytest.param("raises-in-an-input", "ZeroDivisionError", "number / 0", id="one inside an input's apply"),
    pytest.param("raises-when-asked", "could not be read", "raise Shy", id="one that cannot be read"),
    pytest.param("recurses", "RecursionError", "again()", id="a runaway recursion"),
    pytest.param("misses-config", "ill-behaved:region", 'require("region")', id="a missing setting"),
    pytest.param("misses-module", "no_such_module_anywhere", "import no_such", id="a missing module"),
    pytest.param("interrupted", "KeyboardInterrupt", "raise KeyboardInterrupt", id="an interrupt of its own"),
]


@pytest.mark.parametrize(("stack", "said", "code"), RAISING)
def test_what_a_program_raises_is_told_with_its_place(
    refusal: Callable[..., PreviewError], stack: str, said: str, code: str
):
    error = refusal(NAME, stack)
    assert error.kind is Failure.PROGRAM_RAISED
    assert said in error.message
    assert code in code_at(error)


def test_frames_are_the_programs_own_and_all_of_them_are_kept_for_debugging(
    refusal: Callable[..., PreviewError],
):
    error = refusal(NAME, "raises")
    assert [(frame.file, frame.function) for frame in error.frames] == [
        ("__main__.py", "<module>"),
        ("__main__.py", "raises"),
        ("__main__.py", "deeper"),
    ]
    assert str(PROGRAM) in error.traceback
    assert "pulumi/runtime" in error.traceback
    assert [resource.name for resource in error.resources] == ["ill-behaved-raises", "first", "second"]


def test_of_a_runaway_recursion_the_ends_are_told(refusal: Callable[..., PreviewError]):
    error = refusal(NAME, "recurses")
    functions = [frame.function for frame in error.frames]
    assert functions == ["<module>", "recurses", *(["again"] * (FIRST_FRAMES - 2 + LAST_FRAMES))]
    assert error.frames_left_out > 50
    assert error.to_json()["framesLeftOut"] == error.frames_left_out
    assert error.traceback.count("in again") > error.frames_left_out


def test_the_reason_is_json_too(refusal: Callable[..., PreviewError]):
    written = json.loads(json.dumps(refusal(NAME, "raises").to_json()))
    assert written["kind"] == "program-raised"
    assert written["framesLeftOut"] == 0
    assert written["frames"][-1]["text"] == 'raise ValueError(f"a pool of {pool} is too small")'
    assert [urn.rpartition("::")[2] for urn in written["declared"]] == [
        "ill-behaved-raises",
        "first",
        "second",
    ]


LATE = """
import asyncio, pulumi, pulumi_random as random

async def later():
    await asyncio.sleep(0.3)
    return "late"

random.RandomPet("late", prefix=later())
random.RandomPet("early")
"""


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        pytest.param("raise ValueError", Failure.PROGRAM_RAISED, id="raises"),
        pytest.param("pulumi.run(asyncio.Event().wait)", Failure.HUNG, id="hangs"),
    ],
)
def test_what_was_declared_stands_in_the_order_of_the_program(
    refusal: Callable[..., PreviewError], tmp_path: Path, end: str, kind: Failure
):
    (tmp_path / "__main__.py").write_text(LATE + end)
    error = refusal("order", root=tmp_path, timeout=5.0)
    assert error.kind is kind
    assert [resource.name for resource in error.resources] == ["order-dev", "late", "early"]


def test_a_resource_that_was_never_constructed_is_none_of_the_plans(preview: Callable[..., Plan]):
    plan = preview(NAME, "swallows-constructors")
    assert [resource.name for resource in plan.resources] == ["ill-behaved-swallows-constructors", "first"]
    assert plan.program_output[0] == "never mind"


def test_a_wrong_type_is_told_with_the_resource_and_the_property(refusal: Callable[..., PreviewError]):
    error = refusal(NAME, "wrong-type")
    assert error.kind is Failure.PROGRAM_RAISED
    assert "'second'" in error.message
    assert "unexpected input of type object for length" in error.message


def test_a_syntax_error_is_told_where_it_is(refusal: Callable[..., PreviewError]):
    error = refusal(NAME, "broken-syntax")
    assert error.message == "SyntaxError: invalid syntax"
    assert str(error.place) == "generated.py:1"


def test_a_missing_module_is_told_to_which_interpreter(refusal: Callable[..., PreviewError]):
    assert sys.executable in refusal(NAME, "misses-module").remedy


ENDING = [
    pytest.param("exits-0", Failure.EXITED, "sys.exit(0)", "sys.exit(0)", id="sys.exit(0)"),
    pytest.param("exits-3", Failure.EXITED, "sys.exit(3)", "sys.exit(3)", id="sys.exit(3)"),
    pytest.param("exits-with-a-word", Failure.EXITED, "'there is no such region'", "sys.exit(", id="a word"),
    pytest.param("vanishes", Failure.NO_END_RECORD, "exit code 0", None, id="os._exit(0)"),
    pytest.param("crashes", Failure.KILLED, "SIGSEGV", "SIGSEGV", id="a crash"),
    pytest.param("is-killed", Failure.KILLED, "SIGKILL", None, id="a kill"),
    pytest.param("closes-everything", Failure.NO_END_RECORD, "exit code", None, id="closed descriptors"),
    pytest.param(
        "logs-an-error", Failure.LOGGED_ERROR, "of first: the region is closed", None, id="a logged error"
    ),
]


@pytest.mark.parametrize(("stack", "kind", "said", "code"), ENDING)
def test_an_early_end_is_never_a_plan(
    refusal: Callable[..., PreviewError], stack: str, kind: Failure, said: str, code: str | None
):
    error = refusal(NAME, stack)
    assert error.kind is kind
    assert said in error.message
    if code is not None:
        assert code in code_at(error)


@pytest.mark.skipif(not PROC.exists(), reason="finds the descriptor in /proc")
def test_a_program_that_takes_the_records_descriptor_gets_no_record_in_its_file(
    refusal: Callable[..., PreviewError], tmp_path: Path
):
    taken = tmp_path / "taken"
    error = refusal(NAME, "takes-the-number", environment={"TAKEN": str(taken)})
    assert error.kind is Failure.NO_END_RECORD
    assert taken.read_text() == ""


HANGING = {
    "hangs": "time.sleep(300)",
    "spins": ("while True:", "pass"),
    "hangs-in-c": 're.match("(a*)*b", "a" * 64)',
    "awaits-forever": "await asyncio.Event().wait()",
    "ignores-signals": "time.sleep(300)",
    "leaves-a-session-and-hangs": "time.sleep(300)",
}


MARK = uuid.uuid4().hex


@pytest.fixture(scope="module")
def hung(job: Callable[..., ProgramJob]) -> dict[str, PreviewError]:
    """Every program that hangs, previewed side by side: each takes its whole limit."""

    def why(stack: str) -> PreviewError:
        with pytest.raises(PreviewError) as caught:
            preview_offline(job(NAME, stack, timeout=8.0, environment={"MARK": MARK}))
        return caught.value

    with ThreadPoolExecutor() as together:
        return dict(zip(HANGING, together.map(why, HANGING), strict=True))


@pytest.mark.parametrize("stack", HANGING)
def test_a_program_that_hangs_is_ended_and_told_where_it_was(hung: dict[str, PreviewError], stack: str):
    error = hung[stack]
    assert error.kind is Failure.HUNG
    assert "still running after 8 s" in error.message
    assert code_at(error) in HANGING[stack]


@LINUX
@pytest.mark.usefixtures("hung")
def test_a_program_that_hangs_is_gone_afterwards():
    assert not still_running(MARK)


PERSISTENT = [
    pytest.param("grandchild", id="a grandchild that holds the pipes"),
    pytest.param("forks", id="a fork that sleeps"),
    pytest.param("forks-a-copy", id="a fork that runs on as the program"),
    pytest.param("daemonizes", id="a daemon"),
    pytest.param("leaves-a-session", id="a child in a session of its own"),
    pytest.param("leaves-threads", id="threads, processes and a slow goodbye"),
]


@pytest.mark.parametrize("stack", PERSISTENT)
def test_what_a_program_leaves_behind_does_not_hold_its_plan_up(preview: Callable[..., Plan], stack: str):
    plan = preview(NAME, stack)
    assert [resource.name for resource in plan.resources] == [f"ill-behaved-{stack}", "first"]


@LINUX
@pytest.mark.parametrize("stack", ["grandchild", "forks", "leaves-threads", "daemonizes", "leaves-a-session"])
def test_nothing_of_a_program_runs_on(preview: Callable[..., Plan], stack: str):
    mark = uuid.uuid4().hex
    preview(NAME, stack, environment={"MARK": mark})
    assert not still_running(mark)


@LINUX
def test_nothing_of_a_program_that_crashes_runs_on(refusal: Callable[..., PreviewError]):
    mark = uuid.uuid4().hex
    error = refusal(NAME, "leaves-a-session-and-crashes", environment={"MARK": mark})
    assert "SIGSEGV" in error.message
    assert not still_running(mark)


@LINUX
def test_what_is_not_of_the_program_is_left_alone(preview: Callable[..., Plan]):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        preview(NAME, "leaves-a-session")
        assert other.poll() is None
        other.communicate(b"\n")
    assert other.returncode == 0


WAITING = """
import sys
from pathlib import Path
from plimsoll.preview.offline import ProgramJob, preview_offline

root = Path(sys.argv[1])
job = ProgramJob(project="waits", stack="dev", root=root, program=root, interpreter=Path(sys.executable))
preview_offline(job, lambda urn: print(urn, flush=True))
"""


@LINUX
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_nothing_of_a_program_outlives_the_command(tmp_path: Path, end: signal.Signals):
    (tmp_path / "__main__.py").write_text(
        "import asyncio, subprocess, sys, pulumi\n"
        "sleep = [sys.executable, '-c', 'import time; time.sleep(300)']\n"
        "subprocess.Popen(sleep)\n"
        "subprocess.Popen(sleep, start_new_session=True)\n"
        "pulumi.run(asyncio.Event().wait)\n"
    )
    mark = uuid.uuid4().hex
    command = subprocess.Popen(
        [sys.executable, "-c", WAITING, tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"MARK": mark},
        text=True,
    )
    assert command.stdout
    assert "waits-dev" in command.stdout.readline()
    command.send_signal(end)
    _, said = command.communicate()
    assert command.returncode != 0
    assert ("KeyboardInterrupt" in said) == (end is signal.SIGINT)
    assert not still_running(mark)


class TestWhatAProgramPrints:
    def test_is_kept_within_bounds(self, preview: Callable[..., Plan]):
        output = preview(NAME, "prints-megabytes").program_output
        assert len(output) == FIRST_LINES + 1 + LAST_LINES
        assert output[0].startswith("line 0 ")
        assert output[FIRST_LINES] == f"… {40_000 - FIRST_LINES - LAST_LINES} lines left out …"
        assert output[-1].startswith("line 39999 ")

    def test_may_be_one_endless_line(self, preview: Callable[..., Plan]):
        [line] = preview(NAME, "prints-one-long-line").program_output
        assert line == "y" * LONGEST_LINE + " …"

    def test_may_be_no_text(self, preview: Callable[..., Plan]):
        assert preview(NAME, "prints-binary").program_output[-1] == "\ufffd\ufffd no newline"

    @pytest.mark.parametrize("stack", ["replaces-stdout", "closes-stdout"])
    def test_may_go_nowhere(self, preview: Callable[..., Plan], stack: str):
        assert preview(NAME, stack).program_output == ()

    def test_is_no_answer_to_what_it_reads(self, preview: Callable[..., Plan]):
        assert preview(NAME, "reads-stdin").program_output == ("read ''",)


@pytest.mark.parametrize("chunks", [1, 7, 4096])
def test_lines_are_the_same_however_the_bytes_arrive(chunks: int):
    printed = "\n".join(["größe", "", "x" * (LONGEST_LINE + 1), *map(str, range(1200)), "end"]).encode()
    output = Output()
    for start in range(0, len(printed), chunks):
        output.feed(printed[start : start + chunks])
    lines = output.lines()
    assert lines[:3] == ("größe", "", "x" * LONGEST_LINE + " …")
    assert lines[FIRST_LINES] == "… 204 lines left out …"
    assert lines[-2:] == ("1199", "end")
