"""The plain way takes most records, the full way all the others."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from stillwell.kernel.base import Format
from stillwell.kernel.prepare import ingest_times, relation
from stillwell.kernel.program import compile_program
from stillwell.kernel.ways import Ways
from tests.kernel.records import CLOCK, assert_same, batch, contract, full_way_only, judge

REST = (
    "fields: {a: {type: integer, max: 9, warn: {max: 5}}, b: {type: string, max_length: 3, repair: {length: truncate}}}"
)
RECORDS = [b'{"a": 1}', b"x", b'{"a": 7}', b"\xff", b'{"b": "long"}', None, b'{"a": 2, "b": "x"}', b'{"a": "x"}']


def both(records):
    table = batch(records)
    ways = Ways(compile_program(contract(REST), Format()), Format(), duckdb.connect(), None)
    return ways.judge(relation(table, ingest_times(table, CLOCK)))


def test_what_is_proved_good_goes_the_plain_way_and_the_rest_the_full_one():
    found = both(RECORDS)
    assert found.plain.tolist() == [True, False, False, False, False, False, True, False]
    assert found.passed["a"].to_pylist() == [1, 2]
    assert found.odd.rows.tolist() == [1, 2, 3, 4, 5, 7]
    assert found.odd.rejected.tolist() == [True, False, True, False, True, True]
    assert found.odd.noted.tolist() == [False, True, False, True, False, False]


def test_no_records_at_all_are_judged_too():
    found = both([])
    assert (len(found.plain), len(found.passed), len(found.odd.result)) == (0, 0, 0)
    assert found.passed.schema.field("a").type == pa.int64()


def test_all_records_may_go_the_full_way():
    table = batch(RECORDS * 100)
    with full_way_only():
        assert_same(judge(REST, table), judge(REST, table, threads=3))
