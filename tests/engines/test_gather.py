"""What is read in chunks is handed on in epochs, none larger than it may be."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa

from stillwell.connectors.base import Chunk
from stillwell.delivery.slice import Gap, Position
from stillwell.engines._gather import Epoch, Gatherer
from stillwell.engines.base import EpochLimits


def chunk(first: int, count: int, *gaps: Gap, payload: bytes = b"{}") -> Chunk:
    table = pa.table(
        {
            "partition": pa.array([0] * count, pa.int32()),
            "offset": pa.array(range(first, first + count), pa.int64()),
            "payload": pa.array([payload] * count),
        }
    )
    return Chunk(table, {0: Position(first + count)}, gaps)


def test_an_epoch_is_handed_on_when_it_is_full_and_at_the_end() -> None:
    epochs: list[Epoch] = []
    gatherer = Gatherer(EpochLimits(records=10, wait=dt.timedelta(hours=1)), epochs.append)
    assert gatherer.wanted == 10
    assert not gatherer.holds
    gatherer.add(chunk(0, 4))
    assert (gatherer.wanted, gatherer.holds) == (6, True)
    gatherer.add(None)
    gatherer.add(chunk(4, 6))
    gatherer.add(chunk(10, 3))
    gatherer.close()
    gatherer.close()
    assert [(len(one.table), one.ends[0].offset) for one in epochs] == [(10, 10), (3, 13)]


def test_bytes_and_time_close_an_epoch_too() -> None:
    epochs: list[Epoch] = []
    gatherer = Gatherer(EpochLimits(bytes=1000, wait=dt.timedelta(hours=1)), epochs.append)
    gatherer.add(chunk(0, 2, payload=b"x" * 600))
    patient = Gatherer(EpochLimits(wait=dt.timedelta(0)), epochs.append)
    patient.add(chunk(0, 1))
    assert [len(one.table) for one in epochs] == [2, 1]


def test_a_gap_is_told_with_the_records_behind_it() -> None:
    epochs: list[Epoch] = []
    gatherer = Gatherer(EpochLimits(records=5), epochs.append)
    gap, other = Gap(0, 0, 7), Gap(1, 0, 3)
    gatherer.add(Chunk(chunk(0, 0).table, {}, (gap, other)))
    assert gatherer.gaps == (gap, other)
    gatherer.add(chunk(7, 5))
    assert epochs[0].gaps == (gap,)
    assert gatherer.gaps == (other,)
