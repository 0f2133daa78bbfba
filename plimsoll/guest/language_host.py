"""A Python language host for Pulumi's engine: what the engine starts to run programs and policy packs.

A user's official install brings `pulumi-language-python`; an engine built from its Go module has none, and
gets this one beside it (`plimsoll.engine.host` writes the launcher). It runs under Plimsoll's own
interpreter, as `python -P -m plimsoll.guest.language_host [flags] ENGINE_ADDRESS`: it prints the port of a
`LanguageRuntime` server and serves until it is told to go (SIGINT, SIGTERM), or until its standard input
ends, which the engine holds open as long as it lives. Nothing that it started survives it.

Programs run under the project's own interpreter, policy packs under the pack's. It says that no packages are
required: the engine then asks for a provider when a resource needs it, and loses no time looking for plugins
that it is attached to already.

What it does not do it refuses by name: debuggers, plugins in Python that are no policy packs, and generating
code.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

try:
    import grpc
    from google.protobuf import empty_pb2, json_format
    from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2
    from typing_extensions import override  # gRPC depends on it
except ImportError as missing:
    sys.exit(
        f"Plimsoll's Python language host needs an interpreter with the Pulumi SDK, and {sys.executable} has "
        f"none ({missing}). Set the host anew with: plimsoll engine install"
    )

from plimsoll.guest.children import Children, stream
from plimsoll.guest.interpreters import HostError, activated, find_python, install_commands

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from google.protobuf import struct_pb2

PROGRAM: Final = Path(__file__).with_name("language_program.py")
"""The script that runs the program under the project's interpreter."""

PACK: Final = Path(__file__).with_name("policy_pack.py")
"""The script that runs a policy pack under the pack's interpreter, and masks secrets in what it says."""

TOLD: Final = 32
"""The exit code by which `language_program.py` says that the user has been told what is wrong."""

LEFT_EARLY: Final = (
    "The program left before its end (`sys.exit` or `os._exit`, with exit code 0): what it had not declared "
    "until then would be deleted, so nothing is done. Let it run to its end"
)
"""What the user is told of a program without an end record."""

VERSION: Final = "1.0.0"
"""What `pulumi about` shows for this host."""

MAX_MESSAGE_BYTES: Final = 400 * 1024 * 1024
"""What the engine allows itself; gRPC's own limit of 4 MB is too small."""

PLUGIN_THREADS: Final = 64
"""Calls served at once: each policy pack holds one for as long as it runs."""

ABOUT: Final = "import json, platform, sys; print(json.dumps([sys.executable, platform.python_version()]))"

DEPENDENCIES: Final = """
import importlib.metadata, json, re
canonical = lambda name: re.sub("[-_.]+", "-", name).lower()
found, needed = {}, set()
for one in importlib.metadata.distributions():
    found[canonical(one.metadata["Name"])] = one.version
    for line in one.requires or ():
        if "extra ==" not in line:
            needed.add(canonical(re.match("[A-Za-z0-9._-]+", line).group()))
print(json.dumps([found, sorted(needed)]))
"""
"""Says which distributions an interpreter has, and which of them another one needs; pip may not be there."""


def as_options(options: struct_pb2.Struct) -> dict[str, Any]:
    """The `runtime.options` of Pulumi.yaml or PulumiPolicy.yaml as plain data."""
    return json_format.MessageToDict(options)


def locations(info: language_pb2.ProgramInfo) -> tuple[Path, Path, dict[str, Any]]:
    """A program's root folder, its own folder, and its runtime options."""
    return Path(info.root_directory), Path(info.program_directory), as_options(info.options)


def plugin_wrote(name: str, chunk: bytes) -> language_pb2.RunPluginResponse:
    """What a policy pack wrote, as a message."""
    return (
        language_pb2.RunPluginResponse(stdout=chunk)
        if name == "stdout"
        else language_pb2.RunPluginResponse(stderr=chunk)
    )


def end_record(descriptor: int) -> bool:
    """Whether a program that is gone wrote that it ran to its end. What it left behind is not waited for."""
    os.set_blocking(descriptor, False)
    try:
        return os.read(descriptor, 1) != b""
    except BlockingIOError:
        return False


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """The calls of the engine. What is not here answers "unimplemented", for which the engine is prepared."""

    def __init__(self, engine: str, children: Children) -> None:
        self._engine = engine
        self._children = children

    @override
    def Handshake(
        self, request: language_pb2.LanguageHandshakeRequest, context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        self._engine = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    @override
    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    @override
    def GetRequiredPackages(
        self, request: language_pb2.GetRequiredPackagesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        return language_pb2.GetRequiredPackagesResponse()

    @override
    def GetRequiredPlugins(
        self, request: language_pb2.GetRequiredPluginsRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        return language_pb2.GetRequiredPluginsResponse()

    @override
    def RuntimeOptionsPrompts(
        self, request: language_pb2.RuntimeOptionsRequest, context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        return language_pb2.RuntimeOptionsResponse()

    @override
    def About(
        self, request: language_pb2.AboutRequest, context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        # `pulumi about` also asks where there is no project, and then gives no folders.
        python = self._python(request.info, context) if request.info.root_directory else Path(sys.executable)
        executable, version = self._ask(python, ABOUT, context)
        return language_pb2.AboutResponse(
            executable=executable, version=version, metadata={"host": "plimsoll", "hostVersion": VERSION}
        )

    @override
    def GetProgramDependencies(
        self, request: language_pb2.GetProgramDependenciesRequest, context: grpc.ServicerContext
    ) -> language_pb2.GetProgramDependenciesResponse:
        found, needed = self._ask(self._python(request.info, context), DEPENDENCIES, context)
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version in sorted(found.items())
                if request.transitiveDependencies or name not in needed
            ]
        )

    @override
    def InstallDependencies(
        self, request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        root, program, options = locations(request.info)
        with self._refusing(context):
            for command, added in install_commands(root, program, options):
                said = f"$ {shlex.join(map(str, command))}\n".encode()
                yield language_pb2.InstallDependenciesResponse(stdout=said)
                environment = {**os.environ, **added}
                with self._child(command, context, cwd=program, env=environment) as child:
                    for name, chunk in stream(child):
                        yield language_pb2.InstallDependenciesResponse(**{name: chunk})
                if child.returncode:
                    raise HostError(
                        f"{shlex.join(map(str, command))} failed with exit code {child.returncode}"
                    )

    @override
    def Run(
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        root, program, options = locations(request.info)
        if request.attach_debugger:
            return language_pb2.RunResponse(error="Plimsoll's language host starts no debugger")
        if options.get("typechecker"):
            print(  # noqa: T201 (the engine shows it)
                f"`typechecker: {options['typechecker']}` is not run by Plimsoll's language host",
                file=sys.stderr,
                flush=True,
            )
        job = {
            "project": request.project,
            "stack": request.stack,
            "organization": request.organization,
            "root": str(root),
            # Absolute: only then do resources know where they were declared.
            "program": str(
                program if request.info.entry_point == "." else program / request.info.entry_point
            ),
            "args": list(request.args),
            "config": dict(request.config),
            "secret_keys": list(request.configSecretKeys),
            "monitor": request.monitor_address,
            "engine": self._engine,
            "dry_run": request.dryRun,
            "parallel": request.parallel,
        }
        told, tell = os.pipe()
        try:
            python = find_python(root, program, options)
            # Its output goes where ours goes, from where the engine reads it line by line.
            with self._child(
                [python, "-u", PROGRAM],
                context,
                cwd=request.pwd,
                env=activated(os.environ, python),
                piped=("stdin",),
                handed=(tell,),
            ) as child:
                self._tell(child, {**job, "end": tell})
                code = child.wait()
            ended = end_record(told)
        except HostError as error:
            return language_pb2.RunResponse(error=str(error))
        finally:
            os.close(told)
            os.close(tell)
        if code == 0 and not ended:
            return language_pb2.RunResponse(error=LEFT_EARLY)
        if code < 0:
            said = f"The program was ended by {signal.Signals(-code).name}"
            return language_pb2.RunResponse(error=said)
        if code in {0, TOLD}:
            return language_pb2.RunResponse(bail=code == TOLD)
        return language_pb2.RunResponse(error=f"The program ended with exit code {code}")

    @override
    def RunPlugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        root, pack, options = locations(request.info)
        with self._refusing(context):
            if request.kind != "analyzer" or request.attach_debugger:
                raise HostError("Plimsoll's language host runs policy packs only, without a debugger")
            python = find_python(root, pack, options)
            environment = dict(pair.split("=", 1) for pair in request.env)
            with self._child(
                [python, "-u", PACK, *request.args, pack],
                context,
                cwd=request.pwd,
                env=activated(environment, python),
            ) as child:
                for name, chunk in stream(child):
                    yield plugin_wrote(name, chunk)
            yield language_pb2.RunPluginResponse(exitcode=child.returncode)

    @contextlib.contextmanager
    def _refusing(self, context: grpc.ServicerContext) -> Generator[None]:
        """Answer the call with what the user has to mend, if something is."""
        try:
            yield
        except HostError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))

    def _python(self, info: language_pb2.ProgramInfo, context: grpc.ServicerContext) -> Path:
        with self._refusing(context):
            return find_python(*locations(info))
        raise AssertionError("abort raises")

    def _ask(self, python: Path, script: str, context: grpc.ServicerContext) -> list[Any]:
        """What a script prints as JSON under an interpreter."""
        asked = subprocess.run([python, "-c", script], capture_output=True, text=True, check=False)
        with self._refusing(context):
            if asked.returncode:
                raise HostError(f"{python} does not run: {asked.stderr.strip()}")
        return json.loads(asked.stdout)

    @contextlib.contextmanager
    def _child(
        self,
        command: Sequence[str | Path],
        context: grpc.ServicerContext,
        *,
        cwd: Path | str,
        env: Mapping[str, str],
        piped: tuple[str, ...] = ("stdout", "stderr"),
        handed: tuple[int, ...] = (),
    ) -> Generator[subprocess.Popen[bytes]]:
        """A child that ends with the call, also where the engine gives the call up."""
        child = self._children.start(command, cwd=cwd, env=env, piped=piped, handed=handed)
        ending = threading.Thread(target=self._children.end, args=(child,), daemon=True)
        if not context.add_callback(ending.start):
            ending.start()
        try:
            yield child
        finally:
            self._children.end(child)
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def _tell(self, child: subprocess.Popen[bytes], job: dict[str, Any]) -> None:
        """Hand the job over. A child that is gone already is noticed by its exit code."""
        if child.stdin is None:
            raise AssertionError("it was asked for as a pipe")
        with contextlib.suppress(OSError):
            child.stdin.write(json.dumps(job).encode() + b"\n")
            child.stdin.flush()


def await_end_of_input(stop: threading.Event) -> None:
    """Set `stop` when the engine is gone, however it went."""
    while os.read(0, 1024):
        pass
    stop.set()


def main() -> None:
    """Serve until told to go."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    # gRPC logs a traceback for each call that is not implemented or that is refused.
    logging.getLogger("grpc").setLevel(logging.CRITICAL)
    children = Children()
    size = [(f"grpc.max_{way}_message_length", MAX_MESSAGE_BYTES) for way in ("send", "receive")]
    server = grpc.server(ThreadPoolExecutor(max_workers=PLUGIN_THREADS), options=size)
    # The engine puts its flags (`-v=9`, `-tracing=…`) before the address.
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(sys.argv[-1], children), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 (it is the protocol)
    threading.Thread(target=await_end_of_input, args=(stop,), daemon=True).start()
    stop.wait()
    children.close()
    server.stop(None)
    sys.stdout.flush()
    # Calls that were cut off still hold threads; the interpreter would wait for them.
    os._exit(0)


if __name__ == "__main__":
    main()
