"""Values of the protocol become the Plan's, and secrets become nothing but their mark."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import assume, given
from hypothesis import strategies as st

from plimsoll.preview.decode import (
    EXACT_INTEGERS,
    MASKED,
    PLACEHOLDER,
    SHORTEST_MASKED,
    SIGNATURE_KEY,
    UNKNOWN_TEXT,
    Decoder,
    Mask,
    Signature,
    hide_placeholders,
    mark_secret,
    seal,
)
from plimsoll.preview.plan import UNKNOWN, Archive, Asset, ResourceReference, Secret, value_to_json

if TYPE_CHECKING:
    from plimsoll.preview.plan import Value


def wire(value: Any) -> struct_pb2.Value:
    return json_format.ParseDict(value, struct_pb2.Value())


def special(signature: str, **fields: Any) -> dict[str, Any]:
    return {SIGNATURE_KEY: signature, **fields}


def secret(value: Any) -> dict[str, Any]:
    return special(Signature.SECRET, value=value)


DECODED = [
    pytest.param(None, None, id="null"),
    pytest.param(True, True, id="flag"),
    pytest.param(80, 80, id="a whole number is an integer"),
    pytest.param(0.5, 0.5, id="a fraction stays one"),
    pytest.param(-0.0, 0, id="minus zero"),
    pytest.param(2.0**53, 2**53, id="the last exact integer"),
    pytest.param(2.0**54, 2.0**54, id="beyond it nothing is claimed"),
    pytest.param("", "", id="empty text"),
    pytest.param(UNKNOWN_TEXT, UNKNOWN, id="unknown"),
    pytest.param(f"x{UNKNOWN_TEXT}", f"x{UNKNOWN_TEXT}", id="text that only contains its sign"),
    pytest.param({"a": [1, {"b": UNKNOWN_TEXT}]}, {"a": [1, {"b": UNKNOWN}]}, id="nested"),
    pytest.param(secret("x"), Secret(), id="secret"),
    pytest.param(secret(UNKNOWN_TEXT), Secret(unknown=True), id="unknown secret"),
    pytest.param(secret({"a": [UNKNOWN_TEXT]}), Secret(unknown=True), id="partly unknown secret"),
    pytest.param(secret(secret(UNKNOWN_TEXT)), Secret(unknown=True), id="secret of an unknown secret"),
    pytest.param(f"u:{PLACEHOLDER}@h", Secret(unknown=True), id="what could not be decrypted, in a text"),
    pytest.param(secret(f"x{PLACEHOLDER}"), Secret(unknown=True), id="the same, marked as well"),
    pytest.param(PLACEHOLDER.upper(), Secret(unknown=True), id="the same in capitals"),
    pytest.param(special(Signature.ASSET, path="a.txt"), Asset("file", "a.txt"), id="file"),
    pytest.param(special(Signature.ASSET, uri="https://a"), Asset("remote", "https://a"), id="remote file"),
    pytest.param(
        special(Signature.ASSET, text=""),
        Asset("text", sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        id="text",
    ),
    pytest.param(special(Signature.ASSET, text=secret("x")), Secret(), id="secret text"),
    pytest.param(special(Signature.ASSET, path=UNKNOWN_TEXT), UNKNOWN, id="unknown file"),
    pytest.param(special(Signature.ARCHIVE, path="a"), Archive("file", "a"), id="folder"),
    pytest.param(
        special(Signature.ARCHIVE, assets={"a": special(Signature.ASSET, path="b")}),
        Archive("assets", assets={"a": Asset("file", "b")}),
        id="archive of files",
    ),
    pytest.param(special(Signature.ARCHIVE, assets=secret({})), Secret(), id="secret archive"),
    pytest.param(special(Signature.ARCHIVE), UNKNOWN, id="archive of nothing"),
    pytest.param(special(Signature.RESOURCE, urn="u", id="i"), ResourceReference("u", "i"), id="resource"),
    pytest.param(special(Signature.RESOURCE, urn="u"), ResourceReference("u"), id="component"),
    pytest.param(
        special(Signature.RESOURCE, urn="u", id=UNKNOWN_TEXT),
        ResourceReference("u", UNKNOWN),
        id="resource that does not exist yet",
    ),
    pytest.param(special("of-tomorrow", value="may be secret"), UNKNOWN, id="a kind of tomorrow"),
]


@pytest.mark.parametrize(("given_value", "expected"), DECODED)
def test_a_value_of_the_protocol_is_read(given_value: Any, expected: Value):
    decoded = Decoder().value(wire(given_value))
    assert decoded == expected
    assert type(decoded) is type(expected)


# Without NUL and surrogates, which the protocol does not carry, and without the sign of our own markers.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0$"), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-EXACT_INTEGERS, EXACT_INTEGERS)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_plain_data_stays_what_it_was_and_is_json_again(values: dict[str, Any]):
    decoded = Decoder().properties(wire(values).struct_value)
    assert decoded == values
    assert list(decoded) == sorted(values)
    assert json.loads(json.dumps(value_to_json(decoded))) == values


def test_every_text_inside_a_secret_is_noted():
    decoder = Decoder()
    decoder.value(wire([secret("hunter22"), secret({"user": "app", "pin": 12345, "on": True}), "plain"]))
    assert decoder.secrets == {"hunter22", "app", "12345"}


HIDDEN = [
    pytest.param("plain", "plain", id="plain text"),
    pytest.param(PLACEHOLDER, secret(UNKNOWN_TEXT), id="the placeholder"),
    pytest.param([f"x{PLACEHOLDER}", 1], [secret(UNKNOWN_TEXT), 1], id="in a list"),
    pytest.param({"a": {"b": PLACEHOLDER}}, {"a": {"b": secret(UNKNOWN_TEXT)}}, id="in an object"),
    pytest.param(secret(f"x{PLACEHOLDER}"), secret(UNKNOWN_TEXT), id="in a secret"),
    pytest.param(secret({"a": [PLACEHOLDER]}), secret(UNKNOWN_TEXT), id="deep in a secret"),
    pytest.param(secret("x"), secret("x"), id="another secret"),
]


@pytest.mark.parametrize(("value", "expected"), HIDDEN)
def test_placeholders_come_back_to_the_program_as_unknown_secrets(value: Any, expected: Any):
    properties = struct_pb2.Struct()
    properties.fields["it"].CopyFrom(wire(value))
    hide_placeholders(properties)
    assert properties.fields["it"] == wire(expected)


def test_a_secret_is_marked_only_once():
    value = wire(["a"])
    mark_secret(value)
    mark_secret(value)
    assert value == wire(secret(["a"]))


SEALED = [
    pytest.param("[secret]", PLACEHOLDER, True, id="a text"),
    pytest.param("", PLACEHOLDER, True, id="nothing"),
    pytest.param('{"a": "[secret]", "b": 1}', {"a": PLACEHOLDER, "b": 1}, False, id="part of an object"),
    pytest.param('[{"a": ["[secret]"]}]', [{"a": [PLACEHOLDER]}], False, id="deep inside"),
    pytest.param('{"a": "not the [secret] word"}', PLACEHOLDER, True, id="no part of an object"),
    pytest.param('"[secret]"', PLACEHOLDER, True, id="a quoted text"),
]


@pytest.mark.parametrize(("text", "expected", "whole"), SEALED)
def test_configuration_that_cannot_be_decrypted_is_sealed(text: str, expected: Any, *, whole: bool):
    config, keys = seal({"p:a": text, "p:b": "[secret]"}, ["p:a"])
    assert (json.loads(config["p:a"]) if config["p:a"][0] in "[{" else config["p:a"]) == expected
    assert keys == ({"p:a"} if whole else set())
    assert config["p:b"] == "[secret]"


WORDS = st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=SHORTEST_MASKED, max_size=30)


@given(WORDS, st.text(max_size=20), st.text(max_size=20), st.booleans())
def test_no_text_keeps_a_secret(word: str, before: str, after: str, configured: bool):  # noqa: FBT001 (drawn)
    assume(word not in MASKED and "[" not in word and "]" not in word)
    mask = Mask([word]) if configured else Mask([], [word])
    for written in (word, json.dumps(word)[1:-1], repr(word)[1:-1], quote(word, safe="")):
        masked = mask.text(f"{before} {written} {after}")
        assert MASKED in masked
        assert word not in masked


def test_texts_lose_each_line_of_a_secret_too():
    mask = Mask([], ["-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----"])
    assert mask.text("it is MIIEvQIBADANBg") == "it is [secret]"


def test_short_secrets_are_left_where_chance_would_find_them():
    mask = Mask(["abc"], ["eu"])
    assert mask.text("abc eu") == "abc eu"
    assert mask.value(["abc", "abcd"]) == ["abc", "abcd"]


def test_values_lose_secrets_of_the_configuration_wherever_they_stand():
    mask = Mask(["hunter22", "12345678", '{"password": "in an object"}'])
    assert mask.properties(
        {
            "text": "hunter22",
            "number": 12345678,
            "flag": True,
            "deep": [{"hunter22": "a hunter22!"}, "in an object"],
            "archive": Archive("file", "/hunter22/a", {"x": Asset("file", "y")}),
            "unknown": UNKNOWN,
        }
    ) == {
        "text": Secret(),
        "number": Secret(),
        "flag": True,
        "deep": [{"[secret]": "a [secret]!"}, Secret()],
        "archive": Archive("file", "/[secret]/a", {"x": Asset("file", "y")}),
        "unknown": UNKNOWN,
    }


def test_values_keep_words_that_some_sdk_marks_as_secrets():
    mask = Mask([], ["production"])
    assert mask.value({"targets": ["production"]}) == {"targets": ["production"]}
    assert mask.text("for production") == "for [secret]"
