"""Reads JSON payloads into typed columns by a small compiled function, so that the plain way need not parse any text.

`reader.c` takes what is written plainly, and says of every record whether it was; the others go the full way. The
library is built with the package; where there is none, the plain way reads by DuckDB: slower, and the same verdicts.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from stillwell.contract.model import Contract, Field
from stillwell.kernel.compiled import library
from stillwell.kernel.flags import Mask

_Address, _Count = ctypes.c_void_p, ctypes.c_int64

MOST_COLUMNS = 64
MOST_BYTES = 2**31 - 1
"""Offsets of texts are 32 bits wide."""

_TEXT, _DOUBLE, _INTEGER, _BOOLEAN, _INSTANT, _DATE, _TOKEN, _WRITTEN = range(8)
_TEXTS = (_TEXT, _TOKEN, _WRITTEN)
_ARROW = {
    _TEXT: pa.string(),
    _DOUBLE: pa.float64(),
    _INTEGER: pa.int64(),
    _BOOLEAN: pa.bool_(),
    _INSTANT: pa.timestamp("us", tz="UTC"),
    _DATE: pa.date32(),
    _TOKEN: pa.string(),
    _WRITTEN: pa.string(),
}
_SIZES = {_TEXT: 4, _DOUBLE: 8, _INTEGER: 8, _INSTANT: 8, _DATE: 4, _TOKEN: 4, _WRITTEN: 4}
_KINDS = {"string": _TEXT, "double": _DOUBLE, "integer": _INTEGER, "boolean": _BOOLEAN}


class _Column(ctypes.Structure):
    """`Column` of reader.c."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("name_length", ctypes.c_int64),
        ("kind", ctypes.c_int32),
        ("zoned", ctypes.c_int32),
        ("values", ctypes.c_void_p),
        ("valid", ctypes.c_void_p),
        ("text", ctypes.c_void_p),
        ("text_length", ctypes.c_int64),
    ]


class _Shape(ctypes.Structure):
    """`Shape` of reader.c."""

    _fields_ = [("columns", ctypes.POINTER(_Column)), ("count", ctypes.c_int32), ("strict", ctypes.c_int32)]


@dataclass(frozen=True)
class Member:
    """A member of the payload that the contract reads: its key, and what its values are."""

    key: str
    kind: int
    zoned: bool


class Reader:
    """Reads the payloads of one contract; `type` is the struct that they are read into."""

    def __init__(self, members: list[Member], *, strict: bool) -> None:
        self.type = pa.struct([pa.field(one.key, _ARROW[one.kind]) for one in members])
        self._members = members
        self._strict = strict

    def as_written(self) -> Reader:
        """One that reads the same members as JSON, quotes and all; those not written in the shortest way are null."""
        return Reader([replace(one, kind=_WRITTEN) for one in self._members], strict=self._strict)

    def read(self, payload: pa.ChunkedArray) -> tuple[pa.StructArray, Mask]:
        """The records, and which of them were read; what the others hold means nothing."""
        count, size = len(payload), sum(chunk.nbytes for chunk in payload.chunks)
        columns = [_Filled(member, count, size) for member in self._members]
        shape = _Shape((_Column * len(columns))(*(one.column for one in columns)), len(columns), self._strict)
        done, row = np.zeros(count, np.uint8), 0
        for chunk in payload.chunks:
            wide = pa.types.is_large_binary(chunk.type)
            _, offsets, data = chunk.buffers()
            begin = offsets.address + chunk.offset * (8 if wide else 4)
            places = (_Address(data.address if data else None), _Address(begin))
            library().stillwell_read(
                ctypes.byref(shape), *places, wide, _Count(len(chunk)), _Count(row), _Address(done.ctypes.data)
            )
            if chunk.null_count:
                done[row : row + len(chunk)] &= np.asarray(chunk.is_valid()).view(np.uint8)
            row += len(chunk)
        arrays = [one.array(shape.columns[at].text_length) for at, one in enumerate(columns)]
        return pa.StructArray.from_arrays(arrays, fields=list(self.type)), done.view(bool)


class _Filled:
    """Memory for one column, which the compiled function fills."""

    def __init__(self, member: Member, count: int, size: int) -> None:
        texts = member.kind in _TEXTS
        self._kind = member.kind
        self._count = count
        self._valid = np.zeros(-(-count // 8), np.uint8)
        if member.kind == _BOOLEAN:
            self._values = np.zeros(-(-count // 8), np.uint8)
        else:
            self._values = np.empty((count + texts) * _SIZES[member.kind], np.uint8)
        if texts:
            self._values[:4] = 0
        self._text = np.empty(size if texts else 0, np.uint8)
        name = member.key.encode()
        self.column = _Column(
            name,
            len(name),
            member.kind,
            member.zoned,
            self._values.ctypes.data,
            self._valid.ctypes.data,
            self._text.ctypes.data,
            0,
        )

    def array(self, text_length: int) -> pa.Array:
        buffers = [pa.py_buffer(self._valid), pa.py_buffer(self._values)]
        if self._kind in _TEXTS:
            buffers.append(pa.py_buffer(self._text[:text_length]))
        return pa.Array.from_buffers(_ARROW[self._kind], self._count, buffers)


def reader(contract: Contract) -> Reader | None:
    """What reads the payloads of a contract; None where some field needs more, or nothing was compiled."""
    fields = [field for field in contract.fields if field.value is None and not _of_envelope(field)]
    members = {member.key: member for member in _members(contract, fields)}
    # A member that two fields read in two ways would have to be two columns.
    served = len(fields) == sum(
        1 for field in fields for member in _members(contract, [field]) if members[member.key] == member
    )
    if not served or not 0 < len(members) <= MOST_COLUMNS or library() is None:
        return None
    return Reader(list(members.values()), strict=contract.parsing == "strict")


def _of_envelope(field: Field) -> bool:
    return len(field.paths) == 1 and field.paths[0].envelope is not None


def _members(contract: Contract, fields: list[Field]) -> Iterator[Member]:
    for field in fields:
        if len(field.paths) == 1 and len(field.paths[0].steps) == 1 and isinstance(field.paths[0].steps[0], str):
            kind = _kind(field)
            if kind is not None:
                naive = contract.parsing == "lenient" and field.zone == "UTC"
                yield Member(field.paths[0].steps[0], kind, zoned=kind == _INSTANT and not naive)


def _kind(field: Field) -> int | None:
    """How the values of a field are read; None where that needs a closer look."""
    if field.type in ("object", "array", "json"):
        return None
    simple = not field.clean and not field.missing and not field.has_default
    if field.type == "string":
        return _TEXT
    if simple and field.type in _KINDS:
        return _KINDS[field.type]
    if simple and field.parse_formats == ("iso",) and field.type in ("timestamp", "date"):
        return _INSTANT if field.type == "timestamp" else _DATE
    # As it is written: then its text is parsed as any other. Strictly, a number in quotes would be none.
    return None if field.strict else _TOKEN
