"""What a rule says about a value: the vocabulary shared by every caller."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether the vendor refuses a value, or a reader should think about it."""

    ERROR = "error"
    """The vendor's API refuses it, or it cannot work as declared."""
    ADVICE = "advice"
    """It is accepted; the vendor, or experience recorded beside the number, advises against it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with all that a reader needs to put it right."""

    rule: str
    """Stable id, such as `cloud-run/memory-by-cpu`."""
    severity: Severity
    fields: tuple[str, ...]
    """What it speaks of, the first being the one to point at: dotted paths into the shape, such as
    `startup.period`, `ports.0.number` or `environment.NAME` (whatever follows the first dot is the name).
    """
    value: str
    """The offending values as a reader writes them. Never the value of an environment variable."""
    message: str
    """What is wrong, in one sentence with its numbers."""
    remedy: str
    """What to do, without a full stop: it continues a sentence."""
    source: str
    """The vendor's document, and the date of our data."""
