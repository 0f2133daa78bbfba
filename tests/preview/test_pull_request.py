"""One comment of all environments: what it says first, that it fits, and that no name in it is alive."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.comment.untrusted import harmless
from plimsoll.preview.comparison import compare
from plimsoll.preview.plan import (
    UNKNOWN,
    Diagnostic,
    Options,
    PolicyResults,
    PolicyViolation,
    Secret,
    Severity,
    Step,
)
from plimsoll.preview.report.fitting import Block, Part, fit
from plimsoll.preview.report.headline import Failed, headline
from plimsoll.preview.report.markup import LIMIT, MARKER, TAGS
from plimsoll.preview.report.pull_request import document
from tests.conftest import ROOT, STACKS
from tests.preview.test_floor import container, web
from tests.preview.test_report_promises import plan, resource
from tests.rehearse.conftest import Repository

DATABASE = "gcp:sql/databaseInstance:DatabaseInstance"


def flows(p95: str) -> Any:
    return resource(
        "plimsoll:infra:Environment", "env", {"flows": {"list": {"p95": p95, "availability": "99"}}}
    )


def between(before: Any, after: Any, *, forcing: Any = lambda _: (), **changes: Any) -> Any:
    return compare(
        before, replace(after, **changes), forcing, against="main (1234567)", tells="ask", seconds=1.0
    )


def text(body: str) -> str:
    """What a reader sees, as GitHub's own parser has it."""
    html = cmarkgfm.github_flavored_markdown_to_html(body, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
    return re.sub(r"<[^>]*>", "", html)


# What it says -----------------------------------------------------------------------------------------------


def test_the_title_answers_by_itself():
    kept = [web(container(), service={"minInstanceCount": count}) for count in (1, 2)]
    violated = PolicyResults("ours", 9, (PolicyViolation("ours", "no", "mandatory", "not so", ""),), ())
    dev = between(plan(flows("300ms"), kept[0]), plan(flows("400ms"), kept[1]), policies=violated)
    prod = between(plan(flows("300ms")), plan(flows("300ms")), stack="prod")
    assert text(headline([dev, prod])).strip() == (
        "dev: 1 budget weaker, 1 policy violation, +$13.14 a month, 1 resource changes · prod: no change"
    )


@pytest.mark.parametrize(
    ("before", "after", "forcing", "said"),
    [
        (
            [resource(DATABASE, "db", {"tier": "a"})],
            [],
            (),
            "db, a database (Cloud SQL instance), would",
        ),
        (
            [resource(DATABASE, "db", {"region": "a"})],
            [resource(DATABASE, "db", {"region": "b"})],
            ("region",),
            "would be replaced; it holds data · because of region",
        ),
        (
            [resource(DATABASE, "db", {"region": "a"})],
            [resource(DATABASE, "db", {"region": "b"})],
            None,
            "may be replaced: offline nobody knows; it holds data · because of region",
        ),
        (
            [resource(DATABASE, "db", {}, options=Options(protect=True))],
            [],
            (),
            "would be deleted; it holds data · protected: the engine refuses",
        ),
        (
            [resource(DATABASE, "db", {}, options=Options(retain_on_delete=True))],
            [],
            (),
            "would be deleted; it holds data · kept in the cloud, forgotten here",
        ),
    ],
    ids=["deleted", "replaced", "unknown", "protected", "kept"],
)
def test_what_holds_data_stands_first_and_is_never_folded(before: Any, after: Any, forcing: Any, said: str):
    body = document([between(plan(*before), plan(*after), forcing=lambda _: forcing)])
    assert said in text(body)
    assert body.index("What holds data") < body.index("<details>")


def test_a_protection_that_is_taken_away_is_in_the_title():
    kept = resource(DATABASE, "db", {"deletionProtection": True}, options=Options(protect=True))
    bare = resource(DATABASE, "db", {"deletionProtection": False})
    assert "protection taken from 1 resource" in text(document([between(plan(kept), plan(bare))]))
    assert "protection taken" not in text(document([between(plan(bare), plan(kept))]))


def test_policies_stand_before_what_is_folded_the_mandatory_ones_first():
    found = PolicyResults(
        "ours",
        3,
        (
            PolicyViolation("ours", "stop", "mandatory", "not @so", resource("a:b:C", "web", {}).urn),
            PolicyViolation("ours", "hint", "advisory", "rather so", ""),
        ),
        (),
    )
    body = document([plan(resource("a:b:C", "web", {}), policies=found)])
    assert body.index("stop") < body.index("hint") < body.index("<details>")
    assert "not @&#8203;so" in body


def test_an_environment_without_a_preview_is_in_it_with_the_reason():
    body = text(document([Failed("prod", ("the tier is unknown",)), plan()], commit="abc1234"))
    assert "prod: no preview · dev: 0 resources" in body
    assert "the tier is unknown" in body
    assert "of commit abc1234" in body


# It fits ----------------------------------------------------------------------------------------------------


def test_a_hundred_environments_of_a_thousand_resources_fit_and_what_is_left_out_is_counted():
    before = plan(*(resource("a:b:C", f"thing-{at}", {"x": "y" * 50}) for at in range(1000)))
    lost = [resource(DATABASE, f"db-{at}", {}) for at in range(3)]
    parts = [
        between(replace(before, resources=(*before.resources, *lost)), plan(flows("1s")), stack=f"env-{at}")
        for at in range(100)
    ]
    body = document(parts)
    assert LIMIT * 0.8 < len(body.encode()) <= LIMIT
    shown = len(re.findall("<h4>", body))
    out = sum(int(one.replace(",", "")) for one in re.findall(r"<p>([\d,]+) more", body))
    assert shown + int((re.findall(r"<p>(\d+) more environments", body) or ["0"])[0]) == 100
    assert out > 1000
    # What matters most is there for everybody, before anybody's changes are.
    lost_but_left_out = sum(map(int, re.findall(r"<p>(\d+) more that hold data", body)))
    assert body.count("would be <b>deleted</b>") + lost_but_left_out == 3 * shown
    assert body.count("<b>What holds data</b>") == shown
    assert "thing-" not in body
    assert harmless(body) == body


BLOCKS = st.builds(
    lambda rank, size, count: Block(rank, "<ul>", tuple("x" * size for _ in range(count)), "</ul>", "rows"),
    st.integers(0, 3),
    st.integers(1, 300),
    st.integers(0, 40),
)


@given(
    st.lists(st.builds(Part, st.just("<h4>é</h4>"), st.lists(BLOCKS, max_size=4).map(tuple)), max_size=30),
    st.integers(200, 9000),
)
def test_it_never_exceeds_the_limit_and_every_row_is_shown_or_counted(parts: list[Part], limit: int):
    said = fit("<h3>t</h3>", parts, "<p>end</p>", limit)
    assert len(said.encode()) <= limit
    shown = said.count("<h4>")
    assert shown + sum(map(int, re.findall(r"(\d+) more environments", said))) == len(parts)
    rows = sum(len(block.rows) for part in parts[:shown] for block in part.blocks)
    counted = sum(map(int, re.findall(r"(\d+) more rows", said)))
    assert len(re.findall("^x+$", said, re.MULTILINE)) + counted == rows


# Nothing in it means anything -------------------------------------------------------------------------------

NASTY = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "@octocat",
            "#1",
            "a|b`c``",
            "<img src=x onerror=alert(1)>",
            "</code></details>",
            "[x](https://evil.example)",
            "https://evil.example",
            "\x1b[31mred\u202e",
            "<!-- plimsoll: preview -->",
            "&lt;b&gt;&#64;you",
            "line\n\n# break",
        ]
    ),
)


@given(NASTY, NASTY, NASTY)
@example("@octocat", "#1 https://evil.example", "</code><b>")
def test_names_and_values_of_a_stranger_are_text(name: str, value: str, message: str):
    before = plan(flows("1s"), resource(DATABASE, name, {name: "1"}))
    after = plan(
        flows(value),
        resource(DATABASE, name, {name: value}),
        resource(value, "new", {"name": message}),
        diagnostics=(Diagnostic(Severity.WARNING, message),),
        policies=PolicyResults(name, 1, (PolicyViolation(name, name, "mandatory", message, ""),), ()),
    )
    body = document([between(before, after), Failed(name, (message,))], commit=name)
    assert body.startswith(f"{MARKER}\n<div>\n")
    assert set(re.findall(r"</?([a-z0-9]+)[^>]*>", body)) <= {*TAGS, "div"}
    assert not re.search(r"\n\s*\n", body.rstrip())
    assert all(one.isprintable() or one == "\n" for one in body)
    outside = re.sub(r"<code>.*?</code>", "", body)
    assert not re.search(r"[@#](?!&#8203;)(?!8203;)", outside)
    assert "://" not in outside
    assert harmless(body) == body
    html = cmarkgfm.github_flavored_markdown_to_html(body, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE)
    assert html.strip() == body.strip(), "GitHub's parser finds Markdown in it"


def test_a_secret_is_named_and_an_unknown_too():
    before, after = (
        plan(resource("a:b:C", "x", {"p": "1"})),
        plan(
            resource("a:b:C", "x", {"p": Secret(), "q": UNKNOWN}), resource("a:b:C", "y", {"name": Secret()})
        ),
    )
    said = text(document([between(before, after)]))
    assert "[secret]" in said
    assert "[known after the update]" in said
    assert {one.step for one in between(before, after).difference.changed} == {Step.UPDATE, Step.CREATE}


# The command ------------------------------------------------------------------------------------------------


@pytest.fixture
def stacks(tmp_path: Path) -> Repository:
    """The tests' two environments in a repository of their own, committed, on this checkout's program."""
    repository = Repository(tmp_path / "repository")
    for file in STACKS.glob("Pulumi*.yaml"):
        shutil.copy(file, repository.root)
    settings = (repository.root / "Pulumi.yaml").read_text("utf-8")
    settings = settings.replace("../../infra", str(ROOT / "infra")).replace("../../.venv", sys.prefix)
    repository.commit({"Pulumi.yaml": settings})
    return repository


def markdown(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "preview", "--markdown", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout or done.stderr


def change(repository: Repository, stack: str, old: str, new: str) -> None:
    file = repository.root / f"Pulumi.{stack}.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_a_changed_budget_in_both_environments(stacks: Repository, golden: Any):
    for stack in ("dev", "prod"):
        change(stacks, stack, "p95: 300ms", "p95: 400ms")
    change(stacks, "dev", "min: 0", "min: 1")
    code, said = markdown(stacks.root, "--against", "HEAD")
    assert code == 0
    assert "\x1b" not in said
    assert harmless(said) == said
    said = re.sub(r"HEAD \([0-9a-f]{7}\)", "HEAD (0000000)", said)
    said = re.sub(r"<code>[0-9a-f]{12} and", "<code>000000000000 and", said)
    golden(
        "pull-request.md", re.sub(r"<code>[^<]*infra/(\w+\.py):\d+</code>", r"<code>infra/\1</code>", said)
    )


def test_one_that_fails_is_told_and_the_others_are_there(stacks: Repository):
    change(stacks, "prod", "p95: 300ms", "p95: quick")
    code, said = markdown(stacks.root, "--against", "HEAD")
    assert code == 2
    seen = text(said)
    assert "dev: no change · prod: no preview" in seen
    assert "quick" in seen


def test_files_of_the_engine_and_the_program_stand_together():
    file = ROOT / "tests/preview/engine-said/change.json"
    code, said = markdown(STACKS, "prod", "--from-json", str(file))
    assert code == 0
    seen = text(said)
    assert "asked of the engine and the providers" in seen
    assert "offline: the real program" in seen
    assert "hunter22" not in said
    code, alone = markdown(ROOT / "tests", "--from-json", str(file), "--from-json", "nowhere.json")
    assert code == 2
    assert "nowhere.json: no preview" in text(alone)
