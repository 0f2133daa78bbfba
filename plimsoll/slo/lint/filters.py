"""Cloud Monitoring's filters as text, as far as a lint needs: terms, selectors, and what is no filter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from plimsoll.limits.facts import Facts

FACTS = Facts("cloud_monitoring")

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<word>[A-Za-z_][\w.\-/]*(?:\."[^"]*")*)
    | (?P<number>-?[0-9]+(?:\.[0-9]+)?)
    | (?P<operator>!=|>=|<=|=~|!~|[=:<>])
    | (?P<mark>[(),\-])
    )""",
    re.VERBOSE,
)
_ROOTS = ("metric.", "resource.", "metadata.", "group.")
_FUNCTIONS = ("starts_with", "ends_with", "has_substring", "one_of", "monitoring.regex.full_match")
_SELECTOR = re.compile(r"\s*(select_slo_\w+)\s*\((.*)\)\s*", re.DOTALL)
_SLO = re.compile(r"projects/[^/\s]+/services/[^/\s]+/serviceLevelObjectives/[^/\s]+")
_LOOKBACK = re.compile(r"([0-9]{1,15})([A-Za-z]+)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One term: `key operator value`, or `key operator function(values)`."""

    key: str
    operator: str
    value: str
    negated: bool = False


@dataclass(frozen=True, slots=True)
class BurnRate:
    """An SLO's burn rate over so many seconds."""

    slo: str
    lookback: Fraction


class FilterError(Exception):
    """Why a text is not a filter; said to whoever wrote it."""


def comparisons(text: str) -> tuple[tuple[Comparison, ...], bool]:
    """Every term of a filter, and whether all of them must hold (no OR). Raises FilterError."""
    tokens = _tokens(text)
    found: list[Comparison] = []
    depth, index, every, negated = 0, 0, True, False
    while index < len(tokens):
        kind, word = tokens[index]
        if word in {"(", ")"}:
            depth += 1 if word == "(" else -1
            if depth < 0:
                raise FilterError("a closing bracket has no opening one")
            # What is negated as a whole, or grouped around OR, is not one list of terms.
            every = every and not negated
        elif kind == "word" and word in {"AND", "OR"}:
            every = every and word == "AND"
        elif (kind == "word" and word == "NOT") or word == "-":
            negated = True
            index += 1
            continue
        elif kind == "word":
            (key, operator, value), index = _comparison(tokens, index)
            found.append(Comparison(key, operator, value, negated))
            negated = False
            continue
        else:
            raise FilterError(f"{word} stands where a key such as metric.type belongs")
        index += 1
    if depth:
        raise FilterError("an opening bracket has no closing one")
    if not found:
        raise FilterError("it has no term: nothing is selected by it")
    return tuple(found), every


def burn_rate(text: str) -> BurnRate | None:
    """The SLO that a selector looks at, `None` for another filter or selector. Raises FilterError."""
    match = _SELECTOR.fullmatch(text)
    if match is None:
        if text.lstrip().startswith("select_slo"):
            raise FilterError('a selector is written as select_slo_burn_rate("…", "3600s")')
        return None
    arguments = [(kind, word) for kind, word in _tokens(match[2]) if word != ","]
    if any(kind != "string" for kind, _ in arguments):
        raise FilterError(
            "a selector's arguments are quoted: the SLO's name, and a lookback such as \"3600s\""
        )
    words = [word[1:-1] for _, word in arguments]
    if not words or _SLO.fullmatch(words[0]) is None:
        raise FilterError("its first argument is projects/P/services/S/serviceLevelObjectives/O")
    if match[1] != "select_slo_burn_rate":
        return None
    if len(words) != 2:
        raise FilterError('a burn rate needs the SLO\'s name and a lookback, such as "3600s"')
    return BurnRate(words[0], _lookback(words[1]))


def _lookback(text: str) -> Fraction:
    fact = FACTS["lookback"]
    match = _LOOKBACK.fullmatch(text)
    if match is None or match[2] not in fact.names("units"):
        units = ", ".join(fact.names("units"))
        raise FilterError(f"{text!r} is no lookback: a whole number and one of {units}; there are no days")
    seconds = Fraction(int(match[1]) * _NANOSECONDS[match[2]], 10**9)
    if not 0 < seconds <= fact.seconds("most"):
        raise FilterError(f"a lookback is above 0 and at most {fact.text('most')}, not {text}")
    return seconds


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    at, text = 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise FilterError(f"{text[at:].strip()[:20]!r} is nothing that a filter holds")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return tokens


def _comparison(tokens: list[tuple[str, str]], index: int) -> tuple[tuple[str, str, str], int]:
    key = tokens[index][1]
    if not key.startswith(_ROOTS) and key != "project":
        raise FilterError(f"{key!r} is no key of a filter: those begin with metric., resource. or metadata.")
    if index + 2 >= len(tokens) or tokens[index + 1][0] != "operator":
        raise FilterError(f"{key} is compared with nothing")
    operator, (kind, word) = tokens[index + 1][1], tokens[index + 2]
    index += 3
    if kind in {"mark", "operator"}:
        raise FilterError(f"{key} {operator} is followed by {word!r}, not by a value")
    if index >= len(tokens) or tokens[index][1] != "(" or kind != "word":
        return (key, operator, word[1:-1] if kind == "string" else word), index
    if word not in _FUNCTIONS:
        raise FilterError(f"{word} is no function of a filter: those are {', '.join(_FUNCTIONS)}")
    end = next((at for at in range(index, len(tokens)) if tokens[at][1] == ")"), None)
    if end is None:
        raise FilterError(f"{word}( is not closed")
    values = [value for kind, value in tokens[index + 1 : end] if kind in {"string", "number"}]
    if not values:
        raise FilterError(f"{word}() has no value")
    return (key, operator, f"{word}({', '.join(values)})"), end + 1
