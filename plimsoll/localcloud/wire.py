"""Values as the providers' protocol carries them, as JSON-like Python.

Unknowns, secrets, assets and references keep the protocol's own sentinels, so that they pass through
untouched; here is what looks inside them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from google.protobuf import struct_pb2

from plimsoll.preview.decode import SIGNATURE_KEY, UNKNOWN_TEXT, Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Wire: TypeAlias = Any
"""JSON: None, bool, int, float, str, list, or dict with text as keys."""

Properties: TypeAlias = dict[str, Wire]

UNKNOWN: Final = UNKNOWN_TEXT


class Unknown(StrEnum):
    """The sentinels of unknowns, one for each type (`sdk/go/common/resource/plugin/rpc.go`).

    Engine and bridged providers write `STRING` whatever the type.
    """

    STRING = UNKNOWN_TEXT
    BOOL = "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"
    NUMBER = "3eeb2bf0-c639-47a8-9e75-3b44932eb421"
    ARRAY = "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2"
    OBJECT = "dd056dcd-154b-4c76-9bd3-c8f88648b5ff"
    ASSET = "030794c1-ac77-496b-92df-f27374a8bd58"
    ARCHIVE = "e48ece36-62e2-4504-bad9-02848725956a"


OUTPUT_VALUE: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
"""The signature of a value that says itself whether it is known and secret, and what it depends on."""


def read(struct: struct_pb2.Struct) -> Properties:
    """A message's properties, in the order of their names. Numbers without a fraction become `int`."""
    return {name: _read(struct.fields[name]) for name in sorted(struct.fields)}


def _read(value: struct_pb2.Value) -> Wire:
    match value.WhichOneof("kind"):
        case "string_value":
            return value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if float(number).is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_read(item) for item in value.list_value.values]
        case "struct_value":
            return read(value.struct_value)
        case _:
            return None


def write(properties: Mapping[str, Wire]) -> struct_pb2.Struct:
    """Properties as a message."""
    struct = struct_pb2.Struct()
    struct.update(properties)
    return struct


def signature(value: Wire) -> str | None:
    """What kind of special value an object is, or None for plain data."""
    return str(value[SIGNATURE_KEY]) if isinstance(value, dict) and SIGNATURE_KEY in value else None


def is_secret(value: Wire) -> bool:
    """Whether the value itself is wrapped as a secret."""
    return signature(value) == Signature.SECRET


def secret(value: Wire) -> Wire:
    """The value as a secret; one that is already is left alone."""
    return value if is_secret(value) else {SIGNATURE_KEY: Signature.SECRET.value, "value": value}


def bare(value: Wire) -> Wire:
    """The value inside a secret, or the value itself."""
    while is_secret(value):
        value = value.get("value")
    return value


def at(value: Wire, steps: Iterable[str | int]) -> Wire:
    """What is at a path, which leads into secrets too; None where there is nothing."""
    for step in steps:
        value = bare(value)
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def unknown_kind(value: Wire) -> Unknown | None:
    """Which unknown the value is, or None for one that is known."""
    return Unknown(value) if isinstance(value, str) and value in _SENTINELS else None


_SENTINELS: Final = frozenset(map(str, Unknown))


@dataclass(frozen=True, slots=True)
class OutputValue:
    """What stands inside a value that is wrapped as an output."""

    value: Wire
    secret: bool


def output_value(value: Wire) -> OutputValue | None:
    """What a value that is wrapped as an output holds, or None for any other."""
    if signature(value) != OUTPUT_VALUE:
        return None
    return OutputValue(value.get("value", UNKNOWN), bool(value.get("secret", False)))


def has_unknown(value: Wire) -> bool:
    """Whether any part of the value is unknown."""
    match value:
        case str():
            return unknown_kind(value) is not None
        case dict() if (wrapped := output_value(value)) is not None:
            return has_unknown(wrapped.value)
        case list():
            return any(map(has_unknown, value))
        case dict():
            return any(map(has_unknown, value.values()))
        case _:
            return False


def same(old: Wire, new: Wire) -> bool:
    """Whether two values mean the same to a provider, which an unknown never does.

    Numbers are compared by value, also against the text that spells them, since bridged providers convert
    one to the other; texts that are JSON objects or lists by what they mean; None is as good as absent.
    Whether a value is secret does not count: the engine keeps track of that.
    """
    old, new = bare(old), bare(new)
    if unknown_kind(old) is not None or unknown_kind(new) is not None:
        return False
    match old, new:
        case dict(), dict():
            return all(same(old.get(name), new.get(name)) for name in old.keys() | new.keys())
        case list(), list():
            return len(old) == len(new) and all(map(same, old, new))
        case str(), str():
            return old == new or _same_json(old, new)
        case (str() as text, (int() | float()) as number) | ((int() | float()) as number, str() as text):
            return _spells(text, number)
        case (bool(), bool()) | (None, None):
            return old is new
        case (bool(), _) | (_, bool()):
            return False
        case _:
            return bool(old == new)


def _spells(text: str, number: float) -> bool:
    if isinstance(number, bool):
        return text == str(number).lower()
    try:
        return float(text) == number
    except ValueError:
        return False


def _same_json(old: str, new: str) -> bool:
    if not (old.lstrip().startswith(("{", "[")) and new.lstrip().startswith(("{", "["))):
        return False
    try:
        return bool(json.loads(old) == json.loads(new))
    except ValueError:
        return False


def type_of(urn: str) -> str:
    """The type of the resource that a URN names, without its parents' types."""
    return urn.split("::")[2].rpartition("$")[2]
