"""The command as a person or a machine calls it: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plimsoll.settings.project import find_project
from tests.conftest import ROOT, STACKS

Golden = Callable[[str, str], None]


def plimsoll(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "plimsoll", *arguments],
        cwd=cwd,
        # Test runners set the width of their own terminal.
        env={**{name: value for name, value in os.environ.items() if name != "COLUMNS"}, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON that a machine reads; standard error must not be needed."""
    return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project's files; the program itself stays where it is."""
    for file in STACKS.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
    text = (tmp_path / "Pulumi.yaml").read_text("utf-8")
    text = text.replace("main: ../../infra", f"main: {ROOT / 'infra'}")
    (tmp_path / "Pulumi.yaml").write_text(
        text.replace("virtualenv: ../../.venv", f"virtualenv: {sys.prefix}"), "utf-8"
    )
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


class TestHelp:
    def test_names_every_command_and_the_exit_codes(self):
        done = plimsoll("--help")
        assert done.returncode == 0
        assert all(word in done.stdout for word in ("preview", "check", "schema", "Exit codes"))

    @pytest.mark.parametrize("command", ["preview", "check", "schema"])
    def test_of_a_command_says_its_options(self, command: str):
        assert "--project" in plimsoll(command, "--help").stdout

    def test_waits_for_nothing_that_it_does_not_need(self):
        code = (
            "import sys; sys.argv = ['plimsoll', '--help']\n"
            "from plimsoll.cli import main\n"
            "try: main()\nexcept SystemExit: pass\n"
            "print([name for name in ('pydantic', 'pulumi', 'grpc', 'ruamel') if name in sys.modules])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1] == "[]"

    def test_says_its_version(self):
        assert re.fullmatch(r"plimsoll \d+\.\d+\.\d+\n", plimsoll("--version").stdout)

    def test_completes_environments_in_the_shell(self):
        asked = {"_PLIMSOLL_COMPLETE": "complete_bash", "COMP_WORDS": "plimsoll preview p", "COMP_CWORD": "2"}
        done = subprocess.run(
            [Path(sys.executable).parent / "plimsoll"],
            cwd=ROOT,
            env={**os.environ, **asked},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.split() == ["prod"]


class TestCheck:
    def test_the_shipped_files_hold(self):
        done = plimsoll("check")
        assert (done.returncode, done.stderr) == (0, "")
        assert "share no project, host, database or secret" in done.stdout

    def test_prints_every_fault_to_standard_error(self, project: Path):
        file = project / "Pulumi.dev.yaml"
        text = file.read_text("utf-8").replace("memory: 512Mi", "memory: 8Gi").replace("cdg1", "mars")
        file.write_text(text, "utf-8")
        done = plimsoll("check", "dev", cwd=project)
        assert done.returncode == 2
        assert done.stdout == ""
        line = text[: text.index("memory: 8Gi")].count("\n") + 1
        assert f"Pulumi.dev.yaml:{line}  plimsoll:services.api.memory" in done.stderr
        assert "8Gi" in done.stderr
        assert "cloud-run/memory-by-cpu" in done.stderr
        assert "plimsoll:frontend.region" in done.stderr

    def test_says_the_same_to_a_machine(self, project: Path):
        file = project / "Pulumi.dev.yaml"
        file.write_text(file.read_text("utf-8").replace("memory: 512Mi", "memory: 8Gi"), "utf-8")
        done = plimsoll("check", "--json", cwd=project)
        said = answer(done)
        assert done.returncode == 2
        assert said["ok"] is False
        assert said["environments"]["prod"] == {"ok": True, "faults": []}
        (fault,) = said["environments"]["dev"]["faults"]
        assert fault["file"] == "Pulumi.dev.yaml"
        assert fault["key"] == "plimsoll:services.api.memory"
        assert fault["rule"] == "cloud-run/memory-by-cpu"
        assert fault["severity"] == "error"

    def test_an_environment_that_is_not_there_is_answered_with_the_nearest(self, project: Path):
        done = plimsoll("check", "prd", cwd=project)
        assert done.returncode == 2
        assert "prod" in done.stderr

    def test_outside_a_project(self, tmp_path: Path):
        done = plimsoll("check", cwd=tmp_path)
        assert done.returncode == 2
        assert "Pulumi.yaml" in done.stderr

    def test_of_a_project_without_environments(self, project: Path):
        for file in project.glob("Pulumi.*.yaml"):
            file.unlink()
        done = plimsoll("check", cwd=project)
        assert done.returncode == 2
        assert "no environment" in done.stderr


BAD_FILES: dict[str, bytes] = {
    "of-another-project": b"config:\n  shop:prices:\n    bread: 3\n",
    "unreadable-yaml": b"config:\n  plimsoll:cloud: [\n",
    "duplicate-key": b"config:\n  plimsoll:cloud: {}\n  plimsoll:cloud: {}\n",
    "tab": b"config:\n\tplimsoll:cloud: {}\n",
    "too-large": b"config:\n" + b"  # padding\n" * 100_000,
    "empty": b"",
    "binary": bytes(range(256)),
    "not-utf-8": "config:\n  plimsoll:cloud: \u00e9\n".encode("latin-1"),
    "a-list": b"- config\n",
    "a-word": b"config\n",
}


@pytest.mark.parametrize("command", ["check", "preview"])
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gets_clear_errors_and_nothing_is_written(project: Path, command: str, name: str):
    (project / "Pulumi.dev.yaml").write_bytes(BAD_FILES[name])
    before = contents(project)
    done = plimsoll(command, "dev", cwd=project)
    assert done.returncode == 2, done.stdout
    assert done.stdout == ""
    assert "Pulumi.dev.yaml" in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(project) == before


OVERDRAWN = """
import pulumi_gcp as gcp
gcp.sql.DatabaseInstance("main", database_version="POSTGRES_17", settings={
    "tier": "db-g1-small", "database_flags": [{"name": "max_connections", "value": "50"}]})
gcp.cloudrunv2.Service("web", location="europe-west1", scaling={"max_instance_count": 5}, template={
    "max_instance_request_concurrency": 80,
    "containers": [{"image": "a/b:c", "envs": [
        {"name": "WEB_CONCURRENCY", "value": "4"}, {"name": "DB_POOL_SIZE", "value": "20"},
        {"name": "DB_MAX_OVERFLOW", "value": "0"}]}]})
"""


class TestDifferences:
    def test_stand_side_by_side_section_by_section(self, golden: Golden):
        done = plimsoll("check", "--differences", cwd=STACKS)
        assert (done.returncode, done.stderr) == (0, "")
        golden("differences.txt", done.stdout)

    def test_are_the_same_to_a_machine(self):
        (pair,) = answer(plimsoll("check", "--differences", "prod", "dev", "--json", cwd=STACKS))["pairs"]
        assert (pair["left"], pair["right"]) == ("prod", "dev")
        (cpu,) = [one for one in pair["differences"] if one["path"] == "api.cpu"]
        assert cpu == {
            "section": "services",
            "path": "api.cpu",
            "secret": False,
            "left": {"value": "2", "default": False},
            "right": {"value": "1", "default": False},
        }

    def test_need_two_environments_that_can_be_read(self):
        alone = plimsoll("check", "--differences", "dev", "dev", cwd=STACKS)
        assert alone.returncode == 2
        assert "plimsoll check --differences ENV ENV" in alone.stderr
        absent = plimsoll("check", "--differences", "dev", "nowhere", cwd=STACKS)
        assert absent.returncode == 2
        assert "Pulumi.nowhere.yaml" in absent.stderr


class TestPreview:
    @pytest.mark.parametrize("stack", ["dev", "prod"])
    def test_shows_budgets_connections_tree_and_outputs(self, stack: str, golden: Golden):
        done = plimsoll("preview", stack, cwd=STACKS)
        assert (done.returncode, done.stderr) == (0, "")
        golden(f"preview-{stack}.txt", re.sub(r"\d+\.\d s$", "0.0 s", done.stdout, flags=re.MULTILINE))

    def test_says_the_same_to_a_machine(self):
        said = answer(plimsoll("preview", "dev", "--json", cwd=STACKS))
        assert said["source"] == "offline"
        assert said["knowsState"] is False
        assert said["budgets"]["goal-list"]["p95"] == "300ms"
        assert said["connections"]["fits"] is True
        assert said["connections"]["sums"][0]["used"] == 15
        (service,) = [one for one in said["resources"] if one["type"] == "gcp:cloudrunv2/service:Service"]
        assert service["inputs"]["template"]["maxInstanceRequestConcurrency"] == 40

    def test_takes_dev_where_no_environment_is_named(self):
        assert answer(plimsoll("preview", "--json", cwd=STACKS))["stack"] == "dev"

    def test_shows_one_resource_whole(self):
        done = plimsoll("preview", "dev", "--resource", "network", cwd=STACKS)
        assert done.returncode == 0
        assert 'name: "goals-dev"' in done.stdout

    def test_says_where_the_program_declares_it(self):
        done = plimsoll("preview", find_project(ROOT).stacks()[0], "--resource", "environment")
        assert re.search(r"declared at +infra/__main__\.py:\d+", done.stdout)

    def test_a_resource_that_is_not_there_is_answered_with_the_nearest(self):
        done = plimsoll("preview", "dev", "--resource", "netwrok", cwd=STACKS)
        assert (done.returncode, done.stdout) == (2, "")
        assert "did you mean `network`?" in done.stderr

    def test_to_a_machine_too(self):
        done = plimsoll("preview", "dev", "--resource", "netwrok", "--json", cwd=STACKS)
        assert (done.returncode, done.stderr) == (2, "")
        assert answer(done)["faults"][0]["remedy"] == "did you mean `network`?"

    def test_shows_every_option_of_a_resource(self):
        done = plimsoll("preview", "prod", "--resource", "frontend", cwd=STACKS)
        assert re.search(r"option protect +true", done.stdout)

    def test_connections_that_do_not_fit_break_a_promise(self, tmp_path: Path):
        (tmp_path / "Pulumi.yaml").write_text("name: odd\nruntime: python\n", "utf-8")
        (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", "utf-8")
        (tmp_path / "__main__.py").write_text(OVERDRAWN, "utf-8")
        done = plimsoll("preview", cwd=tmp_path)
        assert done.returncode == 1, done.stderr
        assert "OVER by 351" in done.stdout

    @pytest.mark.parametrize("width", ["40", "60", "100"])
    def test_no_budget_is_cut_however_narrow_the_terminal(self, width: str):
        shown = plimsoll("preview", "dev", cwd=STACKS, COLUMNS=width).stdout
        assert all(number in shown for number in ("300ms", "600ms", "800ms"))

    def test_control_characters_of_a_program_do_not_reach_the_terminal(self, tmp_path: Path):
        (tmp_path / "Pulumi.yaml").write_text("name: odd\nruntime: python\n", "utf-8")
        (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", "utf-8")
        (tmp_path / "__main__.py").write_text("import pulumi; pulumi.export('x', '\\x1b[2J')\n", "utf-8")
        assert "\x1b[2J" not in plimsoll("preview", cwd=tmp_path).stdout
        (tmp_path / "__main__.py").write_text("raise ValueError('\\x1b[2J')\n", "utf-8")
        assert "\x1b[2J" not in plimsoll("preview", cwd=tmp_path).stderr

    def test_output_that_cannot_be_written_is_said(self):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "plimsoll", "schema"],
                cwd=ROOT,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert (done.returncode, done.stderr) == (2, "error  No space left on device\n")

    def test_settings_that_break_a_rule_are_said_with_their_lines(self, project: Path):
        file = project / "Pulumi.dev.yaml"
        file.write_text(file.read_text("utf-8").replace("memory: 512Mi", "memory: 8Gi"), "utf-8")
        done = plimsoll("preview", "dev", cwd=project)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.search(r"Pulumi\.dev\.yaml:\d+: plimsoll:services\.api\.memory", done.stderr)
        assert "Traceback" not in done.stderr

    def test_what_is_encrypted_is_previewed_as_unknown_and_stays_secret(self, project: Path):
        file = project / "Pulumi.prod.yaml"
        text = file.read_text("utf-8").replace(
            "    env:\n      NEXT_PUBLIC",
            "    env:\n      SESSION: { config: session, sensitive: true, targets: [production] }\n"
            "      NEXT_PUBLIC",
        )
        text += "  plimsoll:session:\n    secure: v1:canary:canary\nencryptionsalt: v1:x\n"
        file.write_text(text, "utf-8")
        done = plimsoll("preview", "prod", "--json", cwd=project)
        assert done.returncode == 0, done.stderr
        (variable,) = [one for one in answer(done)["resources"] if one["name"] == "SESSION"]
        assert variable["inputs"]["value"] == {"$": "secret", "unknown": True}
        assert "canary" not in done.stdout + done.stderr

    @pytest.mark.parametrize(
        ("program", "words"),
        [
            ("raise ValueError('half-way')", ["ValueError: half-way", "__main__.py:1"]),
            ("import sys; sys.exit(3)", ["exit"]),
            ("import os; os._exit(0)", ["os._exit"]),
            ("import os; os.kill(os.getpid(), 11)", ["SIGSEGV"]),
            ("import subprocess; subprocess.Popen(['sleep', '60']); raise SystemExit(1)", ["exit"]),
            ("while True: pass", ["__main__.py:1"]),
            ("import nonsense", ["ModuleNotFoundError"]),
            ("x = (", ["SyntaxError"]),
        ],
        ids=["raises", "exits", "os-exit", "crashes", "grandchild", "hangs", "imports-nothing", "no-python"],
    )
    def test_without_an_end_there_is_no_plan(self, tmp_path: Path, program: str, words: list[str]):
        (tmp_path / "Pulumi.yaml").write_text("name: odd\nruntime: python\n", "utf-8")
        (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", "utf-8")
        (tmp_path / "__main__.py").write_text(program + "\n", "utf-8")
        done = plimsoll("preview", "--timeout", "5", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert all(word in done.stderr for word in words), done.stderr

    def test_a_failed_program_is_told_to_a_machine_too(self, tmp_path: Path):
        (tmp_path / "Pulumi.yaml").write_text("name: odd\nruntime: python\n", "utf-8")
        (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", "utf-8")
        (tmp_path / "__main__.py").write_text("raise ValueError('half-way')\n", "utf-8")
        done = plimsoll("preview", "--json", cwd=tmp_path)
        said = answer(done)
        assert done.returncode == 2
        assert said["ok"] is False
        assert said["failure"]["kind"] == "program-raised"
        assert said["failure"]["frames"][-1]["line"] == 1

    def test_only_python_programs_are_previewed(self, tmp_path: Path):
        (tmp_path / "Pulumi.yaml").write_text("name: odd\nruntime: nodejs\n", "utf-8")
        (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n", "utf-8")
        done = plimsoll("preview", cwd=tmp_path)
        assert done.returncode == 2
        assert "nodejs" in done.stderr


class TestSchema:
    def test_prints_the_schema(self):
        assert answer(plimsoll("schema"))["title"] == "An environment of Plimsoll"

    def test_a_stale_one_is_found_and_mended(self, project: Path):
        assert plimsoll("schema", "--check", cwd=project).returncode == 2
        assert plimsoll("schema", "--write", cwd=project).returncode == 0
        assert plimsoll("schema", "--check", cwd=project).returncode == 0
