"""Quantities as people write them in stack files, and the exact numbers behind them.

Every parser takes whatever a YAML file can hold and either returns an exact number or raises `ValueError`
with one sentence that names the accepted forms. `parse_x(format_x(value)) == value` for every value that
`parse_x` returns.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction

# Twelve digits before the point and nine after it hold every sensible quantity,
# and keep arithmetic exact and short whatever a file says: `1e999999` has no form here.
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,9})?)"
_TOO_LARGE = 10**12
_CPU = re.compile(_NUMBER + "(m?)")
_MEMORY = re.compile(_NUMBER + "(Ki|Mi|Gi|k|M|G)")
_DURATION = re.compile(_NUMBER + "(ms|s|m|h)")
_PERCENT = re.compile(_NUMBER + "%?")

# Binary units first: Cloud Run's documents speak in them. Largest first, so that the shortest form wins.
_BYTES = {"Gi": 2**30, "Mi": 2**20, "Ki": 2**10, "G": 10**9, "M": 10**6, "k": 10**3}
_SECONDS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600)}
_LONGEST_SHOWN = 40


def parse_cpu(value: object) -> Decimal:
    """Return vCPU, above 0, from `"1"`, `"500m"` (thousandths), `1` or `0.5`."""
    if match := _CPU.fullmatch(_text(value)):
        cpu = Decimal(match[1]) * (Decimal("0.001") if match[2] else 1)
        if cpu > 0 and _is_writable(cpu):
            return cpu
    raise ValueError(
        f"{_shown(value)} is not an amount of CPU: write vCPU such as 1 or 0.5, or thousandths such as 500m"
    )


def parse_memory(value: object) -> int:
    """Return whole bytes, above 0, from `"512Mi"`, `"2Gi"`, `"64Ki"`, or decimal `"500M"`, `"2G"`, `"64k"`.

    A number without a unit is refused: Kubernetes would take it for bytes, most readers for megabytes.
    """
    if match := _MEMORY.fullmatch(_text(value)):
        size = Fraction(match[1]) * _BYTES[match[2]]
        if 0 < size < 1000 * _TOO_LARGE and size.denominator == 1:
            return size.numerator
    raise ValueError(
        f"{_shown(value)} is not an amount of memory: write whole bytes as a number with its unit, "
        "such as 512Mi or 2Gi (Ki, Mi and Gi are powers of 1024; k, M and G of 1000)"
    )


def parse_duration(value: object) -> Decimal:
    """Return seconds, 0 or above and in whole nanoseconds, from `"300ms"`, `"1.5s"`, `"2m"` or `"1h"`."""
    if match := _DURATION.fullmatch(_text(value)):
        seconds = Decimal(match[1]) * _SECONDS[match[2]]
        if _is_writable(seconds):
            return seconds
    raise ValueError(
        f"{_shown(value)} is not a duration: write one number with its unit, such as 300ms, 1.5s, 2m or 1h"
    )


def parse_percent(value: object) -> Decimal:
    """Return percent, above 0 and at most 100, from `99.5`, `"99.5"` or `"99.5%"`."""
    if match := _PERCENT.fullmatch(_text(value)):
        percent = Decimal(match[1])
        if 0 < percent <= 100:
            return percent
    raise ValueError(
        f"{_shown(value)} is not a percentage: write a number above 0 and at most 100, such as 99.5"
    )


def format_cpu(cpu: Decimal) -> str:
    """Write vCPU as Cloud Run does: `1`, and `500m` for a half."""
    thousandths = cpu * 1000
    if 0 < cpu < 1 and thousandths == thousandths.to_integral_value():
        return f"{_plain(thousandths)}m"
    return _plain(cpu)


def format_memory(size: int) -> str:
    """Write bytes with the largest unit that needs no fraction: `512Mi`, `2Gi`, `500M`."""
    for unit, factor in _BYTES.items():
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{_plain(Decimal(size) / 1000)}k"


def format_seconds(seconds: Decimal) -> str:
    """Write seconds as `300ms` below one second, else as `1.5s`."""
    if 0 < abs(seconds) < 1:
        return f"{_plain(seconds * 1000)}ms"
    return f"{_plain(seconds)}s"


def _text(value: object) -> str:
    """What `value` says as written; empty, which no form matches, where it is neither text nor number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return ""
    # Python refuses to write out an integer of thousands of digits.
    return "" if isinstance(value, int) and abs(value) >= _TOO_LARGE else str(value)


def _is_writable(number: Decimal) -> bool:
    """Whether a unit's factor kept the digits within `_NUMBER`, so that the value can be written again."""
    return number < _TOO_LARGE and number == round(number, 9)


def _shown(value: object) -> str:
    """`value` for a sentence to its author, short whatever it is."""
    match value:
        case str():
            return repr(value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…")
        case bool():
            return "true" if value else "false"
        case int() if abs(value) >= _TOO_LARGE:
            return "so large a number"
        case int() | float() | Decimal():
            return str(value)
        case None:
            return "nothing"
        case _:
            return f"a {type(value).__name__}"


def _plain(number: Decimal) -> str:
    """Digits without exponent or trailing zeros; an exponent only where digits would fill the screen."""
    if number and not -20 < number.adjusted() < 30:
        return f"{number:.3E}"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
