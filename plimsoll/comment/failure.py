"""Why nothing is posted, in words: what, and what to do."""

from __future__ import annotations


class CommentError(Exception):
    """Nothing is posted. `rule` is a stable name such as "comment/token"."""

    def __init__(self, rule: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.remedy = remedy
