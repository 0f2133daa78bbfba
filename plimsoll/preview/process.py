"""The parent's end of a guest: start it, hear it out, and leave nothing of it behind.

The guest leads a process group of its own. Whatever it does (hang, crash, fork, close its descriptors, leave
grandchildren that hold the pipes), waiting ends within its limit and closing ends all of it: on Linux every
process that came of it, elsewhere on POSIX its process group.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FIRST_LINES: Final = 500
LAST_LINES: Final = 500
LONGEST_LINE: Final = 2_000
"""Of a program's output the first and last lines are kept, each up to this many characters."""

DUMP_SIGNAL: Final = signal.SIGUSR2
"""Makes the guest's interpreter itself write its stack, for one that hangs without letting go of the lock."""

GRACE: Final = 1.0
"""Seconds granted to what should take milliseconds: a last record, a stack, the end of a pipe."""

_DUMPED_FRAME = re.compile(r'^\s*File "(?P<file>.*)", line (?P<line>\d+) in (?P<function>.*)$')


@dataclass(frozen=True)
class Ended:
    """How a guest ended.

    `record` is its end record, or None. `exit_code` is that of its process, negative for a signal, None where
    time ran out. `stack` (innermost frame first, as `faulthandler` writes it) and `where` (the answer to
    "where are you") are there for a crash or a hang.
    """

    record: dict[str, Any] | None
    exit_code: int | None
    where: dict[str, Any] | None
    stack: tuple[dict[str, Any], ...]


class Output:
    """A program's standard output and error, line by line and bounded, whatever bytes it prints."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: list[str] = []
        self._left_out = 0
        self._line = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        *whole, rest = chunk.split(b"\n")
        for part in whole:
            self._append(part)
            self._finish_line()
        self._append(rest)

    def _append(self, part: bytes) -> None:
        # Four bytes are the longest character; what is beyond the limit is dropped here already.
        self._line += part[: max(0, 4 * LONGEST_LINE - len(self._line))]

    def _finish_line(self) -> None:
        line = self._read_line()
        self._line.clear()
        if len(self._first) < FIRST_LINES:
            self._first.append(line)
            return
        self._last.append(line)
        if len(self._last) > 2 * LAST_LINES:
            self._left_out += LAST_LINES
            del self._last[:LAST_LINES]

    def _read_line(self) -> str:
        line = self._line.decode(errors="replace").rstrip("\r")
        return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " …"

    def lines(self) -> tuple[str, ...]:
        """What was printed, with a line that says how much was left out."""
        last = [*self._last, self._read_line()] if self._line else self._last
        surplus = max(0, len(last) - LAST_LINES)
        left_out = self._left_out + surplus
        middle = [f"… {left_out} lines left out …"] if left_out else []
        return (*self._first, *middle, *last[surplus:])


class Guest:
    """A guest process, as a context manager: leaving it ends everything that the guest started.

    `arguments` follow the script's own. Raises OSError where the interpreter cannot be started.
    """

    def __init__(
        self,
        interpreter: Path,
        script: Path,
        *arguments: str,
        directory: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.output = Output()
        self._ended = False
        self.news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        read_end, write_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                [interpreter, "-u", script, str(write_end), str(int(DUMP_SIGNAL)), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=dict(environment),
                pass_fds=(write_end,),
                start_new_session=True,
            )
        except OSError:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("both were asked for as pipes")
        self._stdin = stdin
        self._threads = [
            threading.Thread(target=self._read_output, args=(stdout,), daemon=True),
            threading.Thread(target=self._read_record, args=(read_end,), daemon=True),
            threading.Thread(target=self._await_exit, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """End all of it now; what it wrote until then is in `output`. Again, it does nothing."""
        if self._ended:
            return
        self._ended = True
        # This ends the guest and, on Linux, what it left in other sessions, where no signal of ours comes.
        with contextlib.suppress(OSError):
            self._stdin.close()
        *readers, exit_ = self._threads
        exit_.join(GRACE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # Elsewhere a daemon may hold the pipes for ever: the threads are given up then.
        deadline = time.monotonic() + GRACE
        for thread in (*readers, exit_):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _read_output(self, stdout: IO[bytes]) -> None:
        with stdout:
            while chunk := os.read(stdout.fileno(), 65_536):
                self.output.feed(chunk)

    def _read_record(self, descriptor: int) -> None:
        with open(descriptor, "rb") as record:
            for line in record:
                self.news.put(("record", line))
        self.news.put(("silence", None))

    def _await_exit(self) -> None:
        self.news.put(("exit", self._process.wait()))

    def tell(self, line: bytes) -> None:
        """Write to the guest; one that is gone already will be noticed by its exit."""
        with contextlib.suppress(OSError):
            self._stdin.write(line + b"\n")
            self._stdin.flush()

    def wait(self, seconds: float, on_news: Callable[[str], None]) -> Ended:
        """Hear the guest out for at most `seconds`, and end it; others' `news` goes to `on_news`."""
        try:
            return self._wait(seconds, on_news)
        finally:
            self.end()

    def _wait(self, seconds: float, on_news: Callable[[str], None]) -> Ended:
        heard = _Heard()
        deadline = time.monotonic() + seconds
        while heard.record is None and heard.exit_code is None:
            if not self._hear(heard, deadline, on_news):
                return self._ask_where(heard)
        # One of the two is there. The other is on its way, unless a grandchild keeps the pipe open.
        deadline = time.monotonic() + GRACE
        while not heard.complete and self._hear(heard, deadline, on_news):
            pass
        return Ended(heard.record, heard.exit_code, heard.where, tuple(heard.stack))

    def _ask_where(self, heard: _Heard) -> Ended:
        """Ask a hanging guest where it is; one that cannot answer is made to by the signal."""
        self.tell(b"where")
        deadline = time.monotonic() + GRACE
        while heard.where is None and self._hear(heard, deadline, lambda _: None):
            pass
        if heard.where is None:
            self._process.send_signal(DUMP_SIGNAL)
            deadline = time.monotonic() + GRACE
            while self._hear(heard, deadline, lambda _: None):
                pass
        return Ended(record=None, exit_code=None, where=heard.where, stack=tuple(heard.stack))

    def _hear(self, heard: _Heard, deadline: float, on_news: Callable[[str], None]) -> bool:
        """Take one piece of news; False when none came in time."""
        try:
            kind, news = self.news.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            return False
        match kind:
            case "record":
                heard.take_line(news)
            case "exit":
                heard.exit_code = news
            case "silence":
                heard.silence = True
            case _:
                on_news(news)
        return True


class _Heard:
    """What came through the record pipe so far."""

    def __init__(self) -> None:
        self.record: dict[str, Any] | None = None
        self.exit_code: int | None = None
        self.where: dict[str, Any] | None = None
        self.stack: list[dict[str, Any]] = []
        self.silence = False

    @property
    def complete(self) -> bool:
        return self.exit_code is not None and (self.record is not None or self.silence)

    def take_line(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\n")
        if dumped := _DUMPED_FRAME.match(text):
            self.stack.append({**dumped.groupdict(), "line": int(dumped["line"]), "text": ""})
            return
        try:
            event = json.loads(text)
        except ValueError:
            return
        match event:
            case {"event": "end"}:
                self.record = event
            case {"event": "where"}:
                self.where = event
            case _:
                pass
