"""Adoption: what exists already is imported as it is, and nothing else about its resource changes.

In one place for every resource: a transformation that the environment hands to all that it owns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi.runtime.rpc import contains_unknowns

from plimsoll.adoption import Veiled, differences, not_allowed, refusal, replacement_refusal, unsaid_refusal
from plimsoll.limits.adoption import key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plimsoll.settings.model import Adopted


class Adoption:
    """Imports and protects what `entries` name, by KIND/NAME, and refuses to change it."""

    def __init__(self, entries: Mapping[str, Adopted]) -> None:
        self._entries = entries
        self.declared: set[str] = set()
        """Every resource so far that an entry could name."""

    def adopt(self, args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        """Give the options of adoption to a resource that has an entry, and leave all others alone."""
        key = key_of(args.type_, args.name)
        if key is None:
            return None
        self.declared.add(key)
        entry = self._entries.get(key)
        if entry is None:
            return None
        options = pulumi.ResourceOptions(import_=entry.id, protect=True, hooks=guard(key, entry))
        return pulumi.ResourceTransformationResult(
            args.props, pulumi.ResourceOptions.merge(args.opts, options)
        )


def guard(key: str, entry: Adopted) -> pulumi.ResourceHookBinding:
    """Hooks that refuse, in previews too, whatever would change what is live beyond `changes`."""

    async def before_update(args: pulumi.ResourceHookArgs) -> None:
        live = await _known(dict(args.old_inputs or {}))
        asked = await _known(dict(args.new_inputs or {}))
        found = list(differences(live, asked))
        if not found:
            # The provider plans an update all the same, which nobody has agreed to.
            raise ValueError(unsaid_refusal(key, entry.id))
        wrong = not_allowed(found, entry.changes)
        if wrong:
            raise ValueError(refusal(key, entry.id, wrong))

    def before_create(_: pulumi.ResourceHookArgs) -> None:
        # What is imported is never created, unless in the place of what lives.
        raise ValueError(replacement_refusal(key, entry.id))

    also_in_previews = pulumi.ResourceHookOptions(on_dry_run=True)
    return pulumi.ResourceHookBinding(
        before_update=[pulumi.ResourceHook(f"{key}: as it is", before_update, also_in_previews)],
        before_create=[pulumi.ResourceHook(f"{key}: never anew", before_create, also_in_previews)],
    )


async def _known(value: object) -> object:
    """A hook's values with secrets opened, to compare them; veiled, since they are never shown."""
    match value:
        case pulumi.Output():
            return Veiled("secret", await value.future(with_unknowns=True))
        case dict():
            return {name: await _known(inner) for name, inner in value.items()}
        case list():
            return [await _known(inner) for inner in value]
        case _ if contains_unknowns(value):
            return Veiled("known after the update", value)
        case _:
            return value
