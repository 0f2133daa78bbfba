"""How every section of a report begins."""

from rich.text import Text


def heading(text: str, note: str = "") -> Text:
    """The first line of a section, with a blank one above it."""
    return Text.assemble("\n", (text, "bold"), (f"  {note}" if note else "", "dim"))
