"""`plimsoll rehearse`, where there is nothing to rehearse with: one error, what to do, and nothing left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.rehearse.conftest import Repository

if TYPE_CHECKING:
    from collections.abc import Callable


def rehearse(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "rehearse", *arguments, "-C", folder],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_without_an_engine_it_says_how_to_get_one(foreign: Callable[[str], Repository], temporary: Path):
    garden = foreign("garden")
    bare = {"PATH": str(temporary / "nothing"), "PLIMSOLL_HOME": str(temporary / "cache")}
    code, out, err = rehearse(garden.root, "dev", **bare)
    assert (code, out) == (2, "")
    assert "→ bring it: plimsoll engine install" in err
    assert "engine/missing" in err
    code, out, err = rehearse(garden.root, "dev", "--json", **bare)
    assert (code, json.loads(out)["faults"][0]["rule"], err) == (2, "engine/missing", "")
    assert list(temporary.iterdir()) == []


@pytest.mark.engine
@pytest.mark.parametrize(
    ("arguments", "rule", "remedy"),
    [
        (("nowhere",), "rehearse/environment", "known here: dev, prod"),
        (("dev", "--from", "mian"), "checkout/ref", "did you mean main?"),
        (("a/../b c",), "stack/name", "use up to 100 letters"),
        (("dev", "--seed", "nowhere"), "rehearse/seed", "write one such object a line"),
        (("dev", "--policy-pack-config", "Pulumi.yaml"), "rehearse/policy-config", "write a JSON object"),
        (("dev", "--fault", "create:0"), "rehearse/fault", "such as create:2"),
    ],
)
def test_wrong_input_is_one_error(
    foreign: Callable[[str], Repository],
    temporary: Path,
    arguments: tuple[str, ...],
    rule: str,
    remedy: str,
):
    code, out, err = rehearse(foreign("garden").root, *arguments)
    assert (code, out, [line.split()[0] for line in err.splitlines()].count("error")) == (2, "", 1), err
    assert rule in err
    assert remedy in err
    assert list(temporary.iterdir()) == []


@pytest.mark.engine
def test_a_failing_program_is_told_with_what_the_engine_said(
    foreign: Callable[[str], Repository], temporary: Path
):
    garden = foreign("garden")
    garden.write({"src/garden/__main__.py": "raise ValueError('no seeds')\n"})
    code, out, err = rehearse(garden.root, "dev", "--json")
    (fault,) = json.loads(out)["faults"]
    # As `plimsoll preview` says it, and before anything is brought up.
    assert (code, fault["rule"], err) == (2, "preview/program-raised", "")
    assert (fault["message"], fault["file"], fault["line"]) == (
        "ValueError: no seeds",
        "src/garden/__main__.py",
        1,
    )
    assert list(temporary.iterdir()) == []


@pytest.mark.engine
def test_a_folder_that_is_kept_is_told_of_a_failure_too(
    foreign: Callable[[str], Repository], temporary: Path
):
    garden = foreign("garden")
    garden.write({"src/garden/__main__.py": "raise ValueError('no seeds')\n"})
    code, out, err = rehearse(garden.root, "dev", "--json", "--keep")
    (kept,) = temporary.resolve().iterdir()
    assert (code, json.loads(out)["ok"], err) == (2, False, f"kept: {kept}\n")


@pytest.mark.engine
def test_a_setting_of_ours_that_is_broken_is_told_as_by_check(temporary: Path):
    ours = Repository(temporary.parent / "ours")
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        ours.write({name: (ROOT / name).read_text("utf-8")})
    ours.commit()
    stack = (ROOT / "Pulumi.dev.yaml").read_text("utf-8")
    ours.write({"Pulumi.dev.yaml": stack.replace("memory: 512Mi", "memory: 512M")})
    code, out, err = rehearse(ours.root, "dev", "--json")
    checked = subprocess.run(
        [sys.executable, "-m", "plimsoll", "check", "dev", "--json", "-C", ours.root],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (code, err, out) == (2, "", checked.stdout)
    assert [fault["key"] for fault in json.loads(out)["faults"]] == ["plimsoll:services.api.memory"]
    assert list(temporary.iterdir()) == []


@pytest.mark.engine
def test_what_is_kept_can_be_looked_at(foreign: Callable[[str], Repository], temporary: Path):
    garden = foreign("garden")
    code, out, _ = rehearse(garden.root, "dev", "--keep", "--json")
    kept = Path(json.loads(out)["kept"])
    assert (code, [kept]) == (0, list(temporary.resolve().iterdir()))
    assert {path.name for path in kept.iterdir()} >= {"checkout", "base", "python", "backend", "passphrase"}
    assert (kept / "passphrase").stat().st_mode & 0o077 == 0


@pytest.mark.engine
def test_an_empty_ref_is_one_error(foreign: Callable[[str], Repository], temporary: Path):
    code, out, err = rehearse(foreign("garden").root, "dev", "--from", "")
    assert (code, out, [line.split()[0] for line in err.splitlines()].count("error")) == (2, "", 1)
    assert "there is no commit '' in" in err
    assert "name a branch, a tag or a commit that is here" in err
    assert list(temporary.iterdir()) == []
