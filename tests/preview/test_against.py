"""`plimsoll preview --against` and `--from-json`, by the command: real programs, git, the engine's files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.rehearse.conftest import Repository, foreign, repository

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["foreign", "repository"]

ENGINE_SAID = Path(__file__).parent / "engine-said"
"""What the real engine (3.259.0, on the local cloud) wrote with `preview --json --show-sames`."""


def preview(folder: Path, *arguments: str, said: str | None = None) -> tuple[int, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", "preview", *arguments, "--json"],
        cwd=folder,
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def fault(told: dict[str, Any]) -> tuple[str, str, str]:
    [one] = told["faults"]
    return str(one["rule"]), str(one["message"]), str(one["remedy"])


def test_what_differs_from_a_commit_is_shown_and_the_checkout_is_only_read(
    foreign: Callable[[str], Repository],
):
    garden = foreign("garden")
    program = garden.root / "src/garden/__main__.py"
    stack = garden.root / "environments/Pulumi.dev.yaml"
    program.write_text(program.read_text("utf-8").replace('"sign", prefix', '"board", prefix'), "utf-8")
    stack.write_text(stack.read_text("utf-8") + "  garden:beds: 4\n", "utf-8")
    before = garden.fingerprint()
    code, told = preview(garden.root, "dev", "--against", "main")
    assert code == 0
    assert garden.fingerprint() == before
    steps = {one["name"]: one["step"] for one in told["changes"]}
    assert (steps["board"], steps["sign"]) == ("create", "delete")
    assert "create" in {step for name, step in steps.items() if name not in {"board", "sign"}}
    assert told["against"].startswith("main (")
    assert told["unknown"]["tells"] == "plimsoll rehearse dev --from main"


def test_against_itself_nothing_differs(foreign: Callable[[str], Repository]):
    shop = foreign("shop")
    _, told = preview(shop.root, "dev", "--against", "HEAD")
    assert told["changes"] == []


def test_where_the_commit_has_no_such_environment_all_is_new(foreign: Callable[[str], Repository]):
    shop = foreign("shop")
    (shop.root / "Pulumi.next.yaml").write_text("config: {shop:shelves: 2}\n", "utf-8")
    code, told = preview(shop.root, "next", "--against", "main")
    assert code == 0
    assert told["against"].endswith("which has no environment next")
    assert {one["step"] for one in told["changes"]} == {"create", "import", "read"}


def test_a_program_that_did_not_run_then_is_told_apart(foreign: Callable[[str], Repository]):
    shop = foreign("shop")
    whole = (shop.root / "__main__.py").read_text("utf-8")
    shop.commit({"__main__.py": "import pulumi\nraise ValueError('not today')\n"})
    shop.write({"__main__.py": whole})
    code, told = preview(shop.root, "dev", "--against", "HEAD")
    rule, message, remedy = fault(told)
    assert (code, rule) == (2, "preview/base")
    assert message.startswith("The program as it was at HEAD (")
    assert "ValueError: not today" in message
    assert "--against REF" in remedy
    assert told["faults"][0]["line"] == 2


@pytest.mark.parametrize(
    ("files", "rule", "said"),
    [
        ({"Pulumi.yaml": "name: boutique\nruntime: python\n"}, "checkout/renamed", "from shop at HEAD"),
        ({}, "checkout/ref", "there is no commit nowhere"),
    ],
    ids=["renamed", "no-such-commit"],
)
def test_what_cannot_be_compared_is_one_error(
    foreign: Callable[[str], Repository], files: dict[str, str], rule: str, said: str
):
    shop = foreign("shop")
    shop.write(files)
    code, told = preview(shop.root, "dev", "--against", "HEAD" if files else "nowhere")
    assert (code, fault(told)[0]) == (2, rule)
    assert said in fault(told)[1]


def test_files_that_were_wrong_then_are_told_with_the_commit(foreign: Callable[[str], Repository]):
    shop = foreign("shop")
    whole = (shop.root / "Pulumi.dev.yaml").read_text("utf-8")
    shop.commit({"Pulumi.dev.yaml": "config: [\n"})
    shop.write({"Pulumi.dev.yaml": whole})
    code, told = preview(shop.root, "dev", "--against", "HEAD")
    assert code == 2
    assert {(one["file"], one["message"].startswith("at HEAD (")) for one in told["faults"]} == {
        ("Pulumi.dev.yaml", True)
    }


def test_a_shallow_clone_is_told_what_to_fetch(foreign: Callable[[str], Repository], tmp_path: Path):
    shop = foreign("shop")
    first = shop.git("rev-parse", "HEAD")
    shop.commit({"more": "1"})
    clone = tmp_path / "clone"
    shop.git("clone", "--quiet", "--depth=1", f"file://{shop.root}", str(clone))
    code, told = preview(clone, "dev", "--against", first)
    assert (code, fault(told)[0]) == (2, "checkout/shallow")
    assert "git fetch --unshallow origin" in fault(told)[2]


def test_a_submodule_is_taken_at_its_commit_however_dirty_it_is(
    foreign: Callable[[str], Repository], repository: Repository
):
    shop = foreign("shop")
    repository.commit({"note.txt": "then"})
    shop.git("submodule", "add", "--quiet", str(repository.root), "lib")
    program = (shop.root / "__main__.py").read_text("utf-8")
    shop.commit({"__main__.py": program + 'pulumi.export("note", open("lib/note.txt").read())\n'})
    (shop.root / "lib/note.txt").write_text("now", "utf-8")
    code, told = preview(shop.root, "dev", "--against", "HEAD")
    assert (code, told["changes"]) == (0, [])
    assert (shop.root / "lib/note.txt").read_text("utf-8") == "now"


def test_an_engines_file_gives_the_same_report():
    code, told = preview(ENGINE_SAID, "--from-json", "change.json")
    assert (code, told["source"], told["knowsState"], told["stack"]) == (0, "engine", True, "dev")
    assert {one["name"]: one["step"] for one in told["changes"]} == {
        "env": "update",
        "fresh": "create",
        "api": "replace",
        "gone": "delete",
    }
    [api] = [one for one in told["changes"] if one["name"] == "api"]
    assert {one["path"]: one["replaces"] for one in api["properties"]} == {
        "location": True,
        "template.containers[0].envs[1].value": False,
    }
    assert told["budgets"]["list"]["differences"][0]["percent"] == 33.333
    assert told["unknown"] == {"replacements": [], "secrets": 1, "notes": [], "tells": None}
    assert "hunter22" not in json.dumps(told)


NOT_A_PREVIEW = {
    "no-json": ("Previewing update (dev)", "it is not JSON"),
    "a-list": ("[]", "it has no `steps`"),
    "another-object": ('{"version": 3, "deployment": {}}', "it has no `steps`"),
    "steps-of-something-else": ('{"steps": [{"name": "checkout"}]}', "its `steps` are not the engine's"),
    "no-steps": ('{"steps": [], "changeSummary": {}}', "it speaks of no resource"),
    "failed": ('{"diagnostics": [{"severity": "error", "message": "boom"}]}', "the preview failed: boom"),
    "lines-of-events": ('{"sequence": 1}\n{"sequence": 2}\n', "it is not JSON"),
}


@pytest.mark.parametrize(("text", "said"), NOT_A_PREVIEW.values(), ids=NOT_A_PREVIEW)
def test_what_is_no_preview_is_one_error(tmp_path: Path, text: str, said: str):
    code, told = preview(tmp_path, "--from-json", "-", said=text)
    assert (code, fault(told)[0]) == (2, "engine/no-preview")
    assert said in fault(told)[1]


def test_a_preview_without_what_stays_is_refused(tmp_path: Path):
    digest = json.loads((ENGINE_SAID / "change.json").read_text("utf-8"))
    digest["steps"] = [step for step in digest["steps"] if "Stack" in step["urn"] or step["op"] != "same"]
    code, told = preview(tmp_path, "--from-json", "-", said=json.dumps(digest))
    assert (code, fault(told)[0]) == (2, "engine/no-preview")
    assert "2 that stay as they are were left out" in fault(told)[1]


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (("--from-json", "nowhere.json"), "preview/file"),
        (("prod", "--from-json", "change.json"), "preview/stack"),
        (("--from-json", "change.json", "--against", "HEAD"), "preview/options"),
    ],
    ids=["no-such-file", "another-stack", "two-things-at-once"],
)
def test_wrong_options_are_one_error(arguments: tuple[str, ...], rule: str):
    code, told = preview(ENGINE_SAID, *arguments)
    assert (code, fault(told)[0]) == (2, rule)
