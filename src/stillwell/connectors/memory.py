"""Records from and rows to the memory of this process: for tests, and for the Python API."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from stillwell.connectors import base
from stillwell.connectors._erase import Places
from stillwell.connectors._format import Told, told_format
from stillwell.connectors._schema import fitted, plain_schema, refuse_other
from stillwell.connectors.base import Chunk, Place
from stillwell.delivery.mark import moved
from stillwell.delivery.memory_ledger import MemoryLedger
from stillwell.delivery.slice import Marks, Position
from stillwell.errors import ConnectorError, fail
from stillwell.kernel.base import Format


class SourceOptions(base.Options):
    """`records`: payloads (a list of bytes or None), an Arrow table, or a map of these by partition.

    A table that has a column `payload` or `record` is taken as a batch, envelope included; of any other each row is
    a record. `name` tells apart what is read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    records: Any
    name: str = "memory"
    format: Told | None = None


class Source:
    """Reads what it was given; offsets count from 0 in each partition."""

    Options: ClassVar[type[BaseModel]] = SourceOptions
    replayable = True
    in_process = True

    def __init__(self, options: SourceOptions, _place: Place) -> None:
        parts = options.records if isinstance(options.records, Mapping) else {0: options.records}
        self._name = options.name
        self._parts = {partition: _batch(records, partition) for partition, records in parts.items()}
        self._next = dict.fromkeys(self._parts, 0)
        self._format = _format(options.format, list(self._parts.values()))

    @property
    def identity(self) -> str:
        """The name it was given."""
        return self._name

    @property
    def format(self) -> Format:
        """As told, or arrow for typed rows and json for bytes."""
        return self._format

    @property
    def record_type(self) -> pa.StructType | None:
        """The columns of typed rows; None for bytes."""
        typed = (part.schema.field("record").type for part in self._parts.values() if "record" in part.column_names)
        return next(typed, None)

    def check(self) -> str:
        """How many records there are."""
        return f"{sum(len(part) for part in self._parts.values()):,} records in memory"

    def open(self) -> None:
        """Nothing to open."""

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Start at these offsets, by partition."""
        for partition, table in self._parts.items():
            start = positions.get(partition, Position()).offset
            offsets = table.column("offset").to_numpy()
            self._next[partition] = int(offsets.searchsorted(start))

    def read(self, records: int) -> Chunk | None:
        """The next records, of each partition its share."""
        waiting = [partition for partition, table in self._parts.items() if self._next[partition] < len(table)]
        if not waiting:
            return None
        tables, ends = [], {}
        for partition in waiting:
            start = self._next[partition]
            table = self._parts[partition].slice(start, max(1, records // len(waiting)))
            self._next[partition] = start + len(table)
            tables.append(table)
            ends[partition] = Position(table.column("offset")[-1].as_py() + 1)
        return Chunk(pa.concat_tables(tables), ends)

    @property
    def finished(self) -> bool:
        """True once every partition is at its end."""
        return self.lag() == 0

    def lag(self) -> int | None:
        """How many records are left."""
        return sum(len(table) - self._next[partition] for partition, table in self._parts.items())

    def close(self) -> None:
        """Nothing to give back."""


def _batch(records: Any, partition: int) -> pa.Table:
    if isinstance(records, pa.Table):
        batch = records if {"payload", "record"} & set(records.column_names) else _as_records(records)
    else:
        batch = pa.table({"payload": pa.array(records, pa.binary())})
    if "offset" not in batch.column_names:
        batch = batch.append_column("offset", pa.array(range(len(batch)), pa.int64()))
    if "partition" not in batch.column_names:
        batch = batch.append_column("partition", pa.repeat(pa.scalar(partition, pa.int32()), len(batch)))
    return batch


def _as_records(rows: pa.Table) -> pa.Table:
    structs = [batch.to_struct_array() for batch in rows.to_batches()]
    return pa.table({"record": pa.chunked_array(structs, pa.struct(list(rows.schema)))})


def _format(told: Told | None, parts: list[pa.Table]) -> Format:
    if told is not None:
        return told_format(told)
    return Format("arrow" if any("record" in part.column_names for part in parts) else "json")


class Shelf:
    """What a sink of one name holds, for as long as the process lives."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.schema: pa.Schema | None = None
        self.tables: tuple[pa.Table, ...] = ()
        self.marks: Mapping[str, int] = {}
        self.ledger = MemoryLedger()


_SHELVES: dict[str, Shelf] = {}


def shelf(name: str) -> Shelf:
    """The shelf of that name, a new one if there is none."""
    return _SHELVES.setdefault(name, Shelf())


def forget(name: str) -> None:
    """Drop a shelf with all it holds."""
    _SHELVES.pop(name, None)


class SinkOptions(base.Options):
    """`name`: which shelf; sinks of one name in one process share it."""

    name: str = "memory"


class Sink:
    """Keeps rows and marks on a shelf of this process."""

    Options: ClassVar[type[BaseModel]] = SinkOptions

    def __init__(self, options: SinkOptions, place: Place) -> None:
        self._name = options.name
        self._place = place

    def check(self, schema: pa.Schema) -> str:
        """Compare with what the shelf holds, if there is one."""
        stored = _SHELVES[self._name].schema if self._name in _SHELVES else None
        if stored is not None:
            refuse_other(stored, schema, f"memory `{self._name}`")
        return f"memory `{self._name}`"

    def open(self, schema: pa.Schema) -> None:
        """Take the shelf into use."""
        self.check(schema)
        kept = shelf(self._name)
        with kept.lock:
            kept.schema = kept.schema or plain_schema(schema)

    def marks(self) -> Mapping[str, int]:
        """The marks of the shelf."""
        return dict(shelf(self._name).marks)

    def write(self, rows: pa.Table, marks: Marks) -> None:
        """Add rows and move marks under the lock of the shelf."""
        kept = shelf(self._name)
        if kept.schema is None:
            raise fail(ConnectorError, "not-open", f"memory `{self._name}` was not opened.", "Open it first.")
        with kept.lock:
            after = moved(kept.marks, marks)
            kept.tables = (*kept.tables, fitted(rows, kept.schema))
            kept.marks = after

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Everything on the shelf."""
        for table in shelf(self._name).tables:
            yield from (table.select(columns) if columns else table).to_batches()

    def ledger(self) -> MemoryLedger:
        """The ledger on the same shelf."""
        return shelf(self._name).ledger

    def beside(self, name: str) -> Sink:
        """Another shelf."""
        return Sink(SinkOptions(name=f"{self._name}/{name}"), self._place)

    def erase(self, places: pa.Table) -> None:
        """Take rows off the shelf."""
        kept, gone = shelf(self._name), Places(places)
        with kept.lock:
            kept.tables = tuple(table.filter(pa.array(~gone.among(table))) for table in kept.tables)

    def close(self) -> None:
        """Nothing to give back."""
