"""The life of each environment, lived once: every command that a user would type, and what came of it."""

from __future__ import annotations

import fcntl
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.localcloud.wire import bare
from tests.conftest import ROOT

PACKS = Path("tests/environments/packs")

Edit = tuple[str, str]
"""A pattern in the project's or the stack's file, and what stands there instead."""

SIZE: Edit = (r"\bconcurrency: \d+", "concurrency: 60")
REGION: Edit = (r"\bregion: europe-west1", "region: europe-west4")
PROTECTED: Edit = (r"\bprotect: \w+", "protect: true")
UNPROTECTED: Edit = (r"\bprotect: \w+", "protect: false")
RENAMED: tuple[Edit, ...] = (
    (r"(?m)^    api:$", "    web:"),
    ("API_URL: api", "API_URL: web"),
    ("service: api", "service: web"),
)
"""The service under another key, everywhere: the one that was is deleted."""

SESSION: Edit = (
    r"(?m)^    env:$(?=\n      NEXT_PUBLIC_ENVIRONMENT)",
    "    env:\n      SESSION: { config: session, sensitive: true, targets: [production] }",
)
"""A secret of the frontend, as the README tells it."""

DRAIN: Edit = (
    r"(?m)^    serviceUrls:$",
    "    logDrain: { service: api, path: /internal/vercel-logs, secret: logDrainSecret }\n    serviceUrls:",
)
"""A log drain, which the shipped file tells of and cannot have before there is a secret."""

CANARIES = {
    "vercelToken": "canary-token-7d1f",
    "session": "canary-session-93ab",
    "logDrainSecret": "canary-drain-of-more-than-32-characters-51c0",
}
"""The stack's secrets, by the names under which the program asks for them."""


@dataclass(frozen=True)
class Ran:
    """One command: how it ended, what it said, and what existed in the cloud afterwards."""

    code: int
    stdout: str
    stderr: str
    exists: dict[str, dict[str, Any]]
    """Properties, by type and id."""

    @property
    def planned(self) -> list[str]:
        """The resources that a preview creates, as it lists them."""
        preview = self.stdout.partition("\nUpdating (")[0]
        return list(dict.fromkeys(re.findall(r"^ \+  (\S+ \S+) create ?$", preview, re.MULTILINE)))

    @property
    def changes(self) -> dict[str, set[str]]:
        """The resources that `preview --json` does something to ("package:Class name"), by operation."""
        found: dict[str, set[str]] = {}
        for step in json.loads(self.stdout)["steps"]:
            if step["op"] not in {"same", "refresh", "read"}:
                found.setdefault(step["op"], set()).add(short(step["urn"]))
        return found


@dataclass(frozen=True)
class Life:
    """What was done to an environment, in this order; `--stack` and the way to the state are left out."""

    environment: str
    previewed: Ran
    refused_last: Ran
    refused_whole: Ran
    state_refused: Ran
    up: Ran
    settled: Ran
    state: Ran
    resized: Ran
    moved: Ran
    applied: Ran
    undestroyed: Ran
    renamed: Ran
    renamed_whole: Ran
    unprotected: Ran
    destroyed: Ran
    state_destroyed: Ran
    password: str
    """Of the database, generated; "" where Pulumi generates none."""
    found_in: frozenset[str]
    """The files in which a secret stands in clear, of all that the commands and the cloud left behind."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody may read."""
        return tuple(secret for secret in (*CANARIES.values(), self.password) if secret != "")

    @property
    def production(self) -> bool:
        return self.environment == "prod"

    @property
    def commands(self) -> dict[str, Ran]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Ran)}


def short(urn: str) -> str:
    """A resource's package, class and name."""
    type_, name = urn.split("::")[2:4]
    token = type_.rpartition("$")[2]
    return f"{token.partition(':')[0]}:{token.rpartition(':')[2]} {name}"


class Stack:
    """A copy of the project in a folder, with a stack that lives there and in a local cloud."""

    def __init__(self, environment: str, folder: Path, cloud: LocalCloud) -> None:
        self.environment = environment
        self.folder = folder
        self.cloud = cloud
        self.project = folder / "project"
        self._files = [self.project / name for name in ("Pulumi.yaml", f"Pulumi.{environment}.yaml")]
        self._variables = {
            **os.environ,
            **cloud.environment,
            "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "of a test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        (folder / "backend").mkdir()
        self._copy()
        self._edit(SESSION, DRAIN)
        for arguments in (
            ("stack", "init", environment),
            *(("config", "set", "--secret", name, value) for name, value in CANARIES.items()),
        ):
            ran = self.run(*arguments)
            assert ran.code == 0, ran.stderr
        self._texts = [file.read_text("utf-8") for file in self._files]

    def _copy(self) -> None:
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("infra", PACKS):
            shutil.copytree(ROOT / name, self.project / name, ignore=ignored)
        for file in self._files:
            shutil.copy(ROOT / file.name, file)
        (self.project / ".venv").symlink_to(sys.prefix)

    def _edit(self, *edits: Edit) -> None:
        for pattern, new in edits:
            hits = 0
            for file in self._files:
                text, count = re.subn(pattern, new, file.read_text("utf-8"))
                file.write_text(text, "utf-8")
                hits += count
            assert hits, pattern

    def pulumi(self, *arguments: str, packs: tuple[str, ...] = (), edits: tuple[Edit, ...] = ()) -> Ran:
        """Run a command on the files as they are in the checkout, but for these edits."""
        for file, text in zip(self._files, self._texts, strict=True):
            file.write_text(text, "utf-8")
        self._edit(*edits)
        judged = [part for pack in packs for part in ("--policy-pack", str(PACKS / pack))]
        return self.run(*arguments, "--stack", self.environment, *judged)

    def run(self, *arguments: str) -> Ran:
        ran = subprocess.run(
            ["pulumi", *arguments],  # noqa: S607 (whichever the tests run with)
            cwd=self.project,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        exists = {f"{record.type} {record.id}": dict(record.properties) for record in self.cloud.records}
        return Ran(ran.returncode, ran.stdout, ran.stderr, exists)

    def password(self) -> str:
        """The database's generated password, if there is one. Its URL, a secret too, contains it."""
        for record in self.cloud.records:
            if record.type == "gcp:sql/user:User":
                return str(bare(record.properties["password"]))
        return ""

    def search(self, *secrets: str) -> frozenset[str]:
        """The files of this folder in which one of the secrets stands, by their paths in it."""
        sought = [secret.encode() for secret in secrets if secret != ""]
        return frozenset(
            str(file.relative_to(self.folder))
            for file in self.folder.rglob("*")
            if file.is_file() and any(secret in file.read_bytes() for secret in sought)
        )


def live(environment: str, folder: Path) -> Life:
    """Bring an environment up, change it, and tear it down again."""
    with LocalCloud(interpreter=Path(sys.executable), state=folder / "cloud.jsonl") as cloud:
        stack = Stack(environment, folder, cloud)
        do = stack.pulumi
        changed = (SIZE, PROTECTED)
        return Life(
            environment=environment,
            previewed=do("preview"),
            refused_last=do("up", "--yes", packs=("last",)),
            refused_whole=do("up", "--yes", packs=("whole",)),
            state_refused=do("stack", "export"),
            up=do("up", "--yes", packs=("passes",)),
            settled=do("preview", "--expect-no-changes", "--diff", packs=("prints",)),
            state=do("stack", "export"),
            resized=do("preview", "--json", "--expect-no-changes", edits=(SIZE,)),
            moved=do("preview", "--json", edits=(REGION,)),
            applied=do("up", "--yes", "--diff", edits=changed),
            undestroyed=do("destroy", "--yes", edits=changed),
            renamed=do("preview", "--json", edits=(*changed, *RENAMED)),
            renamed_whole=do("preview", "--json", "--ignore-protect", edits=(*changed, *RENAMED)),
            unprotected=do("up", "--yes", edits=(SIZE, UNPROTECTED)),
            password=(password := stack.password()),
            destroyed=do("destroy", "--yes", edits=(SIZE, UNPROTECTED)),
            state_destroyed=do("stack", "export"),
            found_in=stack.search(*CANARIES.values(), password),
        )


@pytest.fixture(scope="module", params=["dev", "prod"])
def life(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Life:
    """An environment's life. Parallel workers of one run of pytest share it: whoever comes first lives it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    lived = shared / f"environment-{request.param}"
    with lived.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not lived.exists():
            folder = tmp_path_factory.mktemp(request.param)
            lived.write_bytes(pickle.dumps(live(request.param, folder)))
    shared_life = pickle.loads(lived.read_bytes())  # noqa: S301 (written above)
    assert isinstance(shared_life, Life)
    return shared_life
