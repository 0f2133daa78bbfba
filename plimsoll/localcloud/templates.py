"""Texts of the shape that a vendor gives them, made from a resource's properties and deterministic noise.

A template is text with parts in braces: `{name}` is a property (a path, `template.timeout`), with a filter
after a colon (`FILTERS`): `{secret:last}` is its last segment, `{location:short}` the initials of a region.
`{~hex:10}` is noise of 10 characters that belongs to the resource and the template's place: the same at every
reading. Also `~digits`, `~alnum`, `~lower`, `~base64`, `~uuid`, and `~digest`, which follows the resource's
properties. A template that is one bare part keeps the property's type.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from plimsoll.localcloud.wire import UNKNOWN, bare, has_unknown, is_secret, secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from plimsoll.localcloud.wire import Properties, Wire

PART: Final = re.compile(r"\{([~\w.]+)(?::(\w+))?\}")

ALPHABETS: Final = {
    "hex": "0123456789abcdef",
    "digits": "0123456789",
    "lower": "abcdefghijklmnopqrstuvwxyz0123456789",
    "alnum": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
    "base64": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
}


def noise(seed: str) -> Iterator[int]:
    """Endless bytes that only `seed` decides."""
    round_ = 0
    while True:
        yield from hashlib.sha256(f"{round_}:{seed}".encode()).digest()
        round_ += 1


def pick(alphabet: str, length: int, seed: str) -> str:
    """A text of `length` characters of `alphabet` that only `seed` decides; it never begins with 0."""
    bytes_ = noise(seed)
    text = "".join(alphabet[next(bytes_) % len(alphabet)] for _ in range(length))
    return text if not text.startswith("0") else f"1{text[1:]}"


def number_for(name: str) -> str:
    """The twelve digits of a project's number, made up for its name."""
    return pick(ALPHABETS["digits"], 12, f"number of {name}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a template can refer to: properties, what stands in for missing ones, and whose noise it is."""

    properties: Properties
    fallback: Mapping[str, Wire]
    seed: str

    def find(self, path: str) -> Wire:
        """A property by its path, else what stands in for it, else None."""
        value: Wire = self.properties
        for name in path.split("."):
            value = bare(value)
            value = value.get(name) if isinstance(value, dict) else None
        return self.fallback.get(path) if bare(value) is None else value


def fill(template: Wire, scope: Scope, place: str) -> Wire:
    """A template, or JSON with templates at its leaves, filled in. `place` tells its noise from others'.

    What refers to an unknown is unknown, what refers to a secret is secret.
    `{"if": PATH, "then": …, "else": …}` chooses by whether a property is there and not false.
    """
    match template:
        case {"if": str() as path, "then": then, "else": otherwise}:
            given = scope.find(path)
            return UNKNOWN if has_unknown(given) else fill(then if bare(given) else otherwise, scope, place)
        case str():
            return _fill_text(template, scope, place)
        case list():
            return [fill(item, scope, f"{place}[{index}]") for index, item in enumerate(template)]
        case dict():
            return {name: fill(item, scope, f"{place}.{name}") for name, item in template.items()}
        case _:
            return template


def _fill_text(template: str, scope: Scope, place: str) -> Wire:
    whole = PART.fullmatch(template)
    if whole and not whole[1].startswith("~") and not whole[2]:
        return scope.find(whole[1])
    text, hidden = "", False
    at = 0
    for part in PART.finditer(template):
        value = _part(part[1], part[2] or "", scope, f"{place}@{part.start()}")
        if has_unknown(value):
            return UNKNOWN
        hidden = hidden or is_secret(value)
        text += template[at : part.start()] + str(bare(value))
        at = part.end()
    text += template[at:]
    return secret(text) if hidden else text


def _part(name: str, argument: str, scope: Scope, place: str) -> Wire:
    if name.startswith("~"):
        return _noise(name[1:], argument, scope, f"{scope.seed}|{place}")
    value = scope.find(name)
    if value is None:
        value = f"local-{name}"
    if not argument or has_unknown(value):
        return value
    filtered = FILTERS[argument](str(bare(value)))
    return secret(filtered) if is_secret(value) else filtered


def _noise(kind: str, length: str, scope: Scope, seed: str) -> Wire:
    if kind == "uuid":
        return str(uuid.uuid5(uuid.NAMESPACE_URL, seed))
    if kind == "digest":
        if has_unknown(scope.properties):
            return UNKNOWN
        # Without the secrets: a digest stands in the open, and a short secret could be guessed from it.
        open_ones = {name: value for name, value in scope.properties.items() if not _has_secret(value)}
        return hashlib.sha256(json.dumps(open_ones, sort_keys=True).encode()).hexdigest()[: int(length)]
    return pick(ALPHABETS[kind], int(length), seed)


def _has_secret(value: Wire) -> bool:
    match value:
        case list():
            return any(map(_has_secret, value))
        case dict():
            return is_secret(value) or any(map(_has_secret, value.values()))
        case _:
            return False


FILTERS: Final[dict[str, Callable[[str], str]]] = {
    "last": lambda text: text.rpartition("/")[2],
    # "projects/NAME/…": the number of that project.
    "project": lambda text: number_for(text.split("/")[1] if "/" in text else text),
    "number": number_for,
    "short": lambda region: "".join(word[:1] for word in region.split("-")),
    "slug": lambda text: pick(ALPHABETS["alnum"], 24, f"id of {text}"),
    "revision": lambda text: f"{int(text):05}-{pick(ALPHABETS['lower'], 3, text)}",
}
"""`short`: how Cloud Run's addresses write a region. `number` and `slug`: the number of a project and the id
of a team, made up for their names."""
