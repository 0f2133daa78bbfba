"""Text of unknown origin, made fit for a terminal: what would move the cursor is spelled out."""


def printable(text: str) -> str:
    """The text with its control characters spelled out (`\\x1b`), line breaks and tabs aside."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
