"""Replacements that depend on how a property changes: a range that moves but not one that grows. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from plimsoll.localcloud.wire import at, bare, has_unknown, same

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plimsoll.localcloud.wire import Properties, Wire


@dataclass(frozen=True, slots=True)
class Condition:
    """When a change of the property at `path` replaces the resource.

    `when` is one of `PREDICATES`. It counts only where every property of `only_with` has that value
    afterwards, and none of `unless_changed` changes along with it. Paths are names of the protocol joined by
    dots.
    """

    path: str
    when: str
    only_with: Mapping[str, Wire] = field(default_factory=dict)
    unless_changed: tuple[str, ...] = ()

    def holds(self, old: Properties, new: Properties) -> bool:
        """Whether this change replaces. What is unknown on one side does not: providers decide it later."""
        before, after = _at(old, self.path), _at(new, self.path)
        return (
            not (has_unknown(before) or has_unknown(after))
            and PREDICATES[self.when](before, after)
            and all(same(_at(new, path), value) for path, value in self.only_with.items())
            and all(same(_at(old, path), _at(new, path)) for path in self.unless_changed)
        )


def _at(properties: Properties, path: str) -> Wire:
    return bare(at(properties, tuple(path.split("."))))


def _changes(before: Wire, after: Wire) -> bool:
    return not same(before, after)


def _is_unset(before: Wire, after: Wire) -> bool:
    """There was a value, and there is none."""
    return before not in (None, "") and after in (None, "")


def _is_turned_off(before: Wire, after: Wire) -> bool:
    """A flag was true, and is false or left out."""
    return before is True and after in (None, False)


def _shrinks(before: Wire, after: Wire) -> bool:
    """A number, or the text that spells one, becomes smaller."""
    try:
        return float(after) < float(before)
    except (TypeError, ValueError):
        return False


def _leaves_its_range(before: Wire, after: Wire) -> bool:
    """A range of addresses does not contain the one that it was: it moves or shrinks.

    Host bits count for nothing, as in Go's `net.ParseCIDR`. What is no range is refused elsewhere.
    """
    try:
        was, becomes = (ipaddress.ip_network(text, strict=False) for text in (before, after))
    except ValueError:
        return False
    match was, becomes:
        case (ipaddress.IPv4Network(), ipaddress.IPv4Network()):
            return not was.subnet_of(becomes)
        case (ipaddress.IPv6Network(), ipaddress.IPv6Network()):
            return not was.subnet_of(becomes)
        case _:
            return True


PREDICATES: Final[Mapping[str, Callable[[Wire, Wire], bool]]] = {
    "changes": _changes,
    "is unset": _is_unset,
    "is turned off": _is_turned_off,
    "shrinks": _shrinks,
    "leaves its range": _leaves_its_range,
}
"""What `when` in the data can say, of the value before and the value after."""
