"""The file in which a file backend keeps a stack's state, and the older ones beside it.

.pulumi/stacks/PROJECT/STACK.json            the state; `.json.gz` where the backend compresses
.pulumi/stacks/PROJECT/STACK.json.bak        the one before the last write
.pulumi/history/PROJECT/STACK/…checkpoint.json, .pulumi/backups/PROJECT/STACK/…json    after each update
.pulumi/history/PROJECT/STACK/…history.json    what that update was, and how it went
FILE.attrs                                   beside each of them: its content type and checksum
(`pkg/backend/diy/store.go`; the last is gocloud.dev's `blob/fileblob`: where it is no JSON,
it reads neither)
"""

from __future__ import annotations

import gzip
import json
import os
import shlex
import shutil
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from plimsoll.engine.locks import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_GZIP: Final = b"\x1f\x8b"
_OF_A_STATE: Final = ("checkpoint", "JSON", "json", "deployment", "snapshot")
"""Words in the engine's sentence where it cannot read a state."""

DESTROY: Final = "destroy"
"""The kind of an update after which a state knows nothing, as it should."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a stack's state: why, in the engine's words where it has any, and what mends it.

    `file` is the damaged one, `good` the newest state that reads well, written at `good_since`; None in a
    bucket or where there is none. `spare`: the file need only be kept aside, for the engine does without it.
    """

    why: str
    remedy: str
    file: Path | None = None
    good: Path | None = None
    good_since: datetime | None = None
    spare: bool = False

    @property
    def mendable(self) -> bool:
        """Whether `mend` can do it."""
        return self.file is not None and (self.spare or self.good is not None)


@dataclass(frozen=True, slots=True, order=True)
class State:
    """A state that reads well: when it was written, and how many resources it knows.

    `since` is the beginning of time where it does not say so.
    """

    since: datetime
    resources: int


def file_backend(url: str, cwd: Path) -> Path | None:
    """The folder of a `file://` backend, as the engine reads it in `cwd`; None for every other one."""
    if not url.startswith("file://"):
        return None
    path = unquote(url.removeprefix("file://").partition("?")[0])
    return (cwd / Path(path or ".").expanduser()).absolute()


def state_file(backend: Path, project: str, stack: str) -> Path | None:
    """The file of a stack's state, if there is one."""
    plain = backend / ".pulumi" / "stacks" / project / f"{stack}.json"
    return next((file for file in (plain, plain.with_name(f"{plain.name}.gz")) if file.is_file()), None)


def find_damage(said: str, backend: str, folder: Path | None, project: str, stack: str) -> Damage | None:
    """What is wrong with a state, if anything is.

    `said` is what the engine fails at it with, "" where it does not: what it takes for an empty state may be
    a damaged one. In a bucket (`folder` None) only its words are known.
    """
    if folder is None:
        return Damage(said, _versions(backend, project, stack)) if _speaks_of_a_state(said) else None
    sidecar = next((file for file in _sidecars(folder, project, stack) if not _is_object(file)), None)
    if sidecar is not None:
        beside = sidecar.with_suffix("")
        return Damage(
            f"{sidecar} is damaged (it only says the checksum of {beside.name}), and the engine reads neither"
            + (f": {said}" if said else ""),
            f"keep it aside: mv {shlex.quote(str(sidecar))} {shlex.quote(f'{sidecar}.damaged')}",
            sidecar,
            spare=True,
        )
    file = state_file(folder, project, stack)
    state = None if file is None else read_state(file)
    if file is None or (state is not None and said and not _speaks_of_a_state(said)):
        return None
    if state is None or said:
        why = f"{file} is damaged: {said or 'it says nothing of a stack'}"
    else:
        why = f"{file} knows no resource any more, and the last update was no destroy"
    last = _last_update(folder, project, stack)
    older = [one for one in _older(folder, project, stack) if one[1].read_bytes() != file.read_bytes()]
    if last != DESTROY:
        # One that lost everything is no better.
        older = [one for one in older if one[0].resources] or older
    good = max(older, default=None)
    if state is not None and not said:
        lost = last not in {"", DESTROY} and good is not None and good[0].resources
        if state.resources or not lost:
            return None
    if good is None:
        remedy = f"there is no older one in {folder}: bring back a copy of {file} from your backups"
        return Damage(why, remedy, file)
    found, path = good
    remedy = f"keep {file.name} aside, then: cp {shlex.quote(str(path))} {shlex.quote(str(file))}"
    return Damage(why, remedy, file, path, found.since)


def emptied(history: Sequence[Mapping[str, Any]], backend: str, project: str, stack: str) -> Damage | None:
    """The damage of a state in a bucket that knows no resource, by the newest entry of its history.

    An update that left resources, or found them as they were, cannot have left such a state.
    """
    last = history[0] if history else {}
    left = {"create", "same", "update", "replace", "import"} & (last.get("resourceChanges") or {}).keys()
    if not left or last.get("kind") == DESTROY:
        return None
    why = f"the state knows no resource any more, and the last update was no destroy ({last.get('kind')})"
    return Damage(why, _versions(backend, project, stack))


def _speaks_of_a_state(said: str) -> bool:
    return any(word in said for word in _OF_A_STATE)


def _versions(backend: str, project: str, stack: str) -> str:
    state = f"{backend.partition('?')[0].rstrip('/')}/.pulumi/stacks/{project}/{stack}.json"
    if not backend.startswith("gs://"):
        return f"copy an older version of {state} over it; every bucket that keeps versions has one"
    return (
        f"`gcloud storage ls --all-versions {shlex.quote(state)}` lists the versions; the newest whole one "
        f"comes back with: gcloud storage cp {shlex.quote(f'{state}#GENERATION')} {shlex.quote(state)}"
    )


def _folders(folder: Path, project: str, stack: str) -> tuple[Path, Path, Path]:
    """Where the state, the history and the backups of a stack are."""
    own = folder / ".pulumi"
    return own / "stacks" / project, own / "history" / project / stack, own / "backups" / project / stack


def _sidecars(folder: Path, project: str, stack: str) -> Iterator[Path]:
    """What says something about the stack's files, the state's own first."""
    states, *others = _folders(folder, project, stack)
    yield from sorted(states.glob(f"{stack}.json*.attrs"))
    for other in others:
        yield from sorted(other.glob("*.attrs"))


def _last_update(folder: Path, project: str, stack: str) -> str:
    """What the last update was: `update`, `destroy`, …; "" where there has been none that reads well."""
    _, history, _ = _folders(folder, project, stack)
    # Their names end with the time, in nanoseconds.
    for file in sorted(history.glob("*.history.json*"), reverse=True):
        if file.suffix != ".attrs" and isinstance(told := _read(file), dict):
            return str(told.get("kind", ""))
    return ""


def _older(folder: Path, project: str, stack: str) -> Iterator[tuple[State, Path]]:
    """The older states that read well."""
    states, history, backups = _folders(folder, project, stack)
    candidates = [
        *states.glob(f"{stack}.json*.bak"),
        *history.glob("*.checkpoint.json*"),
        *backups.glob("*.json*"),
    ]
    for file in candidates:
        if file.suffix != ".attrs" and (state := read_state(file)) is not None:
            yield state, file


def _read(file: Path) -> object:
    """What a file says in JSON, compressed or not; None where it says nothing that could be read."""
    try:
        content = file.read_bytes()
        return json.loads(gzip.decompress(content) if content[:2] == _GZIP else content)
    except (OSError, EOFError, ValueError, zlib.error):
        return None


def _is_object(file: Path) -> bool:
    return isinstance(_read(file), dict)


def read_state(file: Path) -> State | None:
    """A state, as a file backend keeps it; None where the file is none, or is of no stack."""
    told: Any = _read(file)
    try:
        checkpoint = told["checkpoint"]
        if not checkpoint["stack"]:
            return None
        latest = checkpoint.get("latest") or {}
        since = parse_time(str((latest.get("manifest") or {}).get("time")))
        return State(since or datetime.min.replace(tzinfo=UTC), len(latest.get("resources") or ()))
    except (KeyError, TypeError, AttributeError):
        return None


def mend(damage: Damage) -> Path:
    """Keep the damaged file aside under a dated name, which is given, and mend it: whole and at once.

    What is spare is gone afterwards; else the last good state stands in its place.
    """
    if damage.file is None:
        raise AssertionError("there is nothing that could be mended here")
    kept = damage.file.with_name(f"{damage.file.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    if damage.spare:
        damage.file.rename(kept)
        return kept
    if damage.good is None:
        raise AssertionError("there is none to bring back")
    shutil.copy2(damage.file, kept)
    content = damage.good.read_bytes()
    compressed = content[:2] == _GZIP
    if (damage.file.suffix == ".gz") != compressed:
        content = gzip.decompress(content) if compressed else gzip.compress(content)
    staged = damage.file.with_name(f".{damage.file.name}-{os.getpid()}")
    staged.write_bytes(content)
    staged.replace(damage.file)
    return kept
