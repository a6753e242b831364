"""Rows as messages: their columns as a JSON object, where they came from as another one in the header `stillwell`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from stillwell.connectors._codec import from_lines, to_lines, to_objects
from stillwell.connectors.kafka.transaction import Message
from stillwell.kernel.program import TRACE_COLUMN

HEADER = "stillwell"


class Rows:
    """The messages of rows of one schema; `key` names the column that becomes the message's key."""

    def __init__(self, schema: pa.Schema, key: str | None = None) -> None:
        self._schema = schema
        self._key = key
        self._fields = [name for name in schema.names if name != TRACE_COLUMN]

    def messages(self, rows: pa.Table) -> Iterator[Message]:
        """Each row as a message."""
        values = lines(rows.select(self._fields)) if self._fields else [b"{}"] * len(rows)
        keys = plain(rows[self._key]) if self._key else [None] * len(rows)
        if TRACE_COLUMN not in rows.column_names:
            return ((key, value, []) for key, value in zip(keys, values, strict=True))
        traces = lines(_told(pa.Table.from_struct_array(rows[TRACE_COLUMN])))
        return ((key, value, [(HEADER, trace)]) for key, value, trace in zip(keys, values, traces, strict=True))

    def arrays(self, rows: pa.Table) -> tuple[pa.Array, pa.Array, pa.Array]:
        """The same as three columns of bytes: key, value, and what the header says."""
        empty = pa.repeat(pa.scalar(b"{}"), len(rows))
        values = to_objects(rows.select(self._fields)) if self._fields else empty
        keys = pa.array(plain(rows[self._key]), pa.binary()) if self._key else pa.nulls(len(rows), pa.binary())
        return keys, values, to_objects(_told(pa.Table.from_struct_array(rows[TRACE_COLUMN])))

    def table(self, messages: Sequence[Any], columns: Sequence[str]) -> pa.Table:
        """These columns of the rows; nulls for a message that is none of ours, as damage for `audit` to name."""
        found = {}
        fields = [name for name in columns if name != TRACE_COLUMN]
        if fields:
            values = pa.array([message.value() for message in messages], pa.binary())
            table = from_lines(values, pa.schema([self._schema.field(name) for name in fields]))
            found = dict(zip(fields, table.columns, strict=True))
        if TRACE_COLUMN in columns:
            traces = [dict(message.headers() or ()).get(HEADER) for message in messages]
            found[TRACE_COLUMN] = struct(traces, self._schema.field(TRACE_COLUMN).type)
        return pa.table([found[name] for name in columns], list(columns))


def lines(rows: pa.Table) -> list[bytes]:
    """Each row as a JSON object."""
    return to_lines(rows).split(b"\n")[:-1]


def _told(traces: pa.Table) -> pa.Table:
    """Without the members that are null in every row; read back, they are null again."""
    return traces.select([name for name in traces.column_names if traces[name].null_count < len(traces)])


def struct(objects: Sequence[bytes | None], kind: pa.StructType) -> pa.StructArray:
    """JSON objects as structs; members are null where there is none."""
    table = from_lines(pa.array(objects, pa.binary()), pa.schema(list(kind)))
    columns = [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]
    return pa.StructArray.from_arrays(columns, fields=list(kind))


def plain(column: pa.ChunkedArray) -> list[bytes | None]:
    """Values as bytes: bytes and text as they are, all else as its text."""
    if not pa.types.is_binary(column.type):
        column = column.cast(pa.string()).cast(pa.binary())
    return list(column.to_pylist())


def keyed(kind: pa.DataType) -> bool:
    """Whether values of this type can be keys."""
    return not pa.types.is_nested(kind)
