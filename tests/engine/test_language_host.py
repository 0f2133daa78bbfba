"""The language host by itself: which interpreter, how it serves, and that nothing of it stays behind."""

from __future__ import annotations

import ast
import os
import runpy
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import language_pb2, language_pb2_grpc

from plimsoll.engine import host
from plimsoll.guest import language_host, language_program
from plimsoll.guest.interpreters import HostError, activated, find_python, install_commands
from tests.engine.stand_ins import executable

if TYPE_CHECKING:
    from collections.abc import Generator

PROGRAM_SOURCE = Path(language_program.__file__).read_text("utf-8")


def environment(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").touch()
    return executable(folder / "bin" / "python", "exit 0")


class TestWhichInterpreter:
    def test_the_one_that_is_named_relative_to_the_project(self, tmp_path: Path):
        python = environment(tmp_path / "env")
        environment(tmp_path / "project" / ".venv")
        assert find_python(tmp_path / "project", tmp_path, {"virtualenv": "../env"}).samefile(python)

    def test_a_named_one_must_exist(self, tmp_path: Path):
        environment(tmp_path / ".venv")
        with pytest.raises(HostError, match=r"`virtualenv: env` is named.*pulumi install"):
            find_python(tmp_path, tmp_path, {"virtualenv": "env"})

    @pytest.mark.parametrize("name", [".venv", "venv"])
    @pytest.mark.parametrize("where", ["infra", "."])
    def test_else_one_beside_the_program_or_the_project(self, tmp_path: Path, name: str, where: str):
        (tmp_path / "infra").mkdir()
        python = environment(tmp_path / where / name)
        assert find_python(tmp_path, tmp_path / "infra", {}) == python

    @pytest.mark.parametrize(("toolchain", "found"), [("uv", True), ("pip", False)])
    def test_only_a_workspace_of_uv_may_lie_above_the_project(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toolchain: str, *, found: bool
    ):
        python = environment(tmp_path / ".venv")
        other = executable(tmp_path / "bin" / "python3", "exit 0")
        monkeypatch.setenv("PATH", str(other.parent))
        monkeypatch.delenv("PULUMI_PYTHON_CMD", raising=False)
        root = tmp_path / "workspace" / "project"
        assert find_python(root, root, {"toolchain": toolchain}) == (python if found else other)

    def test_poetry_is_asked(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        executable(tmp_path / "bin" / "poetry", '[ "$*" = "env info --executable" ] && echo /its/python')
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        assert find_python(tmp_path, tmp_path, {"toolchain": "poetry"}) == Path("/its/python")

    @pytest.mark.parametrize("does", [None, "echo 'no environment' >&2; exit 1"])
    def test_poetry_without_an_answer(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str | None
    ):
        if does is not None:
            executable(tmp_path / "bin" / "poetry", does)
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        with pytest.raises(HostError, match=r"[Pp]oetry"):
            find_python(tmp_path, tmp_path, {"toolchain": "poetry"})

    def test_none_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(HostError, match=r"runtime\.options\.virtualenv"):
            find_python(tmp_path, tmp_path, {})


def test_a_virtual_environment_is_activated_and_another_interpreter_is_not(tmp_path: Path):
    python = environment(tmp_path / ".venv")
    given = {"PATH": "/bin", "PYTHONHOME": "/x", "VIRTUAL_ENV": "/ours", "A": "b"}
    folder = tmp_path / ".venv"
    changed = {"PATH": f"{folder / 'bin'}:/bin", "VIRTUAL_ENV": str(folder), "A": "b"}
    assert activated(given, python) == changed
    assert activated(given, Path("/usr/bin/python3")) == given


class TestWhatInstalls:
    def commands(self, root: Path, **options: str) -> list[str]:
        return [" ".join(map(str, command)) for command, _ in install_commands(root, root, options)]

    def test_pip_makes_the_environment_that_is_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("PULUMI_PYTHON_CMD", sys.executable)
        [made] = self.commands(tmp_path, virtualenv="venv")
        assert made == f"{sys.executable} -m venv {tmp_path / 'venv'}"

    def test_pip_installs_what_the_program_requires(self, tmp_path: Path):
        python = environment(tmp_path / "venv")
        (tmp_path / "requirements.txt").touch()
        [installed] = self.commands(tmp_path, virtualenv="venv")
        assert installed.startswith(f"{python} -m pip install")
        assert installed.endswith("-r requirements.txt")

    def test_nothing_is_needed(self, tmp_path: Path):
        assert self.commands(tmp_path) == []

    @pytest.mark.parametrize(
        ("toolchain", "runs"), [("uv", "uv sync"), ("poetry", "poetry install --no-ansi")]
    )
    def test_others_do_it_their_way(self, tmp_path: Path, toolchain: str, runs: str):
        assert self.commands(tmp_path, toolchain=toolchain) == [runs]


def test_the_program_needs_the_standard_library_and_pulumi_alone_and_older_interpreters_read_it():
    ast.parse(PROGRAM_SOURCE, feature_version=(3, 9))
    for node in ast.walk(ast.parse(PROGRAM_SOURCE)):
        match node:
            case ast.Import():
                names = [alias.name for alias in node.names]
            case ast.ImportFrom():
                names = [node.module or "."]
            case _:
                continue
        for name in names:
            assert name.partition(".")[0] in {*sys.stdlib_module_names, "pulumi"}


def test_host_and_program_agree_on_the_exit_code_that_means_told():
    assert language_host.TOLD == language_program.TOLD


def test_the_users_traceback_begins_in_the_program(tmp_path: Path):
    program = tmp_path / "__main__.py"
    program.write_text("def boom():\n    raise ValueError('no such thing')\n\n\nboom()\n", "utf-8")
    with pytest.raises(ValueError, match="no such thing") as caught:
        runpy.run_path(str(tmp_path), run_name="__main__")
    said = language_program.users_traceback(caught.value, str(program)).splitlines()
    assert said[0].startswith("Traceback")
    assert said[1] == f'  File "{program}", line 5, in <module>'
    assert said[-1] == "ValueError: no such thing"


@contextmanager
def serving(folder: Path) -> Generator[tuple[subprocess.Popen[str], language_pb2_grpc.LanguageRuntimeStub]]:
    """The host, started by its launcher as the engine starts it."""
    command = host.set_host(folder / "bin")
    process = subprocess.Popen(
        [command, "127.0.0.1:1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{int(process.stdout.readline())}") as channel:
            yield process, language_pb2_grpc.LanguageRuntimeStub(channel)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def info(root: Path, **options: str) -> language_pb2.ProgramInfo:
    struct = struct_pb2.Struct()
    struct.update(options)
    folder = str(root)
    return language_pb2.ProgramInfo(
        root_directory=folder, program_directory=folder, entry_point=".", options=struct
    )


def pack_that(root: Path, does: str) -> language_pb2.RunPluginRequest:
    """A call that runs a policy pack of one line, under this interpreter."""
    root.mkdir(exist_ok=True)
    (root / "__main__.py").write_text(does, "utf-8")
    return language_pb2.RunPluginRequest(
        kind="analyzer",
        pwd=str(root),
        args=["127.0.0.1:1"],
        env=[f"{name}={value}" for name, value in os.environ.items()],
        info=info(root, virtualenv=sys.prefix),
    )


def gone(process: int) -> bool:
    """Whether a process ends within two seconds; one that is only not yet reaped has ended."""
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


class TestTheServer:
    def test_it_says_what_it_is_and_what_the_program_has(self, tmp_path: Path):
        with serving(tmp_path) as (_, stub):
            assert stub.GetPluginInfo(empty_pb2.Empty()).version == language_host.VERSION
            here = info(tmp_path, virtualenv=sys.prefix)
            about = stub.About(language_pb2.AboutRequest(info=here))
            assert about.version == sys.version.split()[0]
            assert not stub.GetRequiredPackages(language_pb2.GetRequiredPackagesRequest(info=here)).packages

            def names(*, transitive: bool) -> set[str]:
                request = language_pb2.GetProgramDependenciesRequest(
                    info=here, transitiveDependencies=transitive
                )
                return {one.name for one in stub.GetProgramDependencies(request).dependencies}

            assert "grpcio" in names(transitive=True)
            assert "grpcio" not in names(transitive=False)
            assert "plimsoll" in names(transitive=False)

    def test_a_pack_is_heard_on_both_streams_and_to_its_end(self, tmp_path: Path):
        does = "import sys\nprint(sys.argv)\nprint('wrong', file=sys.stderr)\nsys.exit(3)\n"
        with serving(tmp_path) as (_, stub):
            heard: dict[str, Any] = {"stdout": b"", "stderr": b""}
            for message in stub.RunPlugin(pack_that(tmp_path / "pack", does)):
                which = message.WhichOneof("output")
                heard[which] = heard.get(which, b"") + message.stdout + message.stderr or message.exitcode
        assert b"127.0.0.1:1" in heard["stdout"]
        assert heard["stderr"] == b"wrong\n"
        assert heard["exitcode"] == 3

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"kind": "resource"}, "policy packs only"),
            ({"attach_debugger": True}, "debugger"),
        ],
    )
    def test_what_it_does_not_do_it_refuses_by_name(self, tmp_path: Path, change: dict[str, Any], says: str):
        request = pack_that(tmp_path / "pack", "")
        for name, value in change.items():
            setattr(request, name, value)
        with serving(tmp_path) as (_, stub), pytest.raises(grpc.RpcError) as refused:
            list(stub.RunPlugin(request))
        assert says in str(refused.value)

    def test_a_program_without_its_environment_is_an_error_in_words(self, tmp_path: Path):
        with serving(tmp_path) as (_, stub):
            here = info(tmp_path, virtualenv="missing")
            answer = stub.Run(language_pb2.RunRequest(info=here, pwd=str(tmp_path)))
        assert "pulumi install" in answer.error

    def test_dependencies_that_cannot_be_installed_are_an_error_in_words(self, tmp_path: Path):
        (tmp_path / "requirements.txt").write_text("./nowhere\n", "utf-8")
        request = language_pb2.InstallDependenciesRequest(info=info(tmp_path, virtualenv=sys.prefix))
        said = bytearray()

        def listen() -> None:
            for message in stub.InstallDependencies(request):
                said.extend(message.stdout + message.stderr)

        with serving(tmp_path) as (_, stub), pytest.raises(grpc.RpcError) as refused:
            listen()
        assert b"requirements.txt" in said
        assert "failed with exit code 1" in str(refused.value)


class TestTheEnd:
    SLEEPS = """
import os, subprocess, time
subprocess.Popen(['sleep', '60'])
print(os.getpid(), flush=True)
time.sleep(60)
"""

    def sleeping(self, stub: language_pb2_grpc.LanguageRuntimeStub, folder: Path) -> tuple[Any, int]:
        """A pack that sleeps, with a child that does: the call, and its process."""
        call = stub.RunPlugin(pack_that(folder / "pack", self.SLEEPS))
        return call, int(next(call).stdout)

    @pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "the engine dies"])
    def test_it_goes_quietly_with_all_that_it_started(self, tmp_path: Path, how: str):
        with serving(tmp_path) as (process, stub):
            _, pack = self.sleeping(stub, tmp_path)
            if how == "the engine dies":
                assert process.stdin is not None
                process.stdin.close()
            else:
                process.send_signal(getattr(signal, how))
            assert process.wait(5) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""
        assert gone(pack)
        assert not self.members(pack)

    def test_a_call_that_is_given_up_ends_its_pack(self, tmp_path: Path):
        with serving(tmp_path) as (_, stub):
            call, pack = self.sleeping(stub, tmp_path)
            call.cancel()
            assert gone(pack)
            assert not self.members(pack)

    def members(self, group: int) -> list[int]:
        """What still lives of a process group."""
        members = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
                except OSError:
                    continue
                if int(fields[2]) == group and fields[0] != "Z":
                    members.append(int(folder.name))
        return members

    def test_a_launcher_whose_plimsoll_is_gone_says_what_to_do(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(sys, "executable", str(tmp_path / "with space" / "python"))
        command = host.set_host(tmp_path / "bin")
        ran = subprocess.run([command], capture_output=True, text=True, check=False)
        assert ran.returncode == 1
        assert "plimsoll engine install" in ran.stderr
