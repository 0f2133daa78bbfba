"""Pulumi's YAML: read as the engine reads it, with a line for every value, or refused by name.

The engine reads with Go's yaml.v3, which is neither YAML 1.1 nor 1.2: `yes` and `12:30` are words, `017` is
15, `1e3` is 1000. We take only the events of ruamel.yaml, decide plain scalars by the engine's own table
(`scalars`), and refuse what YAML readers disagree on and what the engine changes silently (`_REFUSALS`).

This module knows YAML only; what the keys of a file mean is the business of `project`.
"""

from __future__ import annotations

import json
import re
import stat
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

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
from plimsoll.settings.scalars import RefusedScalarError, resolve
from plimsoll.settings.tree import Mapping, Node, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ruamel.yaml.events import Event

    from plimsoll.settings.tree import Trail

MAX_BYTES = 1_000_000
"""A settings file larger than this is refused: ruamel.yaml would take many seconds to read it."""
MAX_DEPTH = 100
"""Maps and lists may nest this deep, which keeps every recursion over a tree far from Python's own limit."""
MAX_EXPANDED = 10 * MAX_BYTES
"""Characters that a file may stand for once its aliases are followed."""

SOURCE = "Pulumi's YAML, Go yaml.v3"

_REFUSALS: dict[str, tuple[str, str]] = {
    "yaml/alias": ("*{name} has no &{name} above it, or contains itself", "define &{name} further up"),
    "yaml/anchor": ("YAML readers differ on the anchor name {name}", "use letters, digits, - and _ only"),
    "yaml/character": (
        "YAML readers differ on the character U+{code:04X}, or refuse it",
        'remove it, or write "\\u{code:04x}" in double quotes',
    ),
    "yaml/date": ("the engine takes this for a date and rewrites it", "quote it"),
    "yaml/depth": (f"maps and lists nest more than {MAX_DEPTH} levels deep", "flatten them"),
    "yaml/directive": ("YAML readers differ on directives", "remove the lines that start with %"),
    "yaml/duplicate-key": ("this key stands on line {line} already", "keep one of the two"),
    "yaml/escape": ("YAML readers differ on the escape {escape}", "write the character itself"),
    "yaml/expansion": (
        f"aliases make this file stand for more than {MAX_EXPANDED // 1_000_000} MB",
        "write the values out, or repeat fewer of them",
    ),
    "yaml/flow": ("the engine takes no {sign} here, in brackets and without quotes", "quote the text"),
    "yaml/key": ("the engine reads this key as {read}", "quote it, or choose another name"),
    "yaml/merge": ("<< merges maps only, once in a map", "give it a map, or a list of maps: <<: [*a, *b]"),
    "yaml/not-a-number": ("the engine refuses infinities and NaN", "quote it, or write a number"),
    "yaml/number": ("a number beyond 2^53 loses digits on its way to the program", "quote it"),
    "yaml/second-document": (
        "a second document starts here, and the engine ignores it",
        "keep one document in a file",
    ),
    "yaml/tab": ("a tab {does}", "replace it with spaces"),
    "yaml/tag": ("YAML readers differ on tags such as {tag}", "remove it, and quote the value if it is text"),
    "yaml/text": (
        "the engine drops or refuses the line break or tab that this text begins with",
        "begin with the first word",
    ),
}
"""What is refused though it is YAML: the rule, why, and what to do instead."""


def _refusal(rule: str, **facts: object) -> Fault:
    message, remedy = _REFUSALS[rule]
    return Fault(message.format(**facts), rule=rule, source=SOURCE, remedy=remedy.format(**facts))


def read(file: Path) -> Node | None:
    """Read a file: its tree, or None where it is empty, or null, or holds only comments.

    Raises SettingsError with every fault that could be found.
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


# The file --------------------------------------------------------------------------------------------------


def _refuse(file: Path | None, message: str, rule: str, remedy: str, line: int | None = None) -> NoReturn:
    raise SettingsError([Fault(message, file=file, line=line, rule=f"file/{rule}", remedy=remedy)])


def _content(file: Path) -> bytes:
    try:
        mode = file.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            _refuse(file, f"this is {kind}", "unreadable", "name a file")
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        _refuse(file, "there is no such file", "missing", "check the name and the folder")
    except PermissionError:
        _refuse(file, "you may not read this file", "unreadable", "check its permissions and its folder's")
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        _refuse(file, f"this file cannot be read: {error}", "unreadable", "check the path and the disk")
    if len(content) > MAX_BYTES:
        _refuse(
            file,
            f"this file is larger than {MAX_BYTES // 1_000_000} MB",
            "too-large",
            "settings take a few kilobytes: check that it is the right file",
        )
    return content


_BREAK = re.compile("\r\n|\r|\n")
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""What yaml.v3 refuses in a file (readerc.go), and the breaks that readers differ on: NEL, U+2028, U+2029."""


def _text(content: bytes, file: Path | None) -> str:
    if content[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        _refuse(file, "this file is UTF-16", "encoding", "save it as UTF-8")
    if b"\0" in content:
        _refuse(file, "this file is binary: it holds NUL bytes", "binary", "check that it is the right file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse(file, "this is not UTF-8 text", "encoding", "save the file as UTF-8", line)
    faults: dict[str, Fault] = {}  # by character: one of each kind is enough
    for line, said in enumerate(_BREAK.split(text), 1):
        for found in _FORBIDDEN.finditer(said):
            fault = _refusal("yaml/character", code=ord(found[0]))
            faults.setdefault(found[0], replace(fault, file=file, line=line, column=found.start() + 1))
    if faults:
        raise SettingsError(faults.values())
    return text


# The tree --------------------------------------------------------------------------------------------------


_TAB = re.compile(r" *\t\s*\S")
_ANCHOR = re.compile(r"[A-Za-z0-9_-]*")
_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*(\\/|\\u[dD][89a-fA-F]..|\\U0000[dD][89a-fA-F]..)")


@dataclass(frozen=True, slots=True)
class _Event:
    """What we use of one of ruamel.yaml's events, which carry no types."""

    kind: type[Event]
    line: int
    column: int
    text: str
    raw: str
    style: str
    """The quote or sign that a text begins with; empty for a plain one."""
    tag: str | None
    anchor: str
    flow: bool
    directives: bool


def _events(text: str) -> Iterator[_Event]:
    for event in YAML(typ="safe", pure=True).parse(text):
        tag = getattr(event, "tag", None)
        yield _Event(
            kind=type(event),
            line=int(event.start_mark.line) + 1,
            column=int(event.start_mark.column) + 1,
            text=str(getattr(event, "value", "")),
            raw=text[event.start_mark.index : event.end_mark.index],
            style=str(getattr(event, "style", None) or ""),
            tag=None if tag is None else str(tag),
            anchor=str(getattr(event, "anchor", None) or ""),
            flow=bool(getattr(event, "flow_style", False)),
            directives=bool(getattr(event, "version", None) or getattr(event, "tags", None)),
        )


class _StopError(Exception):
    """Nothing sensible can be read after the fault that was just noted."""


@dataclass(slots=True)
class _Anchor:
    node: Node | None = None
    """None while its content is still being read: an alias to it would contain itself."""
    size: int = 0


class _Composer:
    """Builds the tree, and goes on after a fault as far as the syntax allows."""

    def __init__(self, text: str, file: Path | None) -> None:
        self.faults: list[Fault] = []
        self._file = file
        self._lines = _BREAK.split(text)
        self._events = _events(text)
        self._anchors: dict[str, _Anchor] = {}
        self._expanded = 0
        self._flow = 0
        self._line = 1
        self._verbatim: set[int] = set()

    def document(self) -> Node | None:
        """The first and only document; None where there is none."""
        try:
            self._next()
            start = self._next()
            if start.kind is not DocumentStartEvent:
                return None
            if start.directives:
                self._note("yaml/directive", start)
            tree = self._node(self._next(), ())
            self._next()
            after = self._next()
            if after.kind is DocumentStartEvent:
                self._note("yaml/second-document", after)
        except _StopError:
            return None
        self._find_tabs()
        return tree

    def _find_tabs(self) -> None:
        """Tabs that indent though ruamel.yaml lets them pass, except inside texts of several lines."""
        for line, said in enumerate(self._lines, 1):
            if _TAB.match(said) and line not in self._verbatim:
                self.faults.append(self._tab(line, said.index("\t") + 1))

    def _node(self, event: _Event, trail: Trail) -> Node:
        if event.kind is AliasEvent:
            return self._alias(event, trail)
        if not _ANCHOR.fullmatch(event.anchor):
            self._note("yaml/anchor", event, trail, name=event.anchor)
        if event.tag is not None:
            self._note("yaml/tag", event, trail, tag=event.tag.replace("tag:yaml.org,2002:", "!!"))
        if len(trail) > MAX_DEPTH:
            self._note("yaml/depth", event, trail[:4])
            raise _StopError
        anchor = _Anchor()
        before = self._expanded
        if event.anchor:
            self._anchors[event.anchor] = anchor
        self._grow(event, trail, len(event.text) + 1)
        self._flow += event.flow
        if event.kind is MappingStartEvent:
            node: Node = self._mapping(event, trail)
        elif event.kind is SequenceStartEvent:
            node = self._sequence(event, trail)
        else:
            node = self._scalar(event, trail)
        self._flow -= event.flow
        anchor.node = node
        anchor.size = self._expanded - before
        return node

    def _alias(self, event: _Event, trail: Trail) -> Node:
        anchor = self._anchors.get(event.anchor)
        if anchor is None or anchor.node is None:
            self._note("yaml/alias", event, trail, name=event.anchor)
            return _placeholder(event)
        self._grow(event, trail, anchor.size)
        return anchor.node

    def _grow(self, event: _Event, trail: Trail, characters: int) -> None:
        self._expanded += characters
        if self._expanded > MAX_EXPANDED:
            self._note("yaml/expansion", event, trail)
            raise _StopError

    def _sequence(self, start: _Event, trail: Trail) -> Sequence:
        items: list[Node] = []
        while (event := self._next()).kind is not SequenceEndEvent:
            items.append(self._node(event, (*trail, len(items))))
        return Sequence(tuple(items), start.line, start.column)

    def _mapping(self, start: _Event, trail: Trail) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        merged: tuple[Mapping, ...] | None = None
        while (event := self._next()).kind is not MappingEndEvent:
            if event.kind is ScalarEvent and event.text == "<<" and not event.style:
                if merged is not None:
                    self._note("yaml/merge", event, trail)
                merged = self._merge(self._next(), (*trail, "<<"))
                continue
            key = self._key(event, trail)
            value = self._node(self._next(), (*trail, key.text))
            if isinstance(value, Scalar) and not value.text and value.value is None:
                value = replace(value, line=key.line, column=key.column)  # No value: it is where its key is.
            if key.text in entries:
                self._note("yaml/duplicate-key", event, (*trail, key.text), line=entries[key.text][0].line)
            else:
                entries[key.text] = (key, value)
        for source in merged or ():
            for key, value in source.entries:
                entries.setdefault(key.text, (key, value))
        return Mapping(tuple(entries.values()), start.line, start.column)

    def _merge(self, event: _Event, trail: Trail) -> tuple[Mapping, ...]:
        """The maps that a `<<` merges in, the one that wins first."""
        node = self._node(event, trail)
        listed = isinstance(node, Sequence) and event.kind is not AliasEvent
        nodes = node.items if listed else (node,)
        maps = tuple(source for source in nodes if isinstance(source, Mapping))
        if len(maps) < len(nodes):
            self._note("yaml/merge", event, trail)
        return maps

    def _key(self, event: _Event, trail: Trail) -> Scalar:
        key = self._node(event, (*trail, "?"))
        if not isinstance(key, Scalar):
            self._note("yaml/key", event, trail, read="a list or a map")
            return _placeholder(event)
        # A number or a truth value is as good as text, where the engine writes it as it stands.
        canonical = json.dumps(key.value) if isinstance(key.value, int) else key.value
        if canonical != key.text:
            self._note("yaml/key", event, (*trail, key.text), read=json.dumps(key.value))
        elif key.text == "<<":
            self._note("yaml/key", event, (*trail, key.text), read="a merge, even in quotes")
        return key

    def _scalar(self, event: _Event, trail: Trail) -> Scalar:
        value: str | int | float | bool | None = event.text
        if not event.style:
            try:
                value = resolve(event.text)
            except RefusedScalarError as error:
                self._note(str(error), event, trail, value=event.text)
            if self._flow > 0 and ("?" in event.text or event.text[:1] == ":"):
                sign = "?" if "?" in event.text else "colon"
                self._note("yaml/flow", event, trail, value=event.text, sign=sign)
        else:
            self._verbatim.update(range(event.line + 1, event.line + len(_BREAK.split(event.raw))))
        if event.style == '"':
            for found in _ESCAPE.finditer(event.raw):
                self._note("yaml/escape", event, trail, escape=found[1])
        tabbed = event.style in {"|", ">"} and event.text.lstrip(" \n")[:1] == "\t"
        if tabbed or ("\n" in event.text and event.text[0] in "\n\t\u2028\u2029"):
            self._note("yaml/text", event, trail)
        return Scalar(value, event.text, event.line, event.column)

    def _next(self) -> _Event:
        try:
            event = next(self._events)
        except (YAMLError, ValueError, OverflowError) as error:
            self.faults.append(self._syntax(error))
            raise _StopError from error
        self._line = event.line
        return event

    def _syntax(self, error: Exception) -> Fault:
        """ruamel.yaml's own reason for giving up, in one line."""
        if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
            reason, line, column = f"this is not YAML, here or a little below: {error}", self._line, None
        else:
            line, column = int(error.problem_mark.line) + 1, int(error.problem_mark.column) + 1
            reason = f"this is not YAML: {error.problem}"
            if error.context and error.context_mark:
                reason += f", {error.context} that starts on line {error.context_mark.line + 1}"
        said = self._lines[line - 1] if line <= len(self._lines) else ""
        if column is not None and said[column - 1 : column] == "\t":
            return self._tab(line, column)
        return Fault(
            " ".join(reason.split()),
            file=self._file,
            line=line,
            column=column,
            rule="yaml/syntax",
            source=SOURCE,
            remedy="check indentation, quotes and brackets here and just above",
        )

    def _tab(self, line: int, column: int) -> Fault:
        does = "separates words here" if self._lines[line - 1][: column - 1].strip() else "indents this line"
        return replace(_refusal("yaml/tab", does=does), file=self._file, line=line, column=column)

    def _note(
        self, rule: str, event: _Event, trail: Trail = (), *, value: str | None = None, **facts: object
    ) -> None:
        # The configuration keys of both kinds of file live under `config`, which their paths leave out.
        names = trail[1:] if trail[:1] == ("config",) else trail
        self.faults.append(
            replace(
                _refusal(rule, **facts),
                file=self._file,
                line=event.line,
                column=event.column,
                key=key_path(names) or None,
                value=None if value is None else shown(value),
            )
        )


def _placeholder(event: _Event) -> Scalar:
    """What stands for a node with a fault, so that reading goes on; no tree with a fault is ever returned."""
    return Scalar(None, "?", event.line, event.column)
