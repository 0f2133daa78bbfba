"""The real engine with our language host: through the plain `pulumi` command, and through `Engine`."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.engine import host, run
from plimsoll.engine.errors import EngineError, Failure
from plimsoll.engine.events import StepEvent
from plimsoll.engine.plan import preview
from plimsoll.engine.run import ExitCode, session_members
from plimsoll.preview.plan import UNKNOWN, Secret, SourcePosition, Step
from tests.engine.conftest import CANARY, Project
from tests.engine.stand_ins import executable

if TYPE_CHECKING:
    from plimsoll.engine.events import Event

pytestmark = pytest.mark.engine

POLICY = '''
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2 as messages, analyzer_pb2_grpc as service, plugin_pb2


class Pack(service.AnalyzerServicer):
    """Speaks the analyzer's protocol itself: a box is small."""

    def Handshake(self, request, context):
        return messages.AnalyzerHandshakeResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="1.0.0")

    def GetAnalyzerInfo(self, request, context):
        return messages.AnalyzerInfo(name="tiny-pack", version="1.0.0")

    def Configure(self, request, context):
        return empty_pb2.Empty()

    def ConfigureStack(self, request, context):
        return messages.AnalyzerStackConfigureResponse()

    def Remediate(self, request, context):
        return messages.RemediateResponse()

    def Analyze(self, request, context):
        if request.type != "tiny:index:Box" or request.properties["size"] <= 5:
            return messages.AnalyzeResponse()
        return messages.AnalyzeResponse(diagnostics=[messages.AnalyzeDiagnostic(
            policyName="small-boxes", policyPackName="tiny-pack", policyPackVersion="1.0.0",
            message="a box holds 5 at most", enforcementLevel=messages.MANDATORY, urn=request.urn)])

    def AnalyzeStack(self, request, context):
        return messages.AnalyzeResponse()


server = grpc.server(ThreadPoolExecutor())
service.add_AnalyzerServicer_to_server(Pack(), server)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination()
'''


def named(ran_steps: tuple[StepEvent, ...], name: str) -> list[str]:
    return [step.operation for step in ran_steps if step.urn.endswith(f"::{name}") and step.stage == "begins"]


def test_from_nothing_to_nothing_through_the_plain_command(project: Project):
    assert "+ 4 to create" in project.pulumi("preview")
    up = project.pulumi("up", "--yes")
    assert "4 created" in up
    assert "the program speaks" in up
    project.pulumi("preview", "--expect-no-changes")
    project.pulumi("config", "set", "size", "4")
    project.pulumi("preview", "--expect-no-changes", code=ExitCode.UNEXPECTED_CHANGES)
    assert "~ 2 updated" in project.pulumi("up", "--yes")
    said = up + project.pulumi("stack", "export") + project.pulumi("stack", "output")
    assert CANARY not in said
    assert "4 deleted" in project.pulumi("destroy", "--yes")


FAILING = {
    "an exception": (
        "def boom():\n    raise ValueError('no such thing')\nboom()\n",
        ['__main__.py", line 2, in boom', "ValueError: no such thing"],
        ["language_program", "run_in_stack"],
    ),
    "a RunError": (
        "import pulumi\nraise pulumi.RunError('set the size')\n",
        ["error: set the size"],
        ["Traceback"],
    ),
    "a missing setting": ("import pulumi\npulumi.Config().require('absent')\n", ["'tiny:absent'"], []),
    "an exit": ("import sys\nsys.exit(3)\n", ["exit code 3"], ["Traceback"]),
    # Each of these would otherwise plan to delete what it had not declared yet.
    "a quiet exit": ("import sys\nsys.exit(0)\n", ["left before its end"], ["Traceback", "delete\n"]),
    "a quiet exit from below": (
        "import os, pulumi\npulumi.Stash('one', input=1)\nos._exit(0)\n",
        ["left before its end", "os._exit"],
        ["Traceback", "to delete"],
    ),
    "a kill": ("import os\nos.kill(os.getpid(), 9)\n", ["SIGKILL"], []),
    "a syntax error": ("print(\n", ["SyntaxError"], []),
    "a missing module": ("import absent_module\n", ["No module named 'absent_module'"], []),
}


def test_programs_that_fail_say_why(project: Project):
    for program, shown, hidden in FAILING.values():
        project.write("__main__.py", program)
        said = project.pulumi("preview", code=ExitCode.FAILED)
        assert all(text in said for text in shown), said
        assert not any(text in said for text in hidden), said
    (project.folder / "__main__.py").unlink()
    assert "main:" in project.pulumi("preview", code=ExitCode.FAILED)


def test_a_program_in_a_folder_of_its_own_with_an_interpreter_of_its_own(project: Project):
    python = project.folder / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    (python.parent.parent / "pyvenv.cfg").write_text(f"home = {Path(sys.base_prefix) / 'bin'}\n", "utf-8")
    python.symlink_to(Path(sys.executable).resolve())
    packages = python.parent.parent / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    packages.mkdir(parents=True)
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "more.pth").write_text(f"{ours}\n", "utf-8")
    project.write(
        "Pulumi.yaml", "name: tiny\nmain: code/app.py\nruntime: {name: python, options: {virtualenv: env}}\n"
    )
    project.write("code/sibling.py", "HERE = __file__\n")
    project.write(
        "code/app.py",
        "import os, sys, pulumi, sibling\n"
        "for name, value in dict(cwd=os.getcwd(), prefix=sys.prefix, env=os.environ['VIRTUAL_ENV'],\n"
        "        org=pulumi.get_organization(), root=pulumi.runtime.get_root_directory(),\n"
        "        stdin=sys.stdin.read()).items():\n"
        "    pulumi.export(name, value)\n",
    )
    plan, _ = preview(project.engine, "dev", cwd=project.folder)
    root = str(project.folder)
    assert plan.outputs == {
        "cwd": f"{root}/code",
        "prefix": f"{root}/env",
        "env": f"{root}/env",
        "org": "organization",
        "root": root,
        "stdin": "",
    }


def test_two_checkouts_at_once_get_their_own_host_of_one_engine(project: Project, tmp_path: Path):
    """Each by an interpreter of its own, which notes that it was asked."""
    hosts = {}
    for name in ("one", "other"):
        log, python = shlex.quote(str(tmp_path / f"{name}.log")), shlex.quote(sys.executable)
        hosts[name] = executable(tmp_path / name / "python", f'echo "$@" >> {log}\nexec {python} "$@"')
    previews = [
        subprocess.Popen(
            ["pulumi", "--non-interactive", "preview", "--stack", "dev"],  # noqa: S607 (the tests' own)
            cwd=project.folder,
            env={**project.engine.environment(), host.INTERPRETER: str(python)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for python in hosts.values()
    ]
    assert ["+ 4 to create" in process.communicate()[0] for process in previews] == [True, True]
    for name in hosts:
        assert "plimsoll.guest.language_host" in (tmp_path / f"{name}.log").read_text("utf-8")


class TestAPolicyPack:
    def pack(self, project: Project) -> str:
        options = f"{{name: python, options: {{virtualenv: {sys.prefix}}}}}"
        project.write("pack/PulumiPolicy.yaml", f"runtime: {options}\nversion: 1.0.0\n")
        project.write("pack/__main__.py", POLICY)
        return str(project.folder / "pack")

    def test_it_blocks_what_it_forbids_and_nothing_is_created(self, project: Project):
        pack = self.pack(project)
        project.pulumi("config", "set", "size", "6")
        said = project.pulumi("up", "--yes", "--policy-pack", pack, code=ExitCode.FAILED)
        assert "a box holds 5 at most" in said
        assert "Current stack resources (0)" in project.pulumi("stack")
        project.pulumi("config", "set", "size", "5")
        assert "4 created" in project.pulumi("up", "--yes", "--policy-pack", pack)

    def test_its_results_are_records(self, project: Project):
        pack = self.pack(project)
        project.pulumi("config", "set", "size", "6")
        ran = project.engine.run(["preview", "--stack", "dev", "--policy-pack", pack], cwd=project.folder)
        [violation] = ran.violations
        assert (violation.pack, violation.policy, violation.blocks) == ("tiny-pack", "small-boxes", True)
        assert violation.urn.endswith("::box")
        error = ran.failure()
        assert error is not None
        assert "small-boxes: a box holds 5 at most" in error.message
        with pytest.raises(EngineError, match="small-boxes"):
            preview(project.engine, "dev", cwd=project.folder, arguments=["--policy-pack", pack])


class TestThePlan:
    def test_of_a_first_deployment(self, project: Project):
        plan, ran = preview(project.engine, "dev", cwd=project.folder)
        root, box, stash, token = plan.resources
        assert (plan.project, plan.stack, plan.source.value, plan.knows_state) == (
            "tiny",
            "dev",
            "engine",
            True,
        )
        assert {resource.name: resource.steps for resource in plan.resources} == {
            "tiny-dev": (Step.CREATE,),
            "box": (Step.CREATE,),
            "stash": (Step.CREATE,),
            "token": (Step.CREATE,),
        }
        assert root.source is None
        assert (box.component, box.inputs, box.outputs) == (True, {"size": 3}, {"size": 3})
        assert stash.inputs == {"input": {"size": 3, "list": [True, None, "x"]}}
        assert (stash.parent, stash.options.ignore_changes) == (box.urn, ("none",))
        assert stash.source == SourcePosition("__main__.py", 9)
        assert (
            (stash.provider.name, stash.provider.explicit) == ("pulumi", False) if stash.provider else False
        )
        assert token.inputs == {"input": Secret()}
        assert token.dependencies == (stash.urn,)
        assert plan.outputs == {"size": 3, "id": UNKNOWN}
        assert plan.program_output == ("the program speaks",)
        assert ran.summary is not None
        assert ran.summary.changes == {"create": 4}
        assert CANARY not in repr(plan) + repr(ran)

    def test_of_a_change_a_renaming_and_a_deletion(self, project: Project):
        project.engine.require(["up", "--yes", "--stack", "dev"], cwd=project.folder)
        project.write("__main__.py", PROGRAM_CHANGED)
        plan, _ = preview(project.engine, "dev", cwd=project.folder)
        steps = {resource.name: resource.steps for resource in plan.resources}
        assert steps == {
            "tiny-dev": (Step.SAME,),
            "box": (Step.UPDATE,),
            "stash": (Step.REPLACE,),
            "token": (Step.DELETE,),
        }
        [token] = plan.named("token")
        assert token.inputs == {"input": Secret()}
        [stash] = plan.named("stash")
        assert stash.options.replace_on_changes == ("input",)


PROGRAM_CHANGED = """
import pulumi
from parts import Box

box = Box("box", 4)
pulumi.Stash("stash", input="other", opts=pulumi.ResourceOptions(parent=box, replace_on_changes=["input"]))
"""

SLOW = """
import os, pathlib, subprocess, time
import pulumi

pulumi.Stash("first", input=1)
subprocess.Popen(["sleep", "60"])
pathlib.Path("../pid").write_text(str(os.getpid()))
time.sleep(60)
"""


def until(file: Path) -> int:
    while not (file.exists() and file.read_text("utf-8")):
        time.sleep(0.02)
    return int(file.read_text("utf-8"))


def engines(project: Project) -> list[int]:
    """Every process that works for this project's engine, by its environment."""
    mark = f"PULUMI_HOME={project.engine.workspace.home}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class TestNothingSurvives:
    def test_a_run_that_takes_too_long(self, project: Project):
        project.write("__main__.py", SLOW)
        with pytest.raises(EngineError, match="did not end within 4 s") as refused:
            project.engine.run(
                ["up", "--yes", "--skip-preview", "--stack", "dev"], cwd=project.folder, timeout=4
            )
        assert refused.value.failure is Failure.TIMEOUT
        assert not engines(project)
        # It was interrupted, not killed: the state is written, and the stack is not locked.
        project.write("__main__.py", "import pulumi\npulumi.Stash('first', input=1)\n")
        project.pulumi("up", "--yes")

    def test_a_run_that_is_interrupted_at_the_keyboard(self, project: Project):
        project.write("__main__.py", SLOW)
        main = threading.main_thread().ident
        assert main is not None

        def press() -> None:
            until(project.folder.parent / "pid")
            signal.pthread_kill(main, signal.SIGINT)

        threading.Thread(target=press, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            project.engine.run(["preview", "--stack", "dev"], cwd=project.folder)
        assert not engines(project)

    def test_an_engine_that_is_killed_takes_program_and_host_with_it(self, project: Project):
        project.write("__main__.py", SLOW)
        process = threading.Thread(
            target=project.engine.run, args=(["preview", "--stack", "dev"],), kwargs={"cwd": project.folder}
        )
        process.start()
        program = until(project.folder.parent / "pid")
        leader = os.getsid(program)
        assert len(session_members(leader)) >= 4  # engine, host, program, its child
        os.kill(leader, signal.SIGKILL)
        process.join(10)
        assert not process.is_alive()
        assert not engines(project)


class TestWhatGoesWrong:
    def test_a_stack_that_is_locked(self, project: Project):
        project.write("__main__.py", SLOW)
        holder = threading.Thread(
            target=lambda: project.engine.run(
                ["up", "--yes", "--skip-preview", "--stack", "dev"], cwd=project.folder
            )
        )
        holder.start()
        program = until(project.folder.parent / "pid")
        try:
            error = project.engine.run(["destroy", "--yes", "--stack", "dev"], cwd=project.folder).failure()
            assert error is not None
            assert error.failure is Failure.LOCKED
            assert "pulumi cancel" in error.remedy
        finally:
            os.kill(os.getsid(program), signal.SIGINT)
            holder.join(20)

    def test_a_port_that_is_taken(self, project: Project, monkeypatch: pytest.MonkeyPatch):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            monkeypatch.setattr(run, "EVENTS_ADDRESS", f"127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(EngineError, match=r"cannot be heard on 127\.0\.0\.1:\d+") as refused:
                project.engine.run(["preview", "--stack", "dev"], cwd=project.folder)
        assert (refused.value.failure, "ss -ltnp" in refused.value.remedy) == (Failure.PORT, True)

    def test_a_stack_that_does_not_exist(self, project: Project):
        ran = project.engine.run(["preview", "--stack", "nope"], cwd=project.folder)
        assert ran.exit_code == ExitCode.NO_SUCH_STACK
        assert str(ran.failure()).endswith("no stack named 'nope' found")

    def test_a_folder_that_does_not_exist(self, project: Project):
        with pytest.raises(EngineError, match="cannot be started in /nowhere"):
            project.engine.run(["preview"], cwd=Path("/nowhere"))


def test_lines_and_events_are_heard_while_it_runs(project: Project):
    lines: list[str] = []
    events: list[Event] = []
    ran = project.engine.run(
        ["up", "--yes", "--stack", "dev"], cwd=project.folder, on_line=lines.append, on_event=events.append
    )
    assert events == list(ran.events)
    assert any("4 created" in line for line in lines)
    assert named(ran.steps, "stash") == ["create", "create"]  # previewed, then done
    done = [step for step in ran.steps if step.urn.endswith("::stash") and not step.preview]
    assert done[-1].stage == "done"
    assert done[-1].id
    assert done[-1].outputs["output"] == {"size": 3, "list": [True, None, "x"]}


def test_grace_is_longer_than_the_hosts_own():
    from plimsoll.guest import children

    assert run.CANCEL_GRACE > 2 * children.GRACE
