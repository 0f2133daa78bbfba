"""The process of a policy pack, and the calls to it: each is answered, or says in words why not."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
from pulumi.runtime.proto import analyzer_pb2_grpc

from plimsoll.preview.failure import Failure, Frame, PreviewError, own_file
from plimsoll.preview.monitor import MAX_MESSAGE_BYTES
from plimsoll.preview.offline import environment_for
from plimsoll.preview.process import GRACE, Guest, Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from plimsoll.preview.policies.pack import PolicyPack

SERVE: Final = Path(__file__).parents[2] / "guest" / "serve_pack.py"

NO_ENGINE: Final = "127.0.0.1:0"
"""The address of the engine that a pack is told: the SDK takes it and calls nobody there."""

LEAVE_OUT: Final = "Mend the pack, or leave the policies out: --no-policies"


class RaisedError(Exception):
    """A call failed in the pack's own code; the text is the pack's."""


class PackProcess:
    """A running pack, as a context manager: leaving it ends everything that the pack started.

    Raises PreviewError where its interpreter cannot be started.
    """

    def __init__(self, pack: PolicyPack, root: Path, directory: Path, timeout: float) -> None:
        self.name = pack.shown
        self._pack, self._root, self._timeout = pack, root, timeout
        self._printed = Output()
        self._news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._deadline = 0.0
        self._channel: grpc.Channel | None = None
        try:
            self._guest = Guest(
                pack.interpreter,
                SERVE,
                NO_ENGINE,
                str(pack.folder),
                directory=directory,
                environment=environment_for(pack.interpreter),
            )
        except OSError as error:
            raise PreviewError(
                Failure.NO_INTERPRETER,
                f"{pack.interpreter}, which should run the policy pack {pack.shown}, cannot be started: "
                f"{error.strerror}",
                remedy=LEAVE_OUT,
            ) from error
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> PackProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._guest.end()

    def _listen(self) -> None:
        """Sort what comes from the pack: its port, then answers, exit and whatever it prints."""
        began = exited = silent = False
        while not (exited and silent):
            kind, news = self._guest.news.get()
            if kind != "record":
                exited, silent = exited or kind == "exit", silent or kind == "silence"
                self._news.put((kind, news))
            elif (where := _where(news)) is not None:
                self._news.put(("where", where))
            elif began:
                self._printed.feed(news)
            else:
                began = True
                self._news.put(("port", news.decode(errors="replace").strip()))

    def connect(self) -> None:
        """Wait for the pack to serve; the time for all its answers runs from now. Raises PreviewError."""
        self._deadline = time.monotonic() + self._timeout
        kind, said = self._hear(self._timeout, {"port", "exit"})
        if kind == "":
            raise self._hung("starting")
        if kind == "exit":
            raise self._gone(said, "before it served")
        if not (said.isascii() and said.isdigit() and 0 < int(said) < 65_536):
            raise self._failed(
                f"failed to start: it wrote {said[:80]!r} to standard output, where the port of its server "
                "belongs",
                remedy="A pack prints nothing before its PolicyPack(…). " + LEAVE_OUT,
            )
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.enable_http_proxy", 0),
        ]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{said}", options)

    def call(self, method: str, request: Message, doing: str, *, optional: bool = False) -> Any:  # noqa: ANN401 (a message)
        """The pack's answer to a call; None where it does not know the call and need not.

        Raises RaisedError where the pack's code did, and PreviewError where it ended or never answers.
        """
        stub: Any = analyzer_pb2_grpc.AnalyzerStub(self._channel)  # ty: ignore[invalid-argument-type] (set by connect)
        rpc: Callable[..., Any] = getattr(stub, method)
        try:
            return rpc(request, timeout=max(0.001, self._deadline - time.monotonic()))
        except grpc.RpcError as error:
            status: Any = error  # which it is, too
            match status.code():
                case grpc.StatusCode.UNIMPLEMENTED if optional:
                    return None
                case grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise self._hung(doing) from None
                case grpc.StatusCode.UNAVAILABLE:
                    kind, code = self._hear(GRACE, {"exit"})
                    raise self._gone(code if kind else None, f"while {doing}") from None
            said = str(status.details()).removeprefix("Exception calling application: ")
            raise RaisedError(said) from None

    def _hear(self, seconds: float, kinds: set[str]) -> tuple[str, Any]:
        """The next news of these kinds, or ("", None) when there is none in time."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            while True:
                kind, news = self._news.get(timeout=max(0.0, deadline - time.monotonic()))
                if kind in kinds:
                    return kind, news
        return "", None

    # --- what went wrong

    def _hung(self, doing: str) -> PreviewError:
        self._guest.tell(b"where")
        _, where = self._hear(GRACE, {"where"})
        at: dict[str, Any] = where or {"policy": "", "stack": []}
        policy = f", in the policy {at['policy']}" if at["policy"] else ""
        error = self._failed(f"was still {doing} after {self._timeout:g} s{policy}")
        frames = []
        for frame in at["stack"]:
            file = own_file(frame["file"], self._root) or own_file(frame["file"], self._pack.folder)
            if file is not None and Path(frame["file"]).parent != SERVE.parent:
                frames.append(Frame(file, frame["line"], frame["function"], frame["text"]))
        error.frames = tuple(frames[-5:])
        return error

    def _gone(self, code: int | None, when: str) -> PreviewError:
        how = "ended"
        if code is not None and code < 0:
            name = next((one.name for one in signal.Signals if one == -code), f"signal {-code}")
            how = f"was killed by {name}"
        elif code is not None:
            how = f"ended with exit code {code}"
        return self._failed(f"{how} {when}")

    def _failed(self, what: str, remedy: str = LEAVE_OUT) -> PreviewError:
        """The error, with the pack's own words; it is ended first, so that they are complete."""
        self._end()
        self._listener.join(GRACE)
        words = (*self._guest.output.lines(), *self._printed.lines())
        last = next((line.strip() for line in reversed(words) if line.strip()), "")
        message = f"The policy pack {self.name} {what}" + (f": {last[:200]}" if last else "")
        return PreviewError(Failure.POLICY_PACK, message, remedy=remedy, program_output=words)


def _where(line: bytes) -> dict[str, Any] | None:
    """The answer to "where are you", if a line is one."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get("event") == "where" else None
