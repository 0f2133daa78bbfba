"""By which ids what exists already is imported: their form for each type, and what finds them. Pure.

A resource is named KIND/NAME here (`service/api`): names alone are not unique in a program, and a kind is
one type's for good. An id has one form, the one that its provider documents first, so that two ids are the
same thing exactly when they are the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from plimsoll.limits.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FACTS = Facts("adoption")
_PART = re.compile(r"\{(\w+)\}")
_TEAM = re.compile(r"^team_[A-Za-z0-9]+/")


@dataclass(frozen=True, slots=True)
class Adoptable:
    """A type whose resources can be adopted.

    `form` and `find` are the id and the command that shows it, with the resource's inputs, and what only the
    vendor knows, in braces. `named` is the part that the program's own name for it fills, "" where the id has
    none. `repeatable`: made again it is the same one, and nothing fails. `source` says
    where the form was read, and when.
    """

    type: str
    kind: str
    form: str
    find: str
    named: str
    repeatable: bool
    source: str

    def read(self, id_: str) -> Mapping[str, str] | None:
        """The parts of an id of this form, by name; None where it is of another form."""
        seen: set[str] = set()
        pattern = ""
        for text, name in re.findall(r"([^{]*)(?:\{(\w+)\})?", self.form):
            pattern += re.escape(text)
            if name:
                pattern += f"(?P={name})" if name in seen else f"(?P<{name}>{self._part(name)})"
                seen.add(name)
        found = re.fullmatch(pattern, id_)
        return None if found is None else {name: str(text) for name, text in found.groupdict().items()}

    def _part(self, name: str) -> str:
        parts = _FACTS["parts"]
        own = f"{name}@{self.kind}"
        known = parts.names()
        return parts.text(own) if own in known else parts.text(name) if name in known else r"[^/\s:]+"

    def write(self, value: Callable[[str], str | None]) -> str:
        """The id, with the parts that `value` knows; the others as the form's examples have them."""
        return _filled(self.form, value)

    def command(self, value: Callable[[str], str | None]) -> str:
        """The command that finds it, filled likewise; without a Vercel team where there is none."""
        text = (
            self.find if value("team") is not None else re.sub(r"( --scope=|\?slug=)\{team\}", "", self.find)
        )
        return _filled(text, value)


def _filled(text: str, value: Callable[[str], str | None]) -> str:
    examples = _FACTS["examples"]

    def written(part: re.Match[str]) -> str:
        name = str(part[1])
        known = value(name)
        if known is not None:
            return known
        return examples.text(name) if name in examples.names() else name.upper()

    return _PART.sub(written, text)


def same_id(id_: str) -> str:
    """An id without what may be left out of it: Vercel's team, which the provider is configured with."""
    return _TEAM.sub("", id_)


@cache
def adoptables() -> Mapping[str, Adoptable]:
    """Every type that can be adopted, by its token."""
    types = _FACTS["types"]
    return {
        token: Adoptable(
            type=token,
            kind=entry["kind"],
            form=entry["form"],
            find=entry["find"],
            named=entry.get("named", ""),
            repeatable=entry["repeatable"],
            source=f"{entry['source']} ({types.as_of})",
        )
        for token, entry in types.value.items()
    }


@cache
def kinds() -> Mapping[str, Adoptable]:
    """The same by kind."""
    return {each.kind: each for each in adoptables().values()}


def key_of(token: str, name: str) -> str | None:
    """What a resource is called in `plimsoll:adopt`: KIND/NAME; None where its type cannot be adopted."""
    found = adoptables().get(token)
    return None if found is None else f"{found.kind}/{name}"
