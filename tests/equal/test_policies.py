"""The offline preview's policies and the real engine's say the same, and see the same.

The pack in `rules` tells what it sees of each resource and of the whole stack. The engine's policies see what
a provider's Check adds: the programs here leave nothing to be added.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.engine.find import find
from plimsoll.engine.run import Engine, Workspace
from plimsoll.localcloud.cloud import LocalCloud
from plimsoll.preview.offline import preview_offline
from plimsoll.preview.policies.pack import find_pack
from plimsoll.preview.project import job_of
from plimsoll.settings.errors import SettingsError
from plimsoll.settings.project import find_project
from tests.equal.test_equal import CASES, copy

if TYPE_CHECKING:
    from plimsoll.engine.run import Ran
    from plimsoll.preview.plan import Plan

pytestmark = pytest.mark.engine

RULES = Path(__file__).parent / "rules"


def project_with_rules(name: str, folder: Path) -> Path:
    root = folder.resolve() / "project"
    copy(CASES[name], root)
    (root / ".venv").symlink_to(sys.prefix)
    shutil.copytree(RULES, root / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "policies" / ".venv").symlink_to(sys.prefix)
    return root


def offline(root: Path) -> Plan:
    project = find_project(root)
    pack = find_pack(project, "dev", None, None)
    return preview_offline(replace(job_of(project, "dev", 120, Path(sys.executable)), pack=pack))


def on_the_engine(root: Path) -> Ran:
    folder = root.parent
    with LocalCloud(interpreter=Path(sys.executable), state=folder / "cloud.jsonl") as cloud:
        workspace = Workspace(
            folder / "backend", folder / "home", secrets.token_hex(), environment=cloud.environment
        )
        engine = Engine(find(), workspace)
        engine.require(["stack", "init", "dev"], cwd=root)
        pack = root / "policies"
        arguments = ["--policy-pack", str(pack), "--policy-pack-config", str(pack / "config" / "dev.json")]
        return engine.run(["preview", *arguments], cwd=root)


@pytest.mark.parametrize("name", ["dev", "vault", "components", "renamed"])
def test_policies_say_the_same_offline_and_on_the_engine(name: str, tmp_path: Path):
    root = project_with_rules(name, tmp_path)
    policies = offline(root).policies
    ran = on_the_engine(root)
    assert ran.violations, ran.stdout + ran.stderr
    assert policies is not None
    said, wanted = set(map(str, policies.violations)), set(map(str, ran.violations))
    assert sorted(said - wanted) == sorted(wanted - said)
    assert len(policies.violations) == len(ran.violations)
    assert {one.level for one in ran.violations} == {"mandatory", "advisory"}
    assert policies.blocks
    assert ran.exit_code != 0
    assert {one.policy for one in policies.remediations} == {"mended"}


def test_a_wrong_configuration_is_refused_in_the_engines_words(tmp_path: Path):
    root = project_with_rules("vault", tmp_path)
    wrong = {"needs-more": {"most": 0, "named": "x", "words": [1]}}
    (root / "policies" / "config" / "dev.json").write_text(json.dumps(wrong), "utf-8")
    with pytest.raises(SettingsError) as caught:
        offline(root)
    (fault,) = caught.value.faults
    lines = fault.message.removeprefix('validating policy config for "rules": ').split("; ")
    ran = on_the_engine(root)
    assert [line for line in lines if line not in ran.stdout] == []
    assert len(lines) == 3
