"""What happens to a flow, as people write it: one event (`100%/60s`), or a file of moments.

A timeline file is CSV with a header. `duration` is required; of `errors`, `slow`, `stalled` (percent) and
`requests_per_hour` those that matter. Its rows follow each other:

    duration,errors,stalled,requests_per_hour
    10m,0%,0%,600
    5m,100%,0%,600
    30m,2%,40%,1200
"""

from __future__ import annotations

import csv
import io
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING

from plimsoll.settings.errors import Fault, SettingsError, shown
from plimsoll.slo.simulation import Moment
from plimsoll.units import parse_duration, parse_percent

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("duration", "errors", "slow", "stalled", "requests_per_hour")
LONGEST = 10_000
"""Rows of a file: 28 days in pieces of 5 minutes, and some."""
_MOST_REQUESTS = Decimal(10**12)
_REMEDY = "write a header and rows as in: duration,errors / 5m,100%"


def parse_event(text: str, kind: str) -> Moment:
    """Return the moment that `SHARE/DURATION` says, such as `100%/60s`. Raises ValueError with a sentence."""
    share, slash, duration = text.partition("/")
    if not slash:
        raise ValueError(f"{shown(text)!r} is no share and duration: write both, as in 100%/60s")
    seconds = parse_duration(duration.strip())
    if seconds == 0:
        raise ValueError("it lasts 0 seconds: write how long, as in 100%/60s")
    return Moment(Fraction(seconds), **{kind: Fraction(parse_percent(share.strip())) / 100})


def parse_rate(text: str) -> Decimal:
    """Return requests an hour, above 0. Raises ValueError with a sentence."""
    try:
        rate = Decimal(text.strip())
    except InvalidOperation:
        rate = Decimal("NaN")
    if not rate.is_finite() or not Decimal("0.001") <= rate <= _MOST_REQUESTS:
        raise ValueError(f"{shown(text)!r} is no number of requests an hour, 0.001 or more, such as 600")
    return rate


def parse_dispersion(text: str) -> Decimal:
    """Return how many failures come together on average, 1 to 1,000. Raises ValueError with a sentence."""
    try:
        dispersion = Decimal(text.strip())
    except InvalidOperation:
        dispersion = Decimal("NaN")
    if not dispersion.is_finite() or not 1 <= dispersion <= 1000:
        raise ValueError(
            f"{shown(text)!r} does not say how many failures come together on average: 1 to 1000"
        )
    return dispersion


def parse_delay(text: str) -> int:
    """Return whole seconds, 0 or above. Raises ValueError with a sentence."""
    seconds = parse_duration(text)
    if seconds != int(seconds):
        raise ValueError("a delay is whole seconds, such as 120s")
    return int(seconds)


def read_timeline(text: str, file: Path) -> tuple[Moment, ...]:
    """Return the moments of a timeline file. Raises SettingsError with every row that cannot be read."""
    rows = csv.DictReader(io.StringIO(text), strict=True)
    moments: list[Moment] = []
    faults: list[Fault] = []
    try:
        header = [name.strip() for name in rows.fieldnames or ()]
        if "duration" not in header or not set(header) <= set(COLUMNS) or len(set(header)) != len(header):
            what = f"the columns are {', '.join(COLUMNS)}, each once, and duration is needed"
            raise SettingsError([_fault(what, file, 1, _REMEDY, value=",".join(header) or None)])
        rows.fieldnames = header
        for row in rows:
            if len(moments) + len(faults) >= LONGEST:
                faults.append(_fault(f"more than {LONGEST} rows", file, rows.line_num, "join some of them"))
                break
            try:
                moments.append(_moment(dict(row)))
            except ValueError as error:
                faults.append(_fault(str(error), file, rows.line_num))
    except csv.Error as error:
        raise SettingsError([_fault(f"this is no CSV: {error}", file, rows.line_num, _REMEDY)]) from None
    if not moments and not faults:
        faults.append(_fault("the timeline has no row: nothing happens in it", file, None, _REMEDY))
    if faults:
        raise SettingsError(faults)
    return tuple(moments)


def _moment(row: dict[str | None, object]) -> Moment:
    """`row` by column; csv puts what is too much below the key None, and None for what is missing."""
    if None in row or None in row.values():
        raise ValueError("the row has not as many values as the header has columns")
    cells = {str(name): str(value).strip() for name, value in row.items()}
    seconds = parse_duration(cells["duration"])
    if seconds == 0:
        raise ValueError("a moment lasts longer than 0 seconds")
    errors, slow, stalled = (_share(cells.get(name, "")) for name in ("errors", "slow", "stalled"))
    if slow + stalled > 1:
        raise ValueError("slow and stalled are shares of the same requests: 100 % together at most")
    rate = cells.get("requests_per_hour", "")
    return Moment(
        Fraction(seconds),
        errors,
        slow,
        stalled,
        requests_per_hour=Fraction(parse_rate(rate)) if rate else None,
    )


def _share(text: str) -> Fraction:
    """Percent, 0 where nothing is written; `parse_percent` has no 0, for a budget cannot be that."""
    if text.removesuffix("%").strip() in {"", "0", "0.0"}:
        return Fraction(0)
    return Fraction(parse_percent(text)) / 100


def _fault(
    message: str, file: Path, line: int | None, remedy: str | None = None, *, value: str | None = None
) -> Fault:
    said = shown(value) if value is not None else None
    return Fault(message, file=file, line=line, value=said, rule="slo/timeline", remedy=remedy)
