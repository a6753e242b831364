"""Which texts and JSON values are which typed values, type by type."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel import Format
from tests.kernel.odd import fixed
from tests.kernel.records import values

NO = ...
"""The record was quarantined: no value of this type."""


def of_json(kind, *texts):
    """The values of a field of this type for these JSON texts."""
    return values(f"fields: {{a: {{type: {kind}}}}}", [b'{"a": %s}' % text.encode() for text in texts], "a")


def of_texts(kind, *texts):
    """The same for texts, which must be the same as JSON strings and as cells of delimited text."""
    found = of_json(kind, *(json.dumps(text) for text in texts))
    lines = [text.encode() for text in texts]
    cells = values(
        f"fields: {{a: {{type: {kind}}}}}",
        lines,
        "a",
        format=Format("csv", {"header": ["a"], "delimiter": "\t", "quote": ""}),
    )
    assert found == cells
    return found


def read(kind, pairs):
    """The texts of pairs (text, expected value) with the values found."""
    texts = [text for text, _ in pairs]
    return list(zip(texts, of_texts(kind, *texts), strict=True))


def at(*parts):
    return dt.datetime(*parts, tzinfo=dt.UTC)


DOUBLES = [
    ("12", 12.0), (" 12 ", 12.0), ("1_000", 1000.0), ("+5", 5.0), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1E-2", 0.01),
    ("-0.0", 0.0), ("1_0.2_5e0_1", 102.5), ("1e400", NO), ("-1e400", NO), ("NaN", NO), ("inf", NO), ("Infinity", NO), ("0x10", NO),
    ("1__0", NO), ("_1", NO), ("1_", NO), ("1_.5", NO), (".", NO), ("-", NO), ("1 2", NO), ("1,5", NO), ("١", NO), ("12\u00a0", NO),
    ("true", NO), ("1d", NO), ("1e", NO), ("e1", NO), ("1e1.5", NO), ("5e-324", 5e-324), ("1e-400", 0.0),
]  # fmt: skip


def test_a_double_is_a_number_in_digits_that_is_finite():
    assert read("double", DOUBLES) == DOUBLES


INTEGERS = [
    ("5", 5), ("5.0", 5), ("5.", 5), (".0", 0), ("-0", 0), ("5e0", 5), ("1.5e1", 15), ("1e18", 10**18), ("1_000", 1000),
    ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), ("9223372036854775808", NO), ("1e19", NO),
    ("9007199254740993.0", 9007199254740993), ("123456789012345678e1", 1234567890123456780), ("1.5", NO), ("15e-1", NO),
    ("1.00000000000000000001", NO), ("1e-30", NO), ("1e400", NO), ("0x1", NO), ("five", NO),
]  # fmt: skip


def test_an_integer_is_a_number_without_a_fraction_kept_exactly():
    assert read("integer", INTEGERS) == INTEGERS


DECIMALS = [
    ("1.5", "1.50"), ("1.50000", "1.50"), ("1", "1.00"), ("-0.01", "-0.01"), ("1e2", "100.00"), ("15e-1", "1.50"), ("1e-2", "0.01"),
    ("12345678901234567.89", "12345678901234567.89"), ("1234567890123456.78e1", "12345678901234567.80"),
    ("1.505", NO), ("1e-3", NO), ("123456789012345678.00", NO), ("1e17", NO), ("NaN", NO), ("1,5", NO),
]  # fmt: skip


def test_a_decimal_never_loses_a_digit_in_silence():
    found = read("decimal, precision: 19, scale: 2", DECIMALS)
    assert [(text, value if value is NO else str(value)) for text, value in found] == DECIMALS


numbers = st.one_of(
    st.decimals(-(10**15), 10**15, allow_nan=False, places=3).map(str),
    st.floats().map(repr),
    st.builds("{}e{}".format, st.decimals(-(10**6), 10**6, allow_nan=False, places=2), st.integers(-8, 25)),
)


@fixed
@given(st.lists(numbers, min_size=10, max_size=30))
def test_decimals_and_integers_are_exact(texts):
    rest = "fields: {a: {type: decimal, precision: 18, scale: 2}, b: {type: integer}}"
    records = [b'{"a": "%s"}' % text.encode() for text in texts] + [b'{"b": "%s"}' % text.encode() for text in texts]
    half = len(texts)
    for text, value in zip(texts, values(rest, records, "a")[:half], strict=True):
        assert value is NO or value == Decimal(text)
    for text, value in zip(texts, values(rest, records, "b")[half:], strict=True):
        assert value is NO or value == Decimal(text)
        exact = Decimal(text)
        assert (value is NO) == (not exact.is_finite() or exact != exact.to_integral_value() or abs(exact) >= 2**63)


def test_json_numbers_are_read_like_their_text():
    assert of_json("double", "1", "1.5", "-0.0", "1e400", "NaN", "true", "null", "[1]", "{}") == [
        1.0,
        1.5,
        0.0,
        NO,
        NO,
        NO,
        None,
        NO,
        NO,
    ]
    assert of_json("integer", "1", "1.0", "1.5", "1e3", "9223372036854775808", "-9223372036854775808", "true", "null") == [
        1, 1, NO, 1000, NO, -(2**63), NO, None,
    ]  # fmt: skip


def test_a_boolean_is_true_or_false_in_any_case():
    assert of_texts("boolean", "true", "FALSE", "True", "yes", "1", "on", "t", " true") == [
        True,
        False,
        True,
        NO,
        NO,
        NO,
        NO,
        NO,
    ]
    assert of_json("boolean", "true", "false", "null", "1", "0") == [True, False, None, NO, NO]


def test_a_string_is_any_scalar_as_text_but_no_structure():
    assert of_json("string", '"a"', '""', '"null"', "null", "1.10", "1e3", "true", "[]", "{}", '"[]"', '"\\u0000"') == [
        "a", "", "null", None, "1.1", "1000.0", "true", NO, NO, "[]", "\0",
    ]  # fmt: skip


TIMESTAMPS = [
    ("2024-06-01T12:00:00Z", at(2024, 6, 1, 12)),
    ("2024-06-01 12:00", at(2024, 6, 1, 12)),
    ("2024-06-01T14:00:00+02:00", at(2024, 6, 1, 12)),
    ("2024-06-01T14:00:00+0200", at(2024, 6, 1, 12)),
    ("2024-06-01T14:00:00+02", at(2024, 6, 1, 12)),
    ("2024-06-01T00:00:00-23:59", at(2024, 6, 1, 23, 59)),
    ("2024-06-01T12:00:00.123456789Z", at(2024, 6, 1, 12, 0, 0, 123456)),
    ("2024-06-01T12:00:00.9999999Z", at(2024, 6, 1, 12, 0, 0, 999999)),
    ("0001-01-01T00:00:00Z", at(1, 1, 1)),
    ("9999-12-31T23:59:59.999999Z", at(9999, 12, 31, 23, 59, 59, 999999)),
    *(
        (text, NO)
        for text in (
            "2024-01-01T24:00:00Z", "2024-02-30T00:00:00Z", "2024-01-01T23:59:60Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01", "2024-06-01T12:00:00+25:00", "2024-06-01T12:00:00+02:60", "2024-06-01T12:00:00.1234567891Z",
            "2024-06-01T12:00:00.Z", "2024-06-01t12:00:00Z", "2024-06-01T12:00:00z", "2024-06-01", "2024-6-1T12:00:00Z",
            " 2024-06-01T12:00:00Z", "2024-06-01T12:00:00 Z", "2024-06-01T12:00:00 UTC", "2024-06-01T12:00:00Europe/Oslo",
            "epoch", "infinity", "-infinity", "now", "1717243200", "20240601T120000Z", "+2024-06-01T12:00:00Z", "２024-06-01T12:00:00Z",
        )
    ),
]  # fmt: skip


def test_a_timestamp_is_iso_8601_in_digits():
    assert read("timestamp", TIMESTAMPS) == TIMESTAMPS


def test_a_time_without_offset_is_in_the_zone_of_its_field():
    found = of_texts(
        "timestamp, zone: Europe/Oslo",
        "2024-01-01T12:00:00", "2024-07-01T12:00:00", "2024-07-01T12:00:00Z", "2024-03-31T02:30:00", "2024-10-27T02:30:00",
    )  # fmt: skip
    # The hour that does not exist is read with the offset before it, that which comes twice as the later.
    assert found == [
        at(2024, 1, 1, 11),
        at(2024, 7, 1, 10),
        at(2024, 7, 1, 12),
        at(2024, 3, 31, 1, 30),
        at(2024, 10, 27, 1, 30),
    ]


@pytest.mark.parametrize("form", ["epoch_s", "epoch_ms", "epoch_us"])
def test_an_epoch_is_a_number_of_its_unit_since_1970_to_the_nearest_microsecond(form):
    unit = {"epoch_s": 1, "epoch_ms": 1000, "epoch_us": 1_000_000}[form]
    exact = [str(second * unit) for second in (0, -1, 1717243200, 253402300799, -62135596800)]
    outside = [str(second * unit) for second in (253402300800, -62135596801)]
    found = of_texts(f"timestamp, format: {form}", *exact, *outside, "abc", "1e400", "9" * 29, "1e28", "epoch")
    assert found[:5] == [
        at(1970, 1, 1),
        at(1969, 12, 31, 23, 59, 59),
        at(2024, 6, 1, 12),
        at(9999, 12, 31, 23, 59, 59),
        at(1, 1, 1),
    ]
    assert found[5:] == [NO] * 7


def test_parts_of_a_second_are_kept_and_rounded_half_up():
    found = of_texts("timestamp, format: epoch_s", "1.5", "0.0000005", "0.0000004", "1_000", " 5 ", "1.7172432e9")
    assert found == [
        at(1970, 1, 1, 0, 0, 1, 500000), at(1970, 1, 1, 0, 0, 0, 1), at(1970, 1, 1), at(1970, 1, 1, 0, 16, 40), at(1970, 1, 1, 0, 0, 5),
        at(2024, 6, 1, 12),
    ]  # fmt: skip
    assert of_json("timestamp, format: epoch_ms", "1717243200123", "1717243200123.5") == [
        at(2024, 6, 1, 12, 0, 0, 123000), at(2024, 6, 1, 12, 0, 0, 123500),
    ]  # fmt: skip


def test_a_pattern_is_read_strictly():
    assert of_texts(
        "timestamp, format: 'dd.MM.yyyy HH:mm', zone: Europe/Oslo",
        "01.06.2024 12:00", "1.6.2024 12:00", "31.02.2024 12:00", "01.06.2024 24:00", "01.06.0000 12:00", " 01.06.2024 12:00",
        "01.06.2024  12:00", "epoch", "infinity", "01.06.2024 12:00x",
    ) == [at(2024, 6, 1, 10), *[NO] * 9]  # fmt: skip


def test_a_pattern_may_hold_an_offset_a_fraction_and_half_days():
    assert of_texts(
        "timestamp, format: \"yyyy-MM-ddTHH:mm:ss.SSSXXX\"",
        "2024-06-01T14:00:00.250+02:00", "2024-06-01T12:00:00.250Z", "2024-06-01T12:00:00.25Z", "2024-06-01T14:00:00.250+0200", "2024-06-01T12:00:00.250",
    ) == [at(2024, 6, 1, 12, 0, 0, 250000)] * 2 + [NO] * 3  # fmt: skip
    assert of_texts("timestamp, format: yyyyMMddHHmmssXX", "20240601140000+0200", "20240601120000Z", "20240601140000+02") == [
        at(2024, 6, 1, 12), at(2024, 6, 1, 12), NO,
    ]  # fmt: skip
    assert of_texts("time, format: 'hh:mm a'", "01:30 pm", "12:00 AM", "13:00 PM", "1:30 pm") == [
        dt.time(13, 30),
        dt.time(0),
        NO,
        NO,
    ]
    assert of_texts("date, format: dd/MM/yy", "01/06/24", "01/06/2024") == [dt.date(2024, 6, 1), NO]


def test_of_several_formats_the_first_that_reads_it_counts():
    found = of_texts("timestamp, format: [epoch_s, iso, dd.MM.yyyy]", "5", "2024-06-01T00:00:00Z", "01.06.2024", "x")
    assert found == [at(1970, 1, 1, 0, 0, 5), at(2024, 6, 1), at(2024, 6, 1), NO]


def test_a_date_is_a_day_that_exists():
    assert of_texts("date", "2024-02-29", "2023-02-29", "0001-01-01", "0000-01-01", "9999-12-31", "2024-2-9", "2024-06-01T00:00:00", "epoch") == [
        dt.date(2024, 2, 29), NO, dt.date(1, 1, 1), NO, dt.date(9999, 12, 31), NO, NO, NO,
    ]  # fmt: skip
    assert of_texts("date, format: epoch_s", "1717243200", "-1") == [dt.date(2024, 6, 1), dt.date(1969, 12, 31)]


def test_a_time_is_a_time_of_day_without_offset():
    assert of_texts("time", "08:30", "08:30:15.5", "23:59:59.9999999", "24:00", "23:59:60", "8:30", "08:30Z", "now") == [
        dt.time(8, 30), dt.time(8, 30, 15, 500000), dt.time(23, 59, 59, 999999), NO, NO, NO, NO, NO,
    ]  # fmt: skip
    assert of_texts("time, format: epoch_s", "1717243200.5") == [dt.time(12, 0, 0, 500000)]
