"""The types of a resource's properties, from its provider's own schema. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plimsoll.localcloud.sdk import Shape

if TYPE_CHECKING:
    from collections.abc import Mapping

_PLAIN: Final = {"string": "text", "boolean": "flag", "integer": "integer", "number": "number"}
_TYPES: Final = "#/types/"
_DEEPEST: Final = 8
"""Levels of objects in a shape; types that contain themselves end there."""


def shape_of(schema: Mapping[str, Any], type_: str) -> Shape | None:
    """The shape of a resource type in a package's schema, or None where that does not have it."""
    said = schema.get("resources", {}).get(type_)
    if said is None:
        return None
    outputs = {name: _shape(schema, one, 0) for name, one in said.get("properties", {}).items()}
    return Shape(frozenset(said.get("inputProperties", {})), outputs)


def _shape(schema: Mapping[str, Any], said: Mapping[str, Any], depth: int) -> Any:  # noqa: ANN401 (JSON)
    if depth > _DEEPEST:
        return "any"
    if (reference := said.get("$ref", "")).startswith(_TYPES):
        type_ = schema.get("types", {}).get(reference.removeprefix(_TYPES).replace("%2F", "/"), {})
        if "properties" not in type_:
            return _PLAIN.get(type_.get("type", ""), "any")
        return {"object": {name: _shape(schema, one, depth + 1) for name, one in type_["properties"].items()}}
    match said.get("type"):
        case "array":
            return {"list": _shape(schema, said.get("items", {}), depth)}
        case "object":
            return {"map": _shape(schema, said.get("additionalProperties", {}), depth)}
        case kind:
            return _PLAIN.get(kind or "", "any")
