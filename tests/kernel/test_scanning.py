"""DuckDB counts a file by itself where it can, and says None where it cannot, so that its rows are judged instead."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.kernel import Kernel
from stillwell.kernel.scan import Scan
from stillwell.kernel.scanning import Scanning
from tests.kernel.records import CLOCK, contract


@pytest.fixture
def scanned(tmp_path):
    """What DuckDB alone counts of a table, and what the kernel does."""

    def count(rest, columns):
        pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
        scan, one = Scan(tmp_path / "rows.parquet"), contract(rest)
        scanning, kernel = Scanning(one, 2, {}, None), Kernel(one, threads=1)
        try:
            return scanning.count(scan, CLOCK, 1), kernel.count(scan, CLOCK)
        finally:
            scanning.close()
            kernel.close()

    return count


def test_a_file_of_plain_columns_is_counted_by_duckdb(scanned):
    alone, whole = scanned("fields: {d: {type: double, max: 5}}", {"d": [1.0, 6.0, None]})
    assert alone == whole
    assert alone.failures() == {"d.range": 1}
    assert alone.rules["d.range"].not_evaluated == 1


def test_a_hope_that_fails_is_given_up(scanned):
    alone, whole = scanned("fields: {d: {type: double, max: 5, required: true}}", {"d": [1.0, float("nan"), 6.0, None]})
    assert alone == whole
    assert alone.failures() == {"d.type": 1, "d.range": 1, "d.required": 1}
    assert alone.rules["d.required"].not_evaluated == 1


def test_now_is_the_clock(scanned):
    instants = pa.array([1717243200_000000, 1717243260_000001], pa.timestamp("us", tz="UTC"))
    alone, _ = scanned("fields: {t: {type: timestamp, max: now + 1m}}", {"t": instants})
    assert alone.failures() == {"t.range": 1}


@pytest.mark.parametrize(
    ("rest", "columns", "failures"),
    [
        ("fields: {d: {type: double}}", {"d": ["1", "x"]}, {"d.type": 1}),
        ("fields: {d: {type: double, from: $offset, max: 0}}", {"d": ["1", "x"]}, {"d.range": 1}),
        ("other_fields: reject\nfields: {d: {type: double}}", {"d": [1.0], "e": [1]}, {"other_fields": 1}),
        ("fields: {absent: {type: double, required: true}}", {"d": [1.0]}, {"absent.required": 1}),
    ],
)
def test_what_has_to_be_parsed_is_judged_instead(scanned, rest, columns, failures):
    alone, whole = scanned(rest, columns)
    assert alone is None
    assert whole.failures() == failures
