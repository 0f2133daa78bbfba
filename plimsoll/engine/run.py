"""Run the engine's command in a workspace, hear it out, and leave no process of it behind.

`Workspace` says where the state is, and with what the engine is attached; `Engine.run` runs one command and
gives what it said. The engine leads a session of its own: its plugins, which it puts into process groups of
their own, are found by it when they have to go.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import events_pb2, events_pb2_grpc
from typing_extensions import override

from plimsoll.engine import host
from plimsoll.engine.cache import Origin
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.events import StepEvent, Summary, parse_event
from plimsoll.engine.locks import explain, parse_locks
from plimsoll.preview.plan import Diagnostic, PolicyViolation, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from plimsoll.engine.events import Event
    from plimsoll.engine.find import Installation

OPERATIONS: Final = frozenset({"preview", "up", "destroy", "refresh", "import"})
"""The commands that report events."""

DEFAULT_TIMEOUT: Final = 600.0
"""Seconds for one command."""

CANCEL_GRACE: Final = 15.0
"""Seconds that an interrupted engine has to finish what it is at and write its state; then it is killed."""

EVENTS_ADDRESS: Final = "127.0.0.1:0"
"""Where the engine's events are heard: whichever port is free."""

MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
"""What the engine allows itself; gRPC's own limit of 4 MB is too small for a large resource's event."""


class ExitCode(IntEnum):
    """What the engine's exit codes mean (`sdk/go/common/util/cmdutil/exit.go`).

    An engine of 3.259 gives 1 for most failures, a policy's included: what the events say is more exact.
    """

    DONE = 0
    FAILED = 1
    NO_SUCH_STACK = 6
    UNEXPECTED_CHANGES = 7
    """With `--expect-no-changes`: there is something to do."""
    CANCELLED = 8


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where the engine keeps what it knows, and what it attaches to; by default the user's own, all of it.

    `backend` is the folder of the state, `home` the engine's own (`PULUMI_HOME`); both are made. `providers`
    are packages and the loopback ports on which somebody serves them. The passphrase encrypts secrets in the
    state. `environment` is added last.
    """

    backend: Path | None = None
    home: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    providers: Mapping[str, int] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def variables(self) -> dict[str, str]:
        """What the engine must find in its environment, besides what the user has there."""
        variables = {
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DEBUG_COMMANDS": "true",  # which has `--event-log`
        }
        if self.backend is not None:
            variables["PULUMI_BACKEND_URL"] = self.backend.absolute().as_uri()
            variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        if self.home is not None:
            variables["PULUMI_HOME"] = str(self.home.absolute())
        if self.passphrase is not None:
            variables["PULUMI_CONFIG_PASSPHRASE"] = self.passphrase
        if self.providers:
            attached = (f"{package}:{port}" for package, port in sorted(self.providers.items()))
            variables["PULUMI_DEBUG_PROVIDERS"] = ",".join(attached)
        return {**variables, **self.environment}


@dataclass(frozen=True, slots=True)
class Ran:
    """How one command of the engine went. `stdout` and `stderr` are whole; only operations have `events`."""

    arguments: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    events: tuple[Event, ...]
    seconds: float

    @property
    def steps(self) -> tuple[StepEvent, ...]:
        """The steps on resources, in the engine's order."""
        return tuple(event for event in self.events if isinstance(event, StepEvent))

    @property
    def violations(self) -> tuple[PolicyViolation, ...]:
        """What policies object to."""
        return tuple(event for event in self.events if isinstance(event, PolicyViolation))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the engine, the program and the providers said."""
        return tuple(event for event in self.events if isinstance(event, Diagnostic))

    @property
    def summary(self) -> Summary | None:
        """The last summary: `up` has one for its preview and one for itself."""
        summaries = [event for event in self.events if isinstance(event, Summary)]
        return summaries[-1] if summaries else None

    def masked(self, mask: Callable[[str], str]) -> Ran:
        """The same, with `mask` over whatever was said in it: both streams, diagnostics, policies' texts."""
        events = tuple(
            replace(event, message=mask(event.message))
            if isinstance(event, (Diagnostic, PolicyViolation))
            else event
            for event in self.events
        )
        return replace(self, stdout=mask(self.stdout), stderr=mask(self.stderr), events=events)

    def failure(self) -> EngineError | None:
        """Why it failed, in words; None where it did not (unexpected changes are no failure)."""
        if self.exit_code in {ExitCode.DONE, ExitCode.UNEXPECTED_CHANGES}:
            return None
        command = f"pulumi {' '.join(self.arguments[:1])}"
        if "is currently locked by" in self.stderr + self.stdout:
            held = "; ".join(map(explain, parse_locks(self.stderr + self.stdout)))
            message = f"`{command}` cannot go on: the stack is {held or 'locked by another process'}"
            return EngineError(
                Failure.LOCKED,
                message,
                "wait for it; where it has ended, `plimsoll recover` clears the lock and what it left undone",
            )
        said = [event.message for event in self.diagnostics if event.severity is Severity.ERROR]
        blocking = [f"{event.policy}: {event.message}" for event in self.violations if event.blocks]
        printed = (self.stderr.strip() or self.stdout.strip()).splitlines()
        errors = [line.removeprefix("error: ") for line in printed if line.startswith("error: ")]
        lines = said + blocking or errors or printed[-5:]
        message = f"`{command}` failed with exit code {self.exit_code}: " + "\n".join(lines)
        return EngineError(Failure.FAILED, message)


class Engine:
    """An engine at work in a workspace. `mask` goes over all that is said in a run, once it is through."""

    def __init__(
        self, installation: Installation, workspace: Workspace, mask: Callable[[str], str] | None = None
    ) -> None:
        self._mask = mask
        self.installation = installation
        self.workspace = workspace
        for folder in filter(None, (workspace.backend, workspace.home)):
            folder.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """The whole environment of a command: with it plain `pulumi` is this engine, here.

        A language host of ours stands on PATH only where the engine has none of its own.
        """
        folders = [] if self.installation.host is None else [str(self.installation.host)]
        if self.installation.origin is not Origin.PATH:
            folders.append(str(self.installation.path.parent))
        path = os.pathsep.join([*folders, os.environ.get("PATH", "")])
        # Beside a shared engine stands a shared launcher: here it starts the host of this Plimsoll.
        ours = {host.INTERPRETER: sys.executable, "PATH": path}
        return {**os.environ, **self.workspace.variables(), **ours}

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: Callable[[str], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Ran:
        """Run `pulumi ARGUMENTS` in a project's folder, never asking anything. The answer has the exit code.

        `on_line` hears each line of standard output, `on_event` each event, both in other threads. Raises
        EngineError where the engine cannot be started or takes longer than `timeout` seconds. That, and any
        exception in this thread (KeyboardInterrupt), interrupts it, so that it can write its state, and kills
        what is left after `CANCEL_GRACE`.
        """
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            command = [str(self.installation.path), "--non-interactive", *arguments]
            listener = _EventListener(on_event)
            if arguments[:1] and arguments[0] in OPERATIONS:
                command.append(f"--event-log=tcp://{stack.enter_context(serving(listener))}")
            running = _Running(command, cwd=cwd, environment=self.environment(), on_line=on_line)
            stack.enter_context(running)
            exit_code = running.wait(timeout)
        ran = Ran(
            tuple(arguments),
            exit_code,
            "".join(running.stdout),
            "".join(running.stderr),
            tuple(listener.events),
            time.monotonic() - began,
        )
        return ran if self._mask is None else ran.masked(self._mask)

    def require(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        timeout: float = DEFAULT_TIMEOUT,
        on_line: Callable[[str], None] | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Ran:
        """As `run`, but raises EngineError where the command fails."""
        ran = self.run(arguments, cwd=cwd, timeout=timeout, on_line=on_line, on_event=on_event)
        error = ran.failure()
        if error is not None:
            raise error
        return ran


class _EventListener(events_pb2_grpc.EventsServicer):
    """Hears the engine's events: a stream for each of its operations (`up` previews, then updates).

    A file would not do: the engine empties it between the two.
    """

    def __init__(self, on_event: Callable[[Event], None] | None) -> None:
        self.events: list[Event] = []
        self._on_event = on_event

    @override
    def StreamEvents(
        self, request_iterator: Iterator[events_pb2.EventRequest], context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        for request in request_iterator:
            event = parse_event(request.event)
            if event is not None:
                self.events.append(event)
                if self._on_event is not None:
                    self._on_event(event)
        return empty_pb2.Empty()


@contextlib.contextmanager
def serving(listener: _EventListener) -> Generator[str]:
    """Serve a listener on a loopback address, which is given."""
    # One thread: the streams follow one another, and so must their events.
    server = grpc.server(
        ThreadPoolExecutor(max_workers=1), options=[("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
    )
    events_pb2_grpc.add_EventsServicer_to_server(listener, server)
    try:
        port = server.add_insecure_port(EVENTS_ADDRESS)
    except RuntimeError:
        message = f"the engine's events cannot be heard on {EVENTS_ADDRESS}: no loopback port is to be had"
        remedy = "end what holds them (ss -ltnp shows who), or allow this process to listen on 127.0.0.1"
        raise EngineError(Failure.PORT, message, remedy) from None
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait(2.0)


class _Running:
    """One run of the command: the process, and what it prints. Leaving it ends all of it."""

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path,
        environment: dict[str, str],
        on_line: Callable[[str], None] | None,
    ) -> None:
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._said = " ".join(["pulumi", *command[2:3]])
        try:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
        except OSError as error:
            message = f"{command[0]} cannot be started in {cwd}: {error.strerror}"
            raise EngineError(Failure.BROKEN, message, "check both, or reinstall Pulumi") from None
        self._threads = [
            threading.Thread(
                target=self._read, args=(self._process.stdout, self.stdout, on_line), daemon=True
            ),
            threading.Thread(target=self._read, args=(self._process.stderr, self.stderr, None), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> _Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(CANCEL_GRACE)
        end_session(self._process.pid)
        self._process.wait()
        for thread in self._threads:
            thread.join(2.0)

    def wait(self, timeout: float) -> int:
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            message = f"`{self._said}` did not end within {timeout:g} s and was interrupted"
            raise EngineError(
                Failure.TIMEOUT, message, "allow more time, or look at what it waits for"
            ) from None

    def _read(self, pipe: IO[str] | None, into: list[str], on_line: Callable[[str], None] | None) -> None:
        if pipe is None:
            raise AssertionError("it was asked for as a pipe")
        with pipe:
            for line in pipe:
                into.append(line)
                if on_line is not None:
                    on_line(line.rstrip("\n"))


def end_session(leader: int) -> None:
    """Kill every process of the session that `leader` led: plugins have process groups of their own.

    Where processes cannot be listed (no /proc), the leader's own group; our language host, and what it
    started, goes by itself when its engine does.
    """
    deadline = time.monotonic() + 5.0
    while time.monotonic() < deadline:
        members = session_members(leader)
        for member in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(member, signal.SIGKILL)
        if not members:
            break
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def session_members(leader: int) -> list[int]:
    """The living processes of a session; zombies, which only wait to be reaped, do not count."""
    if not sys.platform.startswith("linux"):
        return []
    members = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # `pid (name) state ppid pgrp session …`, where the name may hold anything.
            state, _, _, session = (
                (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()[:4]
            )
            if int(session) == leader and state not in {"Z", "X"}:
                members.append(int(folder.name))
    return members
