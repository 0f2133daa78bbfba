"""What a cloud answers for a resource: its id and all of its properties, deterministic and of the real shape.

Pure. Where a type has a rule (`data/shapes.json`), that says what; else a property's name and type do, so
that every output of the resource's class has a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from plimsoll.localcloud.rules import Rule, camel
from plimsoll.localcloud.templates import ALPHABETS, Scope, fill, pick
from plimsoll.localcloud.wire import UNKNOWN, bare, is_secret, same, secret, signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plimsoll.localcloud.rules import Rules
    from plimsoll.localcloud.sdk import Shape
    from plimsoll.localcloud.wire import Properties, Wire

SCOPES: Final = ("project", "region", "location", "zone")
"""Properties that a resource takes from its provider's configuration where it does not say them itself."""

_SEGMENT: Final = re.compile(r'"[^"]*"|[^.\[\]"]+')


@dataclass(frozen=True, slots=True)
class Asked:
    """A resource as its provider is asked for it.

    `config` is the provider's own configuration, `count` the thing's number in its series, if it has one,
    `generation` the how manieth time it is written.
    """

    type: str
    inputs: Properties
    shape: Shape | None
    config: Mapping[str, Wire] = field(default_factory=dict)
    count: int = 0
    generation: int = 1


def settled(asked: Asked, rule: Rule) -> Properties:
    """The inputs with what the provider's configuration and the vendor's defaults add to them."""
    properties = {name: value for name, value in asked.inputs.items() if not name.startswith("__")}
    for name in SCOPES:
        if properties.get(name) is None and asked.shape and name in asked.shape.outputs:
            # A location is a region to most, and no provider's configuration has one.
            value = asked.config.get(name) or asked.config.get("region" if name == "location" else name)
            properties[name] = value or f"local-{name}"
    scope = Scope(properties, _fallback(asked), asked.type)
    return _merge(properties, fill(dict(rule.defaults), scope, "defaults"))


def _merge(given: Wire, defaults: Wire) -> Wire:
    """Values with defaults for what is missing, at any depth."""
    match given, defaults:
        case None, _:
            return defaults
        case dict(), dict() if signature(given) is None:
            return {**given, **{name: _merge(given.get(name), value) for name, value in defaults.items()}}
        case _:
            return given


def _fallback(asked: Asked, id_: str = "") -> dict[str, Wire]:
    numbers = {"count": asked.count, "generation": asked.generation}
    return {**asked.config, **numbers, **({"id": id_} if id_ else {})}


def identify(asked: Asked, rule: Rule, own_seed: str) -> tuple[str, str]:
    """The id of a new resource and what no two may share ("" where that is nothing).

    `own_seed` tells it from all others that were ever made.
    """
    template = rule.id or _documented_id(asked.shape)
    kind = asked.type.rpartition(":")[2]
    fallback = f"{re.sub(r'(?<!^)(?=[A-Z])', '-', kind).lower()}-{{~hex:12}}"
    properties = settled(asked, rule)

    def filled(text: str, seed: str) -> str:
        return str(bare(fill(text, Scope(properties, _fallback(asked), f"{asked.type}|{seed}"), "id")))

    unique = rule.identity or ("" if "{~" in template else template)
    identity = filled(unique, "") if unique else ""
    return filled(template or fallback, identity or own_seed), "" if rule.shared else identity


def _documented_id(shape: Shape | None) -> str:
    """The id's format from the class's documentation, where inputs alone decide it.

    Not for grants, whose documentation describes what they are granted on.
    """
    if shape is None or not shape.import_id or {"role", "policyData"} & shape.inputs:
        return ""
    names = [camel(name) for name in re.findall(r"\{\{(\w+)\}\}", shape.import_id)]
    if not all(name in shape.inputs for name in names):
        return ""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: f"{{{camel(found[1])}}}", shape.import_id)


def answer(asked: Asked, rule: Rule, rules: Rules, id_: str) -> Properties:
    """All properties of a resource that has this id. What depends on an unknown input is unknown."""
    properties = settled(asked, rule)
    seed = f"{asked.type}|{id_}"
    fallback = _fallback(asked, id_)
    for name, template in rule.outputs.items():
        shape = asked.shape.outputs.get(name, "any") if asked.shape else "any"
        properties[name] = _as(fill(template, Scope(properties, fallback, seed), name), shape)
    if asked.shape is None:
        return properties
    scope = Scope(dict(properties), fallback, seed)
    for name, shape in asked.shape.outputs.items():
        if name in asked.shape.inputs:
            # Left out, it would be unknown to whoever reads it, for ever; the vendor has nothing there.
            properties.setdefault(name, None)
        elif properties.get(name) is None:
            properties[name] = invent(name, name, shape, scope, rules)
    return properties


def invent(name: str, place: str, shape: Any, scope: Scope, rules: Rules) -> Wire:  # noqa: ANN401 (JSON)
    """A value for an output that no rule tells, by its name, else by its type. A list has one element."""
    for pattern, template in rules.by_name:
        if pattern.search(name) and shape not in ("flag", "any"):
            value = fill(template, scope, place)
            if value is not None:
                return _as(value, shape)
    match shape:
        case {"list": element}:
            return [invent(name, f"{place}[0]", element, scope, rules)]
        case {"map": _}:
            return {}
        case {"object": fields}:
            return {
                inner: invent(inner, f"{place}.{inner}", inside, scope, rules)
                for inner, inside in fields.items()
            }
        case "text":
            return fill(f"{name}-{{~hex:8}}", scope, place)
        case "integer" | "number":
            return int(pick(ALPHABETS["digits"], 4, f"{scope.seed}|{place}"))
        case "flag":
            return False
        case _:
            return None


def _as(value: Wire, shape: Any) -> Wire:  # noqa: ANN401 (JSON)
    if value == UNKNOWN or shape not in ("text", "integer", "number"):
        return value
    if shape == "text":
        return str(value)
    digits = re.sub(r"\D", "", str(value))
    # Nine digits survive a double.
    return int(digits[:9] or "0")


def seen_through(inputs: Wire, live: Wire) -> Wire:
    """Live properties in the shape of the inputs: what a provider reports as inputs when it reads a resource.

    Only what the inputs name is reported, so that the vendor's defaults are no drift; values that mean the
    same are reported as they were given.
    """
    if is_secret(inputs):
        return secret(seen_through(bare(inputs), bare(live)))
    if same(inputs, live):
        return inputs
    match inputs, bare(live):
        case dict(), dict() as there if signature(inputs) is None and signature(there) is None:
            return {
                name: value if name.startswith("__") else seen_through(value, there[name])
                for name, value in inputs.items()
                if name.startswith("__") or there.get(name) is not None
            }
        case list(), list() as there:
            return [
                seen_through(inputs[index], item) if index < len(inputs) else item
                for index, item in enumerate(there)
            ]
        case _:
            return live


def left_alone(inputs: Wire, live: Wire, paths: Iterable[str]) -> Wire:
    """Inputs of an update, with what is live at paths that the program ignores and says nothing of.

    So bridged providers do: an ignored property that somebody else has set is no difference, and is not
    sent. A path is the engine's (`template.labels`, `containers[0].image`).
    """
    for path in paths:
        inputs = _left_alone(inputs, bare(live), [part.strip('"') for part in _SEGMENT.findall(path)])
    return inputs


def _left_alone(inputs: Wire, live: Wire, segments: list[str]) -> Wire:
    if not segments:
        return live if inputs is None else inputs
    first, *rest = segments
    match inputs, live:
        case dict(), dict() if live.get(first) is not None and (rest == [] or inputs.get(first) is not None):
            return {**inputs, first: _left_alone(inputs.get(first), bare(live[first]), rest)}
        case list(), list() if first.isdecimal() and int(first) < min(len(inputs), len(live)):
            index = int(first)
            inner = _left_alone(inputs[index], bare(live[index]), rest)
            return [*inputs[:index], inner, *inputs[index + 1 :]]
        case _:
            return inputs


def known_before(old: Properties, new: Properties, inputs: Properties) -> Properties:
    """What a preview may tell of an update: the new inputs, and outputs that stay as they are."""
    return {name: value for name, value in new.items() if name in inputs or same(old.get(name), value)}
