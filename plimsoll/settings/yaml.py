"""Pulumi's YAML: read as the engine reads it, with a line for every value, or refused by name.

The engine reads with Go's yaml.v3, which is neither YAML 1.1 nor 1.2: `yes` is a word, `12:30` is a word, `017`
is 15, `1e3` is 1000. We take only the events of ruamel.yaml, decide plain scalars by the engine's own table
(yaml.v3, resolve.go), and refuse what readers disagree on or what the engine changes silently.

This module knows YAML only; what the keys of a file mean is `project`'s business.
"""

from __future__ import annotations

import json
import math
import re
import stat
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from plimsoll.settings.errors import Fault, SettingsError, key_path, shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ruamel.yaml.events import Event

MAX_BYTES = 1_000_000
"""A settings file larger than this is refused: it would take ruamel.yaml seconds to read."""
MAX_DEPTH = 100
"""Maps and lists may nest this deep. It also keeps every recursion over a tree far from Python's own limit."""
MAX_EXPANDED = 10 * MAX_BYTES
"""Characters that a file may stand for once its aliases are followed."""
MAX_EXACT = 2**53
"""Beyond this, a number does not survive the floating point of JSON and of the engine's wire."""

SOURCE = "Pulumi's YAML, Go yaml.v3"

Trail = tuple[str | int, ...]
"""The names and indices that lead to a node."""

_BREAK = re.compile("\r\n|\r|\n")
_HALF = re.compile("[\ud800-\udfff]")


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
    """Keys and values in the order written; merged keys (`<<`) come last, where they were written first."""

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


def read(file: Path) -> Node | None:
    """Read a file: its tree, or None where it is empty, or null, or holds only comments.

    Raises SettingsError with every fault that could be found: a file that cannot be read or is no text has one.
    """
    return parse(_content(file), file)


def parse(content: bytes, file: Path | None = None) -> Node | None:
    """Read the content of a file, as `read` does. `file` is for the faults' sake."""
    text = _text(content, file)
    composer = _Composer(text, file)
    tree = composer.document()
    if composer.faults:
        raise SettingsError(composer.faults)
    return None if isinstance(tree, Scalar) and tree.value is None else tree


def to_python(node: Node) -> Any:  # noqa: ANN401 (a tree of JSON values has no narrower type)
    """The value as a program gets it by parsing the engine's JSON: `1e3` and `1.0` are ints there."""
    match node:
        case Mapping():
            return {key.text: to_python(value) for key, value in node.entries}
        case Sequence():
            return [to_python(item) for item in node.items]
        case Scalar(value=float(number)) if number.is_integer():
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
    if number.is_integer():
        return str(int(number))
    if abs(number) >= 1e-6:
        return format(Decimal(repr(number)), "f")
    return repr(number).replace("e-0", "e-")


# The file -------------------------------------------------------------------------------------------------------


def _refuse(file: Path | None, message: str, rule: str, remedy: str, line: int | None = None) -> NoReturn:
    raise SettingsError([Fault(message, file=file, line=line, rule=rule, remedy=remedy)])


def _content(file: Path) -> bytes:
    try:
        mode = file.stat().st_mode
        if stat.S_ISDIR(mode):
            _refuse(file, "this is a folder", "file/unreadable", "name a file")
        if not stat.S_ISREG(mode):
            _refuse(file, "this is not a regular file", "file/unreadable", "name a file")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _refuse(file, "there is no such file", "file/missing", "check the name and the folder")
    except PermissionError:
        _refuse(
            file, "you may not read this file", "file/unreadable", "check its permissions and its folder's"
        )
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        _refuse(file, f"the file cannot be read: {error}", "file/unreadable", "check the path and the disk")
    if len(content) > MAX_BYTES:
        _refuse(
            file,
            f"the file is larger than {MAX_BYTES // 1_000_000} MB",
            "file/too-large",
            "settings are a few kilobytes: is this another file's content?",
        )
    return content


_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What yaml.v3 refuses in a file (readerc.go), and the breaks on which readers differ: NEL, U+2028, U+2029."""


def _text(content: bytes, file: Path | None) -> str:
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        _refuse(file, "the file is UTF-16", "file/encoding", "save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse(file, "the file is not UTF-8 text", "file/encoding", "save it as UTF-8", line)
    if "\0" in text:
        _refuse(
            file, "the file is binary: it holds NUL bytes", "file/binary", "check that it is the right file"
        )
    faults = [
        Fault(
            f"the character U+{ord(found[0]):04X} is read differently by different YAML readers, or by none",
            file=file,
            line=line,
            column=found.start() + 1,
            rule="yaml/character",
            source=SOURCE,
            remedy=f'remove it, or write "\\u{ord(found[0]):04x}" in double quotes',
        )
        for line, said in enumerate(_BREAK.split(text), 1)
        for found in _FORBIDDEN.finditer(said)
    ]
    if faults:
        raise SettingsError(faults)
    return text


# Plain scalars --------------------------------------------------------------------------------------------------


class _AmbiguousError(ValueError):
    """A plain scalar that we refuse; its arguments are the message, the rule and the remedy."""


_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9].*)?", re.DOTALL)
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}


def _resolve(text: str) -> str | float | bool | None:
    """What the engine takes a plain scalar for: yaml.v3 3.0.1, resolve.go.

    Raises _AmbiguousError for what the engine refuses, rewrites or rounds.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _NOT_A_NUMBER.fullmatch(text):
        raise _AmbiguousError(
            "the engine refuses infinities and not-a-number", "yaml/number", "quote it, if it is text"
        )
    if _DATE.fullmatch(text):
        raise _AmbiguousError(
            "the engine takes this for a date and writes it in another form", "yaml/date", "quote it"
        )
    if text[0] not in "+-.0123456789":
        return text
    plain = text if text[0] == "." else text.replace("_", "")
    number = _integer(plain)
    if number is None and _FLOAT.fullmatch(plain):
        number = float(plain)
    if number is None or math.isinf(number):
        return text
    if abs(number) > MAX_EXACT:
        raise _AmbiguousError(
            "a number beyond 2^53 loses digits on its way to the program", "yaml/number", "quote it"
        )
    return number


def _integer(plain: str) -> int | None:
    """A whole number, where yaml.v3 finds one that fits its 64 bits."""
    # The sign may also follow the prefix of a base there: 0b-1.
    found = _INTEGER.fullmatch(re.sub(r"^0([bo])([-+])", r"\g<2>0\1", plain))
    if not found or len(plain) > 70:
        return None
    base = next(name for name in _BASES if found[name])
    number = int(found["sign"] + found[base], _BASES[base])
    return number if -(2**63) <= number < 2**64 else None


# The tree -------------------------------------------------------------------------------------------------------


class _StopError(Exception):
    """Nothing sensible can be read after the fault that was just noted."""


@dataclass(slots=True)
class _Anchor:
    node: Node | None = None
    """None while its content is still being read: an alias to it would contain itself."""
    size: int = 0


class _Composer:
    """Builds the tree from ruamel.yaml's events, and goes on after a fault as far as the syntax allows."""

    def __init__(self, text: str, file: Path | None) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._lines = _BREAK.split(text)
        self._events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
        self._anchors: dict[str, _Anchor] = {}
        self._expanded = 0
        self._line = 1

    def document(self) -> Node | None:
        """The first and only document; None where there is none."""
        try:
            self._next()
            start = self._next()
            if not isinstance(start, DocumentStartEvent):
                return None
            if start.version or start.tags:
                self._note(
                    start,
                    (),
                    "YAML readers differ on directives",
                    "yaml/directive",
                    "remove the lines that start with %",
                )
            tree = self._node(self._next(), ())
            self._next()
            after = self._next()
            if isinstance(after, DocumentStartEvent):
                self._note(
                    after,
                    (),
                    "a second document starts here, and the engine ignores it",
                    "yaml/second-document",
                    "keep one document in a file",
                )
        except _StopError:
            return None
        return tree

    def _node(self, event: Event, trail: Trail) -> Node:
        if isinstance(event, AliasEvent):
            return self._alias(event, trail)
        if event.tag is not None:
            self._note(
                event,
                trail,
                f"YAML readers differ on tags such as {event.tag}",
                "yaml/tag",
                "remove it, and quote the value if it is text",
            )
        if len(trail) > MAX_DEPTH:
            self._note(
                event,
                trail[:4],
                f"maps and lists nest more than {MAX_DEPTH} levels deep",
                "yaml/depth",
                "flatten them",
            )
            raise _StopError
        anchor = _Anchor()
        before = self._expanded
        if event.anchor:
            self._anchors[event.anchor] = anchor
        if isinstance(event, MappingStartEvent):
            anchor.node = self._mapping(event, trail)
        elif isinstance(event, SequenceStartEvent):
            anchor.node = self._sequence(event, trail)
        else:
            anchor.node = self._scalar(event, trail)
        anchor.size = self._expanded - before
        return anchor.node

    def _alias(self, event: AliasEvent, trail: Trail) -> Node:
        name = event.anchor
        anchor = self._anchors.get(name)
        if anchor is None:
            self._note(
                event, trail, f"no &{name} stands above *{name}", "yaml/alias", f"define &{name} first"
            )
            return _placeholder(event)
        if anchor.node is None:
            self._note(event, trail, f"*{name} would contain itself", "yaml/alias", "write the value out")
            return _placeholder(event)
        self._grow(event, trail, anchor.size)
        return anchor.node

    def _grow(self, event: Event, trail: Trail, characters: int) -> None:
        self._expanded += characters
        if self._expanded > MAX_EXPANDED:
            self._note(
                event,
                trail,
                f"aliases blow this file up to more than {MAX_EXPANDED // 1_000_000} MB",
                "yaml/expansion",
                "write the values out, or repeat fewer of them",
            )
            raise _StopError

    def _sequence(self, start: SequenceStartEvent, trail: Trail) -> Sequence:
        self._grow(start, trail, 1)
        items: list[Node] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            items.append(self._node(event, (*trail, len(items))))
        return Sequence(tuple(items), *_position(start))

    def _mapping(self, start: MappingStartEvent, trail: Trail) -> Mapping:
        self._grow(start, trail, 1)
        entries: dict[str, tuple[Scalar, Node]] = {}
        merged: list[Mapping] | None = None
        while not isinstance(event := self._next(), MappingEndEvent):
            if isinstance(event, ScalarEvent) and event.value == "<<" and not event.style:
                if merged is not None:
                    self._note(
                        event,
                        (*trail, "<<"),
                        "this map has a second <<",
                        "yaml/duplicate-key",
                        "merge both in one list: <<: [*a, *b]",
                    )
                merged = [*(merged or ()), *self._merge(self._next(), (*trail, "<<"))]
                continue
            key = self._key(event, trail)
            value = self._node(self._next(), (*trail, key.text))
            if key.text in entries:
                self._note(
                    event,
                    (*trail, key.text),
                    f"this key is already on line {entries[key.text][0].line}",
                    "yaml/duplicate-key",
                    "keep one of the two",
                )
            else:
                entries[key.text] = (key, value)
        for source in merged or ():
            for key, value in source.entries:
                entries.setdefault(key.text, (key, value))
        return Mapping(tuple(entries.values()), *_position(start))

    def _merge(self, event: Event, trail: Trail) -> tuple[Mapping, ...]:
        """The maps that a `<<` merges in, the one that wins first."""
        node = self._node(event, trail)
        if isinstance(node, Mapping):
            return (node,)
        if isinstance(node, Sequence) and not isinstance(event, AliasEvent):
            maps = tuple(item for item in node.items if isinstance(item, Mapping))
            if len(maps) == len(node.items):
                return maps
        self._note(event, trail, "<< merges maps only", "yaml/merge", "give it a map, or a list of maps")
        return ()

    def _key(self, event: Event, trail: Trail) -> Scalar:
        key = self._node(event, (*trail, "?"))
        if not isinstance(key, Scalar):
            self._note(event, trail, "a key here is a list or a map", "yaml/key", "make it a word")
            return _placeholder(event)
        canonical = json.dumps(key.value) if isinstance(key.value, int) else key.value
        if canonical != key.text:
            self._note(
                event,
                (*trail, key.text),
                f"the engine reads this key as {'null' if key.value is None else key.value}",
                "yaml/key",
                "quote it",
            )
        elif key.text == "<<":
            self._note(
                event,
                (*trail, key.text),
                "the engine takes even a quoted << for a merge",
                "yaml/key",
                "choose another name",
            )
        return key

    def _scalar(self, event: ScalarEvent, trail: Trail) -> Scalar:
        text = event.value
        self._grow(event, trail, len(text) + 1)
        value: str | float | bool | None = text
        if not event.style:
            try:
                value = _resolve(text)
            except _AmbiguousError as error:
                self._note(event, trail, *error.args, value=text)
        elif _HALF.search(text):
            self._note(
                event,
                trail,
                "an escape here is half of a character (a surrogate)",
                "yaml/escape",
                "write the character itself, or \\U and its eight digits",
            )
        return Scalar(value, text, *_position(event))

    def _next(self) -> Event:
        try:
            event = next(self._events)
        except (YAMLError, ValueError, OverflowError) as error:
            self.faults.append(self._syntax(error))
            raise _StopError from error
        self._line = event.start_mark.line + 1
        return event

    def _syntax(self, error: Exception) -> Fault:
        """ruamel.yaml's own reason for giving up, in one line."""
        if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
            return Fault(
                f"this is not YAML, here or a little below: {shown(str(error))}",
                file=self._file,
                line=self._line,
                rule="yaml/syntax",
                remedy="check the escapes and the quotes",
            )
        line, column = error.problem_mark.line, error.problem_mark.column
        reason = f"this is not YAML: {shown(error.problem or 'unreadable')}"
        if error.context and error.context_mark:
            reason += f", {shown(error.context)} that starts on line {error.context_mark.line + 1}"
        remedy = "check the indentation, quotes and brackets here and just above"
        rule = "yaml/syntax"
        said = self._lines[line] if line < len(self._lines) else ""
        if said[column : column + 1] == "\t":
            rule, remedy = "yaml/tab", "replace the tab with spaces"
            reason = (
                "a tab indents this line"
                if not said[:column].strip()
                else "a tab stands between key and value"
            )
        elif "mapping values" in reason:
            remedy = "quote a value that holds a colon and a space, or check the indentation"
        return Fault(
            reason,
            file=self._file,
            line=line + 1,
            column=column + 1,
            rule=rule,
            source=SOURCE,
            remedy=remedy,
        )

    def _note(
        self, event: Event, trail: Trail, message: str, rule: str, remedy: str, *, value: str | None = None
    ) -> None:
        line, column = _position(event)
        # The configuration keys of both kinds of file live under `config`, which their paths leave out.
        names = trail[1:] if trail[:1] == ("config",) else trail
        self.faults.append(
            Fault(
                message,
                file=self._file,
                line=line,
                column=column,
                key=key_path(names) or None,
                value=None if value is None else shown(value),
                rule=rule,
                source=SOURCE,
                remedy=remedy,
            )
        )


def _position(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _placeholder(event: Event) -> Scalar:
    """What stands for a node with a fault, so that reading can go on; no tree with a fault is ever returned."""
    return Scalar(None, "?", *_position(event))
