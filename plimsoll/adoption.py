"""What would change in something that lives already when it is adopted. Pure.

The provider decides whether anything changes at all; this says what, so that a person can agree to it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MISSING: Final = object()
"""Stands for a property that one side does not say."""


@dataclass(frozen=True, slots=True)
class Veiled:
    """A value that is not shown, a secret or an unknown one; `said` stands for it. Equal where `value` is."""

    said: str = field(compare=False)
    value: object = field(repr=False)


_HIDDEN: Final = re.compile(r"(^|\.)(value|password\w*|secretData\w*|\w*token)$", re.IGNORECASE)
"""Properties whose values are not shown: what runs today may well hold a password in clear."""
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that differs: what lives, and what the program asks for instead."""

    path: str
    live: object
    asked: object

    @override
    def __str__(self) -> str:
        return f"{self.path} ({_shown(self.path, self.live)} → {_shown(self.path, self.asked)})"


def _shown(path: str, value: object) -> str:
    if value is MISSING:
        return "not said"
    if isinstance(value, Veiled):
        return value.said
    if _HIDDEN.search(path):
        return "not shown"
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    return _cut(json.dumps(value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def differences(live: object, asked: object, path: str = "") -> Iterator[Difference]:
    """Each property that is not the same on both sides, as deep as both have it.

    Paths are as Pulumi writes them (`template.containers[0].image`); several elements of a list that all have
    a `name` are told apart by it (`envs["LOG_LEVEL"]`); where their order differs, so does the list. The
    providers' own notes (`__defaults`) are no properties.
    """
    match live, asked:
        case dict(), dict():
            yield from _members(live, asked, path)
        case list(), list():
            named = _by_name(live), _by_name(asked)
            if named[0] is not None and named[1] is not None and max(len(live), len(asked)) > 1:
                yield from _members(named[0], named[1], path, quoted=True)
                yield from _order(list(named[0]), list(named[1]), path)
                return
            for index in range(max(len(live), len(asked))):
                yield from differences(_at(live, index), _at(asked, index), f"{path}[{index}]")
        case _ if (live is MISSING and asked is None) or (asked is MISSING and live is None):
            return
        case _ if live is not asked and live != asked:
            yield Difference(path, live, asked)


def _members(
    live: Mapping[str, Any], asked: Mapping[str, Any], path: str, *, quoted: bool = False
) -> Iterator[Difference]:
    for name in sorted({*live, *asked}):
        if not quoted and _is_note(name, path, live.get(name), asked.get(name)):
            continue
        plain = not quoted and re.fullmatch(r"[^.\[\]\"\s]+", name) is not None
        inner = (f"{path}.{name}" if path else name) if plain else f'{path}["{name}"]'
        yield from differences(live.get(name, MISSING), asked.get(name, MISSING), inner)


def _order(live: Sequence[str], asked: Sequence[str], path: str) -> Iterator[Difference]:
    """The list itself, where elements that both sides have come in another order."""
    there, here = ([name for name in side if name in live and name in asked] for side in (live, asked))
    if there != here:
        yield Difference(path, _ordered(there), _ordered(here))


def _ordered(names: list[str]) -> Veiled:
    return Veiled(f"in the order {_cut(', '.join(names))}", names)


def _is_note(name: str, path: str, *values: object) -> bool:
    """Whether it is a note of the protocol's, by its shape too: a label or a variable may have any name."""
    match name:
        case "__defaults":
            return all(value is None or isinstance(value, list) for value in values)
        case "__meta" | "__internal":
            return path == ""
        case _:
            return False


def _at(items: Sequence[Any], index: int) -> Any:  # noqa: ANN401 (any value)
    return items[index] if index < len(items) else MISSING


def _by_name(items: Sequence[Any]) -> dict[str, Any] | None:
    """The elements by their names; None where one has none, or two share one."""
    named = {one["name"]: one for one in items if isinstance(one, dict) and isinstance(one.get("name"), str)}
    return named if items and len(named) == len(items) else None


def not_allowed(found: Sequence[Difference], changes: Sequence[str]) -> list[Difference]:
    """Those that are neither listed nor below a property that is."""
    return [one for one in found if not any(_within(one.path, listed) for listed in changes)]


def _within(path: str, listed: str) -> bool:
    return path == listed or path.startswith((f"{listed}.", f"{listed}["))


def refusal(key: str, id_: str, wrong: Sequence[Difference]) -> str:
    """Why an adopted resource is not updated: one sentence with every property, and what to do."""
    paths = ", ".join(json.dumps(one.path, ensure_ascii=False) for one in wrong)
    return (
        f"{key} lives as {id_} and is adopted as it is (plimsoll:adopt), but would be changed: "
        f"{'; '.join(map(str, wrong))}. Say in the stack file what is live; or, where it may be overwritten, "
        f"list it: {key}: {{ id: …, changes: [{paths}] }}"
    )


def unsaid_refusal(key: str, id_: str) -> str:
    """Why an adopted resource is not updated where all that the program asks for is live already."""
    return (
        f"{key} lives as {id_} and is adopted as it is (plimsoll:adopt), and every property that the program "
        "says is live already, yet the provider would update it and does not say what. "
        "`pulumi preview --diff` may show it: say in the stack file what is live, or do not adopt it"
    )


def replacement_refusal(key: str, id_: str) -> str:
    """Why an adopted resource is not replaced."""
    return (
        f"{key} lives as {id_} and is adopted as it is (plimsoll:adopt), but would be deleted and created "
        "anew: it differs in a property that cannot be changed in place, such as its name, its region or "
        "what it belongs to. Say in the stack file what is live, or do not adopt it"
    )
