"""Interrupted once, and then only tidied up after: SIGINT, SIGTERM and SIGHUP while something is at work."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """The work was told to end. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def about_to_end() -> None:
    """Let no further signal disturb a process that was interrupted, has tidied up and only says so."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


class Interruptions:
    """Turns the first signal into `Interrupted`, and ignores those after it.

    So whatever unwinds is unwound to its end, also for somebody who keeps pressing Ctrl-C. Outside `allowed`,
    as while something is made or tidied away, a signal waits for the next `allowed`.
    """

    def __init__(self) -> None:
        self._allowed = False
        self._number: int | None = None
        self._raised = False

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self._number = self._number or number
        self._raise()

    def _raise(self) -> None:
        if self._number is not None and self._allowed and not self._raised:
            self._raised = True
            raise Interrupted(self._number)

    @contextmanager
    def watching(self) -> Generator[None]:
        """Take the signals, and give them back afterwards. Main thread only."""
        before = {number: signal.signal(number, self._take) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def allowed(self) -> Generator[None]:
        """Raise `Interrupted` in here when a signal comes, or came before."""
        self._allowed = True
        try:
            self._raise()
            yield
        finally:
            self._allowed = False
