"""The workflows: what each job runs can be run here, and no action or right is more than it needs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.comment.test_post import make
from tests.conftest import ROOT

FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
STEPS = [
    pytest.param(step, id=f"{file.stem}-{job}-{at}")
    for file in FILES
    for job, said in YAML(typ="safe").load(file)["jobs"].items()
    for at, step in enumerate(said["steps"])
]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_a_pinned_action_or_a_make_target(step: dict[str, Any]):
    if "uses" in step:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
        return
    target = re.match(r"make ([a-z-]+)", step["run"])
    assert target is not None
    assert re.search(rf"^{target[1]}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nobody_has_a_right_that_was_not_given_to_the_job(file: Any):
    workflow = YAML(typ="safe").load(file)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 30
        writes = {name for name, right in job["permissions"].items() if right == "write"}
        assert writes <= ({"pull-requests"} if file.stem == "comment" else {"id-token"})


def test_the_previews_job_writes_the_document_that_is_left():
    done = make("comment-preview", "AGAINST=HEAD", GITHUB_STEP_SUMMARY="/dev/stdout")
    assert done.returncode == 0, done.stderr
    document = (ROOT / "preview.md").read_text("utf-8")
    assert "<code>dev</code>" in document
    assert done.stdout == document
