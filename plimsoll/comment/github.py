"""GitHub's REST API, as far as a comment needs it. What fails for a moment is tried again, a few times.

Sources: docs.github.com/rest (issues/comments, pulls, using-the-rest-api/rate-limits-for-the-rest-api).
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from typing_extensions import override

from plimsoll.comment.failure import CommentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from http.client import HTTPMessage

_TRIES: Final = 5
_LONGEST_WAIT: Final = 60.0
"""Seconds. Who is told to wait longer gives up: a job that sleeps costs as much as one that works."""

_TIMEOUT: Final = 30.0
_PAGE: Final = 100
_MOST_PAGES: Final = 100
_READ_ONLY: Final = "let the job have `permissions: {pull-requests: write}`; a fork's own job never has it"


class _Retry(Exception):  # noqa: N818 (no error yet: it is tried again)
    """An answer that may be another one later. `wait` is in seconds; None: as long as usual.

    `refused` says that surely nothing was done.
    """

    def __init__(self, said: str, wait: float | None, *, refused: bool) -> None:
        super().__init__(said)
        self.wait = wait
        self.refused = refused


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take the token along, to wherever it leads."""

    @override
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


@dataclass(frozen=True, slots=True)
class GitHub:
    """The API at `url`, asked with a token about one repository (`owner/name`)."""

    url: str
    repository: str
    token: str = field(repr=False)
    sleep: Callable[[float], None] = time.sleep

    def pages(self, path: str) -> Iterator[Any]:
        """The items of a list below the repository, however many pages it has. Raises CommentError."""
        joint = "&" if "?" in path else "?"
        for page in range(1, _MOST_PAGES + 1):
            items = self._ask("GET", f"{path}{joint}per_page={_PAGE}&page={page}", None)
            if not isinstance(items, list):
                raise _unexpected(f"GET {path}", "no list")
            yield from items
            if len(items) < _PAGE:
                return

    def patch(self, path: str, body: Mapping[str, str]) -> Any:  # noqa: ANN401 (whatever JSON it answers)
        """Change what stands at a path. Raises CommentError."""
        return self._ask("PATCH", path, body)

    def post(self, path: str, body: Mapping[str, str], made: Callable[[], Any]) -> Any:  # noqa: ANN401 (as above)
        """Add to a path. Raises CommentError.

        After an answer that leaves open whether it was done, `made` looks for it, so that nothing is there
        twice.
        """
        return self._ask("POST", path, body, made)

    def _ask(
        self, method: str, path: str, body: Mapping[str, str] | None, made: Callable[[], Any] | None = None
    ) -> Any:  # noqa: ANN401 (as above)
        for tried in range(_TRIES):
            try:
                return self._once(method, path, body)
            except _Retry as again:
                wait = 2.0**tried if again.wait is None else again.wait
                if tried + 1 == _TRIES or wait > _LONGEST_WAIT:
                    message = f"GitHub cannot be asked now ({again}; tried {tried + 1} times)"
                    remedy = "run the job again later: githubstatus.com says how GitHub is"
                    raise CommentError("comment/unavailable", message, remedy) from None
                self.sleep(wait)
                if made is not None and not again.refused and (found := made()) is not None:
                    return found
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, path: str, body: Mapping[str, str] | None) -> Any:  # noqa: ANN401 (as above)
        request = Request(  # noqa: S310 (its scheme is checked by `connect`)
            f"{self.url}/repos/{self.repository}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "User-Agent": "plimsoll",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        try:
            with build_opener(_NoRedirects).open(request, timeout=_TIMEOUT) as answer:
                return json.load(answer)
        except HTTPError as error:
            with error:
                raise _refused(f"{method} {path}", error) from None
        except (URLError, OSError) as error:
            raise _Retry(f"{getattr(error, 'reason', error)}", None, refused=False) from None
        except ValueError:
            raise _unexpected(f"{method} {path}", "no JSON") from None


def connect(url: str, repository: str, token: str) -> GitHub:
    """The API, ready to be asked. Raises CommentError for a missing token, or what is no address or name."""
    if not token:
        remedy = "set GITHUB_TOKEN: env: {GITHUB_TOKEN: ${{ github.token }}}"
        raise CommentError("comment/token", "there is no token to ask GitHub with", remedy)
    if not url.startswith(("https://", "http://")):
        raise CommentError("comment/api", f"{url} is no address of an API", "unset GITHUB_API_URL")
    owner, _, name = repository.partition("/")
    if not (owner and name) or not all(c.isascii() and (c.isalnum() or c in "-_./") for c in repository):
        message = f"{repository or '(nothing)'} is no repository"
        raise CommentError("comment/repository", message, "name it: --repository OWNER/NAME")
    return GitHub(url.rstrip("/"), repository, token)


def _refused(asked: str, error: HTTPError) -> Exception:
    said = _message(error)
    status, low = error.code, said.lower()
    limited = "rate limit" in low or error.headers.get("x-ratelimit-remaining") == "0"
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.FORBIDDEN and limited):
        return _Retry(said or "too many requests", _wait(error), refused=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _Retry(f"{status} {said}".strip(), _wait(error), refused=False)
    if status == HTTPStatus.UNAUTHORIZED:
        return CommentError("comment/token", f"GitHub does not take the token: {said}", "give it a new one")
    if "locked" in low:
        message = "the conversation of the pull request is locked, and nobody but its members may comment"
        return CommentError("comment/locked", message, "unlock it, or read the preview in the job's summary")
    if status == HTTPStatus.FORBIDDEN:
        return CommentError("comment/forbidden", f"the token may not do this ({asked}): {said}", _READ_ONLY)
    if status == HTTPStatus.NOT_FOUND:
        message = f"GitHub knows no such thing, or does not show it to this token ({asked})"
        return CommentError("comment/not-found", message, f"check --repository; {_READ_ONLY}")
    if status == HTTPStatus.UNPROCESSABLE_ENTITY and "too long" in low:
        return CommentError(
            "comment/too-long", f"GitHub finds it too long: {said}", "name fewer environments"
        )
    return _unexpected(asked, f"{status} {said}".strip())


def _unexpected(asked: str, said: str) -> CommentError:
    message = f"GitHub answers what was not expected ({asked}): {said}"
    return CommentError("comment/answer", message, "check GITHUB_API_URL and --repository")


def _message(error: HTTPError) -> str:
    """What GitHub says of it, with the details of each field."""
    try:
        body = json.load(error)
        details = [str(one.get("message", "")) for one in body.get("errors", []) if isinstance(one, dict)]
        return ": ".join(filter(None, (str(body.get("message", "")), "; ".join(filter(None, details)))))
    except (ValueError, AttributeError, TypeError):
        return str(error.reason)


def _wait(error: HTTPError) -> float | None:
    """How long GitHub asks to wait, in seconds; a secondary limit without a word of it: a minute."""
    after, reset = (error.headers.get(name) or "" for name in ("retry-after", "x-ratelimit-reset"))
    if after.isdecimal():
        return float(after)
    if error.headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(0.0, float(reset) - time.time()) + 1
    return None if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR else _LONGEST_WAIT
