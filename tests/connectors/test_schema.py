"""Schemas are the same when the same values fit, and what differs is named."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stillwell.connectors._schema import fitted, plain, refuse_other, refuse_types
from stillwell.errors import ConnectorError


def test_how_values_are_stored_makes_no_difference():
    there = pa.schema([("a", pa.string()), ("b", pa.list_(pa.field("element", pa.binary(), nullable=False)))])
    here = pa.schema([("b", pa.large_list(pa.large_binary())), ("a", pa.dictionary(pa.int32(), pa.large_string()))])
    refuse_other(there, here, "x")
    assert plain(here.field("a").type) == pa.string()


def test_every_column_that_differs_is_named_at_once():
    there = pa.schema([("a", pa.string()), ("b", pa.int64()), ("c", pa.struct([("x", pa.int64())]))])
    here = pa.schema([("b", pa.float64()), ("c", pa.struct([("x", pa.int32())])), ("d", pa.string())])
    with pytest.raises(ConnectorError) as caught:
        refuse_other(there, here, "x")
    told = [problem.what for problem in caught.value.problems]
    assert len(told) == 4
    assert all(any(f"`{name}`" in what for what in told) for name in "abcd")


def test_columns_without_a_type_are_named_and_none_is_no_error():
    refuse_types("x", {})
    with pytest.raises(ConnectorError, match="`clock`: no such type"):
        refuse_types("x", {"clock": "no such type"})


def test_rows_are_fitted_by_name():
    rows = pa.table({"b": pa.array(["x"]).dictionary_encode(), "a": pa.array([1], pa.int32())})
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    assert fitted(rows, schema).to_pylist() == [{"a": 1, "b": "x"}]
