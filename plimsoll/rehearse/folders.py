"""A rehearsal's folder, and what becomes of it when its process is killed.

A rehearsal tidies up after itself, whatever happens, but for SIGKILL and a power cut. So each folder says
whose it is, in a file that its process holds locked for as long as it lives; and each rehearsal first sweeps
away the folders that nobody holds any more. A folder without that file, as one that is kept, is left alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO, Final

PREFIX: Final = "plimsoll-rehearse-"

OWNER: Final = "owner.json"
"""The file with the pid of the folder's process and when that was started."""

_PATIENCE: Final = 5.0
"""Seconds in which a folder must be gone."""


class Folder:
    """A new folder, gone on leaving it unless `keep`. `path` is resolved."""

    def __init__(self, *, keep: bool) -> None:
        # Resolved, because programs say where they are by their resolved paths.
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        self._keep = keep
        self._owner = None if keep else _own(self.path)

    def leave(self) -> None:
        """Delete it, or leave it to whoever wants to look into it."""
        if self._keep:
            return
        delete(self.path)
        if self._owner is not None:
            self._owner.close()


def _own(folder: Path) -> IO[str]:
    """Say whose the folder is. The file has its name only once it is locked: it is never seen without."""
    unnamed = folder / f"{OWNER}.new"
    file = unnamed.open("w", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    json.dump({"pid": os.getpid(), "started": started(os.getpid())}, file)
    file.flush()
    unnamed.rename(folder / OWNER)
    return file


def sweep() -> tuple[Path, ...]:
    """Delete the folders of this user's rehearsals whose process is gone, and give them."""
    orphans = [folder for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_orphan(folder)]
    for folder in orphans:
        delete(folder)
    return tuple(orphans)


def _is_orphan(folder: Path) -> bool:
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        with (folder / OWNER).open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            said = json.load(file)
            # Also where the file system's locks count on one machine only, or not at all.
            return started(int(said["pid"])) != said["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def started(pid: int) -> str | None:
    """When a living process was started, in the words of its system; None where there is no such process.

    So that a pid which was given again is not taken for the process that had it.
    """
    try:
        # `pid (name) state … starttime …`, the 22nd, where the name may hold anything.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except OSError:
        if Path("/proc/self").exists():
            return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"


def delete(folder: Path) -> None:
    """Delete a folder. What was killed a moment ago may still write a file in between."""
    deadline = time.monotonic() + _PATIENCE
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
