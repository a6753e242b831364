"""Payloads as lines, and the truth about each line beside them."""

import csv
import io

from stillwell.connectors.generator import Source, write_records


def generated(**options):
    return Source(Source.Options(**options), None)


def test_each_payload_is_a_line_and_each_line_has_its_truth():
    stream, truth = io.BytesIO(), io.BytesIO()
    assert write_records(generated(rows=120_000), stream, truth) == 120_000
    rows = generated(rows=120_000)
    expected = [row for _ in range(2) for row in rows.read(60_000).table.to_pylist()]
    lines = stream.getvalue().split(b"\n")
    assert lines.pop() == b""
    assert lines == [row["payload"] for row in expected]
    told = list(csv.DictReader(io.StringIO(truth.getvalue().decode())))
    assert [(int(one["offset"]), one["fault"] or None, one["fault_field"] or None) for one in told] == [
        (row["offset"], row["fault"], row["fault_field"]) for row in expected
    ]


def test_the_truth_may_be_left_out():
    stream = io.BytesIO()
    assert write_records(generated(rows=10), stream) == 10
    assert stream.getvalue().count(b"\n") == 10


def test_nothing_to_write_is_nothing_written():
    stream, truth = io.BytesIO(), io.BytesIO()
    assert write_records(generated(rows=0), stream, truth) == 0
    assert stream.getvalue() == truth.getvalue() == b""
