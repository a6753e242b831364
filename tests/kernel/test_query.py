"""A prepared query gives the rows it is fed, whatever their schema, and survives an error."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pytest

from stillwell.kernel.query import Query


@pytest.fixture
def database():
    with duckdb.connect() as connection:
        yield connection


def test_each_run_sees_its_own_rows_and_only_them(database):
    query = Query(database, "batch", 'SELECT "a" + 1 AS b FROM batch')
    for numbers in ([1, 2], [], [5], list(range(5000))):
        assert query.run(pa.table({"a": pa.array(numbers, pa.int64())}))["b"].to_pylist() == [
            one + 1 for one in numbers
        ]


def test_rows_of_another_schema_and_another_thread_are_no_matter(database):
    query = Query(database, "batch", 'SELECT "a"::VARCHAR AS b FROM batch')

    def ask(_):
        return [query.run(pa.table({"a": [one]}))["b"].to_pylist() for one in (1, "x")]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, range(20))) == [[["1"], ["x"]]] * 20


def test_only_what_the_query_reads_is_given_to_it(database):
    rows = pa.table({"a": [1], "b": pa.array([1], pa.float16())})
    assert Query(database, "batch", 'SELECT "a" FROM batch').run(rows)["a"].to_pylist() == [1]
    assert Query(database, "batch", "SELECT 7 AS c FROM batch").run(rows)["c"].to_pylist() == [7]


def test_an_error_in_one_run_is_over_in_the_next(database):
    query = Query(database, "batch", 'SELECT decode("a") AS b FROM batch')
    with pytest.raises(duckdb.Error):
        query.run(pa.table({"a": [b"\xff"]}))
    assert query.run(pa.table({"a": [b"x"]}))["b"].to_pylist() == ["x"]


def test_the_session_is_in_utc_whatever_the_machine(database):
    query = Query(database, "batch", 'SELECT "a"::VARCHAR AS b FROM batch')
    rows = pa.table({"a": pa.array([dt.datetime(2024, 6, 1, tzinfo=dt.UTC)], pa.timestamp("us", tz="Asia/Kolkata"))})
    assert query.run(rows)["b"].to_pylist() == ["2024-06-01 00:00:00+00"]


@pytest.mark.parametrize("cut", [(0, 10), (3, 4), (9, 1)])
def test_slices_of_nested_columns_give_their_own_rows(database, cut):
    records = pa.array([{"o": {"x": number}, "l": [{"y": number}]} for number in range(10)])
    table = pa.table({"n": pa.chunked_array([list(range(4)), list(range(4, 10))]), "r": records}).slice(*cut)
    found = Query(database, "batch", 'SELECT "n", "r".o.x AS x, "r".l[1].y AS y FROM batch').run(table)
    assert found["n"].to_pylist() == found["x"].to_pylist() == found["y"].to_pylist() == list(range(cut[0], sum(cut)))
