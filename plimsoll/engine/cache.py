"""The folder in which an engine that Plimsoll brought lives: outside any checkout, by version, checksummed.

engine/3.259.0/bin/pulumi …      and whatever else came with it
engine/3.259.0/manifest.json     who made it, and the SHA-256 of each file that is run
engine/3.259.0.lock              held by whoever is bringing this version
engine/.bringing-…               half-done; nobody looks at it, and the next one to bring removes it
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plimsoll.engine.errors import EngineError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from plimsoll.engine.pinned import Version

MANIFEST: Final = "manifest.json"
STAGING: Final = ".bringing-"

ANOTHER_HOME: Final = (
    "name a folder that you may write to: export PLIMSOLL_HOME=FOLDER (without it: ~/.cache/plimsoll)"
)
REBUILD: Final = "bring it anew: plimsoll engine install"


class Origin(StrEnum):
    """Where an engine came from."""

    PATH = "path"
    """The user's own."""
    OFFICIAL = "official"
    """Pulumi's install script put it into our folder."""
    SOURCE = "source"
    """We built it from the Go module; the Python language host beside it is ours."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an engine in the cache was when it was put there. `sha256` is by path below its folder."""

    version: str
    origin: Origin
    sha256: dict[str, str]


def home() -> Path:
    """`$PLIMSOLL_HOME`, else `plimsoll` in the user's cache folder (`$XDG_CACHE_HOME`, `~/.cache`)."""
    own = os.environ.get("PLIMSOLL_HOME", "")
    if own:
        return Path(own).absolute()
    caches = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(caches) if caches else Path.home() / ".cache").absolute() / "plimsoll"


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Where something is written below `home`: what the system objects to becomes an EngineError (HOME)."""
    try:
        yield
    except OSError as error:
        message = f"{error.filename or folder} cannot be written: {error.strerror}"
        raise EngineError(Failure.HOME, message, ANOTHER_HOME) from None


def check_home() -> None:
    """Raises EngineError (HOME) where something else than a folder is where `home` is, or above it."""
    for folder in (home(), *home().parents):
        if folder.exists():
            if not folder.is_dir():
                raise EngineError(Failure.HOME, f"{folder} is a file, and no folder", ANOTHER_HOME)
            return


def engine_folder(version: Version) -> Path:
    """Where the engine of this version is, or would be."""
    return home() / "engine" / str(version)


def checksum(file: Path) -> str:
    """The SHA-256 of a file; 0.3 s for the 115 MB of an engine."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def seal(folder: Path, version: Version, origin: Origin) -> None:
    """Write the manifest of a finished engine: of `pulumi` and, if it brought one, its Python host."""
    run = sorted((folder / "bin").glob("pulumi-language-python*")) if origin is Origin.OFFICIAL else []
    manifest = {
        "version": str(version),
        "origin": origin.value,
        "sha256": {
            str(file.relative_to(folder)): checksum(file) for file in (folder / "bin" / "pulumi", *run)
        },
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


def verify(folder: Path) -> Manifest:
    """The manifest of an engine whose files are what they were. Raises EngineError (CORRUPT) else."""
    try:
        data = json.loads((folder / MANIFEST).read_text("utf-8"))
        manifest = Manifest(data["version"], Origin(data["origin"]), dict(data["sha256"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EngineError(Failure.CORRUPT, f"{folder} has no readable manifest ({error})", REBUILD) from None
    if "bin/pulumi" not in manifest.sha256:
        raise EngineError(Failure.CORRUPT, f"the manifest in {folder} does not name bin/pulumi", REBUILD)
    for name, expected in manifest.sha256.items():
        file = folder / name
        if not file.is_file():
            raise EngineError(Failure.CORRUPT, f"{file} is missing", REBUILD)
        if checksum(file) != expected:
            message = f"{file} is not what was put there: its SHA-256 is not the manifest's {expected[:12]}…"
            raise EngineError(Failure.CORRUPT, message, REBUILD)
    return manifest


@contextmanager
def locked(version: Version, on_wait: Callable[[], None]) -> Generator[None]:
    """Be the only one to bring this version. `on_wait` is called once where another one does already.

    The lock is the kernel's: it goes with its process, however that ends.
    """
    file = engine_folder(version).with_name(f"{version}.lock")
    check_home()
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = file.open("a")
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def staging(version: Version) -> Generator[Path]:
    """A folder to bring an engine into, gone afterwards; `publish` takes it before that. Needs the lock."""
    parent = engine_folder(version).parent
    for stale in parent.glob(f"{STAGING}{version}-*"):
        shutil.rmtree(stale, ignore_errors=True)
    with writing(parent):
        folder = Path(tempfile.mkdtemp(prefix=f"{STAGING}{version}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(staged: Path, version: Version) -> Path:
    """Put a finished engine in its place, at once and whole. Needs the lock."""
    folder = engine_folder(version)
    if folder.exists():
        folder.rename(staged.with_name(f"{STAGING}{version}-old"))
    staged.rename(folder)
    shutil.rmtree(staged.with_name(f"{STAGING}{version}-old"), ignore_errors=True)
    return folder
