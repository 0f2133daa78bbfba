"""YAML as the engine reads it, or a refusal that says why. `test_engine_config.py` asks the engine itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.settings.errors import Fault, SettingsError
from plimsoll.settings.tree import Mapping, Scalar, Sequence, to_json, to_python
from plimsoll.settings.yaml import MAX_BYTES, MAX_DEPTH, parse, read


def value(text: str) -> object:
    node = parse(text.encode())
    return None if node is None else to_python(node)


def faults(content: str | bytes) -> tuple[Fault, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(content.encode() if isinstance(content, str) else content)
    return caught.value.faults


SCALARS: list[tuple[str, str | float | bool | None]] = [
    # Words that other readers take for something else.
    *[
        (word, word)
        for word in ("yes", "no", "on", "off", "y", "N", "12:30", "190:20:30.15", "nUll", "tRue", "=")
    ],
    *[
        (word, word)
        for word in ("_1", "1e", "e1", "0x", "0b2", "0o8x", "+", ".", "..", "1.2.3", "inf", "nan")
    ],
    *[
        (word, word)
        for word in ("1e400", "-1e400", "0x10000000000000000", "300ms", "99.5%", "2024-1-1a", "<<")
    ],
    *[(word, word) for word in ("a b", "a#b", "http://x/y?z", "1 2", "é", "1,5")],
    ("true", True),
    ("True", True),
    ("FALSE", False),
    ("~", None),
    ("Null", None),
    # Numbers, in all the ways Go knows.
    ("017", 15),
    ("-017", -15),
    ("0o17", 15),
    ("0O17", 15),
    ("08", 8),
    ("0x1F", 31),
    ("0X1f", 31),
    ("-0x1F", -31),
    ("0b11", 3),
    ("0b-1", -1),
    ("0o-7", -7),
    ("1_000", 1000),
    ("1__0_", 10),
    ("+1", 1),
    ("1e3", 1000),
    ("1.50", 1.5),
    (".5", 0.5),
    ("5.", 5),
    ("+.5e1", 5),
    ("-0.0", 0),
    ("1e-400", 0),
    ("99.5", 99.5),
    ("9007199254740992", 2**53),
    ("-9007199254740992", -(2**53)),
    # Quoted, everything is text.
    ("'017'", "017"),
    ('"yes"', "yes"),
    ("'2024-01-01'", "2024-01-01"),
    ("'<<'", "<<"),
    ("''", ""),
    (r'"\x41\u00e9\t\N\L\_"', "Aé\t\x85\u2028\xa0"),
    ("'it''s'", "it's"),
]


@pytest.mark.parametrize(("text", "meaning"), SCALARS, ids=[text for text, _ in SCALARS])
def test_a_scalar_means_what_it_means_to_the_engine(text: str, meaning: object):
    read_value = value(f"k: {text}\n")
    assert read_value == {"k": meaning}
    assert [type(v) for v in dict(read_value).values()] == [type(meaning)]  # ty: ignore[no-matching-overload]


DOCUMENTS = {
    "a literal text": ("a: |\n  x\n   y\n", {"a": "x\n y\n"}),
    "a folded text, stripped": ("a: >-\n  x\n  y\n\n  z\n", {"a": "x y\nz"}),
    "a text with tabs inside": ("a: |\n  all:\n  \tgo build\n", {"a": "all:\n\tgo build\n"}),
    "a plain text over two lines": ("a: x\n  y\n", {"a": "x y"}),
    "an alias": ("a: &x [1]\nb: *x\n", {"a": [1], "b": [1]}),
    "an alias as a key": ("a: &x k\n*x : 1\n", {"a": "k", "k": 1}),
    "an anchor set anew": ("a: &x 1\nb: &x 2\nc: *x\n", {"a": 1, "b": 2, "c": 2}),
    "a merge, and what stands in the map wins": (
        "a: &x {p: 1, q: 2}\nb: {q: 3, <<: *x}\n",
        {"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 3}},
    ),
    "a merge of two, and the first wins": (
        "a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}\n",
        {"a": {"p": 1}, "b": {"p": 2, "q": 2}, "c": {"p": 1, "q": 2}},
    ),
    "Windows line endings": ("a: 1\r\nb: |\r\n  x\r\n  y\r\n", {"a": 1, "b": "x\ny\n"}),
    "a byte order mark": ("\ufeffa: 1\n", {"a": 1}),
    "a document marker": ("--- # here\na: 1\n...\n", {"a": 1}),
    "keys that are numbers or truth values": ("{80: a, true: b}\n", {"80": "a", "true": "b"}),
    "brackets": ('{a: [b, {c: d}, ], "e":1, f: [g:h]}\n', {"a": ["b", {"c": "d"}], "e": 1, "f": ["g:h"]}),
    "a key without a value": ("a:\n  b:\n", {"a": {"b": None}}),
}


@pytest.mark.parametrize(("text", "meaning"), DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_document_means_what_it_means_to_the_engine(text: str, meaning: object):
    assert value(text) == meaning


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "~\n", "--- null\n"])
def test_a_file_of_nothing_is_nothing(text: str):
    assert parse(text.encode()) is None


REFUSED = {
    # what: (text, rule, line, key)
    "a date": ("a:\n  b: 2024-01-15\n", "yaml/date", 2, "a.b"),
    "a time": ("a: 2024-1-1 10:00:00\n", "yaml/date", 1, "a"),
    "infinity": ("a: [1, -.inf]\n", "yaml/not-a-number", 1, "a[1]"),
    "not a number": ("a: .NaN\n", "yaml/not-a-number", 1, "a"),
    "a number beyond 2^53": ("a: 9007199254740993\n", "yaml/number", 1, "a"),
    "a number of 21 digits": ("a: 103456789012345678901\n", "yaml/number", 1, "a"),
    "a great float": ("a: 1e17\n", "yaml/number", 1, "a"),
    "a list as a key": ("? [a]\n: 1\n", "yaml/key", 1, None),
    "a key that changes": ("a: {017: x}\n", "yaml/key", 1, "a.017"),
    "an empty key": ("a: {~: x}\n", "yaml/key", 1, "a.~"),
    "keys 1 and '1'": ("a:\n  1: x\n  '1': y\n", "yaml/duplicate-key", 3, "a.1"),
    "a key twice": ("a: 1\n\nb: 2\na: 3\n", "yaml/duplicate-key", 4, "a"),
    "a quoted <<": ("a: {'<<': {b: 1}}\n", "yaml/key", 1, "a.<<"),
    "a merge of a text": ("a: {<<: b}\n", "yaml/merge", 1, "a.<<"),
    "a merge of an aliased list": ("a: &x [{b: 1}]\nc: {<<: *x}\n", "yaml/merge", 2, "c.<<"),
    "two merges": ("a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n", "yaml/merge", 4, "c"),
    "a tag": ("a: !!str 1\n", "yaml/tag", 1, "a"),
    "a tag of one's own": ("a: !foo {b: 1}\n", "yaml/tag", 1, "a"),
    "the tag !": ("a: ! 12\n", "yaml/tag", 1, "a"),
    "a directive": ("%YAML 1.2\n---\na: 1\n", "yaml/directive", 2, None),
    "a second document": ("a: 1\n---\nb: 2\n", "yaml/second-document", 2, None),
    "an alias of nothing": ("a: *x\n", "yaml/alias", 1, "a"),
    "a value that contains itself": ("a: &x\n  b: *x\n", "yaml/alias", 2, "a.b"),
    "an anchor with a colon": ("a: &b: c\n", "yaml/anchor", 1, "a"),
    "a tab for indentation": ("a:\n\tb: 1\n", "yaml/tab", 2, None),
    "a tab after spaces": ("a: x\n \t y\n", "yaml/tab", 2, None),
    "a tab after a colon": ("a: 1\nb:\t2\n", "yaml/tab", 2, None),
    "a tab that begins a literal text": ("a: |\n  \tx\n", "yaml/text", 1, "a"),
    "an empty line that begins a text": ("a: |\n\n  x\n", "yaml/text", 1, "a"),
    "an escaped line break that begins a text": (r'a: "\nx"', "yaml/text", 1, "a"),
    "a question mark in brackets": ("a: {b: /c?d=e}\n", "yaml/flow", 1, "a.b"),
    "half a character": (r'a: &x "\ud83d"', "yaml/escape", 1, "a"),
    "half a character, written long": (r'a: "\\\U0000d83d"', "yaml/escape", 1, "a"),
    "an escaped slash": (r'a: "b\/c"', "yaml/escape", 1, "a"),
    "a character beyond Unicode": ('a: 1\nb: "\\U00110000"\n', "yaml/syntax", 2, None),
    "a bracket left open": ("a: [1\nb: 2\n", "yaml/syntax", 2, None),
    "a quote left open": ("a: 'x\nb: 2\n", "yaml/syntax", 3, None),
    "a colon too many": ("a: b: c\n", "yaml/syntax", 1, None),
    "a map that goes out of line": ("a:\n   b: 1\n  c: 2\n", "yaml/syntax", 3, None),
    "a next-line character": ("a: x\x85y\n", "yaml/character", 1, None),
    "a line separator": ("a: 1\nb: x\u2028y\n", "yaml/character", 2, None),
    "a byte order mark in the middle": ("a: '\ufeff'\n", "yaml/character", 1, None),
    "a control character": ("a: 1\nb: \x1b[0m\n", "yaml/character", 2, None),
    "keys of Pulumi's paths": (
        'config:\n  p:a.b:\n    "c.d": [{e f: .inf}]\n',
        "yaml/not-a-number",
        3,
        'p:["a.b"]["c.d"][0]["e f"]',
    ),
}


@pytest.mark.parametrize(("text", "rule", "line", "key"), REFUSED.values(), ids=REFUSED)
def test_what_readers_differ_on_is_refused_by_name(text: str, rule: str, line: int, key: str | None):
    (fault,) = faults(text)
    assert (fault.rule, fault.line, fault.key) == (rule, line, key)
    assert fault.message
    assert fault.remedy is not None


def test_a_date_is_shown_as_it_is_written_with_what_to_do():
    (fault,) = faults("config:\n  shop:tag: 2024-01-15\n")
    assert str(fault) == (
        "line 2: shop:tag: 2024-01-15: the engine takes this for a date and rewrites it. Quote it "
        "(yaml/date, Pulumi's YAML, Go yaml.v3)"
    )


def test_every_fault_is_told_at_once():
    text = "a: 2024-01-01\nb: !x 1\nc: .inf\nc: [2, 1e99]\nd: {? [x] : *y }\n"
    assert [(fault.line, fault.rule) for fault in faults(text)] == [
        (1, "yaml/date"),
        (2, "yaml/tag"),
        (3, "yaml/not-a-number"),
        (4, "yaml/duplicate-key"),
        (4, "yaml/number"),
        (5, "yaml/key"),
        (5, "yaml/alias"),
    ]


def test_faults_before_a_syntax_error_are_told_with_it():
    assert [fault.rule for fault in faults("a: 2024-01-01\nb: [\n")] == ["yaml/date", "yaml/syntax"]


BOMBS = {
    "aliases of aliases": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
            for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "yaml/expansion",
    ),
    "a long text many times": (f"a: &a {'x' * 100_000}\nb: [{'*a, ' * 1000}]\n", "yaml/expansion"),
    "brackets": ("[" * 100_000, "yaml/depth"),
    "braces": ("{a: " * 100_000, "yaml/depth"),
    "dashes": ("- " * 100_000 + "x", "yaml/depth"),
    "question marks": ("? " * 100_000 + "x", "yaml/depth"),
}


@pytest.mark.parametrize(("text", "rule"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_does_not_go_off(text: str, rule: str):
    assert [fault.rule for fault in faults(text)] == [rule]


def test_a_thousand_digits_are_a_text_as_for_the_engine():
    assert value(f"a: {'9' * 5000}\n") == {"a": "9" * 5000}


def test_the_deepest_tree_that_is_read_can_be_written():
    deep = parse(("[" * MAX_DEPTH + "]" * MAX_DEPTH).encode())
    assert deep is not None
    assert to_json(deep) == "[" * MAX_DEPTH + "]" * MAX_DEPTH


class TestFiles:
    def test_a_file_is_read(self, tmp_path: Path):
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_text("a: 1\n")
        node = read(file)
        assert node is not None
        assert to_python(node) == {"a": 1}

    @pytest.mark.parametrize(
        ("content", "rule", "line"),
        [
            pytest.param(b"a: 1\nb: caf\xe9\n", "file/encoding", 2, id="Latin-1"),
            pytest.param("a: 1\n".encode("utf-16"), "file/encoding", None, id="UTF-16"),
            pytest.param(b"\x7fELF\0\0\0", "file/binary", None, id="binary"),
            pytest.param(b"# " + b"x" * MAX_BYTES, "file/too-large", None, id="over 1 MB"),
        ],
    )
    def test_what_is_no_settings_file_is_refused(
        self, tmp_path: Path, content: bytes, rule: str, line: int | None
    ):
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_bytes(content)
        with pytest.raises(SettingsError) as caught:
            read(file)
        (fault,) = caught.value.faults
        assert (fault.rule, fault.line, fault.file) == (rule, line, file)

    def test_a_file_of_one_megabyte_is_read(self, tmp_path: Path):
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_bytes(b"# ".ljust(MAX_BYTES, b"x"))
        assert read(file) is None

    def test_a_missing_file_a_folder_and_a_pipe_are_told_apart(self, tmp_path: Path):
        os.mkfifo(tmp_path / "pipe")
        messages = set()
        for file in (tmp_path / "missing", tmp_path, tmp_path / "pipe", Path("\0")):
            with pytest.raises(SettingsError) as caught:
                read(file)
            (fault,) = caught.value.faults
            messages.add(fault.message)
        assert len(messages) == 4

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_a_file_that_may_not_be_read_says_so(self, tmp_path: Path):
        file = tmp_path / "Pulumi.dev.yaml"
        file.write_text("a: 1\n")
        file.chmod(0)
        with pytest.raises(SettingsError, match="you may not read"):
            read(file)


class TestPositions:
    def test_keys_and_values_know_their_lines_and_columns(self):
        node = parse(b"# c\na:\n  b: [x,\n      y]\n")
        assert isinstance(node, Mapping)
        inner = node.get("a")
        assert isinstance(inner, Mapping)
        ((key, items),) = inner.entries
        assert (key.line, key.column) == (3, 3)
        assert isinstance(items, Sequence)
        assert [(item.line, item.column) for item in items.items] == [(3, 7), (4, 7)]

    def test_with_windows_line_endings_too(self):
        node = parse(b"a: 1\r\n\r\nb: 2\r\n")
        assert isinstance(node, Mapping)
        assert node.get("b") == Scalar(2, "2", 3, 4)

    def test_an_alias_points_at_what_it_stands_for(self):
        node = parse(b"a: &x 8Gi\nb: *x\n")
        assert isinstance(node, Mapping)
        assert node.get("b") == Scalar("8Gi", "8Gi", 1, 4)


JSON = {
    "sorted keys without spaces": ("{b: 1, a: [x, ~, true]}", '{"a":["x",null,true],"b":1}'),
    "keys sorted by code point": (
        '{"\\U0001f600": 1, "\\uffee": 2, é: 3, z: 4}',
        '{"z":4,"é":3,"\uffee":2,"😀":1}',
    ),
    "signs of HTML escaped": ("[<a&b>]", r'["\u003ca\u0026b\u003e"]'),
    "line separators escaped": (r'["\L\P"]', r'["\u2028\u2029"]'),
    "control characters": (r'["a\0\b\f\n\r\t\e\x7f"]', '["a\\u0000\\b\\f\\n\\r\\t\\u001b\x7f"]'),
    "quotes and backslashes": (r"""['"\']""", r'["\"\\"]'),
    "whole floats": ("[1e3, 1.0, -0.0, 1e15]", "[1000,1,0,1000000000000000]"),
    "small floats": (
        "[0.000001, 0.0000015, 1e-7, 1.5e-10, 1e-100]",
        "[0.000001,0.0000015,1e-7,1.5e-10,1e-100]",
    ),
    "floats": ("[99.5, -0.1, 123456789.125]", "[99.5,-0.1,123456789.125]"),
}


@pytest.mark.parametrize(("text", "written"), JSON.values(), ids=JSON)
def test_json_is_written_as_go_writes_it(text: str, written: str):
    node = parse(text.encode())
    assert node is not None
    assert to_json(node) == written


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc é.:[", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(json_values)
@example([5e-324, 1e-7, 0.1])
@example({"a": "\x85 \u2028 \x7f"})
def test_json_is_yaml_and_survives_it(given_value: object):
    text = json.dumps(given_value)  # escapes all but ASCII
    try:
        node = parse(text.encode())
    except SettingsError as error:
        # Pairs of escapes for one character are JSON's way, and texts that begin with a break Go's trouble.
        assert {fault.rule for fault in error.faults} <= {"yaml/escape", "yaml/text", "yaml/key"}
        return
    if node is None:
        assert given_value is None
        return
    assert to_python(node) == given_value
    assert json.loads(to_json(node)) == given_value


@given(
    st.binary(max_size=200)
    | st.text(max_size=100).map(str.encode)
    | st.text("{}[]:,-? \n\t&*!|>'\"\\#%@xa1<.~", max_size=60).map(str.encode)
)
def test_no_bytes_break_the_reader(content: bytes):
    try:
        node = parse(content)
    except SettingsError as error:
        assert error.faults
        assert all(str(fault) for fault in error.faults)
    else:
        assert node is None or to_json(node)


def test_errors_are_ordered_by_file_and_line_and_list_every_fault():
    found = [
        Fault("third", file=Path("b.yaml"), line=1),
        Fault("second", file=Path("a.yaml"), line=10),
        Fault(
            "first", file=Path("a.yaml"), line=2, key="p:k", value="v", remedy="do this", rule="r", source="s"
        ),
    ]
    error = SettingsError(found)
    assert [fault.message for fault in error.faults] == ["first", "second", "third"]
    assert str(error) == "a.yaml:2: p:k: v: first. Do this (r, s)\na.yaml:10: second\nb.yaml:1: third"
