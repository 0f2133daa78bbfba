"""What a real provider leaves unknown in a preview, filled with what a cloud would answer. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.localcloud.outputs import invent
from plimsoll.localcloud.wire import (
    SIGNATURE_KEY,
    Signature,
    Unknown,
    bare,
    is_secret,
    output_value,
    secret,
    signature,
    unknown_kind,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.localcloud.rules import Rules
    from plimsoll.localcloud.templates import Scope
    from plimsoll.localcloud.wire import Properties, Wire


@dataclass(frozen=True, slots=True)
class Filler:
    """Fills the unknowns of one resource. `scope` is what templates see; its seed decides what is made up."""

    scope: Scope
    rules: Rules

    def fill(self, planned: Properties, suggested: Properties, shapes: Mapping[str, Any]) -> Properties:
        """All that was planned, with a value of the right type for each unknown; secrets stay wrapped.

        `suggested` are properties that our templates give, taken where their type is right. `shapes` are the
        types of the properties, as far as any are known: a bridged provider calls a text unknown whatever
        the type. Else the value is made up, the same at every time.
        """
        return {
            name: self._fill(value, suggested.get(name), shapes.get(name, "any"), name, name)
            for name, value in planned.items()
        }

    def _fill(self, value: Wire, suggestion: Wire, shape: Any, name: str, place: str) -> Wire:  # noqa: ANN401 (JSON)
        if (wrapped := output_value(value)) is not None:
            inner = self._fill(wrapped.value, suggestion, shape, name, place)
            return secret(inner) if wrapped.secret else inner
        if is_secret(value):
            return secret(self._fill(value.get("value"), suggestion, shape, name, place))
        suggestion = bare(suggestion)
        if (kind := unknown_kind(value)) is not None:
            return self._known(kind, suggestion, shape, name, place)
        match value:
            case dict() if signature(value) is None:
                return {
                    key: self._fill(item, _at(suggestion, key), _inside(shape, key), key, f"{place}.{key}")
                    for key, item in value.items()
                }
            case list():
                return [
                    self._fill(item, _at(suggestion, at), _inside(shape, at), name, f"{place}[{at}]")
                    for at, item in enumerate(value)
                ]
            case _:
                return value

    def _known(self, kind: Unknown, suggestion: Wire, shape: Any, name: str, place: str) -> Wire:  # noqa: ANN401
        shape = _narrowed(kind, shape)
        if suggestion is not None and _fits(suggestion, shape):
            return suggestion
        match kind, shape:
            case Unknown.ASSET, _:
                return {SIGNATURE_KEY: Signature.ASSET.value, "text": place}
            case Unknown.ARCHIVE, _:
                return {SIGNATURE_KEY: Signature.ARCHIVE.value, "assets": {}}
            case _, {"list": "any"}:
                return []
            case _, "any":
                return invent(name, place, "text", self.scope, self.rules)
            case _:
                return invent(name, place, shape, self.scope, self.rules)


_KINDS: dict[Unknown, Any] = {
    Unknown.BOOL: "flag",
    Unknown.NUMBER: "number",
    Unknown.ARRAY: {"list": "any"},
    Unknown.OBJECT: {"map": "any"},
}


def _narrowed(kind: Unknown, shape: Any) -> Any:  # noqa: ANN401 (JSON)
    """What is wanted: the property's own type where it agrees with the sentinel, else the sentinel's."""
    by_kind = _KINDS.get(kind)
    if by_kind is None:
        return shape
    agrees = {
        Unknown.BOOL: shape == "flag",
        Unknown.NUMBER: shape in ("integer", "number"),
        Unknown.ARRAY: isinstance(shape, dict) and "list" in shape,
        Unknown.OBJECT: isinstance(shape, dict) and "list" not in shape,
    }
    return shape if agrees[kind] else by_kind


def _fits(value: Wire, shape: Any) -> bool:  # noqa: ANN401 (JSON)
    match shape:
        case "text":
            return isinstance(value, str)
        case "flag":
            return isinstance(value, bool)
        case "integer" | "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case {"list": _}:
            return isinstance(value, list)
        case {"map": _} | {"object": _}:
            return isinstance(value, dict)
        case _:
            return True


def _at(value: Wire, step: str | int) -> Wire:
    match value, step:
        case dict(), str():
            return value.get(step)
        case list(), int():
            return value[step] if step < len(value) else None
        case _:
            return None


def _inside(shape: Any, step: str | int) -> Any:  # noqa: ANN401 (JSON)
    match shape:
        case {"object": fields}:
            return fields.get(step, "any")
        case {"map": of}:
            return of
        case {"list": of} if isinstance(step, int):
            return of
        case _:
            return "any"
