"""What all tests share: how hard hypothesis tries, and golden files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from plimsoll.engine.errors import EngineError
from plimsoll.engine.find import find

ROOT = Path(__file__).parent.parent
STACKS = ROOT / "tests" / "stacks"
"""A project with stack files of its own, so that tests do not depend on the numbers that people edit."""

# No deadline: a shared machine's pauses are not the code's.
settings.register_profile(
    "default", max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="store_true", help="write golden files anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the engine on PATH for the tests that need it, or say once why they are skipped."""
    marked = [item for item in items if item.get_closest_marker("engine")]
    if not marked:
        return
    try:
        found = find()
    except EngineError as error:
        if "PLIMSOLL_REQUIRE_ENGINE" in os.environ:
            raise pytest.UsageError(str(error)) from None
        for item in marked:
            item.add_marker(pytest.mark.skip(str(error)))
        return
    folders = [folder for folder in (found.host, found.path.parent) if folder is not None]
    os.environ["PATH"] = os.pathsep.join([*map(str, folders), os.environ["PATH"]])


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
