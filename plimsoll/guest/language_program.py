"""Run one Pulumi program for the real engine, as Pulumi's own Python executor does.

Started by path under the project's interpreter by `language_host.py`, in the program's folder. The job
arrives as one line of JSON on standard input, so that no configuration value stands in a command line or an
environment. It uses the standard library and whatever Pulumi SDK 3.x it finds, in syntax that Python 3.9
reads. What the program prints goes where the host's output goes.

Exit codes: 0 done, where the descriptor that the job names has the end record; 32 failed, and the user has
been told why; any other is the program's own. **Without the end record nothing counts**: a program that left
on the way declares less than it should, and the engine would delete the rest.

The end of standard input means that the host is gone; then this whole process group goes too.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import runpy
import signal
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

TOLD = 32
"""The exit code of a program that failed after the user was told why."""

THREADS_PER_OPERATION = 4
"""Threads of the event loop for each resource operation that may run at once, as in Pulumi's executor: each
waits for one call to the engine."""


def take_standard_input() -> int:
    """Keep standard input for the job; the program reads an empty one."""
    job_descriptor = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return job_descriptor


def read_line(descriptor: int) -> bytes:
    """One line, byte for byte, so that nothing after it is swallowed."""
    line = bytearray()
    while not line.endswith(b"\n"):
        chunk = os.read(descriptor, 1)
        if not chunk:
            break
        line += chunk
    return bytes(line)


def end_with_host(job_descriptor: int, process: int) -> None:
    """Wait for the end of standard input, and end the process group then."""
    while os.read(job_descriptor, 1024):
        pass
    if os.getpid() == process:  # not a forked copy
        os.killpg(0, signal.SIGKILL)


def configure(pulumi: ModuleType, job: dict[str, Any]) -> None:
    """Hand the job to the SDK: configuration, names, and where monitor and engine listen."""
    pulumi.runtime.set_all_config(job["config"], job["secret_keys"])
    settings = {
        "monitor": job["monitor"],
        "engine": job["engine"],
        "project": job["project"],
        "stack": job["stack"],
        "organization": job["organization"],
        "root_directory": job["root"],
        "parallel": job["parallel"],
        "dry_run": job["dry_run"],
    }
    known = inspect.signature(pulumi.runtime.Settings.__init__).parameters
    pulumi.runtime.configure(
        pulumi.runtime.Settings(**{name: value for name, value in settings.items() if name in known})
    )


def users_traceback(error: BaseException, main: str) -> str:
    """The traceback from the first frame in the file `main` on: what is before is ours and the SDK's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = next((at for at, frame in enumerate(frames) if frame.filename == main), 0)
    # A negative limit keeps the innermost frames.
    limit = own - len(frames) if frames else None
    return "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=limit))


def run(pulumi: ModuleType, job: dict[str, Any]) -> int:
    """Run the program to its end, all of its resources included; give the exit code."""
    program = job["program"]
    main = f"{program}/__main__.py" if os.path.isdir(program) else program  # noqa: PTH112 (pathlib costs the import)
    if not os.path.exists(main):  # noqa: PTH110
        pulumi.log.error(f"there is no {main}: name the program with `main:` in Pulumi.yaml")
        return TOLD
    sys.argv = [program, *job["args"]]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 (pathlib costs the import)
    # A program that fails leaves half-finished tasks behind; its own error is what matters.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Threads start when needed only, so an unlimited `parallel` costs nothing.
    executor = ThreadPoolExecutor(max_workers=THREADS_PER_OPERATION * max(1, job["parallel"]))
    loop.set_default_executor(executor)

    def program_as_main() -> None:
        runpy.run_path(program, run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(program_as_main))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))  # noqa: TRY400 (Pulumi's log, which has no `exception`)
        return TOLD
    except Exception as error:  # noqa: BLE001 (a program may raise anything)
        said = users_traceback(error, main)
        pulumi.log.error(f"The program raised an exception:\n{said}")  # noqa: TRY400 (as above)
        return TOLD
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def main() -> None:
    """Read the job, run it, and exit with its code."""
    job_descriptor = take_standard_input()
    own_folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (pathlib costs the import)
    sys.path[:] = [entry for entry in sys.path if entry != own_folder]
    job = json.loads(read_line(job_descriptor))
    os.set_inheritable(job["end"], False)  # noqa: FBT003 (positional only)
    threading.Thread(target=end_with_host, args=(job_descriptor, os.getpid()), daemon=True).start()
    try:
        import pulumi  # noqa: PLC0415 (its absence is an answer, not a crash)
        import pulumi.runtime  # noqa: PLC0415
    except Exception:  # noqa: BLE001 (a broken SDK fails in any way it likes)
        traceback.print_exc()
        print(  # noqa: T201
            f"The Pulumi SDK cannot be imported by the program's interpreter, {sys.executable}. "
            "Install what the program needs: pulumi install",
            file=sys.stderr,
        )
        sys.exit(1)
    configure(pulumi, job)
    code = run(pulumi, job)
    if code == 0:
        os.write(job["end"], b"\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
