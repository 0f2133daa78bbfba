"""`plimsoll rehearse`, where there is nothing to rehearse with: one error, what to do, and nothing left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
    assert (code, fault["rule"], err) == (2, "rehearse/change", "")
    assert "no seeds" in fault["message"]
    assert list(temporary.iterdir()) == []


@pytest.mark.engine
def test_what_is_kept_can_be_looked_at(foreign: Callable[[str], Repository], temporary: Path):
    garden = foreign("garden")
    code, out, _ = rehearse(garden.root, "dev", "--keep", "--json")
    kept = Path(json.loads(out)["kept"])
    assert (code, [kept]) == (0, list(temporary.resolve().iterdir()))
    assert {path.name for path in kept.iterdir()} >= {"checkout", "base", "python", "backend", "passphrase"}
    assert (kept / "passphrase").stat().st_mode & 0o077 == 0
