"""The arrivals of a case as a source that any process can open: a Parquet file, of which the first so many are there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel

from stillwell.connectors._format import Told, told_format
from stillwell.connectors.base import Chunk, Options, Place
from stillwell.delivery.slice import Position
from stillwell.kernel.base import Format

AT_A_TIME = 700
"""Records in a chunk at most, so that odd cuts are met."""


class SourceOptions(Options):
    """`path` of the arrivals, how many of them are there (`upto`), and how payloads are read."""

    path: str
    upto: int
    format: Told = "json"


class Source:
    """Partitions side by side, each in the order of its offsets."""

    Options: ClassVar[type[BaseModel]] = SourceOptions
    replayable = True

    def __init__(self, options: SourceOptions, place: Place) -> None:
        self._options, self._place = options, place
        self._left: list[pa.Table] = []

    @property
    def identity(self) -> str:
        return f"arrivals:{self._place.pipeline}"

    @property
    def format(self) -> Format:
        return told_format(self._options.format)

    def check(self) -> str:
        return f"{self._options.upto} arrivals"

    def open(self) -> None:
        self._there = pq.read_table(self._options.path).slice(0, self._options.upto)

    def partitions_there(self) -> Collection[int]:
        return sorted(self._there["partition"].unique().to_pylist())

    def seek(self, positions: Mapping[int, Position]) -> None:
        self.seek_only({one: positions.get(one, Position()) for one in self.partitions_there()})

    def seek_only(self, positions: Mapping[int, Position]) -> None:
        self._left = []
        for partition, position in positions.items():
            here = pc.equal(self._there["partition"], partition)
            rows = self._there.filter(pc.and_(here, pc.greater_equal(self._there["offset"], position.offset)))
            self._left += [rows.slice(begin, AT_A_TIME) for begin in range(0, len(rows), AT_A_TIME)]

    def read(self, records: int) -> Chunk | None:
        if not self._left:
            return None
        rows, rest = self._left[0].slice(0, records), self._left[0].slice(records)
        self._left[:1] = [rest] if len(rest) else []
        last = rows.slice(len(rows) - 1).to_pylist()[0]
        return Chunk(rows, {last["partition"]: Position(last["offset"] + 1)})

    @property
    def finished(self) -> bool:
        return not self._left

    def lag(self) -> int | None:
        return sum(map(len, self._left))

    def close(self) -> None:
        self._left = []
