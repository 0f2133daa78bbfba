"""`plimsoll comment`: post a preview to its pull request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from plimsoll.cli.output import Exit, console, print_json, refuse
from plimsoll.comment.failure import CommentError
from plimsoll.comment.github import connect
from plimsoll.comment.sticky import post, pull_requests, read_event
from plimsoll.comment.untrusted import read_document
from plimsoll.settings.errors import Fault

if TYPE_CHECKING:
    from plimsoll.comment.sticky import Posted

API = "https://api.github.com"


def run(file: Path, *, event: Path | None, repository: str | None, author: str, as_json: bool) -> None:
    """Post the document in `file` to the pull requests whose head the event names, and say so."""
    try:
        body = read_document(file)
        ran = read_event(event or Path(os.environ.get("GITHUB_EVENT_PATH") or "workflow_run.json"))
        github = connect(
            os.environ.get("GITHUB_API_URL") or API,
            repository or os.environ.get("GITHUB_REPOSITORY", ""),
            os.environ.get("GITHUB_TOKEN", ""),
        )
        posted = [post(github, number, body, author) for number in pull_requests(github, ran)]
    except CommentError as error:
        refuse([Fault(error.message, rule=error.rule, remedy=error.remedy)], as_json=as_json)
    if as_json:
        print_json({"ok": True, "sha": ran.sha, "posted": [_json(one) for one in posted]})
    elif not posted:
        message = f"no open pull request has {ran.sha[:12]} for its head: it has newer commits, or is closed"
        console(stderr=True).print(f"nothing posted: {message}")
    for one in [] if as_json else posted:
        typer.echo(f"#{one.number} {one.done}  {one.url}".rstrip())
    raise typer.Exit(Exit.DONE)


def _json(posted: Posted) -> dict[str, object]:
    return {"number": posted.number, "done": posted.done, "url": posted.url or None}
