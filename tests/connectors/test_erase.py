"""Every sink that can remove rows removes those that are named and no others, and its marks stay."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from stillwell._find import find
from stillwell.connectors._erase import Places
from stillwell.connectors.base import Erasable, Neighbour
from stillwell.connectors.delta import erase as of_delta
from stillwell.delivery.slice import Advance
from tests.connectors.suite import NAME, SCHEMA, build, rows, step
from tests.connectors.test_base import SINKS, own_tests

LOCAL = [name for name in SINKS if name != "kafka"]
ABLE = [name for name in LOCAL if isinstance(find("connectors", name, "Sink"), type) and name != "jsonl"]


def made(name, folder):
    kind = find("connectors", name, "Sink")
    return build(kind, own_tests(name).sink_options(folder), folder)


@pytest.fixture(params=ABLE)
def sink(request, tmp_path):
    """A sink with forty rows in two writes."""
    one = made(request.param, tmp_path)
    one.open(SCHEMA)
    one.write(rows(0, 25), step(0, 25))
    one.write(rows(25, 15), step(25, 40))
    yield one
    one.close()


def places(*offsets, partition=0):
    return pa.table(
        {"partition": pa.array([partition] * len(offsets), pa.int32()), "offset": pa.array(offsets, pa.int64())}
    )


def held(sink):
    return sorted(row["count"] for batch in sink.rows() for row in batch.to_pylist())


@pytest.mark.parametrize("gone", [(), (3,), (0, 1, 2, 24, 25, 39), tuple(range(10, 30)), tuple(range(40)), (99, 5)])
def test_rows_of_these_places_go_and_all_others_stay(sink, gone):
    assert isinstance(sink, Erasable)
    sink.erase(places(*gone))
    assert held(sink) == [n for n in range(40) if n not in gone]
    assert sink.marks() == {NAME: 40}
    sink.erase(places(*gone))
    sink.write(rows(40, 2), step(40, 42))
    assert held(sink) == [n for n in range(42) if n not in gone]


def test_a_place_is_an_offset_of_a_partition(sink):
    sink.erase(places(1, 2, 3, partition=1))
    assert held(sink) == list(range(40))


def test_what_is_left_is_as_it_was(sink):
    before = {row["count"]: row for batch in sink.rows() for row in batch.to_pylist()}
    sink.erase(places(*range(0, 40, 2)))
    assert {row["count"]: row for batch in sink.rows() for row in batch.to_pylist()} == {
        count: row for count, row in before.items() if count % 2
    }


@pytest.mark.parametrize("name", ABLE)
def test_nothing_is_removed_from_what_is_not_there(name, tmp_path):
    made(name, tmp_path).erase(places(1))
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize("name", LOCAL)
def test_a_sink_beside_another_is_one_of_its_own(name, tmp_path):
    one = made(name, tmp_path)
    assert isinstance(one, Neighbour)
    other, again = one.beside("outcomes"), one.beside("outcomes")
    for each in (one, other):
        each.open(SCHEMA)
    one.write(rows(0, 3), step(0, 3))
    other.write(rows(5, 2), step(0, 9))
    assert (held(one), held(again)) == ([0, 1, 2], [5, 6])
    assert (one.marks(), again.marks()) == ({NAME: 3}, {NAME: 9})
    assert one.ledger() is not other.ledger()
    for each in (one, other, again):
        each.close()


def test_a_delta_table_is_written_anew_where_many_ranges_go_and_appends_meanwhile_stay(tmp_path, monkeypatch):
    sink = made("delta", tmp_path)
    sink.open(SCHEMA)
    sink.write(rows(0, 200), step(0, 200))
    left = of_delta._left

    def meanwhile(dataset, gone, schema):
        # The library, while it takes rows, cannot be called from its own thread.
        other = threading.Thread(target=lambda: sink.write(rows(200, 5), {NAME: Advance(200, 205)}))
        other.start()
        other.join()
        return left(dataset, gone, schema)

    monkeypatch.setattr(of_delta, "_left", meanwhile)
    sink.erase(places(*range(0, 200, 2)))
    assert held(sink) == [*range(1, 200, 2), *range(200, 205)]
    assert sink.marks() == {NAME: 205}


def test_places_are_found_among_rows_of_several_partitions():
    trace = pa.array(
        [{"partition": p, "offset": n} for p, n in ((0, 1), (1, 1), (1, 7), (0, None), (None, 1), (3, 9))],
        pa.struct({"partition": pa.int32(), "offset": pa.int64()}),
    )
    asked = pa.concat_tables([places(7, 1, partition=1), places(9, 2, partition=3)])
    found = Places(asked).among(pa.table({"_stillwell": trace}))
    assert found.tolist() == [False, True, True, False, False, True]
    assert not Places(places()).among(pa.table({"_stillwell": trace})).any()
