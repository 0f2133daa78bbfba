"""Quantities: what is read, what is refused and how, and that writing loses nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plimsoll.units import (
    format_cpu,
    format_memory,
    format_seconds,
    parse_cpu,
    parse_duration,
    parse_memory,
    parse_percent,
)

READ = [
    (parse_cpu, "1", Decimal(1)),
    (parse_cpu, "500m", Decimal("0.5")),
    (parse_cpu, "80m", Decimal("0.08")),
    (parse_cpu, 1, Decimal(1)),
    (parse_cpu, 0.5, Decimal("0.5")),
    (parse_cpu, Decimal("0.5"), Decimal("0.5")),
    (parse_cpu, "0.0005", Decimal("0.0005")),
    (parse_memory, "512Mi", 512 * 1024**2),
    (parse_memory, "2Gi", 2 * 1024**3),
    (parse_memory, "1.5Gi", 1536 * 1024**2),
    (parse_memory, "64Ki", 65536),
    (parse_memory, "64k", 64000),
    (parse_memory, "500M", 500 * 10**6),
    (parse_memory, "2G", 2 * 10**9),
    (parse_duration, "300ms", Decimal("0.3")),
    (parse_duration, "1.5s", Decimal("1.5")),
    (parse_duration, "2m", Decimal(120)),
    (parse_duration, "1h", Decimal(3600)),
    (parse_duration, "0s", Decimal(0)),
    (parse_duration, "0.000000001s", Decimal("1e-9")),
    (parse_percent, 99.5, Decimal("99.5")),
    (parse_percent, 99, Decimal(99)),
    (parse_percent, "99.5", Decimal("99.5")),
    (parse_percent, "99.5%", Decimal("99.5")),
    (parse_percent, 100, Decimal(100)),
]

# What a YAML file can hold where a quantity belongs, and no parser takes.
NEVER = [
    None,
    True,
    False,
    [],
    {},
    "",
    " 1s",
    "1 s",
    "-1",
    "-1s",
    "1e3",
    "1e999999",
    "Infinity",
    "nan",
    "0x10",
    "1_000",
    "\N{ARABIC-INDIC DIGIT ONE}s",
    "1,5s",
    ".5s",
    "1.s",
    "1s\n",
    float("nan"),
    float("inf"),
    float("-inf"),
    -1,
    1e300,
    10**6000,
    -(10**6000),
    Decimal("1e999999"),
    Decimal("NaN"),
    "9" * 100_000,
]

REFUSED = [
    (parse_cpu, 0),
    (parse_cpu, "0m"),
    (parse_cpu, "1 cpu"),
    (parse_cpu, "1M"),
    (parse_memory, 512),
    (parse_memory, "512"),
    (parse_memory, "512MB"),
    (parse_memory, "512mi"),
    (parse_memory, "0Mi"),
    (parse_memory, "0.1Ki"),
    (parse_memory, "1m"),
    (parse_duration, 300),
    (parse_duration, "300"),
    (parse_duration, "1m30s"),
    (parse_duration, "0.1ns"),
    (parse_duration, "0.0000001ms"),
    (parse_percent, 0),
    (parse_percent, "0%"),
    (parse_percent, 100.1),
    (parse_percent, "99.5 %"),
]

FORMS = {
    parse_cpu: "write vCPU such as 1 or 0.5, or thousandths such as 500m",
    parse_memory: "such as 512Mi or 2Gi",
    parse_duration: "such as 300ms, 1.5s, 2m or 1h",
    parse_percent: "such as 99.5",
}
PARSERS = list(FORMS)


@pytest.mark.parametrize(("parse", "written", "meant"), READ)
def test_a_quantity_is_read_exactly(parse, written, meant):
    assert parse(written) == meant
    assert type(parse(written)) is type(meant)


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@pytest.mark.parametrize("value", NEVER, ids=lambda value: repr(value)[:20] if isinstance(value, str) else "")
def test_what_is_no_quantity_is_refused_in_one_short_sentence(parse, value):
    with pytest.raises(ValueError, match=FORMS[parse]) as refusal:
        parse(value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 240


@pytest.mark.parametrize(("parse", "value"), REFUSED)
def test_a_quantity_of_another_kind_is_refused_with_the_forms(parse, value):
    with pytest.raises(ValueError, match=FORMS[parse]):
        parse(value)


def test_memory_without_a_unit_is_told_to_name_it():
    with pytest.raises(ValueError, match=r"^512 is not an amount of memory: write .* with its unit"):
        parse_memory(512)


@pytest.mark.parametrize(
    ("format_one", "value", "written"),
    [
        (format_cpu, Decimal(1), "1"),
        (format_cpu, Decimal("0.5"), "500m"),
        (format_cpu, Decimal("1.50"), "1.5"),
        (format_cpu, Decimal("0.0005"), "0.0005"),
        (format_memory, 512 * 1024**2, "512Mi"),
        (format_memory, 1536 * 1024**2, "1536Mi"),
        (format_memory, 4 * 1024**3, "4Gi"),
        (format_memory, 500 * 10**6, "500M"),
        (format_memory, 1, "0.001k"),
        (format_memory, 0, "0Gi"),
        (format_seconds, Decimal("0.3"), "300ms"),
        (format_seconds, Decimal("0.0005"), "0.5ms"),
        (format_seconds, Decimal(1), "1s"),
        (format_seconds, Decimal("1.50"), "1.5s"),
        (format_seconds, Decimal(3600), "3600s"),
        (format_seconds, Decimal(0), "0s"),
        (format_seconds, Decimal("1e999999"), "1.000E+999999s"),
        (format_seconds, Decimal("1e-999999"), "1.000E-999996ms"),
    ],
)
def test_a_quantity_is_written_as_a_reader_writes_it(format_one, value, written):
    assert format_one(value) == written


@pytest.mark.parametrize(
    ("parse", "format_one", "unit"),
    [
        *[(parse_cpu, format_cpu, unit) for unit in ("", "m")],
        *[(parse_memory, format_memory, unit) for unit in ("Ki", "Mi", "Gi", "k", "M", "G")],
        *[(parse_duration, format_seconds, unit) for unit in ("ms", "s", "m", "h")],
    ],
)
@given(number=st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,9})?", fullmatch=True, alphabet="0123456789."))
@example(number="999999999999.999999999")
@example(number="0.000001")
def test_whatever_is_read_survives_being_written(parse, format_one, unit, number):
    try:
        value = parse(number + unit)
    except ValueError:
        return  # zero, part of a byte or of a nanosecond: refused, as tested above
    assert parse(format_one(value)) == value


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.from_regex(r"-?[0-9.e]{1,9}(Ki|Mi|Gi|k|M|G|m|ms|s|h|%)?", fullmatch=True)
)
def test_anything_else_is_a_number_or_one_sentence(parse, value):
    refusal = None
    try:
        assert 0 <= parse(value) < 10**15
    except ValueError as error:
        refusal = str(error)
    assert refusal is None or FORMS[parse] in refusal
