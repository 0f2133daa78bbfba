"""Git checkouts to rehearse from."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


FILE_PROTOCOL = ("protocol.file.allow=always",)  # Submodules of this machine are refused otherwise.


class Repository:
    """A git repository in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, at: Path | None = None) -> str:
        settings = ("user.name=Ada", "user.email=ada@example.com", "commit.gpgsign=false", *FILE_PROTOCOL)
        return subprocess.run(
            ["git", *(part for setting in settings for part in ("-c", setting)), *arguments],  # noqa: S607
            cwd=at or self.root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    def write(self, files: dict[str, str]) -> None:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")

    def commit(self, files: dict[str, str] | None = None, message: str = "a change") -> str:
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def fingerprint(self) -> dict[str, str]:
        """Every file, link and mode, `.git` included."""
        found = {}
        for path in self.root.rglob("*"):
            content = ""
            if path.is_symlink():
                content = str(path.readlink())
            elif path.is_file():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(self.root))] = f"{path.lstat().st_mode:o} {content}"
        return found


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture(autouse=True)
def pulumi_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own folder of Pulumi, with no plugin: what is installed on this machine judges no test."""
    home = tmp_path / "users-pulumi"
    monkeypatch.setenv("PULUMI_HOME", str(home))
    return home


FOREIGN = Path(__file__).parent.parent / "foreign"


@pytest.fixture
def foreign(tmp_path: Path) -> Callable[[str], Repository]:
    """A foreign program in a repository of its own, committed; own-environment's environment is made."""

    def make(name: str) -> Repository:
        repository = Repository(tmp_path / name)
        shutil.copytree(FOREIGN / name, repository.root, dirs_exist_ok=True)
        if name == "own-environment":
            venv.create(repository.root / "environment", with_pip=False, symlinks=True)
            site = next(repository.root.glob("environment/lib/python*/site-packages"))
            ours = [path for path in sys.path if path.endswith("site-packages")]
            (site / "ours.pth").write_text("\n".join(ours) + "\n", "utf-8")
            (site / "greeting.py").write_text('WORD = "hello"\n', "utf-8")
        repository.write({".gitignore": "__pycache__/\nenvironment/\n"})
        repository.commit()
        return repository

    return make


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place for temporary folders: what is left in it was left behind."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def tree(folder: Path) -> dict[str, str]:
    """The files of a folder and what they say."""
    return {
        str(path.relative_to(folder)): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
