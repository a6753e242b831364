"""What a sink holds, as an audit needs it: partition, offset and a fingerprint of every row, 20 bytes each."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.delivery.slice import Slice
from stillwell.kernel.digest import payload_hash

Partitions = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Prints = npt.NDArray[np.uint64]


class _Rows(Protocol):
    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True)
class Holdings:
    """Three arrays of one length, sorted by partition and offset; `schema` is that of the rows, None without any."""

    partition: Partitions
    offset: Offsets
    prints: Prints
    schema: pa.Schema | None

    @staticmethod
    def of(sink: _Rows) -> Holdings:
        """Read a sink through, batch by batch."""
        schema: pa.Schema | None = None
        parts = []
        for batch in sink.rows():
            schema = schema or batch.schema
            parts.append(fingerprints(pa.Table.from_batches([batch]), schema))
        return Holdings._sorted(parts, schema)

    @staticmethod
    def by(
        sink: _Rows,
        group: Callable[[pa.RecordBatch], pa.Array],
        prints: Callable[[pa.RecordBatch], Prints] | None = None,
    ) -> dict[str | None, Holdings]:
        """The same apart for each text of `group`; with `prints` these are the fingerprints."""
        schema: pa.Schema | None = None
        parts: dict[str | None, list[tuple[Partitions, Offsets, Prints]]] = {}
        for batch in sink.rows():
            schema = schema or batch.schema
            names = group(batch).dictionary_encode(null_encoding="encode")
            for code, name in enumerate(names.dictionary.to_pylist()):
                rows = batch if len(names.dictionary) == 1 else batch.filter(pc.equal(names.indices, code))
                found = fingerprints(pa.Table.from_batches([rows]), schema)
                parts.setdefault(name, []).append(found if prints is None else (*found[:2], prints(rows)))
        return {name: Holdings._sorted(part, schema) for name, part in parts.items()}

    @staticmethod
    def joined(parts: Iterable[Holdings]) -> Holdings:
        """All of them as one."""
        held = list(parts)
        schema = next((one.schema for one in held if one.schema is not None), None)
        return Holdings._sorted([(one.partition, one.offset, one.prints) for one in held], schema)

    @staticmethod
    def of_payloads(sink: _Rows) -> Holdings:
        """The same with the payload hash of the ledger as the fingerprint."""
        parts = []
        for batch in sink.rows(["payload", "_stillwell"]):
            prints = np.array([payload_hash(one) for one in batch.column("payload").to_pylist()], np.uint64)
            parts.append((*_places(batch.column("_stillwell")), prints))
        return Holdings._sorted(parts, None)

    @staticmethod
    def _sorted(parts: list[tuple[Partitions, Offsets, Prints]], schema: pa.Schema | None) -> Holdings:
        if not parts:
            return Holdings(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.uint64), schema)
        partition, offset, prints = (np.concatenate([part[index] for part in parts]) for index in range(3))
        order = np.lexsort((offset, partition))
        return Holdings(partition[order], offset[order], prints[order], schema)

    def __len__(self) -> int:
        return len(self.offset)

    def between(self, part: Slice) -> tuple[Offsets, Prints]:
        """Offsets and fingerprints of the rows of a slice."""
        low, high = self._bounds(part.partition, part.start.offset, part.end.offset)
        return self.offset[low:high], self.prints[low:high]

    def doubled(self) -> dict[int, Offsets]:
        """Offsets that are held more than once, by partition."""
        same = (self.offset[1:] == self.offset[:-1]) & (self.partition[1:] == self.partition[:-1])
        partition, offset = self.partition[1:][same], self.offset[1:][same]
        return {int(one): np.unique(offset[partition == one]) for one in np.unique(partition)}

    def beyond(self, ends: Mapping[int, int]) -> dict[int, Offsets]:
        """Offsets that no intent can have named, by partition: at or above the end of the newest one, or negative."""
        found = {}
        for one in np.unique(self.partition):
            offsets = self.offset[self.partition == one]
            outside = offsets[(offsets >= ends.get(int(one), 0)) | (offsets < 0)]
            if len(outside):
                found[int(one)] = outside
        return found

    def by_partition(self) -> dict[int, Offsets]:
        """All offsets, by partition."""
        return {int(one): self.offset[self.partition == one] for one in np.unique(self.partition)}

    def _bounds(self, partition: int, start: int, end: int) -> tuple[int, int]:
        first, last = np.searchsorted(self.partition, [partition, partition + 1])
        low, high = np.searchsorted(self.offset[first:last], [start, end])
        return int(first + low), int(first + high)


def fingerprints(rows: pa.Table, schema: pa.Schema | None) -> tuple[Partitions, Offsets, Prints]:
    """Partition, offset and a hash over all columns of each row, as the schema has them.

    The hash is DuckDB's: it is compared only within one process and never stored.
    """
    trace = rows["_stillwell"].combine_chunks()
    if isinstance(trace, pa.ChunkedArray):
        trace = pa.concat_arrays(trace.chunks) if trace.num_chunks else pa.array([], trace.type)
    same = rows.select(schema.names).cast(schema) if schema is not None else rows
    with _database().cursor() as database:
        database.register("held", same)
        columns = ", ".join('"' + name.replace('"', '""') + '"' for name in same.column_names)
        prints = database.sql(f"SELECT hash({columns}) AS print FROM held").to_arrow_table()["print"].to_numpy()
    return *_places(trace), prints


NOTHING = Holdings(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.uint64), None)
"""What a sink holds that was never written."""


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    """Opened once: to open one takes longer than to hash an epoch."""
    database = duckdb.connect(":memory:")
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    return database


def _places(trace: pa.StructArray) -> tuple[Partitions, Offsets]:
    """Partition and offset of each row; -1 where somebody took them away."""
    partition, offset = (pc.struct_field(trace, name).fill_null(-1).to_numpy() for name in ("partition", "offset"))
    return partition, offset
