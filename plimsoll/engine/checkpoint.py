"""The file in which a file backend keeps a stack's state, and the older ones beside it.

.pulumi/stacks/PROJECT/STACK.json            the state; `.json.gz` where the backend compresses
.pulumi/stacks/PROJECT/STACK.json.bak        the one before the last write
.pulumi/history/PROJECT/STACK/…checkpoint.json, .pulumi/backups/PROJECT/STACK/…json    after each update
(`pkg/backend/diy/store.go`)
"""

from __future__ import annotations

import gzip
import json
import os
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from plimsoll.engine.locks import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterator

_GZIP: Final = b"\x1f\x8b"
_OF_A_STATE: Final = ("checkpoint", "JSON", "json", "deployment", "snapshot")
"""Words in the engine's sentence where it cannot read a state."""


@dataclass(frozen=True, slots=True)
class Damage:
    """A state that the engine cannot read: why, in its words, and what brings back the last good one.

    `file` is the state's, `good` the newest one that reads well, written at `good_since`; None in a bucket
    or where there is none.
    """

    why: str
    remedy: str
    file: Path | None = None
    good: Path | None = None
    good_since: datetime | None = None


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
    """What is wrong with a state that `pulumi stack export` fails at; None where that is something else."""
    if folder is None:
        if not _speaks_of_a_state(said):
            return None
        return Damage(said, _versions(backend, project, stack))
    file = state_file(folder, project, stack)
    if file is None or (read_state(file) is not None and not _speaks_of_a_state(said)):
        return None
    good = max(_older(folder, project, stack), default=None)
    if good is None:
        remedy = f"there is no older one in {folder}: bring back a copy of {file} from your backups"
        return Damage(f"{file} is damaged: {said}", remedy, file)
    since, path = good
    remedy = f"keep {file.name} aside, then: cp {shlex.quote(str(path))} {shlex.quote(str(file))}"
    return Damage(f"{file} is damaged: {said}", remedy, file, path, since)


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


def _older(folder: Path, project: str, stack: str) -> Iterator[tuple[datetime, Path]]:
    """The older states that read well, each with the time at which it was written."""
    own = folder / ".pulumi"
    candidates = [
        *(own / "stacks" / project).glob(f"{stack}.json*.bak"),
        *(own / "history" / project / stack).glob("*.checkpoint.json*"),
        *(own / "backups" / project / stack).glob("*.json*"),
    ]
    for file in candidates:
        if file.suffix != ".attrs" and (since := read_state(file)) is not None:
            yield since, file


def read_state(file: Path) -> datetime | None:
    """When a state was written, the beginning of time where it does not say so; None where it is none."""
    try:
        content = file.read_bytes()
        told = json.loads(gzip.decompress(content) if content[:2] == _GZIP else content)
        manifest = (told["checkpoint"].get("latest") or {}).get("manifest") or {}
        return parse_time(str(manifest.get("time"))) or datetime.min.replace(tzinfo=UTC)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_state(damage: Damage) -> None:
    """Put the last good state where the damaged one is, whole and at once. Keep that one aside first."""
    if damage.file is None or damage.good is None:
        raise AssertionError("there is none to bring back")
    content = damage.good.read_bytes()
    compressed = content[:2] == _GZIP
    if (damage.file.suffix == ".gz") != compressed:
        content = gzip.decompress(content) if compressed else gzip.compress(content)
    staged = damage.file.with_name(f".{damage.file.name}-{os.getpid()}")
    staged.write_bytes(content)
    staged.replace(damage.file)
