"""Real providers as processes: started as the engine starts them, asked, and gone with the local cloud."""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NoReturn

import grpc
from pulumi.runtime.proto import plugin_pb2

from plimsoll.localcloud.plugins import PluginError, check_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plimsoll.localcloud.plugins import Plugin

SERVICE: Final = "pulumirpc.ResourceProvider"

MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
"""As the engine allows itself; gRPC's own limit of 4 MB is too small for an archive, or for a schema."""

PATIENCE: Final = 60.0
"""Seconds that a provider has to start, and for each answer. The largest start in two, and answer in less."""

_LEASH: Final = Path(__file__).parent / "leash.py"
_PORTS: Final = range(1, 65_536)
_KEPT_LINES: Final = 20


class Running:
    """A provider at work. Thread-safe."""

    version: str
    """What it says that it is, once it is connected."""

    def __init__(
        self,
        plugin: Plugin,
        *,
        engine: str,
        environment: Mapping[str, str],
        folder: Path | None,
        patience: float,
    ) -> None:
        """Start it in `folder`, where its relative paths begin, without waiting for it.

        `engine` is the address at which it finds the engine. Raises PluginError where it cannot be started.
        """
        check_program(plugin)
        self._name = f"the provider {plugin.package} at {plugin.path}"
        self._patience = patience
        self._errors: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._connecting = threading.Lock()
        self._failure: PluginError | None = None
        self._channel: grpc.Channel | None = None
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-E", _LEASH, plugin.path, engine],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )
        except OSError as error:
            self._fail(f"cannot be started in {folder or Path.cwd()}: {error.strerror}")
        self._threads = [
            _drained(self._process.stdout, self._lines.put),
            _drained(self._process.stderr, self._errors.append),
        ]

    def connect(self) -> None:
        """Wait until it can be asked. Raises PluginError where it ends, hangs or is something else."""
        with self._connecting:
            if self._failure is not None:
                raise self._failure
            if self._channel is not None:
                return
            try:
                port = self._hear_port()
                self._channel = grpc.insecure_channel(
                    f"127.0.0.1:{port}",
                    [
                        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                        ("grpc.enable_http_proxy", 0),
                    ],
                )
                self.version = self._greet()
            except PluginError as error:
                self._failure = error
                raise

    def _hear_port(self) -> int:
        """The port that it prints in its first line."""
        try:
            said = self._lines.get(timeout=self._patience).strip()
        except queue.Empty:
            self._fail(f"has printed no port within {self._patience:g} s")
        if not said:
            self._fail_if_ended("before it printed its port")
        if not (said.isdecimal() and len(said) <= len(str(_PORTS.stop)) and int(said) in _PORTS):
            self._fail(f"printed {said[:60]!r} where a provider prints its port")
        return int(said)

    def _greet(self) -> str:
        """The version that it tells: every provider can, and who cannot is none."""
        try:
            told = plugin_pb2.PluginInfo.FromString(self.ask("GetPluginInfo", b"", (), self._patience))
        except grpc.RpcError as error:
            self.explain(error, "GetPluginInfo", self._patience)
            self._fail(f"speaks another protocol ({error.details() or error.code().name})")
        return told.version

    def ask(
        self, method: str, request: bytes, metadata: tuple[tuple[str, str | bytes], ...], patience: float
    ) -> bytes:
        """Its answer to a message, as bytes. Raises grpc.RpcError; `explain` says what is behind it."""
        if self._channel is None:
            raise AssertionError("it is asked once it is connected")
        answered = self._channel.unary_unary(f"/{SERVICE}/{method}")(
            request, timeout=patience, metadata=metadata
        )
        return bytes(answered)

    def explain(self, error: grpc.RpcError, method: str, patience: float) -> None:
        """Raise PluginError where an answer failed for the provider's own sake: it hangs, or is gone."""
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            self._fail(f"has not answered {method} within {patience:g} s")
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            self._fail_if_ended(f"while it was asked {method}")

    def _fail_if_ended(self, when: str) -> None:
        # A connection breaks a moment before its process is seen to have ended.
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1.0)
            for thread in self._threads:
                thread.join(1.0)
            words = " ".join(filter(None, self._errors))
            self._fail(f"ended with exit code {code} {when}" + (f": {words}" if words else ""))

    def _fail(self, what: str) -> NoReturn:
        raise PluginError(
            f"{self._name} {what}",
            "install it again (pulumi plugin install resource NAME VERSION), name another (--provider "
            "NAME=PATH), or do without it (--provider NAME=none)",
        )

    def close(self) -> None:
        """End it and whatever it has started, at once: it has nothing to save."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for thread in self._threads:
            thread.join(1.0)
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._channel is not None:
            self._channel.close()


def _drained(pipe: IO[str] | None, take: Callable[[str], None]) -> threading.Thread:
    """Read a pipe to its end, so that nobody blocks on it; the end is "" to `take`."""
    if pipe is None:
        raise AssertionError("it was asked for as a pipe")

    def drain() -> None:
        with pipe:
            for line in pipe:
                take(line.strip() or " ")
        take("")

    thread = threading.Thread(target=drain, daemon=True)
    thread.start()
    return thread
