"""Where each value of a JSON text stands, so that a finding can name its line; and which keys stand twice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
_ATOM = re.compile(r'[^\s,\]}"]+')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
Path = tuple[str | int, ...]


@dataclass(slots=True)
class Places:
    """Where values begin, by their path."""

    text: str
    found: dict[Path, int] = field(default_factory=dict)
    twice: list[Path] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of the value, from 1, or of the nearest one around it that is written."""
        while path and path not in self.found:
            path = path[:-1]
        return self.text.count("\n", 0, self.found.get(path, 0)) + 1


def read(text: str) -> tuple[Any, Places]:
    """Parse JSON, and say where everything is. Raises json.JSONDecodeError, RecursionError."""
    value = json.loads(text, parse_constant=_refuse)
    places = Places(text)
    _walk(places, (), _skip(text, 0))
    return value, places


def _refuse(constant: str) -> float:
    raise json.JSONDecodeError(f"{constant} is no number of JSON", constant, 0)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _walk(places: Places, path: Path, at: int) -> int:
    """Note where the value at `at`, of valid JSON, begins, and everything in it; return where it ends."""
    text = places.text
    if path in places.found:
        places.twice.append(path)
    places.found[path] = at
    if text[at] in "{[":
        return _inside(places, path, at)
    match = (_STRING if text[at] == '"' else _ATOM).match(text, at)
    return match.end() if match else at + 1


def _inside(places: Places, path: Path, at: int) -> int:
    text, is_object, index = places.text, places.text[at] == "{", 0
    at = _skip(text, at + 1)
    while text[at] not in "]}":
        key: str | int = index
        if is_object:
            match = _STRING.match(text, at)
            end = match.end() if match else at
            key = str(json.loads(text[at:end]))
            at = _skip(text, _skip(text, end) + 1)
        at = _skip(text, _walk(places, (*path, key), at))
        if text[at] == ",":
            at = _skip(text, at + 1)
        index += 1
    return at + 1
