"""What "already exists" before REF comes up, from a file of JSON lines: a type, an id and inputs on each."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from plimsoll.settings.errors import Fault, SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from plimsoll.localcloud.cloud import LocalCloud

EXAMPLE: Final = '{"type": "gcp:storage/bucket:Bucket", "id": "photos", "inputs": {"name": "photos"}}'
_KEYS: Final = ("type", "id", "inputs")


@dataclass(frozen=True, slots=True)
class Seed:
    """One thing that exists. `inputs` are in the protocol's names; `line` is where the file says so."""

    type: str
    id: str
    inputs: dict[str, Any] = field(repr=False)
    file: Path
    line: int


def read_seeds(file: Path) -> tuple[Seed, ...]:
    """Read the file. Raises SettingsError with everything that is wrong, by line."""
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise SettingsError([_fault(file, None, f"it cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise SettingsError([_fault(file, None, "it is not UTF-8")]) from None
    seeds: list[Seed] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _read(line, file, number)
        if isinstance(found, Seed):
            seeds.append(found)
        else:
            faults.append(found)
    first: dict[tuple[str, str], int] = {}
    for seed in seeds:
        earlier = first.setdefault((seed.type, seed.id), seed.line)
        if earlier != seed.line:
            faults.append(_fault(file, seed.line, f"the {seed.type} {seed.id} is in line {earlier} already"))
    if faults:
        raise SettingsError(faults)
    return tuple(seeds)


def _read(line: str, file: Path, number: int) -> Seed | Fault:
    try:
        said = json.loads(line)
    except ValueError as error:
        return _fault(file, number, f"it is not JSON: {error}")
    if not isinstance(said, dict):
        return _fault(file, number, "it is not a JSON object")
    unknown = [name for name in said if name not in _KEYS]
    if unknown:
        return _fault(file, number, f"{', '.join(unknown)}: not known here; there are {', '.join(_KEYS)}")
    type_, id_, inputs = said.get("type"), said.get("id"), said.get("inputs", {})
    if not isinstance(type_, str) or type_.count(":") != 2 or not all(type_.split(":")):
        return _fault(file, number, "its type is no type token, such as gcp:storage/bucket:Bucket")
    if not isinstance(id_, str) or not id_:
        return _fault(file, number, "its id is missing, or no text")
    if not isinstance(inputs, dict):
        return _fault(file, number, "its inputs are no object")
    return Seed(type_, id_, inputs, file, number)


def seed(cloud: LocalCloud, seeds: Sequence[Seed]) -> None:
    """Let all of it exist. Raises SettingsError, by line, for inputs that its class refuses."""
    faults = [
        _fault(one.file, one.line, f"{problem.path} {problem.reason}", one.type)
        for one in seeds
        for problem in cloud.problems(one.type, one.inputs)
    ]
    if faults:
        raise SettingsError(faults)
    for one in seeds:
        cloud.seed(one.type, one.id, one.inputs)


def _fault(file: Path, line: int | None, message: str, key: str | None = None) -> Fault:
    remedy = f"write one such object a line: {EXAMPLE}"
    return Fault(message, file=file, line=line, key=key, rule="rehearse/seed", remedy=remedy)
