"""`docs/adopting.md` as a reader follows it: its files written, its commands run, on the local cloud."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.rehearse.living import living
from tests.conftest import ROOT
from tests.rehearse.conftest import Repository

pytestmark = pytest.mark.engine

GUIDE = (ROOT / "docs/adopting.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "console" for line in text.splitlines()]
ENTRY = re.compile(r"(?m)^    service/api: .*\n")

STAND_IN = f"""#!{sys.executable}
import sys
print("asked", *sys.argv[1:])
"""
"""Of `gcloud` and `vercel`, which need an account: they say what they were asked."""


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The project, with the real environment of `prod`."""
    made = Repository(tmp_path / "project")
    for name in ("infra", "plimsoll"):
        shutil.copytree(ROOT / name, made.root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml"):
        shutil.copy(ROOT / name, made.root)
    project = (made.root / "Pulumi.yaml").read_text("utf-8")
    made.commit({"Pulumi.yaml": project.replace("virtualenv: .venv", f"virtualenv: {sys.prefix}")})
    return made


def test_every_command_of_the_guide_does_what_it_says(repository: Repository, tmp_path: Path):
    stack_file = repository.root / "Pulumi.prod.yaml"
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("gcloud", "vercel"):
        (tools / name).write_text(STAND_IN, "utf-8")
        (tools / name).chmod(0o755)
    with LocalCloud(interpreter=Path(sys.executable), state=tmp_path / "cloud.jsonl") as cloud:

        def run(line: str, backend: str = "ours") -> subprocess.CompletedProcess[str]:
            (tmp_path / backend).mkdir(exist_ok=True)
            path = [str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]
            return subprocess.run(
                shlex.split(line, comments=True),
                cwd=repository.root,
                env={
                    # Test runners set the width of their own terminal.
                    **{name: value for name, value in os.environ.items() if name != "COLUMNS"},
                    # A rehearsal has a cloud of its own.
                    **(cloud.environment if line.startswith("pulumi") else {}),
                    "PATH": os.pathsep.join(path),
                    "PULUMI_BACKEND_URL": (tmp_path / backend).as_uri(),
                    "PULUMI_HOME": str(tmp_path / "home"),
                    "PULUMI_CONFIG_PASSPHRASE": "of a test",
                    "PULUMI_SKIP_UPDATE_CHECK": "true",
                },
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )

        # The system that runs: somebody else made it.
        before = stack_file.read_bytes()
        for line in ("pulumi stack init prod", "pulumi up --yes --skip-preview --stack prod"):
            assert (made := run(line, "theirs")).returncode == 0, made.stdout
        stack_file.write_bytes(before)
        entries = dict(re.findall(r"(?m)^    (\w+/\w+): (\S+)$", BLOCKS[2][1]))
        theirs = list(living(cloud.records, entries, {}))
        for record in cloud.records:
            cloud.state.remove(record.type, record.id)
        for record in theirs:
            cloud.state.put(record)

        said: dict[str, list[str]] = {}
        for kind, text in BLOCKS:
            if kind == "json":
                assert json.loads(text)
                (repository.root / "live.json").write_text(text, "utf-8")
            elif kind == "yaml" and text.startswith("  plimsoll:adopt"):
                stack_file.write_text(stack_file.read_text("utf-8") + text, "utf-8")
            elif kind == "yaml":
                written, count = ENTRY.subn(text, stack_file.read_text("utf-8"))
                assert count == 1
                stack_file.write_text(written, "utf-8")
            else:
                for line in text.removesuffix("\n").splitlines():
                    command = line.removeprefix("$ ") + (" --yes" if " up " in line else "")
                    ran = run(command)
                    expected = 1 if "# exit code 1" in line else 0
                    assert ran.returncode == expected, f"{command}\n{ran.stdout}\n{ran.stderr}"
                    said.setdefault(command, []).append(ran.stdout)

    [found] = said["plimsoll adopt prod"]
    for command in (line.removeprefix("$ ") for line in COMMANDS):
        assert not command.startswith(("gcloud", "vercel")) or command in found
    [refused] = said["plimsoll rehearse prod --live live.json   # exit code 1"]
    assert 'template.timeout ("300s" → "60s")' in refused
    [allowed] = said["plimsoll rehearse prod --live live.json"]
    assert "a second preview is empty" in allowed
    [up] = said["pulumi up --stack prod --yes"]
    assert f"= {len(entries)} imported" in up


def test_every_line_of_a_console_block_is_a_command():
    assert COMMANDS
    assert all(line.startswith("$ ") for line in COMMANDS)
