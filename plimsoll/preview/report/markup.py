"""The HTML that a comment in a pull request is made of: what may stand in it, and how foreign text gets in.

GitHub takes HTML wherever it takes Markdown, and inside of one HTML block nothing is Markdown any more. So a
document is one block with no blank line in it, and there is a single rule for the names and values of a pull
request that nobody has reviewed: they are escaped, and stand in `<code>`, where GitHub looks for no mentions,
references, links or emoji either.
"""

from __future__ import annotations

import re
from html import escape
from typing import Final

from plimsoll.printable import printable

LIMIT: Final = 65_536
"""Of a comment's body. GitHub counts characters; we count UTF-8 bytes, which are never fewer."""

MARKER: Final = "<!-- plimsoll: preview -->"
"""The first line of a document, hidden, by which our earlier comment is found."""

TAGS: Final = frozenset(
    {"b", "code", "details", "h3", "h4", "li", "p", "summary", "table", "td", "th", "tr", "ul"}
)
"""The tags that a document consists of, none with an attribute. (A `<div>` is around all of it.)"""

_LONGEST: Final = 100
"""Characters of a name or value that are shown."""

_LIVE: Final = re.compile(r"@|#|:(?=//)|\bwww(?=\.)|\bGH(?=-)", re.IGNORECASE)
"""After what GitHub would see a mention, a reference or a link."""

_APART: Final = "\u200b"
"""A space of no width: what it stands in is neither of these any more."""


def code(text: str, longest: int = _LONGEST) -> str:
    """A name or a value: one line, cut where it is too long, and nothing in it means anything."""
    line = " ".join(text.split())
    line = line if len(line) <= longest else line[: longest - 1] + "…"
    return f"<code>{inert(line)}</code>"


def inert(text: str) -> str:
    """Text for within `<code>`."""
    return escape(printable(text), quote=False)


def prose(text: str, longest: int = 10 * _LONGEST) -> str:
    """A sentence: one line, no mention, reference or link in it. What it makes stays as it is."""
    line = " ".join(text.replace(_APART, "").split())
    return apart(line if len(line) <= longest else line[: longest - 1] + "…")


def apart(text: str) -> str:
    """Text for outside of `<code>`, with whatever GitHub would link taken apart."""
    shown = escape(printable(text.replace(_APART, "")), quote=False)
    return _LIVE.sub(rf"\g<0>&#{ord(_APART)};", shown)


def row(*cells: str, tag: str = "td") -> str:
    """A row of a table; its cells are HTML."""
    return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def framed(content: str) -> str:
    """A whole document: the marker, and one block that no blank line ends."""
    lines = filter(None, (line.rstrip() for line in content.splitlines()))
    return "\n".join((MARKER, "<div>", *lines, "</div>", ""))
