"""Which engine Plimsoll brings and accepts (`data/pulumi.json`), and versions as Pulumi writes them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from typing_extensions import override

from plimsoll.engine.errors import EngineError, Failure

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:[-+][0-9A-Za-z.+-]*)?")


class Version(NamedTuple):
    """A version as it is compared: what follows the third number (`-alpha.1`, `+dirty`) does not count."""

    major: int
    minor: int
    patch: int

    @override
    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def parse_version(text: str) -> Version:
    """Read `v3.259.0`, `3.259.0-alpha.1700000000+0123abc` and the like. Raises EngineError."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise EngineError(
            Failure.BROKEN, f"{text.strip()[:80]!r} is no version of Pulumi", "reinstall Pulumi"
        )
    return Version(int(match[1]), int(match[2]), int(match[3]))


@dataclass(frozen=True, slots=True)
class Pinned:
    """What the data file says.

    `version` is what is brought, `minimum` the oldest that is accepted on PATH, `minimum_source` who says so.
    `installer` is the address of the official install script. `packages` is how many Go packages a cold build
    compiles, about.
    """

    version: Version
    minimum: Version
    minimum_source: str
    installer: str
    packages: int


@cache
def pinned() -> Pinned:
    """Read the data file, once."""
    values = json.loads(files("plimsoll.engine").joinpath("data/pulumi.json").read_text("utf-8"))["values"]
    return Pinned(
        parse_version(values["version"]["value"]),
        parse_version(values["minimum"]["value"]),
        values["minimum"]["source"],
        values["installer"]["value"],
        values["packages_to_compile"]["value"],
    )
