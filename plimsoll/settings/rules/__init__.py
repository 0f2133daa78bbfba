"""Rules that look at several values of an environment at once. Pure.

What a vendor decides is asked of `plimsoll.limits` and `plimsoll.connections`; here is only which settings to
hand over and which key to point at, and what follows from our own design. Each part of an environment (one
service, the database, …) is judged by itself, so that a mistake in one hides none in another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plimsoll.limits import Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KeyPath = tuple[str | int, ...]
"""Keys as written, below the project's namespace: `("services", "api", "memory")`."""

DESIGN = "Plimsoll's design"
"""Source of the rules that no vendor made."""

# user:password@ in a URL, or password= in a connection string. Only that: a name such as API_KEY may well
# hold a public identifier.
_PASSWORD = re.compile(r"://[^/\s:@]*:[^\s@]+@|\bpassword\s*=\s*\S", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold, and the key to point at."""

    path: KeyPath
    problem: Problem


def ours(
    path: KeyPath, rule: str, value: str, message: str, remedy: str, *, severity: Severity = Severity.ERROR
) -> Broken:
    """A rule of our own design that does not hold."""
    return Broken(
        path,
        Problem(
            rule=f"settings/{rule}",
            severity=severity,
            fields=(str(path[-1]),),
            value=value,
            message=message,
            remedy=remedy,
            source=DESIGN,
        ),
    )


def theirs(base: KeyPath, keys: Mapping[str, KeyPath], problems: list[Problem]) -> Iterator[Broken]:
    """Point a vendor's problem at the key that its first field (`startup.period`, `cpu`) was written as."""
    for problem in problems:
        field = problem.fields[0]
        yield Broken((*base, *keys.get(field, keys.get(field.partition(".")[0], ()))), problem)


def has_password(value: str) -> bool:
    """Whether a text holds the password of a connection."""
    return _PASSWORD.search(value) is not None


def password_in_clear(path: KeyPath, value: str, remedy: str) -> Iterator[Broken]:
    """Refuse a password among plain values; the message does not repeat it."""
    if has_password(value):
        yield ours(
            path,
            "password-in-clear",
            "(not shown)",
            "the value holds a password, in clear, in a file that is committed",
            f"{remedy}, and change the password",
        )
