"""What can go wrong with the local database, in words for whoever has to mend it."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """The kinds of reasons why the local database does not do what was asked."""

    MISSING = "missing"
    """No package with PostgreSQL's binaries is installed, or there is none for this platform."""
    OTHER_VERSION = "other-version"
    """The data are another major version's: PostgreSQL does not read them."""
    PORT_TAKEN = "port-taken"
    UNREACHABLE = "unreachable"
    """As root: the user who is to run the server cannot reach binaries or data."""
    STOPPED = "stopped"
    """It does not run, and that is what was asked for."""
    RUNNING = "running"
    """It runs otherwise than was asked for."""
    FAILED = "failed"
    """PostgreSQL itself says no."""


class LocalDatabaseError(Exception):
    """Why there is no local database. `message` and `remedy` have no full stop at their ends."""

    def __init__(self, failure: Failure, message: str, remedy: str = "") -> None:
        self.failure = failure
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}. {remedy[:1].upper()}{remedy[1:]}" if remedy else message)
