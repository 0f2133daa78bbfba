"""The offline preview's policies and the real engine's say the same, and see the same.

The pack in `rules` tells what it sees of each resource and of the whole stack. The engine's policies see what
a provider's Check adds: the programs here leave nothing to be added.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from plimsoll.engine.find import find
from plimsoll.engine.run import Engine, Workspace
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.preview.offline import preview_offline
from plimsoll.preview.policies.pack import find_pack
from plimsoll.preview.project import job_of
from plimsoll.settings.project import find_project
from tests.equal.test_equal import CASES, copy

pytestmark = pytest.mark.engine

RULES = Path(__file__).parent / "rules"


@pytest.mark.parametrize("name", ["dev", "vault", "components", "renamed"])
def test_policies_say_the_same_offline_and_on_the_engine(name: str, tmp_path: Path):
    root = tmp_path.resolve() / "project"
    copy(CASES[name], root)
    (root / ".venv").symlink_to(sys.prefix)
    shutil.copytree(RULES, root / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "policies" / ".venv").symlink_to(sys.prefix)
    project = find_project(root)
    pack = find_pack(project, "dev", None, None)
    offline = preview_offline(replace(job_of(project, "dev", 120, Path(sys.executable)), pack=pack))
    with LocalCloud(interpreter=Path(sys.executable), state=tmp_path / "cloud.jsonl") as cloud:
        workspace = Workspace(
            tmp_path / "backend", tmp_path / "home", secrets.token_hex(), environment=cloud.environment
        )
        engine = Engine(find(), workspace)
        engine.require(["stack", "init", "dev"], cwd=root)
        folder = root / "policies"
        arguments = [
            "--policy-pack",
            str(folder),
            "--policy-pack-config",
            str(folder / "config" / "dev.json"),
        ]
        ran = engine.run(["preview", *arguments], cwd=root)
    assert ran.violations, ran.stdout + ran.stderr
    assert offline.policies is not None
    said, wanted = set(map(str, offline.policies.violations)), set(map(str, ran.violations))
    assert sorted(said - wanted) == sorted(wanted - said)
    assert len(offline.policies.violations) == len(ran.violations)
    assert {one.level for one in ran.violations} == {"mandatory", "advisory"}
    assert offline.policies.blocks
    assert ran.exit_code != 0
    assert {one.policy for one in offline.policies.remediations} == {"mended"}
