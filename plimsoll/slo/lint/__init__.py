"""Validators of our own for SLOs and alert policies, whoever wrote them.

The provider's plugin checks goal, period and ids; Google's message classes accept a goal of 5, the filter
"nonsense", a duration of 7s and a lookback of "3d". What they let through fails at the API, or never fires.
Input is JSON as the API has it, in camel or snake case: one object, a list, or an object of lists.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from plimsoll.slo.lint.alerts import check_alert
from plimsoll.slo.lint.finding import Document, Finding
from plimsoll.slo.lint.objectives import check_objective

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from plimsoll.slo.lint.places import Path

_LISTS = ("serviceLevelObjectives", "alertPolicies", "policies", "slos")
_SNAKE = re.compile(r"_([a-z0-9])")
# Keys in there are the user's own.
_THEIRS = ("userLabels", "user_labels", "labels")


def lint(content: object) -> tuple[Finding, ...]:
    """Everything that is wrong with the SLOs and alert policies of a document, in their order.

    Raises ValueError where something in it is neither.
    """
    slos, policies = documents(content)
    goals: dict[str, Fraction | None] = {}
    for slo in slos:
        check_objective(slo)
        name = slo.text("name")
        if name is not None and name in goals:
            slo.wrong("name", "name-twice", f"two SLOs are named {name}", "rename one of them")
        if name is not None:
            goals[name] = slo.number("goal")
    for policy in policies:
        check_alert(policy, goals)
    return tuple(finding for one in (*slos, *policies) for finding in one.findings)


def documents(content: object) -> tuple[list[Document], list[Document]]:
    """The SLOs and the alert policies of a document. Raises ValueError where something is neither."""
    slos: list[Document] = []
    policies: list[Document] = []
    for path, value in _objects((), content):
        if {"serviceLevelIndicator", "service_level_indicator", "goal"} & value.keys():
            slos.append(Document(path, _camel(value)))
        elif {"conditions", "combiner"} & value.keys():
            policies.append(Document(path, _camel(value)))
        else:
            raise ValueError(
                f"{_where(path)} is neither an SLO (serviceLevelIndicator, goal) nor an alert policy "
                "(conditions, combiner)"
            )
    return slos, policies


def _objects(path: Path, value: object) -> Iterator[tuple[Path, dict[str, Any]]]:
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _objects((*path, index), one)
        return
    if not isinstance(value, dict):
        raise ValueError(f"{_where(path)} is no JSON object")  # noqa: TRY004 (wrong content, not a wrong call)
    held = [key for key in value if _camel_key(key) in _LISTS and isinstance(value[key], list)]
    if not held:
        yield path, value
    for key in held:
        yield from _objects((*path, key), value[key])


def _where(path: Path) -> str:
    return ".".join(map(str, path)) or "the file"


def _camel(value: Any) -> Any:  # noqa: ANN401 (any JSON)
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if isinstance(value, dict):
        return {_camel_key(key): one if key in _THEIRS else _camel(one) for key, one in value.items()}
    return value


def _camel_key(key: str) -> str:
    return _SNAKE.sub(lambda match: match[1].upper(), key)
