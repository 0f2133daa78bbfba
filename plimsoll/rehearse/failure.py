"""Why there was no rehearsal, in words: what, why, and what to do."""

from __future__ import annotations


class RehearsalError(Exception):
    """There is no rehearsal, or it stopped half-way.

    `rule` is a stable name that tests and machines can match. `remedy` says what to do. `said` is what the
    engine or the program said about it, line by line; it holds no secret in clear.
    """

    def __init__(self, rule: str, message: str, remedy: str, *, said: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.remedy = remedy
        self.said = said
