"""A local cloud, the SDKs that it asks, and the real engine beside it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.rules import package
from plimsoll.localcloud.sdk import InstalledSdks
from plimsoll.localcloud.wire import type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

ROOT = Path(__file__).parent.parent.parent
FOREIGN = ROOT / "tests" / "foreign"


@pytest.fixture(scope="session")
def sdks() -> Iterator[InstalledSdks]:
    asked = InstalledSdks(Path(sys.executable))
    yield asked
    asked.close()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    with LocalCloud(
        interpreter=Path(sys.executable), state=tmp_path / "cloud.jsonl", packages=["parcel", "pulumi-python"]
    ) as local:
        yield local


def install_plugin(folder: Path, package: str = "harbour") -> Path:
    """The provider of tests/foreign/harbour as a plugin's program in a folder, for any package."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"pulumi-resource-{package}"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FOREIGN / "harbour/provider.py"}" "$@"\n')
    program.chmod(0o755)
    return program


@dataclass(frozen=True)
class Happened:
    """What the engine did in one operation."""

    steps: list[dict[str, Any]]
    said: str
    failed: bool

    @property
    def counts(self) -> Counter[str]:
        """How many steps of each kind, but for those that only look."""
        return Counter(step["op"] for step in self.steps if step["op"] not in {"same", "refresh", "read"})

    def of(self, *kinds: str) -> dict[str, dict[str, str]]:
        """The property differences of each resource ("package:Class name") that had a step of these kinds."""
        return {
            f"{package(type_of(step['urn']))}:{step['urn'].split('::')[2].rpartition(':')[2]} "
            f"{step['urn'].split('::')[3]}": step["diff"]
            for step in self.steps
            if step["op"] in kinds
        }


class Engine:
    """The engine on one stack in a workspace of its own, never in the checkout."""

    def __init__(self, process: subprocess.Popen[str], workspace: Path, environment: dict[str, str]) -> None:
        self.workspace = workspace
        self._process = process
        self._environment = environment

    def do(self, operation: str, **options: Any) -> Happened:
        """Run one operation, and give what happened whether or not it failed."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": operation, **options}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the engine's process ended"
        said = json.loads(line)
        return Happened(said["steps"], "\n".join(said["said"]), said["failed"])

    def succeed(self, operation: str, **options: Any) -> Happened:
        """Run one operation that has to succeed."""
        happened = self.do(operation, **options)
        assert not happened.failed, happened.said
        return happened

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text in a file of the workspace."""
        path = self.workspace / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    def command(self, *arguments: str) -> str:
        """Run the plain `pulumi` command in the workspace."""
        ran = subprocess.run(
            ["pulumi", *arguments],  # noqa: S607 (whichever the tests run with)
            cwd=self.workspace,
            env=self._environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return ran.stdout


@pytest.fixture
def engine(cloud: LocalCloud, tmp_path: Path) -> Iterator[Callable[..., Engine]]:
    """The engine on a stack of our own program ("plimsoll", "dev"), or of a copy of a foreign one."""
    with starting(cloud, tmp_path) as start:
        yield start


@contextmanager
def starting(cloud: LocalCloud, folder: Path) -> Generator[Callable[..., Engine]]:
    """Start engines beside a cloud, and end them."""
    processes: list[subprocess.Popen[str]] = []

    def start(project: str, stack: str = "dev", source: str = "") -> Engine:
        workspace = folder / "workspace"
        program = workspace
        if project == "plimsoll":
            (workspace / "infra").mkdir(parents=True)
            for name in ("Pulumi.yaml", f"Pulumi.{stack}.yaml"):
                shutil.copy(ROOT / name, workspace)
            program = ROOT / "infra"
        elif source:
            workspace.mkdir()
            (workspace / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
            (workspace / "__main__.py").write_text(source)
        else:
            shutil.copytree(FOREIGN / project, workspace)
        (folder / "backend").mkdir()
        environment = os.environ | dict(cloud.environment)
        environment |= {
            "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }
        job = {"project": project, "stack": stack, "program": str(program), "workspace": str(workspace)}
        process = subprocess.Popen(
            [sys.executable, Path(__file__).parent / "run_engine.py", json.dumps(job)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        processes.append(process)
        return Engine(process, workspace, environment)

    try:
        yield start
    finally:
        for process in processes:
            process.communicate()
