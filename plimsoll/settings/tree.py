"""What a YAML file says, as a tree of values that know their lines, and as the engine's JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Trail = tuple[str | int, ...]
"""The names and indices that lead to a node."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A word, number, truth value or null.

    `text` is what the file says, quotes and escapes resolved. `value` is what the engine makes of it: a float
    where it first reads a float (`1e3`), although it goes on to write `1000`.
    """

    value: str | int | float | bool | None
    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order written; merged ones (`<<`) come last, with their own lines."""

    entries: tuple[tuple[Scalar, Node], ...]
    line: int
    column: int

    def get(self, name: str) -> Node | None:
        """The value of a key, or None where the map lacks it."""
        return next((value for key, value in self.entries if key.text == name), None)


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    line: int
    column: int


Node = Scalar | Mapping | Sequence


def to_python(node: Node) -> Any:  # noqa: ANN401 (a tree of JSON values has no narrower type)
    """The value as a program gets it by parsing the engine's JSON: `1e3` and `1.0` are ints there."""
    match node:
        case Mapping():
            return {key.text: to_python(value) for key, value in node.entries}
        case Sequence():
            return [to_python(item) for item in node.items]
        case Scalar(value=float(number)) if number == int(number):
            return int(number)
        case _:
            return node.value


def to_json(node: Node) -> str:
    """The value as the engine's JSON, to the character: Go's encoding/json with sorted keys.

    Source: encoding/json, encode.go (floats, and the escapes of its default HTML mode).
    """
    match node:
        case Mapping():
            members = sorted((key.text, value) for key, value in node.entries)
            return "{" + ",".join(f"{_json_string(name)}:{to_json(value)}" for name, value in members) + "}"
        case Sequence():
            return "[" + ",".join(map(to_json, node.items)) + "]"
        case Scalar(value=str(text)):
            return _json_string(text)
        case Scalar(value=float(number)):
            return _json_float(number)
        case _:
            return json.dumps(node.value)


def _json_string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _json_float(number: float) -> str:
    if number == int(number):
        return str(int(number))
    if abs(number) >= 1e-6:
        return format(Decimal(repr(number)), "f")
    return repr(number).replace("e-0", "e-")
