"""A Parquet file is read by DuckDB where it says the same there as in Arrow, whatever its name and columns are called."""

from __future__ import annotations

import datetime as dt

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.kernel.scan import Scan


@pytest.fixture
def file(tmp_path):
    def write(rows, name="rows.parquet"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        pq.write_table(rows, path, row_group_size=2)
        return Scan(path)

    return write


@pytest.mark.parametrize("name", ["a.parquet", "a*b?[c].parquet", "it's.parquet", "day=3/a.parquet"])
def test_any_name_is_that_of_one_file_and_adds_no_column(file, name):
    scan = file(pa.table({"x": [1, 2, 3]}), name)
    found = duckdb.sql(f"SELECT * FROM {scan.relation}").to_arrow_table()
    assert found.to_pydict() == {"x": [1, 2, 3], "file_row_number": [0, 1, 2]}


@pytest.mark.parametrize(
    ("columns", "same"),
    [
        ({"x": pa.array([1])}, True),
        ({"x": pa.array(["a"], pa.large_string())}, True),
        ({"x": pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("us"))}, True),
        ({"x": pa.array(["a"]).dictionary_encode()}, True),
        ({"x": pa.array([1]), "X": pa.array([2])}, False),
        ({"x": pa.array([1]), "file_row_number": pa.array([2])}, False),
    ],
)
def test_columns_that_would_be_other_ones_are_told(file, columns, same):
    assert file(pa.table(columns)).same(duckdb.connect(), ["x"]) is same


def test_batches_hold_every_row_at_its_place(file):
    scan = file(pa.table({"x": list(range(7))}))
    found = list(scan.batches(3))
    assert [row["x"] for _, batch in found for row in batch["record"].to_pylist()] == list(range(7))
    assert [begin for begin, _ in found] == [batch["offset"][0].as_py() for _, batch in found]
    assert scan.record == pa.struct([pa.field("x", pa.int64())])
