"""Taking a typed column as it is changes nothing: with it and without it the kernel says the same of every record."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel import full, plain, prove
from stillwell.kernel.native import native
from tests.kernel.columns import CONTRACTS, records, table, tables
from tests.kernel.odd import fixed
from tests.kernel.records import assert_same, contract, full_way_only, judge, typed, values


def as_text(rest, rows):
    """What is said when every value goes through its text."""
    nothing = {"native": lambda *_, **__: None}
    with (
        mock.patch.multiple(full, **nothing),
        mock.patch.multiple(plain, **nothing),
        mock.patch.multiple(prove, **nothing),
    ):
        return judge(rest, rows)


def assert_alike(one, other):
    """As `assert_same`, but for the records as they came: Python has no words for all their instants."""
    assert_same(*(replace(judged, quarantined=judged.quarantined.drop_columns(["record"])) for judged in (one, other)))


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_odd_value_of_a_column_is_what_its_text_would_be(name):
    rows = typed(records(table()))
    assert_alike(judge(CONTRACTS[name], rows), as_text(CONTRACTS[name], rows))


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_odd_value_of_a_column_is_what_its_text_would_be_the_full_way(name):
    rows = typed(records(table()))
    with full_way_only():
        assert_alike(judge(CONTRACTS[name], rows), as_text(CONTRACTS[name], rows))


@fixed
@given(tables(), st.sampled_from(sorted(CONTRACTS)))
def test_any_columns_are_what_their_texts_would_be(rows, name):
    assert_alike(judge(CONTRACTS[name], typed(records(rows))), as_text(CONTRACTS[name], typed(records(rows))))


def test_a_record_that_is_null_has_no_values():
    rows = typed(pa.array([{"d": 1.0}, None, {"d": None}], pa.struct([pa.field("d", pa.float64())])))
    assert values("fields: {d: {type: double}}", rows, "d") == [1.0, ..., None]


@pytest.mark.parametrize(
    ("field", "kind", "taken"),
    [
        ("{type: string}", pa.string(), True),
        ("{type: string}", pa.int64(), False),
        ("{type: string, clean: [trim]}", pa.string(), False),
        ("{type: string, missing: ['-']}", pa.string(), False),
        ("{type: string, default: x}", pa.string(), False),
        ("{type: integer}", pa.int8(), True),
        ("{type: integer}", pa.float64(), False),
        ("{type: double}", pa.float32(), False),
        ("{type: timestamp}", pa.timestamp("ns"), False),
        ("{type: timestamp, format: epoch_s}", pa.timestamp("us"), False),
        ("{type: date}", pa.date32(), True),
        ("{type: decimal, precision: 4, scale: 1}", pa.decimal128(4, 2), False),
        ("{type: json}", pa.string(), False),
        ("{type: string, from: $key}", pa.string(), False),
        ("{type: string, from: [a, b]}", pa.string(), False),
    ],
)
def test_only_what_needs_no_text_is_taken(field, kind, taken):
    one = contract(f"fields: {{a: {field}}}").fields[0]
    assert (native(one, pa.struct([pa.field("a", kind)])) is not None) is taken
