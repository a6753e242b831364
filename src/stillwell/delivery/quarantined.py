"""The quarantine as something to read again: chosen records by partition and offset, whatever order the sink keeps."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.delivery.choice import Choice, Rows, places
from stillwell.delivery.durable import writing
from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Position
from stillwell.errors import StillwellError, fail
from stillwell.kernel.base import COLUMNS
from stillwell.kernel.prepare import one_array

RECORDS, BYTES = 50_000, 64 << 20
"""How many records, and how many bytes of them, are read at a time."""

_OPEN_FILES = 200


@dataclass(frozen=True)
class Header:
    """What names the columns of delimited text (JSON) in a range of a partition."""

    partition: int
    start: int
    end: int
    columns: str


def headers(intents: Iterable[Intent]) -> list[Header]:
    """The headers that intents tell of, neighbours of one header as one."""
    found: dict[int, list[Header]] = {}
    for intent in intents:
        for part in intent.slices if intent.columns else ():
            before = found.setdefault(part.partition, [])
            start = part.start.offset
            if before and (before[-1].columns, before[-1].end) == (intent.columns, start):
                start = before.pop().start
            before.append(Header(part.partition, start, part.end.offset, intent.columns))
    return [header for part in found.values() for header in part]


@dataclass(frozen=True)
class Taken:
    """Some records in order, and for each partition in them where reading goes on."""

    table: pa.Table
    ends: Mapping[int, Position]


class Quarantined:
    """Gives the chosen rows of a quarantine, each once, as batches for the kernel that have all columns of the sink.

    A sink may keep its rows in any order: the first pass over it finds the places of those that are chosen (16 bytes
    each), another lays them out in files of `folder`, so many to a file as are read at a time. Only partitions named
    by `seek` are read. `via` is what the column of this name says; `headers` are those of delimited text.
    """

    def __init__(
        self,
        sink: Rows,
        choice: Choice,
        folder: Path,
        *,
        headers: Sequence[Header] | None = None,
        records: int = RECORDS,
        size: int = BYTES,
    ) -> None:
        self._sink, self._choice, self._folder, self._headers = sink, choice, folder, headers
        self.via = ""
        self._partition, self._offset, self._first = _layout(sink, choice, records, size)
        self._laid: tuple[int, int] = (0, 0)
        self._next = 0
        self._starts: Mapping[int, Position] = {}

    def __len__(self) -> int:
        return len(self._offset)

    @property
    def partitions(self) -> list[int]:
        """Those of which any record is chosen."""
        return [int(one) for one in np.unique(self._partition)]

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Read these partitions from here on."""
        self._starts, self._next = positions, 0

    @property
    def finished(self) -> bool:
        """True once there is nothing more to be read."""
        while self._next < len(self._first) - 1 and not self._wanted(self._next).any():
            self._next += 1
        return self._next >= len(self._first) - 1

    def read(self, records: int = 0) -> Taken | None:  # noqa: ARG002 - how many is settled by the layout
        """The next records in the order of partition and offset; None at the end."""
        if self.finished:
            return None
        table = self._headed(self._bucket(self._next).filter(pa.array(self._wanted(self._next))))
        trace = one_array(table["_stillwell"])
        partition, offset = places(trace)
        ends = {int(one): Position(int(offset[partition == one][-1]) + 1) for one in np.unique(partition)}
        self._starts = {**self._starts, **ends}
        for name in ("partition", "offset", "ingest_time", "topic"):
            table = table.append_column(name, pc.struct_field(trace, name))
        if self.via:
            table = table.append_column("via", pa.repeat(pa.scalar(self.via), len(table)))
        return Taken(table, ends)

    def close(self) -> None:
        """Remove what was laid out."""
        self._laid = (0, 0)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _headed(self, table: pa.Table) -> pa.Table:
        """The first rows, as many as have the same header; with it, where any is needed."""
        if self._headers is None:
            return table
        partition, offset = places(one_array(table["_stillwell"]))
        which = np.full(len(table), -1)
        for number, header in enumerate(self._headers):
            which[(partition == header.partition) & (offset >= header.start) & (offset < header.end)] = number
        if which[0] < 0:
            what = "Of some quarantined lines nobody knows the header, which names their columns."
            raise fail(StillwellError, "no-header", what, "Say `header` in the format of the source for this replay.")
        texts = np.array([header.columns for header in self._headers])[which]
        other = np.flatnonzero((texts != texts[0]) | (which < 0))
        alike = table.slice(0, int(other[0]) if len(other) else len(table))
        return alike.replace_schema_metadata({COLUMNS: str(texts[0]).encode()})

    def _wanted(self, number: int) -> npt.NDArray[np.bool_]:
        part = slice(self._first[number], self._first[number + 1])
        partition, offset = self._partition[part], self._offset[part]
        wanted = np.zeros(len(offset), bool)
        for one, start in self._starts.items():
            wanted |= (partition == one) & (offset >= start.offset)
        return wanted

    def _bucket(self, number: int) -> pa.Table:
        if not self._laid[0] <= number < self._laid[1]:
            self._lay(number)
        with pa.OSFile(str(self._file(number))) as file:
            table = pa.ipc.open_stream(file).read_all()
        partition, offset = places(one_array(table["_stillwell"]))
        # A row that somebody doubled is one record still.
        order = np.lexsort((offset, partition))
        again = (np.diff(partition[order], prepend=-2) == 0) & (np.diff(offset[order], prepend=-2) == 0)
        table = table.take(pa.array(order[~again]))
        if len(table) != self._first[number + 1] - self._first[number]:
            what = "The quarantine holds other records than a moment ago."
            raise fail(StillwellError, "source-changed", what, "See what else writes there, and start again.")
        return table

    def _lay(self, number: int) -> None:
        """Lay out this bucket and those after it, as many as files may be open at once."""
        self.close()
        with writing(self._folder):
            self._folder.mkdir(parents=True)
        low, high = number, min(number + _OPEN_FILES, len(self._first) - 1)
        files: dict[int, pa.RecordBatchWriter] = {}
        try:
            for rows in self._sink.rows():
                buckets = np.where(self._choice.of(rows), self._bucket_of(rows), -1)
                for one in np.unique(buckets[(buckets >= low) & (buckets < high)]):
                    with writing(self._file(one)):
                        if one not in files:
                            files[one] = pa.ipc.new_stream(str(self._file(one)), rows.schema)
                        files[one].write_batch(rows.filter(pa.array(buckets == one)))
        finally:
            for one, file in files.items():
                with writing(self._file(one)):
                    file.close()
        self._laid = (low, high)

    def _bucket_of(self, rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """The number of the bucket that each row belongs in, were it chosen."""
        partition, offset = places(rows.column("_stillwell"))
        found = np.zeros(len(rows), np.int64)
        for one in np.unique(partition):
            here = partition == one
            low, high = np.searchsorted(self._partition, [one, one + 1])
            place = low + np.searchsorted(self._offset[low:high], offset[here])
            found[here] = np.searchsorted(self._first, place, side="right") - 1
        return found

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.arrow"


_Layout = tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def _layout(sink: Rows, choice: Choice, records: int, size: int) -> _Layout:
    """Partition and offset of every chosen row in order, each once; and the number of the first row of each bucket."""
    parts: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for rows in sink.rows():
        chosen = choice.of(rows)
        partition, offset = places(rows.column("_stillwell"))
        parts.append((partition[chosen], offset[chosen], _sizes(rows)[chosen]))
    if not parts:
        return np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(1, np.int64)
    partition, offset, sizes = (np.concatenate([part[at] for part in parts]) for at in range(3))
    order = np.lexsort((offset, partition))
    partition, offset, sizes = partition[order], offset[order], sizes[order]
    new = np.ones(len(offset), bool)
    new[1:] = (np.diff(partition) != 0) | (np.diff(offset) != 0)
    partition, offset, sizes = partition[new], offset[new], sizes[new]
    # A bucket is full at so many records, or when another step of the sum of sizes is reached.
    steps = np.concatenate([[0], np.cumsum(sizes)[:-1]]) // size
    first = np.flatnonzero(np.diff(steps, prepend=-1)) if len(offset) else np.zeros(0, np.int64)
    ends = np.append(first, len(offset))
    cut = [np.arange(low, high, records) for low, high in pairwise(ends)]
    return partition, offset, np.append(np.concatenate(cut) if cut else first, len(offset)).astype(np.int64)


def _sizes(rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """About how many bytes each row takes."""
    if "payload" not in rows.schema.names:
        return np.full(len(rows), rows.nbytes // max(len(rows), 1), np.int64)
    known: npt.NDArray[np.int64] = pc.binary_length(rows.column("payload")).fill_null(0).to_numpy().astype(np.int64)
    return known + 100
