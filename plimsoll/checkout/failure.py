"""Why a commit cannot be had, or not run, beside the user's checkout."""

from __future__ import annotations


class CheckoutError(Exception):
    """There is no such commit, or nothing to run it with.

    `rule` is a stable name that tests and machines can match. `remedy` says what to do.
    """

    def __init__(self, rule: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.remedy = remedy
