"""Property paths, as steps and as Pulumi writes them: `template.containers[0].image`, `labels["a.b"]`."""

from __future__ import annotations

import json
import re

Steps = tuple[str | int, ...]
"""A property's path as names and list indices."""

ANY_ELEMENT = ("[]", "{}", "*")
"""The steps of a pattern that stand for any element of a list or value of a map."""

_SEGMENT = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\[(\*)\]|(\[\]|\{\}|[^.\[\]{}]+)')


def write_path(steps: Steps) -> str:
    """A path as Pulumi writes it."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_$][\w$-]*", step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def read_path(path: str) -> Steps:
    """The steps of a path as Pulumi writes it, or of a pattern.

    `[*]`, as in `ignoreChanges`, is the step `*`; `[]` and `{}`, as in the data about replacements, are steps
    of their own: "labels[].key" has "labels", "[]" and "key".
    """
    steps: list[str | int] = []
    for found in _SEGMENT.finditer(path):
        quoted, index, star, name = found.groups(default="")
        steps.append(int(index) if index else star or name or quoted.replace('\\"', '"'))
    return tuple(steps)


def agree(pattern: Steps, steps: Steps) -> bool:
    """Whether a pattern and a path lead the same way, as far as the shorter of the two goes."""
    return all(wanted in (step, *ANY_ELEMENT) for wanted, step in zip(pattern, steps, strict=False))
