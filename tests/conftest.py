"""What all tests share: how hard hypothesis tries, the real engine, and golden files."""

from __future__ import annotations

import os
import signal
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from plimsoll.engine.errors import EngineError
from plimsoll.engine.find import find
from plimsoll.engine.host import INTERPRETER

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parent.parent
STACKS = ROOT / "tests" / "stacks"
"""A project with stack files of its own, so that tests do not depend on the numbers that people edit."""

# A shell's background job ignores SIGINT, and hands that on to every command that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: a shared machine's pauses are not the code's.
settings.register_profile(
    "default", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write golden files anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("HYPOTHESIS_PROFILE") != "nightly":
        nightly = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


@cache
def engine() -> str | EngineError:
    """What has to stand first on PATH for `pulumi` to be the engine, or why there is none."""
    try:
        found = find()
    except EngineError as error:
        return error
    return os.pathsep.join(str(folder) for folder in (found.host, found.path.parent) if folder is not None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give the engine to the tests that need it, their fixtures included, and to no others."""
    with pytest.MonkeyPatch.context() as patch:
        folders = engine() if item.get_closest_marker("engine") else ""
        if isinstance(folders, str) and folders != "":
            patch.setenv("PATH", folders, prepend=os.pathsep)
            # The engine may be shared with other checkouts; the host beside it is to be this one's.
            patch.setenv(INTERPRETER, sys.executable)
        return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("engine") and isinstance(missing := engine(), EngineError):
        if os.environ.get("PLIMSOLL_REQUIRE_ENGINE") == "1":
            pytest.fail(f"PLIMSOLL_REQUIRE_ENGINE=1, and {missing}", pytrace=False)
        pytest.skip(str(missing))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.getreports("skipped")
    reasons = [report.longrepr[2] for report in skipped if isinstance(report.longrepr, tuple)]
    missing = [reason for reason in reasons if reason == f"Skipped: {engine()}"]
    if missing:
        terminalreporter.write_line(f"{len(missing)} tests of the real engine were skipped: {engine()}")


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Compare a text with tests/golden/NAME, or write it there with --golden."""

    def compare(name: str, text: str) -> None:
        path = ROOT / "tests" / "golden" / name
        if request.config.getoption("--golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"differs from {path}: `make golden`, and review it"

    return compare
