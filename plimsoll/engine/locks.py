"""Who holds a stack's lock: from the engine's own words, or from a backend that is a folder.

The engine's backends other than Pulumi Cloud are locked by a file
`.pulumi/locks/ORGANIZATION/PROJECT/STACK/UUID.json` (`pkg/backend/diy/lock.go`), which stays when the engine
is killed. Previews take no lock and heed none.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_SAID: Final = re.compile(r"^\s*(\S+): created by (.*)@(\S*) \(pid (\d+)\) at (\S+)\s*$", re.MULTILINE)
_ELAPSED: Final = re.compile(r"(\S+)\s+(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)")
_LATENESS: Final = timedelta(seconds=5)
"""How much later than its lock a process may seem to have begun: `ps` counts whole seconds."""


class Holder(StrEnum):
    """What has become of a process that took a lock, as far as this machine can tell."""

    ALIVE = "alive"
    GONE = "gone"
    ELSEWHERE = "elsewhere"
    """It ran on another machine, of which nobody here can tell."""


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock: which process took it, of whom, on which machine, when (UTC), and the URL or file of it.

    `since` is None where the engine's file does not say it.
    """

    pid: int
    user: str
    host: str
    since: datetime | None
    where: str


def parse_locks(said: str) -> tuple[Lock, ...]:
    """The locks that the engine names where it refuses ("the stack is currently locked by …")."""
    return tuple(
        Lock(int(pid), user, host, parse_time(since), where.partition("?")[0])
        for where, user, host, pid, since in _SAID.findall(said)
    )


def read_locks(backend: Path, project: str, stack: str) -> tuple[Lock, ...]:
    """The locks of a stack in a file backend's folder, the oldest first.

    A file there that nobody can read is a lock all the same, of an unknown process.
    """
    found = []
    for file in sorted((backend / ".pulumi" / "locks").glob(f"*/{project}/{stack}/*.json")):
        try:
            said = json.loads(file.read_bytes())
            lock = Lock(
                int(said["pid"]),
                str(said["username"]),
                str(said["hostname"]),
                parse_time(str(said["timestamp"])),
                str(file),
            )
        except (OSError, ValueError, TypeError, KeyError):
            lock = Lock(0, "", "", None, str(file))
        found.append(lock)
    return tuple(sorted(found, key=lambda lock: lock.since or datetime.min.replace(tzinfo=UTC)))


def parse_time(text: str) -> datetime | None:
    """A time as the engine writes it, in UTC; None for any other text."""
    # Go writes nanoseconds, of which Python reads six digits.
    try:
        read = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)


def holder(lock: Lock, now: datetime | None = None) -> Holder:
    """Whether the process that took the lock still runs.

    A process that has its number and began after the lock was taken is another one.
    """
    if lock.pid <= 0 or lock.host.lower() != socket.gethostname().lower():
        return Holder.ELSEWHERE
    try:
        os.kill(lock.pid, 0)
    except ProcessLookupError:
        return Holder.GONE
    except PermissionError:
        pass  # Somebody else's, and alive.
    told = _ask_for(lock.pid)
    if told is None:
        return Holder.ALIVE
    if told[0].startswith("Z"):
        return Holder.GONE  # It has ended, and only waits for its parent to notice.
    began = (now or datetime.now(UTC)) - told[1]
    return Holder.GONE if lock.since and began > lock.since + _LATENESS else Holder.ALIVE


def _ask_for(pid: int) -> tuple[str, timedelta] | None:
    """The state of a process, and for how long it has run; None where nobody tells."""
    try:
        asked = subprocess.run(
            ["ps", "-o", "stat=", "-o", "etime=", "-p", str(pid)],  # noqa: S607 (POSIX's, wherever it is)
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    told = _ELAPSED.fullmatch(asked.stdout.strip())
    if told is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in told.groups()[1:])
    return str(told[1]), timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def explain(lock: Lock) -> str:
    """One lock in words: who holds it, since when, and whether that process still runs."""
    if lock.pid <= 0:
        return f"{lock.where} does not say whose lock it is"
    since = "" if lock.since is None else f" since {lock.since:%Y-%m-%d %H:%M:%S} UTC"
    fate = {
        Holder.ALIVE: "which is still running",
        Holder.GONE: "which has ended",
        Holder.ELSEWHERE: "another machine, of which nobody here can tell whether it still runs",
    }
    now = fate[holder(lock)]
    return f"locked by {lock.user}@{lock.host} (process {lock.pid}){since}, {now}"
