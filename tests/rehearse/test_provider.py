"""Rehearsals in which a real provider judges: installed, or named; and what is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.preview.plan import Step
from plimsoll.rehearse.run import Job, rehearse
from plimsoll.settings.project import find_project
from tests.localcloud.conftest import install_plugin

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rehearse.conftest import Repository


def edited(harbour: Repository, old: str, new: str) -> Repository:
    program = (harbour.root / "__main__.py").read_text("utf-8")
    assert old in program
    harbour.write({"__main__.py": program.replace(old, new)})
    return harbour


@pytest.mark.engine
def test_an_installed_plugin_decides_what_a_change_does(
    foreign: Callable[[str], Repository], pulumi_home: Path, temporary: Path
):
    install_plugin(pulumi_home / "plugins/resource-harbour-v1.4.2")
    harbour = edited(foreign("harbour"), '"size": "large"', '"size": "huge"')
    found = rehearse(Job(find_project(harbour.root), "dev"), lambda _: None)
    (change,) = found.changes.changed
    assert (change.name, change.step) == ("two", Step.REPLACE)
    assert [(one.path, one.before, one.after, one.replaces) for one in change.properties] == [
        ("size", "large", "huge", True)
    ]
    assert found.settled
    assert (found.judgement.judge, found.judgement.unproven) == ("harbour: provider 1.4.2 (plugin)", ())
    assert list(temporary.iterdir()) == []


@pytest.mark.engine
def test_a_named_program_that_is_no_provider_is_one_error(
    foreign: Callable[[str], Repository], tmp_path: Path, temporary: Path
):
    program = tmp_path / "pulumi-resource-harbour"
    program.write_text("#!/bin/sh\necho the wrong machine >&2\nexit 8\n", "utf-8")
    program.chmod(0o755)
    command = [sys.executable, "-m", "plimsoll", "rehearse", "dev", "--json", "-C", foreign("harbour").root]
    done = subprocess.run([*command, "--provider", program], capture_output=True, text=True, check=False)
    (fault,) = json.loads(done.stdout)["faults"]
    assert (done.returncode, fault["rule"]) == (2, "rehearse/provider")
    assert fault["message"] == (
        f"the provider harbour at {program} ended with exit code 8 before it printed its port: "
        "the wrong machine"
    )
    assert "--provider NAME=none" in fault["remedy"]
    assert list(temporary.iterdir()) == []


def test_a_path_that_is_none_is_refused_before_anything_is_started(
    foreign: Callable[[str], Repository], temporary: Path
):
    command = [sys.executable, "-m", "plimsoll", "rehearse", "dev", "--json", "-C", foreign("harbour").root]
    done = subprocess.run(
        [*command, "--provider", "gcp=/nowhere"], capture_output=True, text=True, check=False
    )
    (fault,) = json.loads(done.stdout)["faults"]
    assert (done.returncode, fault["rule"]) == (2, "rehearse/provider")
    assert "/nowhere: there is no such file" in fault["message"]
    assert list(temporary.iterdir()) == []
