"""What a sink holds, small enough to be compared: places and fingerprints."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stillwell.delivery.holdings import Holdings, fingerprints
from stillwell.delivery.slice import Position, Slice
from stillwell.kernel.digest import Facts, payload_hash


class Rows:
    """Something with rows: places, one column, in batches of two."""

    def __init__(self, places, payloads=None, **columns):
        self.table = pa.table(
            {
                **columns,
                "payload": pa.array(payloads or [b""] * len(places), pa.binary()),
                "_stillwell": pa.array(
                    [
                        None if place is None else dict(zip(("partition", "offset"), place, strict=True))
                        for place in places
                    ],
                    pa.struct([("partition", pa.int32()), ("offset", pa.int64())]),
                ),
            }
        )

    def rows(self, columns=None):
        yield from (self.table.select(columns) if columns else self.table).to_batches(max_chunksize=2)


def part(partition, start, end):
    return Slice(partition, Position(start), Position(end), Facts(0, 0, 0, 0, 0, 0, "", 0))


def test_rows_are_found_by_slice_in_whatever_order_they_lie():
    held = Holdings.of(Rows([(1, 5), (0, 9), (0, 2), (1, 2), (0, 4)]))
    assert len(held) == 5
    assert held.between(part(0, 2, 9))[0].tolist() == [2, 4]
    assert held.between(part(1, 0, 100))[0].tolist() == [2, 5]
    assert held.between(part(2, 0, 100))[0].tolist() == []


def test_nothing_is_held_by_a_sink_without_rows():
    held = Holdings.of(Rows([]))
    assert (len(held), held.schema, held.doubled(), held.beyond({})) == (0, None, {}, {})


def test_places_that_occur_again_are_doubled_in_their_partition_alone():
    held = Holdings.of(Rows([(0, 1), (1, 1), (0, 2), (0, 2), (1, 7), (1, 7), (1, 7)]))
    assert {partition: offsets.tolist() for partition, offsets in held.doubled().items()} == {0: [2], 1: [7]}


def test_places_that_no_intent_names_are_beyond():
    held = Holdings.of(Rows([(0, 1), (0, 5), (3, 0), None]))
    assert {partition: offsets.tolist() for partition, offsets in held.beyond({0: 5}).items()} == {
        -1: [-1],
        0: [5],
        3: [0],
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [([1.0], [2.0]), ([None], [0.0]), (["a"], ["b"]), ([b""], [None]), ([[1, 2]], [[1]]), ([{"a": 1}], [{"a": None}])],
)
def test_rows_that_differ_in_any_value_have_other_fingerprints(one, other):
    found = [Holdings.of(Rows([(0, 0)], value=pa.array(value, pa.array(one + other).type))) for value in (one, other)]
    assert found[0].prints[0] != found[1].prints[0]


def test_types_that_a_store_gives_back_otherwise_do_not_matter():
    rows = Rows([(0, 0), (0, 1)], text=pa.array(["a", None]), number=[1, 2])
    stored = pa.schema([("number", pa.int64()), ("text", pa.large_string()), *list(rows.table.schema)[2:]])
    partitions, offsets, prints = fingerprints(rows.table, stored)
    same = rows.table.select(stored.names).cast(stored)
    assert np.array_equal(prints, fingerprints(same, stored)[2])
    assert (partitions.tolist(), offsets.tolist()) == ([0, 0], [0, 1])


def test_payloads_are_hashed_as_the_ledger_hashes_them():
    payloads = [b"x", None, b"", b"\xff"]
    held = Holdings.of_payloads(Rows([(0, n) for n in range(4)], payloads))
    assert held.prints.tolist() == [payload_hash(one) for one in payloads]
