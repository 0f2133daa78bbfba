"""README shows real output: each block is what the command prints now (`make golden` mends it)."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT, STACKS

README = ROOT / "README.md"
WIDTH = 108


def printed(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "plimsoll", *arguments],
        cwd=STACKS,
        env={**os.environ, "COLUMNS": str(WIDTH)},
        capture_output=True,
        text=True,
        check=True,
    )
    # How long it took is the machine's.
    return re.sub(r"\d+\.\d s$", "1.2 s", done.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("shown", "arguments"),
    [
        ("$ make preview ", ("preview", "dev")),
        ("$ plimsoll check\n", ("check",)),
        ("$ plimsoll check --differences dev prod\n", ("check", "--differences", "dev", "prod")),
    ],
    ids=["preview", "check", "differences"],
)
def test_what_readme_shows_is_what_is_printed(
    shown: str, arguments: tuple[str, ...], request: pytest.FixtureRequest
):
    text = README.read_text("utf-8")
    begin = text.index("\n", text.index(shown) + len(shown.rstrip("\n"))) + 1
    end = text.index("```", begin)
    now = printed(*arguments)
    if text[:end].endswith("…\n"):  # its beginning, as many lines as are shown
        lines = text[begin:end].count("\n") - 1
        now = "".join([*now.splitlines(keepends=True)[:lines], "…\n"])
    if request.config.getoption("--golden"):
        README.write_text(text[:begin] + now + text[end:], "utf-8")
    assert README.read_text("utf-8")[begin:].startswith(now + "```"), "out of date: `make golden`"
