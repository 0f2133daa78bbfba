"""Check resource inputs by the classes of the SDKs that a project has installed, and describe those classes.

`run_program.py` loads it when a program is through, and has everything judged at once (`judge`). Else it is
started by path under the project's interpreter (`python -u check_inputs.py`), never imported by Plimsoll: it
uses the standard library and whatever Pulumi SDK 3.x it finds there, in syntax that Python 3.9 reads. Each
line on standard input is one question in JSON, each line on standard output its answer:

- `{"ask": "packages"}` → `{"packages": {name: version}}`, of every SDK with a `pulumi-plugin.json`.
- `{"ask": "check", "type": TOKEN, "inputs": {…}}` → `{"problems": [[path, reason], …]}`.
- `{"ask": "shape", "type": TOKEN}` → `{"inputs": [name, …], "outputs": {name: shape, …}, "importId": "…"}`.

Every answer about a type has `"known"`: false, with nothing else, for one that no installed SDK has. A shape
is "text", "integer", "number", "flag", "any", `{"list": shape}`, `{"map": shape}` or
`{"object": {name: shape}}`. A question that fails is answered with `{"failed": "…"}`. Values are JSON as the
protocol carries them; its sentinels for unknowns, secrets, assets and references pass. The end of standard
input ends it.
"""

from __future__ import annotations

import collections.abc
import contextlib
import difflib
import enum
import functools
import importlib
import inspect
import json
import os
import pathlib
import re
import sys
import typing
from typing import Any, Iterator, NamedTuple  # noqa: UP035 (Python 3.9)

SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (it names the kind)
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

IMPORT_ID = re.compile(r"^\s*\* `([^`\s]*\{\{[^`\s]*)`", re.MULTILINE)
"""In a class's documentation, a format of the id that an import accepts. The first is the fullest."""

PLAIN: dict[type, str] = {str: "text", bool: "flag", int: "integer", float: "number"}

DEEPEST = 8
"""Levels of objects in a shape; types that contain themselves end there."""

Problem = tuple[str, str, bool]
"""A property's path, what is wrong there, and whether that is only advice."""


class Fields(NamedTuple):
    """What an object may hold, by the names that the protocol uses, and what it must."""

    types: dict[str, Any]
    required: frozenset[str]


# --- which classes there are


@functools.cache
def installed() -> dict[str, tuple[str, str]]:
    """Module and version of every installed SDK, by package."""
    found: dict[str, tuple[str, str]] = {}
    for folder in sys.path:
        for file in sorted(pathlib.Path(folder or ".").glob("*/pulumi-plugin.json")):
            with contextlib.suppress(OSError, ValueError):
                said = json.loads(file.read_text(encoding="utf-8"))
                module = file.parent.name
                name = said.get("name") or module.rpartition("pulumi_")[2].replace("_", "-")
                found.setdefault(name, (module, said.get("version") or ""))
    return found


@functools.cache
def find(token: str) -> type | None:
    """The resource class behind a type token, or None. Raises what a broken SDK raises on import."""
    from pulumi.runtime import rpc  # noqa: PLC0415 (slow, and its absence is an answer)

    package, _, rest = token.partition(":")
    if package not in installed():
        return None
    importlib.import_module(installed()[package][0])
    registered = rpc.get_resource_module(package, rest.partition(":")[0], "")
    known = getattr(registered, "mod_info", {"classes": {}})
    if token not in known["classes"]:
        return None
    return typing.cast("type", getattr(importlib.import_module(known["fqn"]), known["classes"][token]))


def arguments_of(resource: type) -> type:
    """The Args class of a resource class, which stands beside it.

    It is called InitArgs where an object among some resource's inputs has the other name already.
    """
    beside = vars(sys.modules[resource.__module__])
    name = resource.__name__
    return typing.cast("type", beside.get(f"{name}InitArgs") or beside[f"{name}Args"])


@functools.cache
def input_fields(arguments: type) -> Fields:
    """The fields of an Args class. Those without a default are required."""
    from pulumi import _types  # noqa: PLC0415

    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters
    required = {names[name] for name, it in parameters.items() if name in names and it.default is it.empty}
    return Fields(_types.input_type_types(arguments), frozenset(required))


# --- what a type hint asks for


def choices(hint: Any) -> list[Any]:  # noqa: ANN401 (a hint may be anything)
    """The types that a hint allows, without what only carries a value (Output, Awaitable) or means none."""
    from pulumi import Output  # noqa: PLC0415

    origin = typing.get_origin(hint)
    if origin is typing.Union or type(hint).__name__ == "UnionType":
        return [choice for member in typing.get_args(hint) for choice in choices(member)]
    carrier = origin in (Output, collections.abc.Awaitable)
    typed_dict = isinstance(hint, type) and hasattr(hint, "__total__")
    return [] if carrier or typed_dict or hint is type(None) else [hint]


def plain(kind: Any) -> type | None:  # noqa: ANN401
    """The plain type behind a type: itself, or what an enumeration's members are."""
    if not isinstance(kind, type):
        return None
    bases = [base for base in kind.__mro__ if base in PLAIN]
    return bases[0] if bases and (kind in PLAIN or issubclass(kind, enum.Enum)) else None


def element(kind: Any) -> tuple[str, Any] | None:  # noqa: ANN401
    """ "list" or "map" and the type of its elements, or None for what is neither."""
    origin, inside = typing.get_origin(kind), typing.get_args(kind)
    if origin in (list, collections.abc.Sequence):
        return "list", inside[0] if inside else Any
    if origin in (dict, collections.abc.Mapping):
        return "map", inside[1] if inside else Any
    return None


def _is(kind: type, direction: str) -> bool:
    """Whether a class is one that the SDK's `@input_type` or `@output_type` made."""
    return f"_pulumi_{direction}_type" in kind.__dict__


# --- checking


def check_object(values: dict[str, Any], arguments: type, path: str) -> Iterator[Problem]:
    """Unknown keys, missing ones and wrong types of one object, at any depth."""
    fields = input_fields(arguments)
    for name in sorted(fields.required):
        if values.get(name) is None:
            yield join(path, name), "is required, and missing", False
    for name, value in values.items():
        if name in fields.types:
            yield from check_value(value, fields.types[name], join(path, name))
        elif not name.startswith("__"):
            reason = f"is no input of {arguments.__name__[:-4]}{suggest(name, fields.types)}"
            yield join(path, name), reason, False


def suggest(name: str, known: dict[str, Any]) -> str:
    """What may have been meant."""
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; it knows {', '.join(sorted(known))}"


def check_value(value: Any, hint: Any, path: str) -> list[Problem]:  # noqa: ANN401 (JSON)
    """What is wrong with a value, by the choice that it comes nearest to."""
    if isinstance(value, dict) and SIGNATURE_KEY in value:
        if value[SIGNATURE_KEY] != SECRET:
            return []
        return check_value(value.get("value"), hint, path)
    allowed = choices(hint)
    if value is None or value == UNKNOWN or not allowed:
        return []
    # The fewest problems: of several object types, the one that was most likely meant.
    return min((list(check_choice(value, choice, path)) for choice in allowed), key=weigh)


def weigh(problems: list[Problem]) -> tuple[int, int]:
    """How wrong a value is: real problems count more than any advice."""
    advice = sum(problem[2] for problem in problems)
    return len(problems) - advice, advice


def check_choice(value: Any, kind: Any, path: str) -> Iterator[Problem]:  # noqa: ANN401
    """What is wrong with a value that should be of one type."""
    base, inside = plain(kind), element(kind)
    arguments = isinstance(kind, type) and _is(kind, "input")
    if base is not None:
        if not fits(value, base):
            yield path, f"must be {WANTED[base]}, and is {describe(value)}", False
        elif isinstance(value, str) and base is not str:
            yield path, f"is text, which the provider has to turn into {WANTED[base]}", True
    elif inside is not None:
        yield from check_elements(value, *inside, path)
    elif arguments and isinstance(value, dict):
        yield from check_object(value, kind, path)
    elif arguments:
        yield path, f"must be an object ({kind.__name__}), and is {describe(value)}", False


def check_elements(value: Any, of: str, kind: Any, path: str) -> Iterator[Problem]:  # noqa: ANN401
    """What is wrong with a value that should be a list or a map."""
    if not isinstance(value, list if of == "list" else dict):
        yield path, f"must be a {of}, and is {describe(value)}", False
        return
    if of == "list":
        inside = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        inside = [(join(path, name), item) for name, item in value.items()]
    for place, item in inside:
        yield from check_value(item, kind, place)


WANTED: dict[type, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def fits(value: Any, base: type) -> bool:  # noqa: ANN401
    """Whether a bridged provider takes the value: it converts between text and what the text spells."""
    if isinstance(value, (list, dict)):
        return False
    if base is str:
        return True
    if base is bool:
        return isinstance(value, bool) or value in ("true", "false")
    if isinstance(value, bool):
        return False
    try:
        number = float(value)
    except ValueError:
        return False
    return base is float or number.is_integer()


def describe(value: Any) -> str:  # noqa: ANN401
    """A value's kind, never the value: it may come from a secret."""
    kinds = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")


def join(path: str, name: str) -> str:
    """A property path with one more name, as Pulumi writes it."""
    if not re.fullmatch(r"[A-Za-z_$][\w$-]*", name):
        return f"{path}[{json.dumps(name)}]"
    return f"{path}.{name}" if path else name


# --- describing


def shape(hint: Any, depth: int = 0) -> Any:  # noqa: ANN401
    """A type hint as JSON; of several choices, the first."""
    from pulumi import _types  # noqa: PLC0415

    allowed = choices(hint)
    if not allowed or depth > DEEPEST:
        return "any"
    kind = allowed[0]
    base, inside = plain(kind), element(kind)
    if base is not None:
        return PLAIN[base]
    if inside is not None:
        return {inside[0]: shape(inside[1], depth)}
    if isinstance(kind, type) and _is(kind, "output"):
        fields = _types.output_type_types(kind)
        return {"object": {name: shape(field, depth + 1) for name, field in fields.items()}}
    return "any"


def describe_class(resource: type) -> dict[str, Any]:
    """Inputs and outputs of a resource class, and the format of its ids where its documentation gives one."""
    from pulumi import _types  # noqa: PLC0415

    inputs = input_fields(arguments_of(resource)).types
    outputs = _types.resource_types(resource)
    formats = IMPORT_ID.search(inspect.getsource(sys.modules[resource.__module__]))
    return {
        "inputs": sorted(inputs),
        "outputs": {name: shape(hint) for name, hint in outputs.items()},
        "importId": formats.group(1) if formats else "",
    }


# --- answering


def judge(asked: list[tuple[str, Any]], placeholder: str) -> list[dict[str, Any]]:
    """All that is wrong with the inputs of registrations, which come with their URNs.

    A text with the `placeholder` in it stands for what nobody here knows.
    """
    problems = []
    for urn, request in asked:
        resource = find(request.type) if request.custom else None
        if resource is None:
            continue
        inputs = to_json(request.object, placeholder)
        problems += [
            {"urn": urn, "path": path, "reason": reason, "advice": advice}
            for path, reason, advice in check_object(inputs, arguments_of(resource), "")
        ]
    return problems


def to_json(struct: Any, placeholder: str) -> dict[str, Any]:  # noqa: ANN401 (a protobuf message)
    """A message of the protocol as JSON, several times as fast as protobuf's own `MessageToDict`."""

    def plain_value(value: Any) -> Any:  # noqa: ANN401 (likewise)
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            text = value.string_value
            return UNKNOWN if placeholder in text or placeholder in text.lower() else text
        if kind == "struct_value":
            return to_json(value.struct_value, placeholder)
        if kind == "list_value":
            return [plain_value(item) for item in value.list_value.values]
        return None if kind in (None, "null_value") else getattr(value, kind)

    return {name: plain_value(value) for name, value in struct.fields.items()}


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """The answer to one question."""
    if question["ask"] == "packages":
        return {"packages": {name: version for name, (_, version) in installed().items()}}
    resource = find(question["type"])
    if resource is None:
        return {"known": False}
    if question["ask"] == "check":
        found = check_object(question["inputs"], arguments_of(resource), "")
        return {"known": True, "problems": [problem[:2] for problem in found if not problem[2]]}
    return {"known": True, **describe_class(resource)}


def main() -> None:
    """Answer until there are no more questions."""
    # SDKs and what they import may print; that must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    own_folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (as in sys.path)
    sys.path[:] = [entry for entry in sys.path if entry != own_folder]
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 (a broken SDK fails in any way it likes)
            said = {"failed": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(said) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
