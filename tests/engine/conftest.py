"""An engine's cache of its own for each test, and small projects for the real engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from plimsoll.engine.find import find
from plimsoll.engine.run import Engine, Workspace
from tests.engine.stand_ins import system_path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without `pulumi` and `go`: an empty folder that is first on PATH, and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{system_path()}")
    monkeypatch.setenv("PLIMSOLL_HOME", str(tmp_path / "home"))
    return folder


PROGRAM = """
import pulumi
from parts import Box

config = pulumi.Config()
print("the program speaks")
size = config.require_int("size")
box = Box("box", size)
stash = pulumi.Stash("stash", input={"size": size, "list": [True, None, "x"]},
                     opts=pulumi.ResourceOptions(parent=box, ignore_changes=["none"]))
pulumi.Stash("token", input=config.require_secret("token"),
             opts=pulumi.ResourceOptions(depends_on=[stash], protect=config.get_bool("protect")))
pulumi.export("size", size)
pulumi.export("id", stash.id)
"""

PARTS = """
import pulumi


class Box(pulumi.ComponentResource):
    def __init__(self, name, size):
        super().__init__("tiny:index:Box", name, {"size": size})
        self.register_outputs({"size": size})
"""

CANARY = "canary-3b9fe1"


class Project:
    """A project of two files, with a stack, and the plain `pulumi` command."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "tiny"
        self.engine = Engine(
            find(), Workspace(backend=folder / "backend", home=folder / "engine", passphrase="x")
        )
        self.write(
            "Pulumi.yaml", f"name: tiny\nruntime: {{name: python, options: {{virtualenv: {sys.prefix}}}}}\n"
        )
        self.write("parts.py", PARTS)
        self.write("__main__.py", PROGRAM)
        self.pulumi("stack", "init", "dev")
        self.pulumi("config", "set", "size", "3")
        self.pulumi("config", "set", "--secret", "token", CANARY)

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def pulumi(self, *arguments: str, code: int = 0) -> str:
        """What the command says on both its streams; its exit code is checked."""
        ran = subprocess.run(
            ["pulumi", "--non-interactive", *arguments],  # noqa: S607 (whichever the environment gives)
            cwd=self.folder,
            env=self.engine.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == code, ran.stdout
        return ran.stdout


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)
