"""What can go wrong with the engine, in words for whoever has to mend it."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """The kinds of reasons why the engine does not do what was asked."""

    MISSING = "missing"
    """There is no engine, and nobody has been asked to bring one."""
    UNOBTAINABLE = "unobtainable"
    """There is no engine, and no way to get one."""
    TOO_OLD = "too-old"
    CORRUPT = "corrupt"
    """The engine is not what was put there."""
    BROKEN = "broken"
    """The command does not run, or says what nobody understands."""
    HOME = "home"
    """The folder in which Plimsoll keeps the engine cannot be used."""
    LOCKED = "locked"
    """Another process is changing the stack."""
    PORT = "port"
    """No port on which the engine could be heard."""
    TIMEOUT = "timeout"
    NO_PREVIEW = "no-preview"
    """What should be the engine's preview is none, or not a whole one."""
    FAILED = "failed"
    """The engine ran, and reports a failure: of the program, a provider, a policy or the invocation."""


class EngineError(Exception):
    """Why there is no engine or no answer of one. `message` and `remedy` have no full stop at their ends."""

    def __init__(self, failure: Failure, message: str, remedy: str = "") -> None:
        self.failure = failure
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}. {remedy[:1].upper()}{remedy[1:]}" if remedy else message)
