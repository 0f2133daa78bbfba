"""A document that a pull request's own code wrote, made fit to be posted in our name.

The job that previews runs code that nobody has reviewed, so what it leaves may be anything. Read is a regular
file of bounded size; kept are the tags that our documents consist of, without attributes, and text; whatever
GitHub would take for a mention, a reference or a link is taken apart. A document of ours comes through
unchanged.
"""

from __future__ import annotations

import os
import stat
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from typing_extensions import override

from plimsoll.comment.failure import CommentError
from plimsoll.preview.report.markup import LIMIT, TAGS, apart, framed, inert

if TYPE_CHECKING:
    from pathlib import Path

_REMEDY = "let the preview's job write it: plimsoll preview --markdown > FILE"


def read_document(file: Path) -> str:
    """The document in `file`, made harmless. Raises CommentError where it is no text of ours.

    A link, a device or a pipe is not followed, opened for long, or waited for.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CommentError("comment/file", f"{file} cannot be read: {error.strerror}", _REMEDY) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise CommentError("comment/file", f"{file} is no regular file", _REMEDY)
    with os.fdopen(descriptor, "rb") as opened:
        content = opened.read(LIMIT + 1)
    if len(content) > LIMIT:
        raise CommentError("comment/too-long", f"{file} is longer than {LIMIT:,} bytes", _REMEDY)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise CommentError("comment/file", f"{file} is not UTF-8, at byte {error.start}", _REMEDY) from None
    if not text.strip():
        raise CommentError("comment/file", f"{file} is empty: its job did not come to its end", _REMEDY)
    wrong = next((one for one in text if not one.isprintable() and one != "\n"), None)
    if wrong is not None:
        message = f"{file} has the control character U+{ord(wrong):04X}"
        raise CommentError("comment/file", message, _REMEDY)
    body = harmless(text)
    if len(body.encode()) > LIMIT:
        message = f"{file} is longer than {LIMIT:,} bytes once its mentions and links are taken apart"
        raise CommentError("comment/too-long", message, _REMEDY)
    return body


def harmless(text: str) -> str:
    """The text as a document of ours: one HTML block under our marker, of our tags, each closed."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return framed("".join([*reader.written, *(f"</{tag}>" for tag in reversed(reader.open))]))


class _Reader(HTMLParser):
    """Writes what it reads: our tags as they are, other tags as text, comments not at all."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.written: list[str] = []
        self.open: list[str] = []

    @property
    def _in_code(self) -> bool:
        """In it nothing else is opened, so it is always the innermost."""
        return self.open[-1:] == ["code"]

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in TAGS and not attrs and not self._in_code:
            self.open.append(tag)
            self.written.append(f"<{tag}>")
        elif tag != "div" or attrs:
            self.handle_data(self.get_starttag_text() or "")

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_data(self.get_starttag_text() or "")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag not in self.open:
            return
        while self.open:
            last = self.open.pop()
            self.written.append(f"</{last}>")
            if last == tag:
                return

    @override
    def handle_data(self, data: str) -> None:
        self.written.append(inert(" ".join(data.split("\n"))) if self._in_code else apart(data))
