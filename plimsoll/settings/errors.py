"""What is wrong in a settings file: one record a fault, one exception for all of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from typing_extensions import override

from plimsoll.limits import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SHOWN_CHARACTERS = 80
"""How much of a value an error repeats."""

_BARE_NAME = re.compile(r"[^\s.\[\]\"\\]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: what, where, by which rule, and what to do about it.

    `line` and `column` count from 1. `key` is a path as `pulumi config set --path` takes it (see `key_path`).
    `value` is what the file says, already fit to print (see `shown`); it is None where it might be a secret.
    `rule` is a stable name that tests and machines can match, `source` says who made the rule. `message` and
    `remedy` are written without a full stop.
    """

    message: str
    file: Path | None = None
    line: int | None = None
    column: int | None = None
    key: str | None = None
    value: str | None = None
    rule: str | None = None
    source: str | None = None
    remedy: str | None = None
    severity: Severity = Severity.ERROR

    @override
    def __str__(self) -> str:
        line = "" if self.line is None else f":{self.line}" if self.file else f"line {self.line}"
        place = f"{self.file or ''}{line}" or None
        said = ": ".join(
            str(part) for part in (place, self.key, self.value, self.message.rstrip(".")) if part is not None
        )
        if self.remedy is not None:
            said += f". {self.remedy[:1].upper()}{self.remedy[1:]}"
        origin = ", ".join(part for part in (self.rule, self.source) if part is not None)
        return f"{said} ({origin})" if origin else said


class SettingsError(Exception):
    """Everything that is wrong with the settings that were read, ordered by file and line.

    `str()` lists one fault a line.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(
            sorted(faults, key=lambda fault: (str(fault.file or ""), fault.line or 0, fault.column or 0))
        )
        super().__init__("\n".join(map(str, self.faults)))


def key_path(segments: Sequence[str | int]) -> str:
    """The path of a nested key, as `pulumi config set --path` writes it.

    The first segment is a configuration key, with or without namespace: `plimsoll:services.api.ports[0]`.
    A name with a dot, a bracket, a quote or a space in it is quoted: `plimsoll:labels["a.b"]`.
    """
    path = ""
    for depth, segment in enumerate(segments):
        if isinstance(segment, int):
            path += f"[{segment}]"
            continue
        namespace, colon, name = segment.rpartition(":") if depth == 0 else ("", "", segment)
        path += namespace + colon
        if _BARE_NAME.fullmatch(name):
            path += f".{name}" if depth else name
        else:
            path += '["' + name.replace('"', '\\"') + '"]'
    return path


def shown(text: str) -> str:
    """A value made fit for one line of an error: no line breaks or control characters, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= SHOWN_CHARACTERS else line[: SHOWN_CHARACTERS - 1] + "…"
