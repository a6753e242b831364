"""Makes a batch ready for the queries: envelope columns under our names, text that is valid UTF-8, cells of lines."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.kernel.base import COLUMNS, INGEST, Format
from stillwell.kernel.sql import NOW, OWN


def source_columns(batch: pa.Table, form: Format) -> tuple[str, ...]:
    """The columns of delimited text: from the batch's metadata, or from the format's `header`."""
    metadata = batch.schema.metadata or {}
    if COLUMNS in metadata:
        return tuple(json.loads(metadata[COLUMNS]))
    return tuple(form.options.get("header") or ())


def ingest_times(batch: pa.Table, clock: dt.datetime) -> pa.Array:
    """When each record was taken in: the envelope's time, or else the clock of the epoch."""
    instant = pa.scalar(clock, INGEST)
    if "ingest_time" not in batch.column_names:
        return pa.repeat(instant, len(batch))
    return one_array(batch["ingest_time"].cast(INGEST)).fill_null(instant)


def relation(batch: pa.Table, now: pa.Array) -> pa.Table:
    """The batch as the queries know it: its envelope under our names."""
    columns: dict[str, pa.Array | pa.ChunkedArray] = {NOW: now}
    for name in ("payload", "record", "topic", "partition", "offset"):
        if name in batch.column_names:
            columns[OWN + name] = batch[name]
    if "record" in batch.column_names:
        columns[OWN + "record"] = _scannable(batch["record"])
    columns.setdefault(OWN + "topic", pa.nulls(len(batch), pa.string()))
    keyed = "key" in batch.column_names
    columns[OWN + "key"] = utf8(batch["key"]) if keyed else pa.nulls(len(batch), pa.string())
    return pa.table(columns)


def _scannable(records: pa.ChunkedArray) -> pa.ChunkedArray:
    """Typed records with half-precision numbers, which DuckDB cannot scan, as single-precision ones."""
    kinds = [pa.float32() if pa.types.is_float16(field.type) else field.type for field in records.type]
    kind = pa.struct([field.with_type(wide) for field, wide in zip(records.type, kinds, strict=True)])
    if kind == records.type:
        return records
    parts = [
        pa.StructArray.from_arrays(
            [chunk.field(at).cast(wide) for at, wide in enumerate(kinds)], fields=list(kind), mask=chunk.is_null()
        )
        for chunk in records.chunks
    ]
    return pa.chunked_array(parts, kind)


def readable(rows: pa.Table, form: Format) -> pa.Table:
    """Add what the queries read of payloads: text (NULL where it is not UTF-8), size in bytes, cells of csv lines."""
    if OWN + "payload" not in rows.column_names:
        return rows
    payload = rows[OWN + "payload"]
    rows = rows.append_column(OWN + "text", utf8(payload))
    rows = rows.append_column(OWN + "size", pc.binary_length(payload).cast(pa.int64()))
    return with_cells(rows, form) if form.name == "csv" else rows


def utf8(payload: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bytes as text; NULL where they are not UTF-8."""
    kind = pa.large_string() if pa.types.is_large_binary(payload.type) else pa.string()
    return pa.chunked_array([text for chunk in payload.chunks for text in _texts(chunk, kind)], kind)


def _texts(payload: pa.Array, kind: pa.DataType) -> list[pa.Array]:
    """Arrow says only that some payload is no text: the few around it are then decoded one by one."""
    try:
        return [payload.cast(kind)]
    except pa.ArrowInvalid:
        if len(payload) <= _FEW:
            return [pa.array([_decoded(one) for one in payload.to_pylist()], kind)]
        half = len(payload) // 2
        return [*_texts(payload.slice(0, half), kind), *_texts(payload.slice(half), kind)]


_FEW = 500


def _decoded(payload: bytes | None) -> str | None:
    if payload is None:
        return None
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return None


def with_cells(rows: pa.Table, form: Format) -> pa.Table:
    """Add the cells of each line of delimited text: a list of strings, NULL where the line is no text."""
    delimiter = str(form.options.get("delimiter", ","))
    quote = str(form.options.get("quote", '"'))
    lines = rows[OWN + "text"].combine_chunks().cast(pa.string())
    cells = pc.split_pattern(lines, delimiter)
    if quote:
        quoted = np.flatnonzero(pc.match_substring(lines, quote).fill_null(False).to_numpy(zero_copy_only=False))
        if len(quoted):
            cells = _unquoted(cells, lines, quoted, delimiter, quote)
    return rows.append_column(OWN + "cells", cells)


def _unquoted(
    cells: pa.ListArray, lines: pa.StringArray, quoted: npt.NDArray[np.int64], delimiter: str, quote: str
) -> pa.ListArray:
    """The cells, those of the lines with quotes cut as quotes ask: all at once where that is plain to see."""
    some = cells.take(pa.array(quoted))
    flat, mark = some.flatten(), re.escape(quote)
    # A quote, a text without one, and a quote: such a cell loses both. Any other with a quote needs a closer look.
    whole = pc.match_substring_regex(flat, f"^{mark}[^{mark}]*{mark}$")
    doubtful = pc.or_(pc.and_not(pc.match_substring(flat, quote), whole), pa.scalar(quote in delimiter))
    bounds = np.concatenate([[0], np.cumsum(pc.list_value_length(some).to_numpy())])
    bare = pa.ListArray.from_arrays(pa.array(bounds, pa.int32()), pc.utf8_trim(flat, characters=quote))
    closer = np.unique(pc.list_parent_indices(some).filter(doubtful).to_numpy())
    cut = [_cut(lines[int(at)].as_py(), delimiter, quote) for at in quoted[closer]]
    return _replaced(cells, quoted, _replaced(bare, closer, pa.array(cut, cells.type)))


def _cut(line: str, delimiter: str, quote: str) -> Sequence[str]:
    """The cells of a line with quotes, which may hold delimiters and line ends (RFC 4180).

    A line whose quotes do not close is cut at every delimiter.
    """
    mark, end = re.escape(quote), re.escape(delimiter)
    quoted = f"{mark}([^{mark}]*(?:{mark}{mark}[^{mark}]*)*){mark}"
    cell = re.compile(f"(?:{quoted}|(?!{mark})(.*?))({end}|\\Z)", re.DOTALL)
    cells: list[str] = []
    found = cell.match(line)
    while found:
        inside, plain, after = found.groups()
        cells.append(plain if inside is None else inside.replace(quote * 2, quote))
        if not after:
            return cells
        found = cell.match(line, found.end())
    return line.split(delimiter)


def _replaced(cells: pa.ListArray, at: npt.NDArray[np.int64], lists: pa.ListArray) -> pa.ListArray:
    """The lists with those at some places exchanged."""
    if len(at) in (0, len(cells)):
        return lists if len(at) else cells
    order = np.arange(len(cells))
    order[at] = len(cells) + np.arange(len(at))
    return pa.concat_arrays([cells, lists]).take(pa.array(order))


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
