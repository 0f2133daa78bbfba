"""Why a commit cannot be had, or not run, beside the user's checkout."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from plimsoll.settings.errors import SettingsError

if TYPE_CHECKING:
    from plimsoll.checkout.git import Commit


class CheckoutError(Exception):
    """There is no such commit, or nothing to run it with.

    `rule` is a stable name that tests and machines can match. `remedy` says what to do.
    """

    def __init__(self, rule: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.remedy = remedy


def at_commit(error: SettingsError, here: Path, commit: Commit, remedy: str) -> SettingsError:
    """The faults of files that nobody can open, by their path in the checkout and the commit.

    `here` is where the commit's files are for now.
    """
    return SettingsError(
        replace(
            fault,
            message=f"at {commit}: {fault.message}",
            file=fault.file and Path(os.path.relpath(fault.file, here)),
            remedy=remedy,
        )
        for fault in error.faults
    )
