"""Draw docs/comment.png: a comment as GitHub shows it, by its own Markdown parser and a headless Chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cmarkgfm

from tests.conftest import ROOT

CSS = """
body { font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; color: #1f2328;
       width: 860px; margin: 16px; border: 1px solid #d1d9e0; border-radius: 6px; padding: 0 16px; }
table { border-collapse: collapse; margin: 8px 0 16px; }
th, td { border: 1px solid #d1d9e0; padding: 6px 13px; }
tr:nth-child(2n) { background: #f6f8fa; } h3 { font-size: 1.25em; } h4 { font-size: 1em; margin-bottom: 4px; }
code { font: 85% ui-monospace, "DejaVu Sans Mono", monospace; background: #818b981f; border-radius: 6px;
       padding: .2em .4em; } details { margin: 4px 0; } p { margin: 4px 0 8px; }
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Render the golden comment; exits with 2 where there is no browser."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"no browser here to draw with: install one of {', '.join(BROWSERS)}")
    body = (ROOT / "tests/golden/pull-request.md").read_text("utf-8")
    html = cmarkgfm.github_flavored_markdown_to_html(
        body, options=cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE
    ).replace("<details><summary>Cost", "<details open><summary>Cost")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "comment.html")
        page.write_text(f'<!doctype html><meta charset="utf-8"><style>{CSS}</style>{html}', "utf-8")
        picture = ROOT / "docs/comment.png"
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        arguments = ["--window-size=930,800", f"--screenshot={picture}", page.as_uri()]
        subprocess.run([*command, *arguments], check=True, capture_output=True, timeout=120)


if __name__ == "__main__":
    main()
