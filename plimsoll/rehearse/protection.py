"""What a protected resource keeps the engine from showing, and which one it is. Pure.

The engine ends a preview at the first resource that is protected, before it comes to the deletes of what
that one stands on. A second preview with `--ignore-protect` shows them too, and the state says who stands on
what.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plimsoll.preview.plan import Step
from plimsoll.rehearse.changes import Changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def hold_back(shown: Changes, whole: Changes, state: Mapping[str, Any]) -> Changes:
    """`whole`, in which everything that `shown` lacks says by whose protection it is held back.

    `state` is what `pulumi stack export` writes.
    """
    resources: list[Mapping[str, Any]] = state.get("deployment", {}).get("resources", [])
    needs = {str(resource["urn"]): _needs(resource) for resource in resources}
    going = {change.urn for change in whole.changed if change.step in {Step.DELETE, Step.REPLACE}}
    protected = [str(one["urn"]) for one in resources if one.get("protect") and one["urn"] in going]
    stands_on = {urn: _closure(urn, needs) for urn in protected}
    known = {(change.urn, change.step) for change in shown.changed}
    return Changes(
        tuple(
            change
            if (change.urn, change.step) in known
            # Where nobody stands on it, the engine did not come to it because of all of them.
            else replace(change, held_back_by=_standing_on(change.urn, stands_on) or tuple(protected))
            for change in whole.changed
        ),
        whole.same,
    )


def _needs(resource: Mapping[str, Any]) -> frozenset[str]:
    """What a resource of the state stands on: its parent, its provider, whatever it depends on."""
    provider = str(resource.get("provider") or "").rpartition("::")[0]
    direct = (resource.get("parent"), provider, resource.get("deletedWith"))
    return frozenset(filter(None, (*direct, *(resource.get("dependencies") or ()))))


def _closure(urn: str, needs: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The resource, and all that it stands on."""
    found: set[str] = set()
    ahead = [urn]
    while ahead:
        one = ahead.pop()
        if one not in found:
            found.add(one)
            ahead += needs.get(one, ())
    return frozenset(found)


def _standing_on(urn: str, stands_on: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    return tuple(protected for protected, below in stands_on.items() if urn in below)
