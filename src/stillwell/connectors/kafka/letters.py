"""Dead letters: rejected records as messages with their payload and key verbatim, and in headers whence and why.

A null payload stays null, a null key too. The headers are `stillwell.` and topic, partition, offset, ingest_time,
contract, version, rules (names, with commas) and reasons (a JSON list). Of typed input the payload is the record as
JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillwell.connectors._codec import from_lines
from stillwell.connectors.kafka.rows import lines, plain, struct
from stillwell.connectors.kafka.transaction import Message
from stillwell.kernel.base import QUARANTINE_TRACE, REASON
from stillwell.kernel.program import TRACE_COLUMN

PREFIX = "stillwell."
NAMES = tuple(PREFIX + name for name in (*(part.name for part in QUARANTINE_TRACE), "rules", "reasons"))
"""The headers of a letter, those that are null left out."""
_REASONS = PREFIX + "reasons"
_RULES = PREFIX + "rules"
_KINDS = ({"payload", "key", "reasons", TRACE_COLUMN}, {"record", "reasons", TRACE_COLUMN})


def are_letters(schema: pa.Schema) -> bool:
    """Whether rows of this schema are rejected records."""
    return set(schema.names) in _KINDS and schema.field("reasons").type == pa.list_(REASON)


class Letters:
    """The messages of rejected records of one schema."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._typed = "record" in schema.names

    def messages(self, rows: pa.Table) -> Iterator[Message]:
        """Each rejected record as a message."""
        keys = [None] * len(rows) if self._typed else rows["key"].to_pylist()
        values = _records(rows) if self._typed else rows["payload"].to_pylist()
        reasons = [line[len(b'{"reasons":') : -1] for line in lines(rows.select(["reasons"]))]
        return zip(keys, values, _headers(rows, reasons), strict=True)

    def arrays(self, rows: pa.Table) -> tuple[pa.Array, ...]:
        """The same as columns of bytes: key, value, and each header of `NAMES`."""
        parts = list(zip(*((key, value, dict(headers)) for key, value, headers in self.messages(rows)), strict=True))
        keys, values, headers = parts or ((), (), ())
        columns = [keys, values, *([one.get(name) for one in headers] for name in NAMES)]
        return tuple(pa.array(column, pa.binary()) for column in columns)

    def table(self, messages: Sequence[Any], columns: Sequence[str]) -> pa.Table:
        """These columns of the rows; nulls for what is none of ours, as damage for `audit` to name."""
        found: dict[str, Any] = {}
        if "payload" in columns:
            found["payload"] = pa.array([message.value() for message in messages], pa.binary())
        if "key" in columns:
            found["key"] = pa.array([message.key() for message in messages], pa.binary())
        if "record" in columns:
            values = [message.value() for message in messages]
            found["record"] = self._wrapped("record", values)
        headers = [dict(message.headers() or ()) for message in messages]
        if "reasons" in columns:
            found["reasons"] = self._wrapped("reasons", [one.get(_REASONS) for one in headers])
        if TRACE_COLUMN in columns:
            kind = self._schema.field(TRACE_COLUMN).type
            found[TRACE_COLUMN] = struct([_trace(one) for one in headers], kind)
        return pa.table([found[name] for name in columns], list(columns))

    def _wrapped(self, name: str, values: Sequence[bytes | None]) -> pa.ChunkedArray:
        """The column of this name whose values are JSON."""
        objects = [None if one is None else b'{"%s":%s}' % (name.encode(), one) for one in values]
        return from_lines(pa.array(objects, pa.binary()), pa.schema([self._schema.field(name)])).column(0)


def _records(rows: pa.Table) -> list[bytes | None]:
    """Typed records as JSON; one that is null stays null."""
    found = [line[len(b'{"record":') : -1] for line in lines(rows.select(["record"]))]
    return [None if one == b"null" else one for one in found]


def _headers(rows: pa.Table, reasons: list[bytes]) -> Iterator[list[tuple[str, bytes]]]:
    """What the headers of each row say; what is null has none."""
    trace = rows[TRACE_COLUMN].combine_chunks()
    columns = {part.name: _texts(pa.chunked_array([pc.struct_field(trace, part.name)])) for part in trace.type}
    columns |= {"rules": _rules(rows["reasons"].combine_chunks()), "reasons": list(reasons)}
    names = [PREFIX + name for name in columns]
    for values in zip(*columns.values(), strict=True):
        yield [(name, value) for name, value in zip(names, values, strict=True) if value is not None]


def _texts(column: pa.ChunkedArray) -> list[bytes | None]:
    texts = plain(column)
    if pa.types.is_timestamp(column.type):
        return [None if one is None else one.replace(b" ", b"T") for one in texts]
    return texts


def _rules(reasons: pa.ListArray) -> list[bytes | None]:
    """The names of the rules of each row, with commas."""
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(reasons), 0))
    bounds = pa.concat_arrays([pa.array([0], ends.type), ends])
    names = pa.ListArray.from_arrays(bounds, pc.struct_field(reasons.flatten(), "rule"))
    return list(pc.binary_join(names, ",").cast(pa.binary()).to_pylist())


def _trace(headers: dict[str, bytes | None]) -> bytes:
    """What the headers say of the origin, as a JSON object."""
    said = {
        name.removeprefix(PREFIX): value.decode(errors="replace")
        for name, value in headers.items()
        if value is not None and name.startswith(PREFIX) and name not in (_REASONS, _RULES)
    }
    return json.dumps(said).encode()
