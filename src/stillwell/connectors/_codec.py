"""Rows as lines of JSON and back, such that the types that JSON lacks survive the way.

Times are ISO text (`Z` where they have a zone), decimals text. Bytes that are valid UTF-8 are text under their own
name, others base64 under `NAME_base64`.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BASE64 = "_base64"
_NUMBERS = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "USMALLINT",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
}


def to_lines(rows: pa.Table) -> bytes:
    """Each row as one line, terminated by a newline."""
    return b"".join(_content(chunk) for chunk in _objects(rows, "to_json(item) || chr(10)"))


def to_objects(rows: pa.Table) -> pa.BinaryArray:
    """Each row as a JSON object, without a newline."""
    return pa.concat_arrays([pa.array([], pa.binary()), *_objects(rows, "to_json(item)")])


def _objects(rows: pa.Table, said: str) -> list[pa.BinaryArray]:
    """What DuckDB says of each row, which it knows as `item`."""
    parts: list[pa.BinaryArray] = []
    with duckdb.connect() as con:
        for batch in rows.to_batches():
            names, columns = _said_columns(batch.schema.names, batch.columns)
            # As one column: the name of a table would mean the column of that name, where there is one.
            items = pa.RecordBatch.from_arrays(columns, names).to_struct_array()
            table = pa.table({"item": items})  # noqa: F841 - found by its name in the query
            found = con.sql(f'SELECT {said} AS line FROM "table"').to_arrow_table()
            parts.extend(found.column("line").cast(pa.binary()).chunks)
    return parts


def _content(lines: pa.Array) -> bytes:
    """All values one after the other, which is how Arrow holds them."""
    _, bounds, data = lines.buffers()
    ends = np.frombuffer(bounds, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return bytes(memoryview(data)[int(ends[0]) : int(ends[-1])]) if data is not None and len(lines) else b""


def from_lines(lines: pa.Array, schema: pa.Schema) -> pa.Table:
    """The rows of these lines (binary); a line that is not JSON gives a row of nulls, as damage for `audit` to name."""
    table = pa.table({"line": _texts(lines)})  # noqa: F841 - found by its name in the query
    structure = json.dumps(_structure(pa.struct(list(schema)))).replace("'", "''")
    query = f"SELECT CASE WHEN json_valid(line) THEN from_json(line, '{structure}') END AS item FROM \"table\""
    with duckdb.connect() as con:
        found = con.sql(query).to_arrow_table().column("item").combine_chunks()
    items = found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
    columns = _typed(items, pa.struct(list(schema))).flatten()
    return pa.table(columns, schema=schema)


def _said_columns(names: list[str], columns: list[pa.Array]) -> tuple[list[str], list[pa.Array]]:
    """Columns in types that JSON has; one of bytes may become two."""
    said: dict[str, pa.Array] = {}
    for name, column in zip(names, columns, strict=True):
        if not pa.types.is_binary(column.type):
            said[name] = _said(column)
            continue
        texts, encoded = _said_bytes(column)
        said[name] = texts
        if encoded.null_count < len(encoded):
            said[name + _BASE64] = encoded
    return list(said), list(said.values())


def _said(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_timestamp(kind):
        # Without its zone a time is said fifteen times as fast.
        text = array.cast(pa.timestamp(kind.unit, "UTC")) if kind.tz else array
        text = pc.replace_substring(text.cast(pa.timestamp(kind.unit)).cast(pa.string()), pattern=" ", replacement="T")
        return pc.binary_join_element_wise(text, "Z" if kind.tz else "", "")
    if pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_decimal(kind):
        return array.cast(pa.string())
    if pa.types.is_binary(kind):
        return pa.array([_encoded(one) for one in array.to_pylist()], pa.string())
    if pa.types.is_struct(kind):
        names, columns = _said_columns([part.name for part in kind], array.flatten())
        return pa.StructArray.from_arrays(columns, names, mask=array.is_null())
    if pa.types.is_list(kind):
        return _list(array, _said(array.flatten()))
    return array


def _said_bytes(array: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Text where the bytes are UTF-8, base64 where they are not; null in the other."""
    try:
        return array.cast(pa.string()), pa.nulls(len(array), pa.string())
    except pa.ArrowInvalid:
        texts = [None if one is None else _decoded(one) for one in array.to_pylist()]
        others = [_encoded(one) if text is None else None for one, text in zip(array.to_pylist(), texts, strict=True)]
        return pa.array(texts, pa.string()), pa.array(others, pa.string())


def _encoded(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _decoded(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _structure(kind: pa.DataType) -> Any:
    """What `from_json` must look for, in the types that JSON has."""
    if pa.types.is_struct(kind):
        found: dict[str, Any] = {}
        for part in kind:
            found[part.name] = _structure(part.type)
            if pa.types.is_binary(part.type):
                found[part.name + _BASE64] = "VARCHAR"
        return found
    if pa.types.is_list(kind):
        return [_structure(kind.value_type)]
    return _NUMBERS.get(kind, "VARCHAR")


def _typed(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """The way back of `_said`."""
    if pa.types.is_struct(kind):
        parts = dict(zip([part.name for part in array.type], array.flatten(), strict=True))
        columns = [
            _typed_bytes(parts[part.name], parts[part.name + _BASE64])
            if pa.types.is_binary(part.type)
            else _typed(parts[part.name], part.type)
            for part in kind
        ]
        return pa.StructArray.from_arrays(columns, fields=list(kind), mask=array.is_null())
    if pa.types.is_list(kind):
        return _list(array, _typed(array.flatten(), kind.value_type)).cast(kind)
    if pa.types.is_null(kind):
        return pa.nulls(len(array))
    if pa.types.is_time(kind):
        # Arrow reads a time of day as part of an instant only.
        return _cast(_cast(pc.binary_join_element_wise("1970-01-01T", array, ""), pa.timestamp(kind.unit)), kind)
    if pa.types.is_binary(kind):
        return pa.array([None if one is None else base64.b64decode(one) for one in array.to_pylist()], kind)
    return _cast(array, kind)


def _typed_bytes(texts: pa.Array, encoded: pa.Array) -> pa.Array:
    if encoded.null_count == len(encoded):
        return texts.cast(pa.binary())
    return pc.coalesce(texts.cast(pa.binary()), _typed(encoded, pa.binary()))


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return array.cast(kind)
    except pa.ArrowInvalid:
        # Somebody changed a value to what is not of its type: null, as damage for `audit` to name.
        return pa.concat_arrays([_cast_one(array.slice(i, 1), kind) for i in range(len(array))])


def _cast_one(array: pa.Array, kind: pa.DataType) -> pa.Array:
    try:
        return array.cast(kind)
    except pa.ArrowInvalid:
        return pa.nulls(1, kind)


def _list(array: pa.Array, values: pa.Array) -> pa.Array:
    """The list array with other values in the same places."""
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=array.is_null())


def _texts(lines: pa.Array) -> pa.Array:
    try:
        return lines.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([one.decode(errors="replace") for one in lines.to_pylist()], pa.string())
