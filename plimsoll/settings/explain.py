"""What pydantic found wrong, in words of ours, with the nearest known word where one was mistyped. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from inspect import isclass
from typing import TYPE_CHECKING, get_args, get_origin

from plimsoll.settings import model
from plimsoll.settings.errors import shown
from plimsoll.settings.rules import has_password

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from plimsoll.settings.rules import KeyPath


_MAPPING = ("must be a mapping of keys", None)
_LIST = ("must be a list", None)
_NUMBER = ("must be a whole number", "write a number without quotes, such as 3")

_PLAINLY: dict[str, tuple[str, str | None]] = {
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "tuple_type": _LIST,
    "list_type": _LIST,
    "too_short": ("must name at least one", None),
    "string_type": ("must be a text", 'put it in quotes, such as "3"'),
    "bool_type": ("must be true or false", "write true or false, without quotes"),
    "int_type": _NUMBER,
    "int_from_float": _NUMBER,
}
"""What is wrong and what to do, by pydantic's name for it, where that says everything."""


def explain(kind: type[model.Section], steps: KeyPath, details: ErrorDetails) -> tuple[str, str | None]:
    """What is wrong in a sentence, and what to do where that is not the same.

    `steps` lead from `kind`, the section that was validated, to the error.
    """
    match details["type"]:
        case "extra_forbidden":
            section = _section_at(kind, steps[:-1]) or kind
            known = [str(one.alias) for one in section.model_fields.values()]
            return "unknown key", nearest(str(steps[-1]), known) or f"known are {', '.join(known)}"
        case "missing":
            return "required, and missing", f"add `{steps[-1]}`"
        case "value_error":
            said = str(details.get("ctx", {}).get("error", details["msg"]))
            return ("is not of the form that belongs here" if has_password(said) else said), None
        case "literal_error":
            expected = str(details.get("ctx", {}).get("expected", ""))
            options = [part.strip(" '") for part in expected.replace(" or ", ",").split(",")]
            return f"must be one of {', '.join(options)}", nearest(str(details["input"]), options)
        case plain if plain in _PLAINLY:
            return _PLAINLY[plain]
        case plain if plain in _PLAINLY:
            return _PLAINLY[plain]
        case _:
            message = details["msg"].removeprefix("Input should be ")
            return (message if message == details["msg"] else f"must be {message}"), None


def written(details: ErrorDetails) -> str | None:
    """The value as its author wrote it, short; `None`: there is none, or it may hold a password."""
    value = details["input"]
    if details["type"] == "missing" or not (value is None or isinstance(value, str | int | float | Decimal)):
        return None
    # A text where something else belongs keeps its quotes: they are the mistake.
    text = str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and not details["type"].endswith("_type"):
        text = value
    return None if has_password(text) else shown(text)


def nearest(word: str, known: list[str]) -> str | None:
    """A question that names the known word most like `word`, upper and lower case alike; `None`: none is."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    lower = {one.lower(): one for one in known}
    close = close or [lower[one] for one in get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)]
    return f"did you mean `{close[0]}`?" if close else None


def _section_at(kind: type[model.Section], steps: KeyPath) -> type[model.Section] | None:
    """The section whose keys stand at `steps` below `kind`, by the model's own annotations."""
    current: object = kind
    for step in steps:
        current = next((found for one in _options(current) if (found := _inner(one, step)) is not None), None)
    return next((one for one in _options(current) if isclass(one) and issubclass(one, model.Section)), None)


def _options(annotation: object) -> tuple[object, ...]:
    """The alternatives of `X | None`, or the annotation alone."""
    return (
        (annotation,)
        if get_origin(annotation) in {dict, Mapping, tuple}
        else (annotation, *get_args(annotation))
    )


def _inner(annotation: object, step: str | int) -> object | None:
    if isclass(annotation) and issubclass(annotation, model.Section):
        fields = annotation.model_fields.values()
        return next((one.annotation for one in fields if one.alias == step), None)
    if get_origin(annotation) in {dict, Mapping}:
        return get_args(annotation)[1]
    return get_args(annotation)[0] if get_origin(annotation) is tuple else None
