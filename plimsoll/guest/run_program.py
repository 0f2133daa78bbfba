"""Run one Pulumi program as Pulumi's own language host does, and say how it ended.

Started by path under the project's interpreter (`python -u run_program.py RECORD_FD SIGNAL`), never imported
by Plimsoll: it uses the standard library and whatever Pulumi SDK 3.x it finds there, in syntax that Python
3.9 reads. The job arrives as one line of JSON on standard input, after the imports have begun, so that the
monitor and the SDK start side by side. What happened goes to the descriptor RECORD_FD as lines of JSON:

- `{"event": "end", ...}` once, when the program is through. **Without it nothing counts**: a
  program may exit, crash or be killed anywhere. It has in `problems` what `check_inputs.py` finds.
- `{"event": "where", ...}` when asked, by a line on standard input: where the program is right now.

SIGNAL makes the interpreter itself write its stack there, as a fault does. The end of standard input means
that whoever asked is gone; then all of this goes too. On Linux that is every process that came of the program
(`supervise`), elsewhere its process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import functools
import gc
import importlib.metadata
import inspect
import json
import linecache
import logging
import os
import runpy
import select
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType, TracebackType
    from typing import TypeAlias

    from pulumi import Config

    Origins: TypeAlias = dict[int, tuple[BaseException, TracebackType | None]]

MOST_FRAMES = 100
"""Frames kept of one stack: the outermost 20 and the innermost 80 of a runaway recursion."""

PR_SET_CHILD_SUBREAPER = 36
"""The option of prctl(2), from Linux' `linux/prctl.h`."""

LONGEST_TEXT = 20_000
"""Characters kept of an exception's message."""

GARBAGE_THRESHOLD = 1_000_000
"""Objects. With Python's own 700 half of a large program's time goes into looking for garbage among what it
declared, all of which is needed to the end; a program that does leave garbage still has it collected."""

BLOCKING_INVOKES = ("invoke", "invoke_single", "invoke_async")
OUTPUT_INVOKES = ("invoke_output", "invoke_output_single")
CALLS = ("call", "call_single")
TRANSFORMS = ("register_stack_transform", "register_resource_transform", "register_invoke_transform")

TYPED_READS = ("bool", "int", "float", "object")
"""What `pulumi.Config` can read besides text, as its methods' names end."""


def supervise(dump_signal: int) -> None:
    """On Linux, go on in a child; when it or standard input ends, end here, after all that came of it.

    Orphans come to their nearest ancestor that is a subreaper, whatever session they are in. Only children of
    this process are killed, and before it has waited for them: their ids cannot have become another's.
    """
    if not adopt_orphans():
        return
    program = os.fork()
    if program == 0:
        os.setpgid(0, 0)  # so that the program can end its group without this process
        return
    signal.signal(dump_signal, lambda *_: os.kill(program, dump_signal))
    either = select.poll()
    either.register(0, 0)  # without asking, its end is told
    either.register(os.pidfd_open(program), select.POLLIN)
    either.poll()
    signal.signal(dump_signal, signal.SIG_IGN)
    end_like(end_children(program))


def adopt_orphans() -> bool:
    """Let whatever comes of this process come back to it; False where the system cannot do that."""
    try:
        import ctypes  # noqa: PLC0415 (missing in a few builds of Python)

        os.close(os.pidfd_open(os.getpid()))
        return bool(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (ImportError, AttributeError, OSError):  # another system, or a Linux older than 5.3
        return False


def end_children(program: int) -> int:
    """Kill and await children, those included that become children, and give the program's status."""
    program_status = 0
    while True:
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return program_status
        if child == program:
            program_status = status
        elif child == 0:
            for left in list_children():
                with contextlib.suppress(
                    PermissionError
                ):  # another user's, which only the parent's limit ends
                    os.kill(left, signal.SIGKILL)
            time.sleep(0.001)


def list_children() -> list[int]:
    """The ids of this process's children, those that have ended included, from proc(5)."""
    children = []
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 (pathlib costs the import)
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123 (likewise)
            parent = stat.read().rpartition(b")")[2].split()[1]
            if int(parent) == os.getpid():
                children.append(int(name))
    return children


def end_like(status: int) -> NoReturn:
    """End as the program did: by its signal, without a second core dump, or with its exit code."""
    if os.WIFSIGNALED(status):
        import resource  # noqa: PLC0415 (only on POSIX, and seldom needed)

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError):  # SIGKILL needs none
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status))


class RefusedError(Exception):
    """Raised into the program where it asks for what an offline preview cannot give."""


class Record:
    """The descriptor that tells the parent how things went."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.process = os.getpid()
        self.identity = self._identify()
        self.lock = threading.Lock()
        self.refusals: list[dict[str, Any]] = []
        os.set_inheritable(descriptor, False)  # noqa: FBT003 (positional only)

    def _identify(self) -> tuple[int, int]:
        status = os.fstat(self.descriptor)
        return status.st_dev, status.st_ino

    def write(self, event: dict[str, Any]) -> None:
        """Send one event. Nothing is sent from a forked copy, nor into a file that took the number over."""
        line = json.dumps(event).encode() + b"\n"
        with self.lock:
            try:
                if os.getpid() != self.process or self._identify() != self.identity:
                    return
                while line:
                    line = line[os.write(self.descriptor, line) :]
            except OSError:
                return

    def refuse(self, what: str, name: str) -> NoReturn:
        """Note what the program asks for and cannot have, with the place, and stop it there.

        A program that goes on regardless is refused all the same: the refusal is in the record.
        """
        frames = describe_frames(traceback.extract_stack()[:-2])
        self.refusals.append({"what": what, "name": name, "frames": frames})
        raise RefusedError(f"an offline preview cannot have the {what} {name}")


def describe_frames(stack: Iterable[traceback.FrameSummary]) -> list[dict[str, Any]]:
    """Frames as plain data, outermost first, with their source lines."""
    frames = list(stack)
    if len(frames) > MOST_FRAMES:
        frames = frames[:20] + frames[20 - MOST_FRAMES :]
    return [
        {"file": frame.filename, "line": frame.lineno or 0, "function": frame.name, "text": frame.line or ""}
        for frame in frames
    ]


def keep_origins(loop: asyncio.AbstractEventLoop) -> Origins:
    """Keep, from now on, what ends a task, with the traceback that it has there, by its id.

    A task gives its exception with the traceback only to whoever awaits it first. The SDK awaits an output
    several times, and what it raises in the end may have lost the program's frames.
    """
    origins: Origins = {}

    def keep(task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            origins.setdefault(id(error), (error, error.__traceback__))

    def make_task(loop: asyncio.AbstractEventLoop, awaited: Any, **named: Any) -> asyncio.Task[Any]:  # noqa: ANN401 (asyncio's own)
        task = asyncio.Task(awaited, loop=loop, **named)
        task.add_done_callback(keep)
        return task

    loop.set_task_factory(make_task)
    return origins


def describe_error(error: BaseException, origins: Origins) -> dict[str, Any]:
    """An exception with its frames and, in `causes`, what led to it, the nearest first."""
    described = _describe_one(error, origins)
    causes: list[dict[str, Any]] = []
    seen = {id(error)}
    cause = _cause(error)
    while cause is not None and id(cause) not in seen and len(causes) < 10:
        seen.add(id(cause))
        causes.append(_describe_one(cause, origins))
        cause = _cause(cause)
    described["causes"] = causes
    return described


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _describe_one(error: BaseException, origins: Origins) -> dict[str, Any]:
    kind = type(error)
    try:
        message = str(error)
    except Exception as failure:  # noqa: BLE001 (a broken __str__ of the program's own must not hide its error)
        message = f"(its message could not be read: {type(failure).__name__})"
    stack = traceback.extract_tb(error.__traceback__)
    _, origin = origins.get(id(error), (error, None))
    raised = traceback.extract_tb(origin)
    frames = describe_frames(stack if stack[-1:] == raised[-1:] else [*stack, *raised])
    if isinstance(error, SyntaxError) and error.filename is not None:
        text = (error.text or "").strip()
        frames.append({"file": error.filename, "line": error.lineno or 0, "function": "", "text": text})
        message = error.msg
    return {
        "type": kind.__qualname__,
        "message": message[:LONGEST_TEXT],
        "frames": frames,
        "exit_code": _exit_code(error.code) if isinstance(error, SystemExit) else None,
    }


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    return code if isinstance(code, int) else 1


def where(loop: asyncio.AbstractEventLoop) -> dict[str, Any]:
    """What the main thread is doing, and what every unfinished task of its event loop waits for."""
    main = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 (no public twin)
    stack = describe_frames(traceback.extract_stack(main)) if main else []
    tasks = [_waiting_at(task) for task in asyncio.all_tasks(loop)]
    return {"event": "where", "stack": stack, "tasks": [task for task in tasks if task]}


def _waiting_at(task: asyncio.Task[Any]) -> list[dict[str, Any]]:
    """The frames of a suspended task, down to what it awaits (`Task.get_stack` gives only the first)."""
    frames = []
    awaited: object = task.get_coro()
    while awaited is not None and len(frames) < MOST_FRAMES:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            break
        code = frame.f_code
        text = linecache.getline(code.co_filename, frame.f_lineno).strip()
        frames.append(
            {"file": code.co_filename, "line": frame.f_lineno, "function": code.co_name, "text": text}
        )
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return frames


def listen(job_descriptor: int, record: Record, loop: asyncio.AbstractEventLoop) -> None:
    """Answer every line on standard input with the place; at its end, end the process group."""
    while os.read(job_descriptor, 1024):
        record.write(where(loop))
    if os.getpid() == record.process:
        os.killpg(0, signal.SIGKILL)


def read_line(descriptor: int) -> bytes:
    """One line, byte for byte, so that nothing after it is swallowed."""
    line = bytearray()
    while not line.endswith(b"\n"):
        chunk = os.read(descriptor, 1)
        if not chunk:
            break
        line += chunk
    return bytes(line)


def take_standard_input() -> int:
    """Keep standard input for the job and its questions; the program reads an empty one."""
    job_descriptor = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return job_descriptor


def unknown_secret(pulumi: ModuleType) -> object:
    """An output that is secret and unknown, as a value is that only an update could decrypt."""
    return pulumi.Output(set(), _resolved(None), _resolved(value=False), _resolved(value=True))


async def _resolved(value: bool | None) -> bool | None:  # noqa: FBT001 (it is data)
    return value


def guard_config(pulumi: ModuleType, record: Record, sealed: frozenset[str]) -> None:
    """Make the keys in `sealed`, which nobody here can decrypt, read as unknown secrets.

    Plain text reads need no help: the job's value of such a key is a placeholder that the monitor knows
    again. A number, flag or object has no placeholder, so reading one in clear is refused.
    """

    def answer_secret(_method: str, _key: str) -> object:
        return unknown_secret(pulumi)

    def refuse_plain(method: str, key: str) -> object:
        return record.refuse("config", f"{key!r} (by Config.{method})")

    def guard(method: str, answer: Callable[[str, str], object]) -> None:
        read = getattr(pulumi.Config, method)

        @functools.wraps(read)
        def guarded(config: Config, key: str, *rest: object, **named: object) -> object:
            full_key = config.full_key(key)
            return answer(method, full_key) if full_key in sealed else read(config, key, *rest, **named)

        setattr(pulumi.Config, method, guarded)

    for verb in ("get", "require"):
        for ending in ("", *(f"_{kind}" for kind in TYPED_READS)):
            guard(f"{verb}_secret{ending}", answer_secret)
        for kind in TYPED_READS:
            guard(f"{verb}_{kind}", refuse_plain)


def guard_runtime(pulumi: ModuleType, record: Record) -> None:
    """Stop the program at the very line that asks for what only an engine or a provider could answer."""

    def refuse(what: str, function: str) -> None:
        original = getattr(pulumi.runtime, function, None)
        if original is None:  # an SDK of before its time
            return

        @functools.wraps(original)
        def refused(*positional: object, **named: object) -> object:
            subject = next(iter((*positional, *named.values())), None)
            return record.refuse(what, subject if isinstance(subject, str) else _name(subject))

        setattr(pulumi.runtime, function, refused)

    for function in BLOCKING_INVOKES:
        refuse("invoke", function)
    for function in CALLS:
        refuse("call", function)
    for function in TRANSFORMS:
        refuse("transform", function)

    from pulumi.runtime.proto import resource_pb2  # noqa: PLC0415 (the SDK is only known to exist by now)

    answer = getattr(resource_pb2, "ResourceInvokeResponse", None)
    if answer is None or "unknown" not in answer.DESCRIPTOR.fields_by_name:
        # An SDK too old to hear the monitor's "unknown" would take its empty answer for the value.
        for function in OUTPUT_INVOKES:
            setattr(pulumi.runtime, function, functools.partial(unknown_invoke, pulumi))
    forgive_types(pulumi)
    # The SDK logs eight debug lines a resource, each a call to the engine that it waits for.
    pulumi.log.debug = lambda *_positional, **_named: None


def forgive_types(pulumi: ModuleType) -> None:
    """Make outputs unknown that are not of the type which the SDK expects, instead of failing the program.

    The monitor hands inputs back for outputs. Where a provider would have converted one (an AWS policy given
    as a dictionary comes back as JSON text), only the provider knows the output.
    """
    translate = pulumi.runtime.rpc.translate_output_properties

    @functools.wraps(translate)
    def forgiving(*positional: object, **named: object) -> object:
        try:
            return translate(*positional, **named)
        except AssertionError:
            return None  # which the SDK takes for unknown, in a preview

    pulumi.runtime.rpc.translate_output_properties = forgiving


def watch_order(pulumi: ModuleType, constructed: list[Any]) -> None:
    """Keep every resource in the order in which the program constructs them.

    Their registrations reach the monitor from several threads, and each only once its dependencies are known.
    """
    construct = pulumi.Resource.__init__

    @functools.wraps(construct)
    def watched(self: object, t: str, name: str, *rest: object, **named: object) -> None:
        construct(self, t, name, *rest, **named)
        if t:  # the SDK's own stand-ins for dependencies have no type
            constructed.append(self)

    pulumi.Resource.__init__ = watched


def watch_requests(pulumi: ModuleType, asked: list[tuple[str, Any]]) -> None:
    """Keep every registration as the SDK sends it, with the URN that comes back."""
    monitor = pulumi.runtime.settings.get_monitor()
    register = monitor.RegisterResource

    def watched(request: Any, *positional: Any, **named: Any) -> Any:  # noqa: ANN401 (gRPC's own)
        response = register(request, *positional, **named)
        asked.append((response.urn, request))
        return response

    monitor.RegisterResource = watched


def check_inputs(asked: list[tuple[str, Any]], placeholder: str) -> dict[str, Any]:
    """What is wrong with the inputs of all registrations, or why that cannot be said."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "check_inputs.py")  # noqa: PTH100, PTH118, PTH120 (pathlib costs the import)
    try:
        # Never by its name, which may be that of a module of the program's own.
        checker = runpy.run_path(path, run_name="plimsoll_check_inputs")
        return {"problems": checker["judge"](asked, placeholder)}
    except Exception as failure:  # noqa: BLE001 (an SDK may be broken in any way, and a program may break it)
        return {"problems": [], "unchecked": f"{type(failure).__name__}: {failure}"}


async def urns_of(resources: list[Any]) -> list[str]:
    """The URNs of those resources whose registration is through."""
    urns = [asyncio.ensure_future(resource.urn.future()) for resource in resources]
    await asyncio.sleep(0)  # long enough for what is there already
    return [urn.result() for urn in urns if urn.done() and not urn.cancelled() and urn.exception() is None]


def _name(subject: object) -> str:
    return str(getattr(subject, "__qualname__", type(subject).__qualname__))


def unknown_invoke(
    pulumi: ModuleType, _token: str, props: object, *_options: object, **_more: object
) -> object:
    """An unknown output that depends on what the function's arguments depend on."""
    arguments = pulumi.Output.from_input(props)
    return pulumi.Output(
        arguments.resources(), _resolved(None), _resolved(value=False), arguments.is_secret()
    )


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
        "parallel": 1,
        "dry_run": True,
    }
    known = inspect.signature(pulumi.runtime.Settings.__init__).parameters
    pulumi.runtime.configure(
        pulumi.runtime.Settings(**{name: value for name, value in settings.items() if name in known})
    )


def run(pulumi: ModuleType, program: str, loop: asyncio.AbstractEventLoop, constructed: list[Any]) -> None:
    """Run the program to its end, all of its resources included, which it adds to `constructed`.

    Raises what the program raises.
    """
    sys.argv = [program]
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 (pathlib costs the import)
    asyncio.set_event_loop(loop)
    # Half-finished tasks of a program that failed are expected; its own error is what matters.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    watch_order(pulumi, constructed)

    def program_as_main() -> None:
        runpy.run_path(program, run_name="__main__")

    loop.run_until_complete(pulumi.runtime.run_in_stack(program_as_main))


def main() -> None:
    """Read the job, run it, write the end record, and leave without a long goodbye."""
    leave = os._exit
    dump_signal = int(sys.argv[2])
    supervise(dump_signal)
    record = Record(int(sys.argv[1]))
    job_descriptor = take_standard_input()
    gc.set_threshold(GARBAGE_THRESHOLD)
    faulthandler.enable(record.descriptor, all_threads=False)
    faulthandler.register(dump_signal, record.descriptor, all_threads=False)
    own_folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (pathlib costs the import)
    sys.path[:] = [entry for entry in sys.path if entry != own_folder]
    try:
        import pulumi  # noqa: PLC0415 (its absence is an answer, not a crash)
        import pulumi.runtime  # noqa: PLC0415

        sdk = importlib.metadata.version("pulumi")
    except Exception as failure:  # noqa: BLE001 (a broken SDK fails in any way it likes)
        record.write({"event": "end", "no_pulumi": True, "error": describe_error(failure, {})})
        leave(1)
    job = json.loads(read_line(job_descriptor))
    loop = asyncio.new_event_loop()
    threading.Thread(target=listen, args=(job_descriptor, record, loop), daemon=True).start()
    error: dict[str, Any] | None = None
    constructed: list[Any] = []
    asked: list[tuple[str, Any]] = []
    declared: list[str] = []
    origins = keep_origins(loop)
    try:
        guard_config(pulumi, record, frozenset(job["sealed_keys"]))
        guard_runtime(pulumi, record)
        configure(pulumi, job)
        watch_requests(pulumi, asked)
        run(pulumi, job["program"], loop, constructed)
    except BaseException as failure:  # noqa: BLE001 (the record carries SystemExit and KeyboardInterrupt too)
        error = describe_error(failure, origins)
    with contextlib.suppress(Exception):  # a program that failed may have done anything to the loop
        declared = loop.run_until_complete(urns_of(constructed))
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            with contextlib.suppress(Exception):  # the program may have put anything there
                stream.flush()
    end = {"event": "end", "sdk": sdk, "error": error, "declared": declared}
    if error is None and not record.refusals:
        end.update(check_inputs(asked, job["placeholder"]))
    record.write({**end, "refusals": record.refusals})
    # The interpreter's own goodbye takes half a second, and waits for threads that the program left behind.
    leave(0 if error is None else 1)


if __name__ == "__main__":
    main()
