"""Values as Pulumi's protocol carries them, turned into the Plan's, with every secret taken out.

The sentinels are the protocol's (`sdk/go/common/resource/properties.go`, `asset.go`; the SDK keeps them in
`pulumi.runtime.rpc`). A program's secrets are noted while decoding, so that a `Mask` can take the same texts
out of everything else that a plan carries: what the program printed, logged and raised, and inputs that it
forgot to mark.
"""

from __future__ import annotations

import hashlib
import json
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from plimsoll.preview.plan import UNKNOWN, Archive, Asset, ResourceReference, Secret, Unknown, Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf import struct_pb2

UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"


class Signature(StrEnum):
    """What stands under `SIGNATURE_KEY` in an object that is not plain data."""

    SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (it names the kind)
    ASSET = "c44067f5952c0a294b673a41bacd8c17"
    ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"
    RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"


PLACEHOLDER: Final = "undecryptable-secret-6f1d0c5be2a84739"
"""The text of a secret that nobody here can decrypt, as the program reads it; known again in any string."""

MASKED: Final = "[secret]"

SHORTEST_MASKED: Final = 4
"""Characters. Shorter secrets are not looked for: they are everywhere by chance."""

EXACT_INTEGERS: Final = 2**53
"""Beyond this a double skips integers, so that a whole number may be another than the program's."""


def seal(config: Mapping[str, str], undecryptable: Iterable[str]) -> tuple[dict[str, str], frozenset[str]]:
    """The configuration with placeholders for what is encrypted, and the keys whose value is wholly one.

    An object or list with `[secret]` where a part of it is encrypted keeps its other parts.
    """
    sealed = dict(config)
    whole: set[str] = set()
    for key in undecryptable:
        try:
            parts = _seal_parts(json.loads(sealed.get(key, "")))
        except ValueError:
            parts = None
        sealed[key] = json.dumps(parts)
        if not isinstance(parts, dict | list) or PLACEHOLDER not in sealed[key]:
            sealed[key] = PLACEHOLDER
            whole.add(key)
    return sealed, frozenset(whole)


def _seal_parts(value: Any) -> Any:  # noqa: ANN401 (JSON)
    match value:
        case dict():
            return {name: _seal_parts(item) for name, item in value.items()}
        case list():
            return [_seal_parts(item) for item in value]
        case _:
            return PLACEHOLDER if value == MASKED else value


class Decoder:
    """Decodes the values of one program, and keeps in `secrets` every text inside what it marks as secret."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def properties(self, wire: struct_pb2.Struct) -> dict[str, Value]:
        """All inputs or outputs of a resource, in the order of their names."""
        return {name: self.value(wire.fields[name]) for name in sorted(wire.fields)}

    def value(self, wire: struct_pb2.Value) -> Value:
        """One value."""
        match wire.WhichOneof("kind"):
            case "string_value":
                return text_value(wire.string_value)
            case "number_value":
                return _number(wire.number_value)
            case "bool_value":
                return wire.bool_value
            case "list_value":
                return [self.value(item) for item in wire.list_value.values]
            case "struct_value":
                return self._struct(wire.struct_value)
            case _:
                return None

    def _struct(self, wire: struct_pb2.Struct) -> Value:
        if SIGNATURE_KEY not in wire.fields:
            return self.properties(wire)
        match wire.fields[SIGNATURE_KEY].string_value:
            case Signature.SECRET:
                return self._secret(wire.fields["value"])
            case Signature.ASSET:
                return self._asset(wire)
            case Signature.ARCHIVE:
                return self._archive(wire)
            case Signature.RESOURCE:
                id_ = self.value(wire.fields["id"]) if "id" in wire.fields else ""
                urn = wire.fields["urn"].string_value
                return ResourceReference(urn, id_ if isinstance(id_, str) else UNKNOWN)
            case _:
                # A kind of value newer than this decoder. It may hold a secret, so nothing of it is kept.
                return UNKNOWN

    def _secret(self, wire: struct_pb2.Value) -> Secret:
        inside = self.value(wire)
        self.secrets.update(_texts(inside))
        return Secret(unknown=_has_unknown(inside))

    def _asset(self, wire: struct_pb2.Struct) -> Value:
        for field, kind in (("path", "file"), ("uri", "remote"), ("text", "text")):
            if field in wire.fields:
                given = self.value(wire.fields[field])
                if not isinstance(given, str):
                    return given
                if kind == "text":
                    return Asset(kind, sha256=hashlib.sha256(given.encode()).hexdigest())
                return Asset(kind, given)
        return UNKNOWN

    def _archive(self, wire: struct_pb2.Struct) -> Value:
        for field, kind in (("path", "file"), ("uri", "remote"), ("assets", "assets")):
            if field in wire.fields:
                given = self.value(wire.fields[field])
                match given:
                    case str():
                        return Archive(kind, given)
                    case dict():
                        return Archive(kind, assets=given)
                    case _:
                        return given
        return UNKNOWN


def text_value(text: str) -> str | Unknown | Secret:
    """A text, unless it stands for what is unknown or could not be decrypted."""
    if text == UNKNOWN_TEXT:
        return UNKNOWN
    return Secret(unknown=True) if has_placeholder(text) else text


def has_placeholder(text: str) -> bool:
    """Whether a text holds the placeholder, in whatever case the program turned it to."""
    return PLACEHOLDER in text or PLACEHOLDER in text.lower()


def _number(number: float) -> int | float:
    return int(number) if abs(number) <= EXACT_INTEGERS and number == int(number) else number


def _texts(value: Value) -> Iterable[str]:
    match value:
        case str():
            yield value
        case bool():
            return
        case int() | float():
            yield str(value)
        case list():
            for item in value:
                yield from _texts(item)
        case dict():
            for item in value.values():
                yield from _texts(item)
        case _:
            return


def _has_unknown(value: Value) -> bool:
    match value:
        case Unknown() | Secret(unknown=True):
            return True
        case list():
            return any(_has_unknown(item) for item in value)
        case dict():
            return any(_has_unknown(item) for item in value.values())
        case _:
            return False


def hide_placeholders(wire: struct_pb2.Struct) -> None:
    """Turn every value with a placeholder into an unknown secret, in place, as the program will read it."""
    for value in wire.fields.values():
        _hide(value)


def _hide(wire: struct_pb2.Value) -> None:
    match wire.WhichOneof("kind"):
        case "string_value" if has_placeholder(wire.string_value):
            mark_secret(wire)
            wire.struct_value.fields["value"].string_value = UNKNOWN_TEXT
        case "list_value":
            for item in wire.list_value.values:
                _hide(item)
        case "struct_value":
            fields = wire.struct_value.fields
            if not _is_secret(wire):
                hide_placeholders(wire.struct_value)
            elif has_placeholder(str(fields["value"])):
                fields["value"].string_value = UNKNOWN_TEXT
        case _:
            return


def _is_secret(wire: struct_pb2.Value) -> bool:
    if not wire.HasField("struct_value") or SIGNATURE_KEY not in wire.struct_value.fields:
        return False
    return wire.struct_value.fields[SIGNATURE_KEY].string_value == Signature.SECRET.value


def mark_secret(wire: struct_pb2.Value) -> None:
    """Wrap a value as a secret, in place; one that is already is left alone."""
    if _is_secret(wire):
        return
    inside = type(wire)()
    inside.CopyFrom(wire)
    wire.struct_value.fields[SIGNATURE_KEY].string_value = Signature.SECRET
    wire.struct_value.fields["value"].CopyFrom(inside)


class Mask:
    """Takes known secrets out of what they leaked into; those of `SHORTEST_MASKED` characters or more.

    What a program says loses all of them, also as JSON, `repr` or a URL write them, and each longer line of
    one that has several. Inputs and outputs lose those of the configuration, where it declares them: a value
    that is one becomes `Secret`, a string that contains one keeps the rest. Secrets of the program do not
    count there, because providers' SDKs mark ordinary words as well (each value of a Vercel variable), and
    inputs would go missing with them. Names and URNs stay.
    """

    def __init__(self, configured: Iterable[str], marked: Iterable[str] = ()) -> None:
        declared = {text for value in configured for text in (value, *_json_texts(value))}
        self._exact = {text for text in declared if len(text) >= SHORTEST_MASKED}
        self._in_values = _pattern(declared)
        self._in_texts = _pattern(declared.union(marked))

    def text(self, text: str) -> str:
        """A text without secrets."""
        return self._in_texts.sub(MASKED, text)

    def value(self, value: Value) -> Value:
        """An input or output without secrets that the program did not mark."""
        match value:
            case bool():
                return value
            case int() | float():
                return Secret() if str(value) in self._exact else value
            case str():
                return Secret() if value in self._exact else self._in_values.sub(MASKED, value)
            case list():
                return [self.value(item) for item in value]
            case dict():
                return self.properties(value)
            case Archive(kind, location, assets):
                return Archive(kind, self._in_values.sub(MASKED, location), self.properties(assets))
            case _:
                return value

    def properties(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """All inputs or outputs of a resource, their names included."""
        return {self._in_values.sub(MASKED, name): self.value(value) for name, value in values.items()}


def _json_texts(value: str) -> Iterable[str]:
    try:
        return _texts(json.loads(value))
    except ValueError:
        return ()


def _pattern(secrets: Iterable[str]) -> re.Pattern[str]:
    written = {PLACEHOLDER}
    for secret in secrets:
        forms = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe="")}
        lines = {line for line in secret.splitlines() if len(line) >= 2 * SHORTEST_MASKED}
        written.update(form for form in forms | lines if len(form) >= SHORTEST_MASKED)
    # The longest first: a secret inside another must not leave the other's ends behind.
    return re.compile("|".join(re.escape(form) for form in sorted(written, key=len, reverse=True)))
