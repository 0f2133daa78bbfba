"""As whom the server runs. PostgreSQL refuses root; then it is a user that exists already, and no folder of
anybody else is opened for it.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plimsoll.localdb.failure import Failure, LocalDatabaseError

if TYPE_CHECKING:
    from pathlib import Path

_INSTEAD_OF_ROOT: Final = ("postgres", "nobody")
_PATIENCE: Final = 120.0
"""Seconds that one of PostgreSQL's programs may take."""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who runs PostgreSQL's programs; `account` is None where that is who runs Plimsoll."""

    account: pwd.struct_passwd | None

    def own(self, path: Path) -> None:
        """Hand a file or folder of ours to this user, for nobody else to read."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self.account is not None:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)

    def run(self, *command: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs to its end, in no locale and with no settings of the caller's."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment |= {"LC_ALL": "C", **variables}
        account = self.account
        try:
            return subprocess.run(
                command,
                input=stdin,
                cwd="/",
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=_PATIENCE,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )
        except PermissionError:
            raise self._unreachable(command[0]) from None
        except subprocess.TimeoutExpired:
            raise LocalDatabaseError(
                Failure.FAILED, f"{command[0]} does not come to an end within {_PATIENCE:.0f} seconds"
            ) from None

    def must_reach(self, folder: Path) -> None:
        """Refuse a folder that this user cannot enter. Raises LocalDatabaseError."""
        if self.account is not None and self.run("/bin/sh", "-c", 'cd "$0"', str(folder)).returncode:
            raise self._unreachable(str(folder))

    def _unreachable(self, path: str) -> LocalDatabaseError:
        name = self.account.pw_name if self.account else "this user"
        return LocalDatabaseError(
            Failure.UNREACHABLE,
            f"PostgreSQL refuses to run as root, and the user {name} cannot reach {path}",
            "run this as an ordinary user, or keep the project and PLIMSOLL_HOME where others may enter",
        )


def server_user() -> ServerUser:
    """Who runs Plimsoll; in place of root `postgres`, else `nobody`. Raises LocalDatabaseError."""
    if os.geteuid() != 0:
        return ServerUser(None)
    for name in _INSTEAD_OF_ROOT:
        try:
            return ServerUser(pwd.getpwnam(name))
        except KeyError:
            continue
    raise LocalDatabaseError(
        Failure.UNREACHABLE,
        "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody",
        "run this as an ordinary user",
    )
