"""Parquet files of raw records, a partition each, as a source that several processes read side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from stillwell.connectors.base import Chunk, Options, Place
from stillwell.delivery.slice import Position
from stillwell.kernel.base import Format


class SourceOptions(Options):
    """`path`: a folder of files `0.parquet`, `1.parquet` and so on."""

    path: str


class Source:
    """The columns of the files are those of a batch."""

    Options: ClassVar[type[BaseModel]] = SourceOptions
    replayable = True
    format = Format("json")

    def __init__(self, options: SourceOptions, _place: Place) -> None:
        self._folder = Path(options.path)
        self._left: list[Iterator[pa.RecordBatch]] = []
        self._rest: pa.RecordBatch | None = None

    @property
    def identity(self) -> str:
        return f"parts:{self._folder}"

    def check(self) -> str:
        return str(self._folder)

    def open(self) -> None:
        """Nothing is held."""

    def partitions_there(self) -> list[int]:
        return sorted(int(path.stem) for path in self._folder.glob("*.parquet"))

    def seek(self, positions: Mapping[int, Position]) -> None:
        self.seek_only({one: positions.get(one, Position()) for one in self.partitions_there()})

    def seek_only(self, positions: Mapping[int, Position]) -> None:
        self._rest = None
        self._left = [self._batches(partition, at.offset) for partition, at in positions.items()]

    def _batches(self, partition: int, offset: int) -> Iterator[pa.RecordBatch]:
        skipped = 0
        with pq.ParquetFile(self._folder / f"{partition}.parquet") as file:
            groups = []
            for number in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(number).num_rows
                if skipped + rows <= offset and not groups:
                    skipped += rows
                else:
                    groups.append(number)
            for batch in file.iter_batches(batch_size=50_000, row_groups=groups) if groups else ():
                begin = max(0, offset - skipped)
                skipped += len(batch)
                if begin < len(batch):
                    yield batch.slice(begin)

    def read(self, records: int) -> Chunk | None:
        while self._rest is None and self._left:
            self._rest = next(self._left[0], None)
            if self._rest is None:
                self._left.pop(0)
        if self._rest is None:
            return None
        taken, rest = self._rest.slice(0, records), self._rest.slice(records)
        self._rest = rest if len(rest) else None
        partition, offset = taken.column("partition")[0].as_py(), taken.column("offset")[len(taken) - 1].as_py()
        return Chunk(pa.Table.from_batches([taken]), {partition: Position(offset + 1)})

    @property
    def finished(self) -> bool:
        return self._rest is None and not self._left

    def lag(self) -> int | None:
        return None

    def close(self) -> None:
        self._left, self._rest = [], None
