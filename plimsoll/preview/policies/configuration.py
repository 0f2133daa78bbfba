"""A policy pack's configuration as the engine reads, completes and checks it. Pure.

The rules and words are the engine's (pulumi 3.259.0, `pkg/resource/analyzer/config.go`; the words for what a
JSON Schema refuses are those of `gojsonschema` 1.2, `locales.go`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from jsonschema import Draft7Validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jsonschema.exceptions import ValidationError

LEVELS: Final = ("advisory", "mandatory", "remediate", "disabled")


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """One policy as its pack describes it: its level where nobody says another, and its configuration."""

    name: str
    level: str
    properties: dict[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """How one policy is to run; `level` is "" where that is left to somebody else."""

    level: str = ""
    properties: dict[str, Any] = field(default_factory=dict)


class ConfigurationError(Exception):
    """The configuration is not one; the text says which policy, which property and why."""


def parse(text: str) -> dict[str, PolicySettings]:
    """The settings by policy that a configuration file gives; `all` stands for every policy.

    `environments` is Pulumi ESC's, and nobody resolves it here. Raises ConfigurationError.
    """
    try:
        content = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise ConfigurationError(f"it is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise ConfigurationError("it is not a JSON object")
    if "environments" in content:
        raise ConfigurationError('"environments" are Pulumi ESC\'s, which nobody can open offline')
    return {name: settings for name, given in content.items() if (settings := _one(name, given))}


def _one(name: str, given: Any) -> PolicySettings | None:  # noqa: ANN401 (JSON)
    match given:
        case str():
            return PolicySettings(_level(name, given))
        case {"enforcementLevel": level, **properties}:
            return PolicySettings(_level(name, level), properties)
        case dict():
            return PolicySettings("", given) if given else None
        case _:
            said = f'parsing "{name}": {given} is not a valid value; must be a string or object'
            raise ConfigurationError(said)


def _level(name: str, level: Any) -> str:  # noqa: ANN401 (JSON)
    if level in LEVELS:
        return str(level)
    what = f'"{level}" is not' if isinstance(level, str) else f"{level} is not"
    form = "" if isinstance(level, str) else "; must be a string"
    said = f'parsing enforcement level for "{name}": {what} a valid enforcement level{form}'
    raise ConfigurationError(said)


def reconcile(
    policies: Sequence[PolicyInfo], *configurations: Mapping[str, PolicySettings]
) -> dict[str, PolicySettings]:
    """How each policy is to run: the schema's defaults, then what each configuration says.

    Raises ConfigurationError with everything that the schemas refuse.
    """
    settings: dict[str, PolicySettings] = {
        policy.name: PolicySettings(policy.level, _defaults(policy)) for policy in policies
    }
    for given in configurations:
        all_ = given.get("all")
        if all_ is not None and all_.level:
            for name, one in settings.items():
                settings[name] = replace(one, level=all_.level)
        for name, one in given.items():
            if name in settings:
                known = settings[name]
                properties = known.properties | one.properties
                settings[name] = PolicySettings(one.level or known.level, properties)
            elif not one.level:  # with a level it is ignored, as long as nobody has that policy
                raise ConfigurationError(f'{name}: invalid enforcement level ""')
    wrong = sorted(line for policy in policies for line in _refused(policy, settings[policy.name].properties))
    if wrong:
        raise ConfigurationError("; ".join(wrong))
    return settings


def _defaults(policy: PolicyInfo) -> dict[str, Any]:
    schemas = policy.properties.items()
    return {name: schema["default"] for name, schema in schemas if "default" in schema}


def _refused(policy: PolicyInfo, properties: Mapping[str, Any]) -> Iterator[str]:
    schema = {"type": "object", "properties": policy.properties, "required": list(policy.required)}
    for error in Draft7Validator(schema).iter_errors(properties):
        place = ".".join(map(str, error.absolute_path))
        yield f"{policy.name}: {f'{place}: ' if place else ''}{_said(error)}"


def _said(error: ValidationError) -> str:
    """A violation of a schema in the engine's words; in jsonschema's own where those are longer."""
    limit: Any = error.validator_value
    words: dict[str, Callable[[], str]] = {
        "type": lambda: f"Invalid type. Expected: {_types(limit)}, given: {_type(error.instance)}",
        "required": lambda: f"{error.message.split(chr(39))[1]} is required",
        "enum": lambda: (
            f"{'.'.join(map(str, error.absolute_path))} must be one of the following: "
            f"{', '.join(map(json.dumps, limit))}"
        ),
        "minimum": lambda: f"Must be greater than or equal to {limit}",
        "maximum": lambda: f"Must be less than or equal to {limit}",
        "exclusiveMinimum": lambda: f"Must be greater than {limit}",
        "exclusiveMaximum": lambda: f"Must be less than {limit}",
        "multipleOf": lambda: f"Must be a multiple of {limit}",
        "minLength": lambda: f"String length must be greater than or equal to {limit}",
        "maxLength": lambda: f"String length must be less than or equal to {limit}",
        "pattern": lambda: f"Does not match pattern '{limit}'",
        "minItems": lambda: f"Array must have at least {limit} items",
        "maxItems": lambda: f"Array must have at most {limit} items",
    }
    said = words.get(str(error.validator))
    return said() if said else error.message


def _types(wanted: Any) -> str:  # noqa: ANN401 (JSON Schema)
    return f"[{','.join(wanted)}]" if isinstance(wanted, list) and len(wanted) > 1 else str(wanted)


def _type(value: object) -> str:
    named = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    if isinstance(value, float) and value.is_integer():
        return "integer"
    return named.get(type(value), "null")
