"""Serve one policy pack to an offline preview, which may end it whenever it likes.

Started by path under the pack's interpreter (`python -u serve_pack.py RECORD_FD SIGNAL ENGINE PACK`). The
pack runs as `policy_pack.py` runs it, and ends as `run_program.py` ends a program: with whoever asked for it,
and on Linux with every process that came of it. What it writes to standard output, the port first of all,
goes to RECORD_FD. There go the answers too to a line on standard input: `{"event": "where", ...}` with the
policy that is at work, where there is one, and the stack below it.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

SERVICER = "pulumi_policy"
"""The package whose servicer runs policies; its local variable `policy` is the one at work."""


def sibling(name: str) -> dict[str, Any]:
    """The names of a script beside this one; never imported, as the pack may have a module of that name."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py")  # noqa: PTH100, PTH118, PTH120 (pathlib costs the import)
    return runpy.run_path(path, run_name=f"plimsoll_{name}")


def policy_at(frame: FrameType) -> str | None:
    """The name of the policy that a frame runs, if it is one of the servicer's."""
    if frame.f_globals.get("__name__", "").partition(".")[0] != SERVICER:
        return None
    name = getattr(frame.f_locals.get("policy"), "name", None)
    return name if isinstance(name, str) else None


def where() -> dict[str, Any]:
    """The policy that some thread runs, and its stack, outermost first; else that of the main thread."""
    frames = sys._current_frames()  # noqa: SLF001 (no public twin)
    frames.pop(threading.get_ident(), None)
    for frame in frames.values():
        for outer, _ in traceback.walk_stack(frame):
            name = policy_at(outer)
            if name is not None:
                return {"event": "where", "policy": name, "stack": stack_of(frame)}
    main = frames.get(threading.main_thread().ident or 0)
    return {"event": "where", "policy": "", "stack": stack_of(main) if main else []}


def stack_of(frame: FrameType) -> list[dict[str, Any]]:
    """The stack that ends in a frame, outermost first, as plain data."""
    return [
        {"file": one.filename, "line": one.lineno or 0, "function": one.name, "text": one.line or ""}
        for one in traceback.extract_stack(frame)
    ]


def listen(questions: int, record: int) -> None:
    """Answer every line with the place; at the end of them, end the process group."""
    while os.read(questions, 1024):
        os.write(record, json.dumps(where()).encode() + b"\n")
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Serve the pack until told to go."""
    record, dump_signal = int(sys.argv[1]), int(sys.argv[2])
    program = sibling("run_program")
    program["supervise"](dump_signal)
    signal.signal(dump_signal, signal.SIG_IGN)
    questions = program["take_standard_input"]()
    os.set_inheritable(record, False)  # noqa: FBT003 (positional only)
    os.dup2(record, 1)
    threading.Thread(target=listen, args=(questions, record), daemon=True).start()
    sys.argv[1:3] = []
    sibling("policy_pack")["main"]()


if __name__ == "__main__":
    main()
