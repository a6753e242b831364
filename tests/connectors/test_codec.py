"""Rows survive the way to JSON and back, whatever their types and values."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwell.connectors._codec import from_lines, to_lines
from stillwell.connectors._lines import split

TIMES = st.datetimes()
VALUES = {
    "text": (pa.string(), st.text()),
    "bytes": (pa.binary(), st.binary() | st.text().map(str.encode)),
    "whole": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "small": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "double": (pa.float64(), st.floats(allow_nan=False)),
    "flag": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates()),
    "instant": (pa.timestamp("us", "UTC"), TIMES.map(lambda one: one.replace(tzinfo=dt.UTC))),
    "local": (pa.timestamp("us"), TIMES),
    "clock": (pa.time64("us"), st.times()),
    "price": (pa.decimal128(20, 3), st.integers(-(10**19), 10**19).map(lambda one: Decimal(one).scaleb(-3))),
}
PART = pa.struct([pa.field(name, kind) for name, (kind, _) in VALUES.items()])
SCHEMA = pa.schema([*PART, pa.field("part", PART), pa.field("parts", pa.list_(PART)), pa.field("none", pa.null())])
FLAT = st.fixed_dictionaries({name: st.none() | values for name, (_, values) in VALUES.items()})
ROWS = st.lists(
    st.builds(
        lambda flat, part, parts: {**flat, "part": part, "parts": parts, "none": None},
        FLAT,
        st.none() | FLAT,
        st.none() | st.lists(st.none() | FLAT, max_size=2),
    ),
    max_size=4,
)


def there_and_back(table):
    lines = to_lines(table)
    return from_lines(split(lines, len(lines)), table.schema)


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_rows_come_back_as_they_were(found):
    table = pa.Table.from_pylist(found, SCHEMA)
    assert there_and_back(table).equals(table)


def test_part_of_a_table_comes_back_as_that_part():
    table = pa.table({"a": [[1], None, [2, 3], []], "b": [{"x": b"1"}, None, {"x": b"\xff"}, {"x": None}]})
    part = table.slice(1, 2)
    assert there_and_back(part).to_pylist() == part.to_pylist()


@pytest.mark.parametrize("value", [float("inf"), float("-inf")])
def test_an_infinite_double_comes_back(value):
    table = pa.table({"a": [value]})
    assert there_and_back(table).equals(table)


def test_a_damaged_line_is_a_row_of_nulls_and_a_damaged_value_a_null():
    schema = pa.schema([("day", pa.date32()), ("n", pa.int64())])
    whole, cut, odd = b'{"day": "2026-01-01", "n": 1}', b'{"day": "2026-01-01", "n"', b'{"day": "2026-51-01", "n": "x"}'
    lines = [whole, cut, b"\xff", odd]
    expected = [{"day": dt.date(2026, 1, 1), "n": 1}, *[{"day": None, "n": None}] * 3]
    assert from_lines(pa.array(lines), schema).to_pylist() == expected


def test_each_row_is_one_line_of_json():
    lines = to_lines(pa.table({"a": ["x\ny", "\u2028"]})).splitlines()
    assert [json.loads(line) for line in lines] == [{"a": "x\ny"}, {"a": "\u2028"}]


@pytest.mark.parametrize("name", ["t", "T", "r", "row", "item", "table", "line"])
def test_a_column_may_have_the_name_of_anything_in_the_query(name):
    table = pa.table({name: pa.array([1.5, None, 2.5]), "other": ["a", "b", "c"]})
    assert there_and_back(table).equals(table)
