"""What a word without quotes is to the engine: text, a number, a truth value or null.

The table is that of Go's yaml.v3 3.0.1, resolve.go; it is neither that of YAML 1.1 nor of 1.2.
"""

from __future__ import annotations

import math
import re

MAX_EXACT = 2**53
"""Beyond this, a whole number does not survive the floating point of JSON and of the engine's wire."""


class RefusedScalarError(ValueError):
    """A plain scalar that is refused; its argument is the rule."""


_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt ][0-9].*)?", re.DOTALL)
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def resolve(text: str) -> str | int | float | bool | None:
    """What the engine takes a plain scalar for: yaml.v3 3.0.1, resolve.go.

    Raises RefusedScalarError for what the engine refuses, rewrites or rounds.
    """
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _NOT_A_NUMBER.fullmatch(text):
        raise RefusedScalarError("yaml/not-a-number")
    if _DATE.fullmatch(text):
        raise RefusedScalarError("yaml/date")
    plain = text if text[0] == "." else text.replace("_", "")
    number = _integer(plain)
    if number is None and _FLOAT.fullmatch(plain):
        number = float(plain)
    if number is None or math.isinf(number):
        return text
    if abs(number) > MAX_EXACT:
        raise RefusedScalarError("yaml/number")
    return number


def _integer(plain: str) -> int | None:
    """A whole number, where yaml.v3 finds one that fits its 64 bits."""
    # There, the sign may also follow the prefix of a base: 0b-1.
    found = _INTEGER.fullmatch(re.sub(r"^0([bo])([-+])", r"\g<2>0\1", plain))
    if found is None or len(plain) > 70:
        return None
    base = next(name for name in _BASES if found[name])
    number = int(found["sign"] + found[base], _BASES[base])
    return number if -(2**63) <= number < 2**64 else None
