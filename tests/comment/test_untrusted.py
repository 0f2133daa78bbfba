"""What a stranger's job left becomes text in our tags, or is refused by name."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plimsoll.comment.failure import CommentError
from plimsoll.comment.untrusted import harmless, read_document
from plimsoll.preview.report.markup import LIMIT, MARKER, TAGS

if TYPE_CHECKING:
    from pathlib import Path

MADE_HARMLESS = {
    "an-image": ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
    "a-tag-with-an-attribute": ("<p onclick=x>", "&lt;p onclick=x&gt;"),
    "a-script": ("<script>x</script>", "&lt;script&gt;x"),
    "a-mention": ("hi @octocat", "hi @&#8203;octocat"),
    "a-mention-in-disguise": ("&#64;octocat &commat;you", "@&#8203;octocat @&#8203;you"),
    "a-reference": ("closes #12 and GH-3", "closes #&#8203;12 and GH&#8203;-3"),
    "a-link": (
        "https://evil.example www.evil.example",
        "https:&#8203;//evil.example www&#8203;.evil.example",
    ),
    "left-open": ("<details><summary>x", "<details><summary>x</summary></details>"),
    "closed-too-often": ("</div></details><b>x</b>", "<b>x</b>"),
    "a-marker-of-another": (f"<!-- other -->{MARKER}<b>x</b>", "<b>x</b>"),
    "code-is-left-alone": ("<code>a@b #1 &lt;i&gt;</code>", "<code>a@b #1 &lt;i&gt;</code>"),
    "a-tag-in-code": ("<code><b>x</code>", "<code>&lt;b&gt;x</code>"),
    "markdown-after-a-blank-line": ("<p>x</p>\n \n# head", "<p>x</p>\n#&#8203; head"),
}


@pytest.mark.parametrize(("text", "body"), MADE_HARMLESS.values(), ids=MADE_HARMLESS)
def test_what_is_not_ours_becomes_text(text: str, body: str):
    assert harmless(text) == f"{MARKER}\n<div>\n{body}\n</div>\n"


PIECES = st.sampled_from([*"<>/&;!-@#=ab \n", "code", "div", "details", "&#64;", "<!--", "-->"])


@given(st.lists(PIECES, max_size=40).map("".join))
def test_whatever_it_is_it_stays_in_one_block_of_our_tags(text: str):
    body = harmless(text)
    assert harmless(body) == body
    inner = body.removeprefix(f"{MARKER}\n<div>\n").removesuffix("</div>\n")
    assert "<!--" not in inner
    assert set(re.findall(r"<([^>]*)>", inner)) <= {*TAGS, *(f"/{tag}" for tag in TAGS)}
    assert not re.search(r"\n\s*\n", body.rstrip())
    assert not re.search(r"@(?!&#8203;)", re.sub(r"<code>.*?</code>", "", inner))


def refused(file: Path) -> tuple[str, str]:
    with pytest.raises(CommentError) as caught:
        read_document(file)
    return caught.value.rule, caught.value.message


@pytest.mark.parametrize(
    ("content", "rule", "said"),
    [
        (b" \n", "comment/file", "is empty"),
        (b"x" * (LIMIT + 1), "comment/too-long", "longer than 65,536 bytes"),
        (b"@" * LIMIT, "comment/too-long", "taken apart"),
        (b"\xff\xfe", "comment/file", "not UTF-8, at byte 0"),
        (b"a\x1b[31m", "comment/file", "U+001B"),
        ("a\u202eb".encode(), "comment/file", "U+202E"),
    ],
    ids=["empty", "too-long", "too-long-once-harmless", "no-utf-8", "ansi", "right-to-left"],
)
def test_what_is_no_text_of_ours_is_refused(tmp_path: Path, content: bytes, rule: str, said: str):
    file = tmp_path / "preview.md"
    file.write_bytes(content)
    assert refused(file)[0] == rule
    assert said in refused(file)[1]


def test_what_is_no_regular_file_is_neither_followed_nor_waited_for(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("s", "utf-8")
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(secret)
    os.mkfifo(pipe)
    for file in (link, pipe, tmp_path, tmp_path / "absent"):
        assert refused(file)[0] == "comment/file"
