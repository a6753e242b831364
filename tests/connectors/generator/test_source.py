"""The generator as a source: the same records however they are read, where to go on, and a rate that is held."""

import threading
import time

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from stillwell._find import find
from stillwell.connectors.generator import Source
from stillwell.delivery.slice import Position


def source(**options):
    return Source(Source.Options(**options), None)


def drained(one, size):
    tables, ends = [], {}
    while not one.finished:
        if (chunk := one.read(size)) is not None:
            tables.append(chunk.table)
            ends.update(chunk.ends)
    return pa.concat_tables(tables).sort_by([("partition", "ascending"), ("offset", "ascending")]), ends


@pytest.mark.parametrize("partitions", [1, 3])
def test_the_size_of_chunks_changes_no_record(partitions):
    whole, ends = drained(source(rows=40_000, partitions=partitions), 100_000)
    pieces, same_ends = drained(source(rows=40_000, partitions=partitions), 777)
    assert whole.num_rows == 40_000
    assert whole.equals(pieces)
    assert ends == same_ends
    assert sum(end.offset for end in ends.values()) == 40_000


def test_seek_goes_on_where_reading_ended_and_starts_absent_partitions_anew():
    options = {"rows": 9_000, "partitions": 2}
    whole, _ = drained(source(**options), 10_000)
    again = source(**options)
    again.seek({1: Position(4_321)})
    rest, ends = drained(again, 1_000)
    assert rest.equals(whole.filter(pc.or_(pc.equal(whole["partition"], 0), pc.greater_equal(whole["offset"], 4_321))))
    assert ends == {0: Position(4_500), 1: Position(4_500)}


def test_more_rows_continue_the_same_stream():
    short, _ = drained(source(rows=500), 100)
    long, _ = drained(source(rows=1_000), 100)
    assert source(rows=500).identity == source(rows=1_000).identity
    assert long.slice(0, 500).equals(short)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 8},
        {"sensors": 99},
        {"start": "2026-01-02T00:00:00Z"},
        {"faults": {"null": 0.5}},
        {"partitions": 2},
        {"rate": 10000},
    ],
    ids=str,
)
def test_options_that_change_the_records_change_the_identity(other):
    assert source(**other).identity != source().identity
    assert drained(source(rows=2_000, **other), 2_000)[0].num_rows == 2_000


def test_a_speed_without_a_rate_changes_nothing():
    assert source(speed=60).identity == source().identity


def test_no_rows_are_finished_at_once():
    one = source(rows=0)
    assert one.finished
    assert one.read(10) is None


def test_lag_counts_what_is_left_or_due_or_says_that_it_cannot_know():
    one = source(rows=1_000)
    one.read(300)
    assert one.lag() == 700
    assert source().lag() is None
    held = source(rate=20_000)
    held.read(1)
    time.sleep(0.2)
    assert 3_000 <= held.lag() <= 20_000


def test_a_rate_is_held_within_5_percent():
    """Never more than that; and less only while a busy machine holds a chunk up, which later ones make up for."""
    one, rate, count, after_a_second = source(rate=20_000), 20_000, 0, []
    began = now = time.monotonic()
    while now - began < 2:
        chunk = one.read(100_000)
        before, now = now, time.monotonic()
        count += chunk.table.num_rows if chunk else 0
        share = count / (rate * (now - began))
        assert now - before < 1, "a read must not block over a second"
        assert share < 1.05
        after_a_second += [share] if now - began > 1 else []
    assert max(after_a_second) > 0.95


def test_a_rate_with_seconds_ends_after_exactly_so_many_records():
    began = time.monotonic()
    assert drained(source(rate=10_000, seconds=0.5), 1_000)[0].num_rows == 5_000
    assert time.monotonic() - began > 0.4


def test_seconds_without_a_rate_end_by_the_clock():
    began = time.monotonic()
    drained(source(seconds=0.2), 1_000)
    assert 0.2 <= time.monotonic() - began < 5


def test_a_slow_stream_says_that_there_is_nothing_now():
    one = source(rate=0.01)
    began = time.monotonic()
    assert one.read(100) is None
    assert not one.finished
    assert time.monotonic() - began < 1


def test_close_wakes_a_read_and_may_be_called_twice():
    one = source(rate=0.01)
    threading.Timer(0.05, one.close).start()
    began = time.monotonic()
    assert one.read(100) is None
    assert time.monotonic() - began < 0.4
    one.close()
    assert one.finished


def test_check_says_what_would_be_generated():
    assert source(rows=2_000, rate=500, faults={"null": 0.02}).check() == (
        "2,000 records of 100 sensors at 500 a second, 2.0% of them faulty, seed 7"
    )


def test_it_is_found_by_its_name():
    assert find("connectors", "generator", "Source") is Source
