"""The processes that the language host starts: each ends with the host, and what it left behind with it."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Final

from plimsoll.guest.interpreters import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

GRACE: Final = 2.0
"""Seconds that a child has to end after SIGTERM. The engine gives this host 5 in all."""


class Children:
    """Every process that this host started. Each leads a process group, and ends with the host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def start(
        self,
        command: Sequence[str | Path],
        *,
        cwd: Path | str,
        env: Mapping[str, str],
        piped: tuple[str, ...],
        handed: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a child with pipes for the streams named; else it reads nothing and writes where we write.

        `handed` are descriptors that it gets under the same numbers.

        Raises HostError where it cannot be started, or the host is about to go.
        """
        pipe = dict.fromkeys(piped, subprocess.PIPE)
        with self._lock:
            if self._closed:
                raise HostError("the language host is about to end")
            try:
                # A group of its own, but in the engine's session, by which whoever ran the engine finds it.
                child = subprocess.Popen(
                    [*map(str, command)],
                    stdin=pipe.get("stdin", subprocess.DEVNULL),
                    stdout=pipe.get("stdout"),
                    stderr=pipe.get("stderr"),
                    cwd=cwd,
                    env=dict(env),
                    pass_fds=handed,
                    process_group=0,
                )
            except OSError as failure:
                raise HostError(f"{command[0]} cannot be started: {failure.strerror}") from None
            self._running.add(child)
            return child

    def end(self, child: subprocess.Popen[bytes]) -> None:
        """End a child and whatever it left in its group: SIGTERM, then SIGKILL. Again, it does nothing."""
        with self._lock:
            if child not in self._running:
                return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(GRACE)
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        with self._lock:
            self._running.discard(child)

    def close(self) -> None:
        """End all of them, and start no more."""
        with self._lock:
            self._closed = True
            running = tuple(self._running)
        with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
            list(pool.map(self.end, running))


def stream(child: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """What a child writes, as pairs of "stdout" or "stderr" and bytes, until it has exited.

    A grandchild may hold the pipes for longer than the child lives: it is not waited for.
    """
    chunks: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()

    def read(name: str, pipe: IO[bytes]) -> None:
        while chunk := os.read(pipe.fileno(), 65_536):
            chunks.put((name, chunk))

    pipes = {"stdout": child.stdout, "stderr": child.stderr}
    readers = [
        threading.Thread(target=read, args=(name, pipe), daemon=True) for name, pipe in pipes.items() if pipe
    ]
    for reader in readers:
        reader.start()

    def await_end() -> None:
        child.wait()
        for reader in readers:
            reader.join(1.0)
        chunks.put(("end", b""))

    threading.Thread(target=await_end, daemon=True).start()
    while (piece := chunks.get())[0] != "end":
        yield piece
