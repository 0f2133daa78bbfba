"""What is lost with a resource that is deleted or replaced, by its type. Pure but for its data file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_WORD = re.compile(r"[A-Z][a-z0-9]*")


@dataclass(frozen=True, slots=True)
class Stateful:
    """What a resource holds that a new one of the same name does not.

    `kind` is "database", "bucket", "secret", "user", "queue" or "project". `guessed` says that the type is
    not on our list, and that its name speaks for itself.
    """

    kind: str
    holds: str
    guessed: bool


@cache
def _data() -> dict[str, Any]:
    return json.loads(files("plimsoll.preview").joinpath("data/stateful.json").read_text("utf-8"))


@cache
def stateful(type_: str) -> Stateful | None:
    """What a resource of this type token holds; None where it can be made anew.

    Types of packages that our list does not cover are judged by the words of their names, on the side of
    caution: `aws:rds/instance:Instance` is a database, `aws:s3/bucketPolicy:BucketPolicy` is no bucket.
    """
    data = _data()
    kinds: dict[str, dict[str, Any]] = data["kinds"]
    for kind, entry in kinds.items():
        if type_ in entry["types"]:
            return Stateful(kind, entry["holds"], guessed=False)
    package, _, rest = type_.partition(":")
    module, _, name = rest.rpartition(":")
    if package == "pulumi" or package in data["complete_for"]:
        return None
    words = _WORD.findall(name)
    if not words or set(words) & set(data["not_by_word"]):
        return None
    guesses = (data["by_module"].get(module.partition("/")[0]), *map(data["by_word"].get, words))
    kind = next(filter(None, guesses), None)
    return None if kind is None else Stateful(kind, kinds[kind]["holds"], guessed=True)
