"""Records as they are made, and the truth about each of them beside."""

import csv
import io

from stillwell.connectors.generator import Source, write_records


def generated(**options):
    return Source(Source.Options(**options), None)


def test_each_record_is_handed_on_and_has_its_truth():
    taken, truth = [], io.BytesIO()
    assert write_records(generated(rows=120_000), taken.append, truth) == 120_000
    rows = generated(rows=120_000)
    expected = [row for _ in range(2) for row in rows.read(60_000).table.to_pylist()]
    assert [row for table in taken for row in table.to_pylist()] == expected
    told = list(csv.DictReader(io.StringIO(truth.getvalue().decode())))
    assert [(int(one["offset"]), one["fault"] or None, one["fault_field"] or None) for one in told] == [
        (row["offset"], row["fault"], row["fault_field"]) for row in expected
    ]


def test_the_truth_may_be_left_out():
    taken = []
    assert write_records(generated(rows=10), taken.append) == 10
    assert sum(map(len, taken)) == 10


def test_nothing_to_write_is_nothing_written():
    taken, truth = [], io.BytesIO()
    assert write_records(generated(rows=0), taken.append, truth) == 0
    assert (taken, truth.getvalue()) == ([], b"")
