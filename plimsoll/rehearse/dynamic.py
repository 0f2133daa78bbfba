"""What cannot settle because a dynamic provider's own code is not run. Pure.

A dynamic resource carries its provider's code along. A rehearsal never runs it, because it does real things:
the local cloud answers with the resource's inputs. Whatever else the code would answer is unknown to whoever
reads it, at every preview anew, and would be taken for a change that never settles.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from plimsoll.preview.plan import Step, Unknown
from plimsoll.rehearse.changes import Changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.rehearse.changes import Change

PACKAGE: Final = "pulumi-python"
"""The package of dynamic providers, which has no SDK of its own."""


def is_dynamic(type_: str) -> bool:
    """Whether a type token is a dynamic resource's."""
    return type_.partition(":")[0] == PACKAGE


def without_made_up(found: Changes, state: Mapping[str, Any]) -> tuple[Changes, tuple[str, ...]]:
    """The changes without those that come of made-up outputs alone, and the names of what these were of.

    They are updates of nothing but properties that are unknown now, and that depend on a dynamic resource
    which stays as it is, or on another such update.
    """
    changing = {change.urn for change in found.changed}
    depends = {str(one["urn"]): one.get("propertyDependencies") or {} for one in _resources(state)}
    of_no_account = {str(one["urn"]) for one in _resources(state) if is_dynamic(one["type"])} - changing
    spurious: set[str] = set()
    while True:
        more = {
            change.urn
            for change in found.changed
            if change.urn not in spurious and _is_spurious(change, depends, of_no_account | spurious)
        }
        if not more:
            break
        spurious |= more
    names = tuple(change.name for change in found.changed if change.urn in spurious)
    changed = tuple(change for change in found.changed if change.urn not in spurious)
    return Changes(changed, found.same + len(names)), names


def _is_spurious(change: Change, depends: Mapping[str, Mapping[str, Any]], made_up: set[str]) -> bool:
    return (
        change.step is Step.UPDATE
        and bool(change.properties)
        and all(
            isinstance(one.after, Unknown)
            and made_up.intersection(depends.get(change.urn, {}).get(_input(one.path)) or ())
            for one in change.properties
        )
    )


def _input(path: str) -> str:
    """The input that a property's path begins with."""
    return str(re.split(r"[.\[]", path, maxsplit=1)[0])


def _resources(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(state.get("deployment", {}).get("resources", ()))
