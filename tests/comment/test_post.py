"""One comment a pull request, against a server that answers as GitHub's API does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typing_extensions import override

from plimsoll.comment.failure import CommentError
from plimsoll.comment.github import GitHub, connect
from plimsoll.comment.sticky import AUTHOR, Ran, post, pull_requests, read_event
from plimsoll.preview.report.markup import MARKER, framed
from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SHA = "a" * 40
BODY = framed("<h3>dev: no change</h3>")
Answer = tuple[int, Any, dict[str, str]]


@dataclass
class Api:
    """A repository's pull requests and comments, and what is to go wrong next."""

    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    next: list[tuple[str, Answer, bool]] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, target: str, body: Any) -> Answer:
        self.asked.append((method, target))
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if self.next and self.next[0][0] == method:
            _, answer, done = self.next.pop(0)
            if done:
                self.done(method, path, body)
            return answer
        if method == "GET":
            items = self.comments if path.endswith("/comments") else self.pulls
            if path.endswith("/pulls") and "head" in query:
                items = [one for one in items if one["head"]["label"] == query["head"][0]]
            page, size = int(query["page"][0]), int(query["per_page"][0])
            return 200, items[(page - 1) * size : page * size], {}
        return self.done(method, path, body)

    def done(self, method: str, path: str, body: Any) -> Answer:
        if method == "POST":
            made = comment(body["body"], id=len(self.comments) + 1)
            self.comments.append(made)
            return 201, made, {}
        [found] = [one for one in self.comments if path.endswith(f"/issues/comments/{one['id']}")]
        found["body"] = body["body"]
        return 200, found, {}


def comment(body: str, login: str = AUTHOR, **more: Any) -> dict[str, Any]:
    return {"id": 1, "body": body, "user": {"login": login}, "html_url": "https://github.com/c/1"} | more


def pull(number: int = 7, sha: str = SHA, state: str = "open", label: str = "ada:topic") -> dict[str, Any]:
    return {"number": number, "state": state, "head": {"sha": sha, "label": label}}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    known = Api()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            assert self.headers["Authorization"] == "Bearer t0ken"
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, said, headers = known.answer(self.command, self.path, body)
            content = json.dumps(said).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = respond  # noqa: N815 (the names that the server looks for)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield known
    server.shutdown()
    server.server_close()


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def github(api: Api, waited: list[float]) -> GitHub:
    return GitHub(api.url, "acme/goals", "t0ken", waited.append)


# One comment ------------------------------------------------------------------------------------------------


def test_the_first_preview_comments_the_next_edits_and_the_same_does_nothing(api: Api, github: GitHub):
    assert post(github, 7, BODY).done == "commented"
    assert post(github, 7, BODY).done == "left as it is"
    other = framed("<h3>dev: 1 budget weaker</h3>")
    assert post(github, 7, other).done == "edited"
    assert [one["body"] for one in api.comments] == [other]


def test_ours_is_found_by_author_and_marker_on_whatever_page(api: Api, github: GitHub):
    strangers = [comment(f"{MARKER} fake", "mallory", id=at) for at in range(100, 250)]
    api.comments = [*strangers, comment("another bot's", id=1), comment(f"{MARKER}\nold", id=2)]
    assert post(github, 7, BODY).done == "edited"
    assert [one["id"] for one in api.comments if one["body"] == BODY] == [2]
    assert ("GET", "/repos/acme/goals/issues/7/comments?per_page=100&page=2") in api.asked


# Which pull request -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pulls", "found"),
    [
        ([pull()], (7,)),
        ([pull(sha="b" * 40)], ()),
        ([pull(state="closed")], ()),
        ([pull(8, label="eve:topic")], ()),
        ([], ()),
    ],
    ids=["open-and-there", "overtaken", "closed", "of-another-fork", "none"],
)
def test_only_the_open_pull_request_with_that_head_is_meant(
    api: Api, github: GitHub, pulls: list[dict[str, Any]], found: tuple[int, ...]
):
    api.pulls = pulls
    assert pull_requests(github, Ran(SHA, "ada", "topic")) == found


def test_of_a_fork_that_is_gone_the_commit_is_asked(api: Api, github: GitHub):
    api.pulls = [pull()]
    assert pull_requests(github, Ran(SHA, "", "")) == (7,)
    assert api.asked == [("GET", f"/repos/acme/goals/commits/{SHA}/pulls?per_page=100&page=1")]


def event(tmp_path: Path, **changes: Any) -> Path:
    run = {
        "event": "pull_request",
        "head_sha": SHA,
        "head_branch": "topic",
        "head_repository": {"owner": {"login": "ada"}},
    } | changes
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"workflow_run": run}), "utf-8")
    return file


def test_an_event_says_what_ran(tmp_path: Path):
    assert read_event(event(tmp_path)) == Ran(SHA, "ada", "topic")
    assert read_event(event(tmp_path, head_repository=None)) == Ran(SHA, "", "topic")


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"event": "push"}, "for push, not for a pull request"), ({"head_sha": "../x"}, "names no commit")],
    ids=["a-push", "no-commit"],
)
def test_another_event_is_refused(tmp_path: Path, changes: dict[str, Any], said: str):
    with pytest.raises(CommentError, match=said):
        read_event(event(tmp_path, **changes))


# What goes wrong --------------------------------------------------------------------------------------------


def test_what_fails_for_a_moment_is_tried_again(api: Api, github: GitHub, waited: list[float]):
    limited = {"message": "You have exceeded a secondary rate limit."}
    api.next = [
        ("GET", (502, {}, {}), False),
        ("GET", (503, {}, {}), False),
        ("POST", (403, limited, {"Retry-After": "3"}), False),
    ]
    assert post(github, 7, BODY).done == "commented"
    assert waited == [1.0, 2.0, 3.0]
    assert len(api.comments) == 1


def test_a_comment_that_was_made_although_the_answer_failed_is_not_made_twice(api: Api, github: GitHub):
    api.next = [("POST", (502, {}, {}), True)]
    assert post(github, 7, BODY).done == "commented"
    assert len(api.comments) == 1


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        ((401, {"message": "Bad credentials"}, {}), "comment/token"),
        ((403, {"message": "Resource not accessible by integration"}, {}), "comment/forbidden"),
        ((403, {"message": "Unable to create comment because issue is locked."}, {}), "comment/locked"),
        ((404, {"message": "Not Found"}, {}), "comment/not-found"),
        (
            (422, {"message": "Validation Failed", "errors": [{"message": "body is too long"}]}, {}),
            "comment/too-long",
        ),
        ((301, {}, {"Location": "https://evil.example/"}), "comment/answer"),
        ((429, {"message": "API rate limit exceeded"}, {"Retry-After": "3600"}), "comment/unavailable"),
    ],
    ids=["token", "read-only", "locked", "absent", "too-long", "redirect", "limited-for-an-hour"],
)
def test_what_stays_wrong_is_one_error(
    api: Api, github: GitHub, waited: list[float], answer: Answer, rule: str
):
    api.next = [("POST", answer, False)]
    with pytest.raises(CommentError) as caught:
        post(github, 7, BODY)
    assert (caught.value.rule, waited) == (rule, [])


def test_who_never_answers_is_given_up(api: Api, github: GitHub, waited: list[float]):
    api.next = [("GET", (500, {}, {}), False)] * 9
    with pytest.raises(CommentError) as caught:
        post(github, 7, BODY)
    assert (caught.value.rule, waited) == ("comment/unavailable", [1.0, 2.0, 4.0, 8.0])


@pytest.mark.parametrize(
    ("url", "repository", "token", "rule"),
    [
        ("https://api.github.com", "acme/goals", "", "comment/token"),
        ("file:///etc/passwd", "acme/goals", "t", "comment/api"),
        ("https://api.github.com", "acme", "t", "comment/repository"),
        ("https://api.github.com", "acme/goals?x", "t", "comment/repository"),
    ],
)
def test_who_cannot_be_asked_is_one_error(url: str, repository: str, token: str, rule: str):
    with pytest.raises(CommentError) as caught:
        connect(url, repository, token)
    assert caught.value.rule == rule


# The workflow's own command ---------------------------------------------------------------------------------


def test_the_jobs_make_target_posts_what_the_artifact_says(api: Api, tmp_path: Path):
    api.pulls = [pull()]
    file = tmp_path / "preview.md"
    file.write_text("<h3>dev: no change</h3>\n<img src=x>", "utf-8")
    done = make(
        "comment-post",
        f"FILE={file}",
        GITHUB_API_URL=api.url,
        GITHUB_EVENT_PATH=str(event(tmp_path)),
        GITHUB_REPOSITORY="acme/goals",
        GITHUB_TOKEN="t0ken",
    )
    assert (done.returncode, done.stdout) == (0, "#7 commented  https://github.com/c/1\n"), done.stderr
    assert "&lt;img src=x&gt;" in api.comments[0]["body"]
    api.pulls = [pull(sha="b" * 40)]
    done = make(
        "comment-post",
        f"FILE={file}",
        GITHUB_API_URL=api.url,
        GITHUB_EVENT_PATH=str(event(tmp_path)),
        GITHUB_REPOSITORY="acme/goals",
        GITHUB_TOKEN="t0ken",
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "nothing posted: no open pull request has aaaaaaaaaaaa for its head" in done.stderr


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a target with the interpreter of the tests, whatever age its environment is."""
    command = ["make", "--no-print-directory", "-o", ".venv/.ready", f"BIN={Path(sys.executable).parent}"]
    return subprocess.run(
        [*command, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
