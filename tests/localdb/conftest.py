"""Real PostgreSQL: a folder that whoever runs the server may enter, and servers that are stopped again."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from plimsoll.localdb import server
from plimsoll.localdb.binaries import PACKAGES, installed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def postgres() -> None:
    """Skip, or fail where it is required, without the packages of `make db`."""
    if {found.major for found in installed()} != set(PACKAGES):
        reason = f"{' and '.join(PACKAGES.values())} are not installed: make db"
        if os.environ.get("PLIMSOLL_REQUIRE_POSTGRES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture
def folder(postgres: None) -> Iterator[Path]:  # noqa: ARG001 (asked for what it refuses)
    """A project's folder; pytest's own are closed to the user that PostgreSQL runs as in place of root."""
    home = Path(tempfile.mkdtemp(prefix="plimsoll-db-"))
    home.chmod(0o711)
    yield home / "shop"
    server.down(home / "shop", delete=True)
    shutil.rmtree(home)
