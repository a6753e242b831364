"""Rows to a Delta table; the marks are application transactions of the same commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import pyarrow as pa
from pydantic import BaseModel

from stillwell.connectors import base
from stillwell.connectors._schema import fitted, plain_schema, refuse_other, refuse_types
from stillwell.connectors.base import Place
from stillwell.connectors.delta.erase import erase
from stillwell.connectors.delta.ledger import DeltaLedger
from stillwell.connectors.delta.table import Table, library, local
from stillwell.delivery.durable import door
from stillwell.delivery.slice import Marks


class SinkOptions(base.Options):
    """`path`: the folder of the table; `compression` of its files."""

    path: str
    compression: Literal["zstd", "snappy", "lz4", "none"] = "zstd"


class Sink:
    """Appends with `write_deltalake`: as fast as Parquet files of our own, and each file has its statistics."""

    Options: ClassVar[type[BaseModel]] = SinkOptions
    shared = True
    shared_ledger = True

    def __init__(self, options: SinkOptions, place: Place) -> None:
        self._options, self._place = options, place
        self._path = place.path(local(options.path))
        self._table = Table(self._path)
        self._compression = options.compression
        self._schema: pa.Schema | None = None

    def check(self, schema: pa.Schema) -> str:
        """Whether the folder can be written, Delta has a type for each column, and the table has these columns."""
        door(self._path / "_delta_log")
        refuse_types(str(self._path), _odd_columns(schema))
        if not self._table.exists():
            return f"Delta table {self._path} (new)"
        refuse_other(self._table.schema(), schema, str(self._path))
        return f"Delta table {self._path} (version {self._table.handle().version():,})"

    def open(self, schema: pa.Schema) -> None:
        """Create the table."""
        self.check(schema)
        self._table.create(plain_schema(schema))
        # Another process may have created it with other columns.
        self.check(schema)
        self._schema = pa.schema([plain_schema(schema).field(name) for name in self._table.schema().names])

    def marks(self) -> Mapping[str, int]:
        """The transactions that the log of the table tells of."""
        return self._table.marks()

    def write(self, rows: pa.Table, marks: Marks) -> None:
        """Append rows and move marks in one commit; no rows are a commit too."""
        assert self._schema is not None, "open comes first"
        self._table.append(fitted(rows, self._schema), marks, writer_properties=_properties(self._compression))

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of the newest version."""
        if self._table.exists():
            # Read by row groups in turn: the library's own scan keeps far more in memory.
            yield from self._table.handle().to_pyarrow_dataset().to_batches(columns=columns)

    def ledger(self) -> DeltaLedger:
        """A Delta table beside this one."""
        return DeltaLedger(self._path.with_name(self._path.name + "_ledger"))

    def beside(self, name: str) -> Sink:
        """A table beside this one."""
        path = str(self._path.with_name(f"{self._path.name}_{name}"))
        return Sink(self._options.model_copy(update={"path": path}), self._place)

    def erase(self, places: pa.Table) -> None:
        """Remove rows in one commit; files of older versions stay until the table is vacuumed."""
        if self._table.exists():
            erase(self._table, places, _properties(self._compression))

    def close(self) -> None:
        """Nothing is held open."""


def _odd_columns(schema: pa.Schema) -> dict[str, str]:
    """Columns that Delta has no type for, with the reason."""
    odd = {}
    for column in plain_schema(schema):
        try:
            library().Schema.from_arrow(pa.schema([column]))
        except Exception as error:  # noqa: BLE001 - the library promises no kind
            # Where backtraces are on, the library writes one below its words.
            odd[column.name] = str(error).strip().split("\n", 1)[0]
    return odd


_DICTIONARY = 64_000
"""Bytes after which a column of many values goes without a dictionary: a third less work, a quarter less space."""


def _properties(compression: str) -> Any:
    kind = "UNCOMPRESSED" if compression == "none" else compression.upper()
    level = 1 if kind == "ZSTD" else None
    return library().WriterProperties(compression=kind, compression_level=level, dictionary_page_size_limit=_DICTIONARY)
