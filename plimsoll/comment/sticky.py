"""Which pull request a run of the preview was for, and its one comment, made or edited in place.

Nothing of it is taken from what the preview left: the event says which commit ran, and GitHub which open pull
request has just that head.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from plimsoll.comment.failure import CommentError
from plimsoll.preview.report.markup import MARKER

if TYPE_CHECKING:
    from pathlib import Path

    from plimsoll.comment.github import GitHub

AUTHOR: Final = "github-actions[bot]"
"""Who comments with a job's own token. No account can be named so."""

_SHA: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Ran:
    """The run of a workflow that made the preview: its commit, and the branch of whose repository that was.

    `owner` and `branch` are "" where GitHub does not say: a fork may be gone.
    """

    sha: str
    owner: str
    branch: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What was done in a pull request, in words, and where the comment is."""

    number: int
    done: str
    url: str


def read_event(file: Path) -> Ran:
    """The run that a `workflow_run` event tells of. Raises CommentError for any other event."""
    remedy = "run it in a workflow on: workflow_run, or name its event: --event FILE"
    try:
        run = json.loads(file.read_text("utf-8"))["workflow_run"]
        owner = ((run.get("head_repository") or {}).get("owner") or {}).get("login")
        found = Ran(str(run["head_sha"]), str(owner or ""), str(run.get("head_branch") or ""))
        started_by = run.get("event")
    except OSError as error:
        message = f"the event {file} cannot be read: {error.strerror}"
        raise CommentError("comment/event", message, remedy) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise CommentError("comment/event", f"{file} tells of no workflow run", remedy) from None
    if started_by != "pull_request":
        message = f"the run was for {started_by or 'nothing'}, not for a pull request"
        raise CommentError("comment/event", message, "let it run on: pull_request alone")
    if not _SHA.fullmatch(found.sha):
        raise CommentError("comment/event", f"{file} names no commit", remedy)
    return found


def pull_requests(github: GitHub, ran: Ran) -> tuple[int, ...]:
    """The open pull requests whose head is the commit that ran; none where it was overtaken or closed."""
    if ran.owner and ran.branch:
        # Asked by branch, because of a fork's commit the other list knows nothing.
        head = quote(f"{ran.owner}:{ran.branch}", safe="")
        path = f"/pulls?state=open&head={head}"
    else:
        path = f"/commits/{ran.sha}/pulls"
    return tuple(
        int(one["number"])
        for one in github.pages(path)
        if one.get("state") == "open" and (one.get("head") or {}).get("sha") == ran.sha
    )


def post(github: GitHub, number: int, body: str, author: str = AUTHOR) -> Posted:
    """Make the comment of a pull request, or edit it where it is not as it should be. Raises CommentError."""
    comments = f"/issues/{number}/comments"

    def ours() -> Any:  # noqa: ANN401 (a comment as GitHub has it)
        return next((one for one in github.pages(comments) if _is_ours(one, author)), None)

    found = ours()
    if found is None:
        made = github.post(comments, {"body": body}, ours)
        return Posted(number, "commented", str(made.get("html_url", "")))
    url = str(found.get("html_url", ""))
    if str(found.get("body")).rstrip() == body.rstrip():
        return Posted(number, "left as it is", url)
    github.patch(f"/issues/comments/{int(found['id'])}", {"body": body})
    return Posted(number, "edited", url)


def _is_ours(comment: Any, author: str) -> bool:  # noqa: ANN401 (as above)
    """By author first: anybody may write our marker."""
    login = str((comment.get("user") or {}).get("login"))
    return login == author and str(comment.get("body") or "").startswith(MARKER)
