"""What a sink keeps in any order is read in the order of places, a bounded piece at a time."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest

from stillwell.delivery.choice import Choice
from stillwell.delivery.intent import Intent
from stillwell.delivery.outcomes import OUTCOMES
from stillwell.delivery.quarantined import Quarantined, headers
from stillwell.delivery.selection import Selection
from stillwell.delivery.slice import Position, Slice
from stillwell.errors import StillwellError
from stillwell.kernel.base import COLUMNS
from stillwell.kernel.digest import Facts
from tests.delivery.stage import BEGAN
from tests.delivery.test_choice import SCHEMA, Held, row

PLACES = [(partition, offset) for partition in (0, 3, 4) for offset in range(1, 200, 3)]


class Parts(Held):
    """One that gives its rows in small batches, in no order."""

    def rows(self, columns=None):
        for start in range(0, len(self.table), 17):
            part = self.table.slice(start, 17)
            yield from (part.select(columns) if columns else part).to_batches()


def shuffled(more=()):
    rows = [row(offset, None, partition=partition) for partition, offset in [*PLACES, *more]]
    random.Random(1).shuffle(rows)
    return Parts(rows)


@pytest.fixture
def source(tmp_path):
    """Reads a quarantine: `source(sink, records=10)`."""
    choice = Choice(Selection(), Held([], OUTCOMES))
    yield lambda sink, **told: Quarantined(sink, choice, tmp_path / "laid", **told)
    choice.close()


def everything(source, positions=None):
    source.seek(positions or dict.fromkeys(source.partitions, Position()))
    while (taken := source.read()) is not None:
        yield taken


def places(taken):
    return list(zip(taken.table["partition"].to_pylist(), taken.table["offset"].to_pylist(), strict=True))


@pytest.mark.parametrize("records", [1, 7, 50, 1000])
def test_all_rows_come_in_order_whatever_order_the_sink_has(source, records):
    pieces = list(everything(source(shuffled(), records=records)))
    assert [place for one in pieces for place in places(one)] == PLACES
    assert max(len(one.table) for one in pieces) <= records
    for one in pieces:
        ends = {partition: Position(offset + 1) for partition, offset in places(one)}
        assert one.ends == ends


def test_pieces_are_bounded_by_bytes_too(source):
    pieces = list(everything(source(shuffled(), size=1000)))
    assert [place for one in pieces for place in places(one)] == PLACES
    assert {len(one.table) for one in pieces[:-1]} <= {9, 10}


def test_more_pieces_than_files_may_be_open_take_another_pass(source, monkeypatch):
    monkeypatch.setattr("stillwell.delivery.quarantined._OPEN_FILES", 3)
    pieces = list(everything(source(shuffled(), records=10)))
    assert [place for one in pieces for place in places(one)] == PLACES


def test_reading_begins_anywhere_and_only_partitions_that_are_named_are_read(source):
    made = source(shuffled(), records=10)
    found = [place for one in everything(made, {3: Position(100), 4: Position(7)}) for place in places(one)]
    assert found == [
        (one, offset) for one, offset in PLACES if (one == 3 and offset >= 100) or (one == 4 and offset > 6)
    ]
    assert [place for one in everything(made, {0: Position()}) for place in places(one)] == PLACES[:67]
    assert list(everything(made, {9: Position()})) == []


def test_a_row_that_is_there_twice_comes_once_and_one_without_a_place_never(source):
    made = source(Parts([*(row(offset, None) for offset in (5, 5, 2, 5)), {"payload": b"x"}]))
    assert len(made) == 2
    assert [place for one in everything(made) for place in places(one)] == [(0, 2), (0, 5)]


def test_rows_become_a_batch_for_the_kernel(source):
    made = source(Held([row(5, None, key=b"k")]))
    made.via = "replay-3"
    [taken] = everything(made)
    [record] = taken.table.to_pylist()
    assert (record["payload"], record["key"], record["via"]) == (b"x", b"k", "replay-3")
    assert record["ingest_time"] == record["_stillwell"]["ingest_time"]


def test_what_was_laid_out_is_removed(source, tmp_path):
    made = source(shuffled())
    made.seek({0: Position()})
    made.read()
    assert (tmp_path / "laid").exists()
    made.close()
    assert not (tmp_path / "laid").exists()


def test_a_quarantine_that_changed_in_between_is_refused(source):
    sink = shuffled()
    made = source(sink)
    sink.table = pa.Table.from_pylist(sink.table.to_pylist()[1:], SCHEMA)
    with pytest.raises(StillwellError, match="other records than a moment ago"):
        list(everything(made))


def test_nothing_is_read_of_an_empty_quarantine(source):
    made = source(Held([]))
    assert (len(made), made.partitions, list(everything(made))) == (0, [], [])


def intent(columns, *parts):
    slices = tuple(
        Slice(partition, Position(start), Position(end), Facts(0, 0, 0, 0, 0, 0, "", 0))
        for partition, start, end in parts
    )
    return Intent("p", "s", slices, "", {}, BEGAN, columns=columns)


def test_lines_of_other_headers_come_apart_each_with_its_own(source):
    told = headers(
        [intent('["a"]', (0, 0, 50)), intent('["a"]', (0, 50, 100)), intent('["b"]', (0, 100, 200), (3, 0, 9))]
    )
    assert [(one.partition, one.start, one.end) for one in told] == [(0, 0, 100), (0, 100, 200), (3, 0, 9)]
    found = list(everything(source(shuffled(), headers=told), {0: Position()}))
    assert [one.table.schema.metadata for one in found] == [{COLUMNS: b'["a"]'}, {COLUMNS: b'["b"]'}]
    assert [place for one in found for place in places(one)] == PLACES[:67]


def test_a_line_of_which_nobody_knows_the_header_is_refused(source):
    with pytest.raises(StillwellError, match="nobody knows the header"):
        list(everything(source(shuffled(), headers=headers([intent("", (0, 0, 999))]))))
