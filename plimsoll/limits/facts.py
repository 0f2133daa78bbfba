"""What vendors decide, read from the dated files in `data/`: one a vendor, read once, when first asked.

A file holds `as_of`, `about` and `values`: per name a `value`, the `source` it was read in and our
`confidence` (V read, S second-hand, M memory); where documents disagree, `conflicts` records what else is
said, where, and why it is not applied. Quantities stand as people write them (`512Mi`, `240s`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from plimsoll.units import parse_duration, parse_memory

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that a vendor decided. `path` leads into it where it holds more than one number."""

    value: Any
    source: str
    as_of: str

    @property
    def citation(self) -> str:
        """Where it was read and when: `cloud.google.com/run/quotas (2026-08)`."""
        return f"{self.source} ({self.as_of})"

    def at(self, *path: str) -> Any:  # noqa: ANN401 (the file's own JSON)
        """Return the JSON below `path`."""
        value = self.value
        for key in path:
            value = value[key]
        return value

    def number(self, *path: str) -> Decimal:
        """Return a bare number, exact."""
        return Decimal(self.at(*path))

    def count(self, *path: str) -> int:
        """Return a whole number."""
        return int(self.at(*path))

    def memory(self, *path: str) -> int:
        """Return bytes."""
        return parse_memory(self.at(*path))

    def seconds(self, *path: str) -> Decimal:
        """Return seconds."""
        return parse_duration(self.at(*path))

    def text(self, *path: str) -> str:
        """Return words, for a message or to compare with."""
        return str(self.at(*path))

    def names(self, *path: str) -> tuple[str, ...]:
        """Return a list of names in the file's order, or the keys of a table."""
        return tuple(str(name) for name in self.at(*path))


class Facts:
    """The facts of one vendor, by name. Creating it reads nothing."""

    def __init__(self, vendor: str) -> None:
        self._vendor = vendor

    def __getitem__(self, name: str) -> Fact:
        return load(self._vendor)[name]


@cache
def load(vendor: str) -> Mapping[str, Fact]:
    """Read `data/{vendor}.json`."""
    # Imported here, because `plimsoll --help` loads this module and reads no data: it saves 10 ms.
    from importlib.resources import files  # noqa: PLC0415

    text = files("plimsoll.limits").joinpath(f"data/{vendor}.json").read_text("utf-8")
    data = json.loads(text, parse_float=Decimal)
    return {
        name: Fact(entry["value"], entry["source"], data["as_of"]) for name, entry in data["values"].items()
    }
