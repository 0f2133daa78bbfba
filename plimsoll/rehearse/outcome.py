"""What came of a rehearsal. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.checkout.git import Commit
    from plimsoll.localcloud.judge import Judgement
    from plimsoll.preview.plan import PolicyViolation
    from plimsoll.rehearse.changes import Changes


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of it.

    `base` is None where REF has no such environment: then everything is created. `refused` is why the change
    was not applied: a mandatory policy, or a resource that is protected. `failed` is what went wrong
    when it was applied, half of it done. `left` is what a second preview
    still shows after it was applied. `pack` tells whether policies were run. `notes` say what a reader must
    know of how far this can be trusted. `seconds` is how long it took. `kept` is the folder, if it is.
    """

    project: str
    environment: str
    base: Commit | None
    changes: Changes
    violations: tuple[PolicyViolation, ...]
    pack: bool
    refused: tuple[str, ...]
    failed: tuple[str, ...]
    left: Changes | None
    judgement: Judgement
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    engine: str
    seconds: float
    kept: Path | None = None

    @property
    def settled(self) -> bool:
        """Whether the change was applied, and nothing was left to do."""
        return self.left is not None and not self.left.changed

    @property
    def promising(self) -> bool:
        """Whether nothing would be lost, refused or left to do."""
        return self.settled and not self.changes.losses and not self.refused
