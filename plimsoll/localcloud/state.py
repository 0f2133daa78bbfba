"""What exists in the local cloud: frozen records in one file, which several runs of the engine share.

The file is a journal: one line of JSON for each change, the last one about a resource counts, and it is
written anew when it is opened. A line that was cut off by a crash is dropped. It holds secrets as they came,
in clear, which is why only its owner may read it (mode 0600): it is a cloud's memory on a laptop, not
Pulumi's state, where they are encrypted.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.localcloud.wire import Properties

FORMAT: Final = {"local cloud": 1}
"""The journal's first line. Raised when an older reader would misread what follows."""


class StateError(Exception):
    """The local cloud cannot be opened: what is in the way, and what to do."""


class AlreadyExistsError(Exception):
    """There is something of this type and identity already."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that exists.

    `identity` is what no two of a type may share, "" where nothing hinders a second one. `inputs` are what
    was last asked for, `properties` what is live: someone may have changed them since. `generation` counts
    from 1 the times that it was written.
    """

    type: str
    id: str
    urn: str = ""
    identity: str = ""
    inputs: Properties = field(default_factory=dict, repr=False)
    properties: Properties = field(default_factory=dict, repr=False)
    generation: int = 1


class State:
    """The records of one cloud. Thread-safe; open in one process at a time."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises StateError where another process has it, or it is no such file."""
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str], Record] = {}
        self._counts: dict[str, int] = {}
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateError(
                f"{path} cannot be opened ({error.strerror}): name a file in a folder that you may write to"
            ) from error
        self._file = os.fdopen(descriptor, "r+", encoding="utf-8")
        try:
            os.fchmod(descriptor, 0o600)
            self._lock_file(path)
            self._replay(path)
        except StateError:
            self._file.close()
            raise
        self._compact()

    def _lock_file(self, path: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StateError(
                f"{path} belongs to a local cloud that is still running: end that one, or name another file"
            ) from error

    def _replay(self, path: Path) -> None:
        """Take in what the file says; an empty one says nothing."""
        try:
            # What follows the last line break is empty, or was cut off.
            header, *events = [json.loads(line) for line in self._file.read().split("\n")[:-1]] or [FORMAT]
            for event in events if header == FORMAT else [{}]:
                self._apply(event)
        except (ValueError, KeyError, TypeError) as error:
            raise StateError(
                f"{path} is not a local cloud's state: name another file, or delete it to begin with "
                "an empty cloud"
            ) from error

    def _compact(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._write(FORMAT)
        for key, number in self._counts.items():
            self._write({"count": key, "to": number})
        for record in self._records.values():
            self._write({"put": asdict(record)})

    def _apply(self, event: dict[str, Any]) -> None:
        if "put" in event:
            record = Record(**event["put"])
            self._records[record.type, record.id] = record
        elif "gone" in event:
            self._records.pop(tuple(event["gone"]), None)
        else:
            self._counts[event["count"]] = event["to"]

    def _write(self, event: dict[str, Any]) -> None:
        self._file.write(json.dumps(event) + "\n")
        self._file.flush()

    def _change(self, event: dict[str, Any]) -> None:
        self._apply(event)
        self._write(event)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    @property
    def records(self) -> tuple[Record, ...]:
        """All that exists, in the order in which it was made."""
        with self._lock:
            return tuple(self._records.values())

    def find(self, type_: str, id_: str) -> Record | None:
        """What has this type and id, or None."""
        with self._lock:
            return self._records.get((type_, id_))

    def create(self, record: Record) -> None:
        """Add something new. Raises AlreadyExistsError where its id or identity is taken."""
        with self._lock:
            for other in self._records.values():
                same_identity = record.identity and record.identity == other.identity
                if other.type == record.type and (other.id == record.id or same_identity):
                    raise AlreadyExistsError(record.identity or record.id)
            self._change({"put": asdict(record)})

    def put(self, record: Record) -> None:
        """Write something, whether or not it existed."""
        with self._lock:
            self._change({"put": asdict(record)})

    def edit(self, type_: str, id_: str, changes: Properties) -> Record:
        """Change live properties behind the engine's back, as a person at a console does: drift.

        Raises KeyError where there is no such thing.
        """
        with self._lock:
            record = self._records[type_, id_]
            drifted = replace(record, properties={**record.properties, **changes})
            self._change({"put": asdict(drifted)})
            return drifted

    def remove(self, type_: str, id_: str) -> None:
        """Delete something, if it is there."""
        with self._lock:
            if (type_, id_) in self._records:
                self._change({"gone": [type_, id_]})

    def count(self, key: str) -> int:
        """The next number of a series, from 1. Numbers are never given twice, whatever is deleted."""
        with self._lock:
            number = self._counts.get(key, 0) + 1
            self._change({"count": key, "to": number})
            return number
