"""What lives before a rehearsal begins: the things that an environment adopts.

Nobody is asked what they are really like. By default each is what the program asks for, so that its import
finds it; a file (`rehearse --live`) says in what it differs:

{"service/api": {"template": {"timeout": "300s"}}, "instance/database": {"region": "us-central1"}}

A property that it sets to null is not there. Named but not adopted, a thing lives under its own id, and
whatever would be created in its place collides with it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from plimsoll.limits.adoption import key_of, kinds
from plimsoll.rehearse.failure import RehearsalError
from plimsoll.settings.explain import nearest
from plimsoll.settings.project import read_stack
from plimsoll.settings.tree import Mapping as MappingNode
from plimsoll.settings.tree import Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from plimsoll.localcloud.state import Record
    from plimsoll.localcloud.wire import Properties
    from plimsoll.rehearse.files import Environment

ADOPT = "adopt"
"""The configuration key, in the project's namespace, that maps KIND/NAME to an id."""

Live = dict[str, dict[str, Any]]
"""Properties of what lives, by KIND/NAME."""


def read_live(path: Path | None) -> Live:
    """The file's properties by KIND/NAME; empty without a file. Raises RehearsalError where it is none."""
    if path is None:
        return {}
    try:
        read: object = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _refused(path, f"cannot be read as JSON: {error}") from error
    if not isinstance(read, dict) or not all(isinstance(value, dict) for value in read.values()):
        raise _refused(path, "does not map resources to their properties")
    return cast("Live", read)


def _refused(path: Path, why: str) -> RehearsalError:
    return RehearsalError(
        "rehearse/live", f"{path} {why}", 'write {"service/api": {"template": {"timeout": "300s"}}}'
    )


def adopted_ids(environment: Environment) -> dict[str, str]:
    """What a stack file adopts: the id by KIND/NAME, as far as it can be read (the program judges it)."""
    written = read_stack(environment.project, environment.stack).entries
    entry = written.get(f"{environment.project.name}:{ADOPT}")
    node = None if entry is None else entry.node
    ids: dict[str, str] = {}
    for key, value in node.entries if isinstance(node, MappingNode) else ():
        id_ = value.get("id") if isinstance(value, MappingNode) else value
        if isinstance(id_, Scalar) and isinstance(id_.value, str):
            ids[key.text] = id_.value
    return ids


def pattern(key: str, stack: str, project: str) -> str:
    """The URN of what KIND/NAME names, as the engine's `--exclude` takes it, whatever it is declared in."""
    kind, _, name = key.partition("/")
    type_ = kinds()[kind].type if kind in kinds() else kind
    return f"urn:pulumi:{stack}::{project}::**{type_}::{name}"


def living(records: Iterable[Record], ids: Mapping[str, str], live: Live) -> Iterator[Record]:
    """Those of `records` that live, under the ids by which they are adopted, as `live` says that they are.

    Raises RehearsalError where `live` names what is not among them.
    """
    keyed = ((key_of(one.type, one.urn.rpartition("::")[2]), one) for one in records)
    named = {key: one for key, one in keyed if key is not None}
    for key in live:
        if key not in named:
            raise RehearsalError(
                "rehearse/live",
                f"--live names {key}, which the program does not declare",
                nearest(key, sorted(named)) or "`plimsoll adopt ENV` lists what there is",
            )
    # An id that is its own name means the name, wherever else it stands.
    new_ids = {
        record.id: ids[key]
        for key, record in named.items()
        if key in ids and record.id not in record.inputs.values()
    }
    for key, record in named.items():
        if key in ids or key in live:
            yield replace(
                record,
                id=ids.get(key, record.id),
                urn="",
                inputs=merged(_renamed(record.inputs, new_ids), live.get(key, {})),
                properties=merged(_renamed(record.properties, new_ids), live.get(key, {})),
            )


def _renamed(value: Any, ids: Mapping[str, str]) -> Any:  # noqa: ANN401 (any value)
    """A value in which each id of something that lives under another one is that other one."""
    match value:
        case dict():
            return {name: _renamed(inner, ids) for name, inner in value.items()}
        case list():
            return [_renamed(inner, ids) for inner in value]
        case str():
            return ids.get(value, value)
        case _:
            return value


def merged(properties: Properties, changes: Mapping[str, Any]) -> Properties:
    """Properties with changes at any depth; null takes one away. Lists are replaced whole."""
    result = dict(properties)
    for name, value in changes.items():
        inside = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(inside, dict):
            result[name] = merged(inside, value)
        else:
            result[name] = value
    return result
