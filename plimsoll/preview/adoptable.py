"""What of a plan could be adopted because it runs already: by which id, and what finds it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plimsoll.limits.adoption import adoptables, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plimsoll.preview.plan import Plan, Resource


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource that could be adopted.

    `key` names it in `plimsoll:adopt`. `form` is the id that it has if it is called as the program calls it,
    with capitals or `…` for what only the vendor knows; `adopted` the id by which it is adopted, or "".
    `repeatable`: made again it is the same one (an API, a grant).
    """

    key: str
    type: str
    form: str
    find: str
    adopted: str
    repeatable: bool


def candidates(plan: Plan) -> tuple[Candidate, ...]:
    """Every resource of the plan whose type can be adopted, in the program's order."""
    return tuple(_candidates(plan))


def _candidates(plan: Plan) -> Iterator[Candidate]:
    for resource in plan.resources:
        adoptable = adoptables().get(resource.type)
        key = key_of(resource.type, resource.name)
        if adoptable is None or key is None or resource.read:
            continue
        parts = _Parts(plan, resource)
        yield Candidate(
            key=key,
            type=resource.type,
            form=adoptable.write(parts.value),
            find=adoptable.command(parts.value),
            adopted=resource.options.import_id,
            repeatable=adoptable.repeatable,
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a resource's id: its own inputs, else its provider's, else from what they refer to."""

    plan: Plan
    resource: Resource

    def value(self, name: str) -> str | None:
        given = self.resource.inputs.get(name)
        if isinstance(given, str):
            return given.rpartition("/")[2] if name in {"name", "network", "instance"} else given
        referred = self._referred(name)
        if referred is not None:
            return referred
        reference = self.resource.provider
        provider = None if reference is None else self.plan.resource(reference.name)
        # A provider's inputs are JSON on the wire, and text is the same in both.
        configured = None if provider is None else provider.inputs.get(_OF_PROVIDERS.get(name, name))
        return configured.strip('"') if isinstance(configured, str) else None

    def _referred(self, name: str) -> str | None:
        """The last part of the id of the one resource that an unknown input comes from."""
        depends_on = self.resource.property_dependencies
        # Vercel's API takes a project's name for its id, which only Vercel knows.
        urns = depends_on.get("projectId" if name == "projectName" else name, ())
        target = self.plan.resource(urns[0]) if len(urns) == 1 else None
        adoptable = None if target is None else adoptables().get(target.type)
        if target is None or adoptable is None:
            return None
        if name == "projectName":
            return str(target.inputs["name"])
        id_ = adoptable.write(_Parts(self.plan, target).value)
        if name == "member":
            return f"serviceAccount:{id_.rpartition('/')[2]}"
        return id_ if name == "projectId" else id_.rpartition("/")[2]


_OF_PROVIDERS = {"location": "region"}


def to_json(plan: Plan) -> dict[str, Any]:
    """The candidates as JSON-ready data."""
    return {
        "environment": plan.stack,
        "resources": [
            {
                "name": one.key,
                "type": one.type,
                "id": one.form,
                "find": one.find,
                "adopted": one.adopted or None,
                "repeatable": one.repeatable,
            }
            for one in candidates(plan)
        ],
    }
