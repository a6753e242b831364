"""Records from a Delta table at one version, which stays the same however the table goes on; a cursor names it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from stillwell.connectors import base
from stillwell.connectors.base import Chunk, Place
from stillwell.connectors.delta.table import library, local
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError, Forgot, fail
from stillwell.kernel.base import Format


class SourceOptions(base.Options):
    """`path`: the folder of the table; `at`: a version or an instant (ISO), the newest version unless said."""

    path: str
    at: int | str | None = None


class Source:
    """One partition, 0; the offset is the number of the row over the files of the version, in the order of its log."""

    Options: ClassVar[type[BaseModel]] = SourceOptions
    replayable = True
    format = Format("arrow")

    def __init__(self, options: SourceOptions, place: Place) -> None:
        self._path = place.path(local(options.path))
        self._at = options.at
        self._table: Any = None
        self._files: list[Path] = []
        self._starts = np.zeros(1, np.int64)
        self._offset = 0
        self._current: tuple[int, int, pa.Table] | None = None

    @property
    def identity(self) -> str:
        """The id of the table, and the version where one was asked for."""
        assert self._table is not None, "open comes first"
        pinned = "" if self._at is None else f"@{self._table.version()}"
        return f"delta:{self._table.metadata().id}{pinned}"

    @property
    def record_type(self) -> pa.StructType:
        """The columns of the table, at the version that is or would be read."""
        return pa.struct(list(_schema(self._table or self._load(self._at))))

    def check(self) -> str:
        """Which version would be read, and how many files it has."""
        table = self._load(self._at)
        return f"Delta table {self._path} at version {table.version():,}, {len(table.file_uris()):,} files"

    def open(self) -> None:
        """Pin the version that was asked for, or the newest."""
        self._pin(self._load(self._at))

    def _pin(self, table: Any) -> None:
        self._table, self._current = table, None
        # The order that the log gives is another one after a checkpoint.
        actions = sorted(
            pa.table(table.get_add_actions(flatten=True)).to_pylist(),
            key=lambda one: (one["modification_time"], one["path"]),
        )
        self._files = [self._path / unquote(one["path"]) for one in actions]
        counts = [_rows(path, action) for path, action in zip(self._files, actions, strict=True)]
        self._starts = np.cumsum([0, *counts])

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Go on at an offset, in the version that it belongs to."""
        position = positions.get(0, Position())
        if position.cursor and int(position.cursor) != self._table.version():
            self._pin(self._load(position.cursor))
        self._offset = position.offset

    def read(self, records: int) -> Chunk | None:
        """The next rows, of one row group of one file."""
        if self.finished:
            return None
        number = int(np.searchsorted(self._starts, self._offset, side="right")) - 1
        group = self._group(number, self._offset - int(self._starts[number]))
        rows = group[2].slice(self._offset - int(self._starts[number]) - group[1], records)
        start, self._offset = self._offset, self._offset + len(rows)
        columns = {
            "partition": pa.array(np.zeros(len(rows), np.int32)),
            "offset": pa.array(np.arange(start, self._offset)),
            "record": rows.combine_chunks().to_batches()[0].to_struct_array(),
        }
        return Chunk(pa.table(columns), {0: Position(self._offset, str(self._table.version()))})

    @property
    def finished(self) -> bool:
        """True once every row was read."""
        return self._offset >= int(self._starts[-1])

    def lag(self) -> int | None:
        """Rows left, exactly."""
        return max(0, int(self._starts[-1]) - self._offset)

    def close(self) -> None:
        """Let go of the rows at hand."""
        self._current = None

    def _group(self, number: int, row: int) -> tuple[int, int, pa.Table]:
        """The row group of a file that holds `row`: file, first row, rows."""
        held = self._current
        if held is None or held[0] != number or not held[1] <= row < held[1] + len(held[2]):
            with pq.ParquetFile(self._files[number]) as file:
                sizes = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
                starts = np.cumsum([0, *sizes])
                group = int(np.searchsorted(starts, row, side="right")) - 1
                table = _as_table(file.read_row_group(group), _schema(self._table))
            held = self._current = number, int(starts[group]), table.combine_chunks()
        return held

    def _load(self, at: int | str | None) -> Any:
        deltalake = library()
        try:
            table = deltalake.DeltaTable(str(self._path))
        except (deltalake.exceptions.TableNotFoundError, OSError) as error:
            raise fail(
                ConnectorError, "no-table", f"There is no Delta table at {self._path}.", "Check the path of the source."
            ) from error
        try:
            if at is not None:
                table.load_as_version(_version(at))
        except (deltalake.exceptions.DeltaError, ValueError, OSError) as error:
            raise fail(
                Forgot,
                "no-version",
                f"{self._path} has nothing at {at}: {str(error).splitlines()[0]}",
                f"Name a version up to {table.version():,}, or an instant such as 2026-01-31T12:00:00Z.",
            ) from error
        _refuse_deletions(table, self._path)
        return table


def _schema(table: Any) -> pa.Schema:
    return pa.schema(table.schema().to_arrow())


def _version(at: int | str) -> int | dt.datetime:
    if isinstance(at, int) or at.isdigit():
        return int(at)
    instant = dt.datetime.fromisoformat(at)
    return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


def _refuse_deletions(table: Any, path: Path) -> None:
    """Rows that are marked as deleted lie in the files still: reading these would bring them back."""
    features = set(table.protocol().reader_features or [])
    odd = features & {"deletionVectors", "columnMapping"}
    if odd or table.metadata().partition_columns:
        what = ", ".join(sorted(odd)) or "partition columns"
        raise fail(
            ConnectorError,
            "not-supported",
            f"{path} uses {what}, which this source does not read.",
            "Write the table anew without them, and read that.",
        )


def _rows(path: Path, action: Mapping[str, Any]) -> int:
    count = action.get("num_records")
    return int(count) if count is not None else int(pq.read_metadata(path).num_rows)


def _as_table(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows of an older file with the columns of the table: nulls where it did not have one yet."""
    there = set(rows.column_names)
    columns = [
        rows[column.name].cast(column.type) if column.name in there else pa.nulls(len(rows), column.type)
        for column in schema
    ]
    return pa.table(columns, schema=schema)
