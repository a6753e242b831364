"""Readers of one file: from a place on, the next records and the place after them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwell.connectors._lines import Quoting, cut, header_metadata, line_ends, split
from stillwell.connectors.files.content import COMPRESSIONS, Plain, content
from stillwell.errors import ConnectorError, fail
from stillwell.kernel.base import Format

_LEAST, _MOST, _LARGEST = 64 << 10, 64 << 20, 1 << 30
_BOM = b"\xef\xbb\xbf"


class Records(Protocol):
    """Reads one file into the column named `column`; its schema has `metadata`, known after the first `take`."""

    column: str
    metadata: Mapping[bytes, bytes]

    def take(self, place: int, records: int) -> tuple[pa.Array, int]:
        """At most `records` from `place` on, and the place after them; none at the end of what is there."""
        ...

    def left(self, place: int) -> int:
        """About how many records are left after `place`."""
        ...

    def grown(self) -> int | None:
        """The size in bytes of the open file, wherever its name leads to now; None where it cannot grow."""
        ...

    def reach(self, limit: int) -> None:
        """Look at so many bytes from now on."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


def records(path: Path, form: Format, limit: int, *, growing: bool) -> Records:
    """A reader of the first `limit` bytes of a file; of one that is `growing` only terminated lines count."""
    if form.name == "arrow":
        return Rows(path)
    return Texts(path, form, limit, growing=growing and path.suffix not in COMPRESSIONS)


class Texts:
    """Lines, or delimited text with its header line; a place is a byte."""

    column = "payload"

    def __init__(self, path: Path, form: Format, limit: int, *, growing: bool) -> None:
        self._path = path
        self._limit = limit
        self._growing = growing
        self._csv = form.name == "csv"
        self._quoting = Quoting.told(form.options)
        self._headed = self._csv and not form.options.get("header")
        self._content = content(path, limit)
        self._start: int | None = None
        self.metadata: Mapping[bytes, bytes] = {}
        self._bytes, self._records = 128, 1

    def take(self, place: int, records: int) -> tuple[pa.Array, int]:
        """At most `records` from `place` on, and the place after them."""
        if self._start is None and not self._begin():
            return pa.array([], pa.binary()), place
        place = max(place, self._start or 0)
        size = min(_MOST, max(_LEAST, records * self._bytes // self._records * 17 // 16))
        while True:
            block, ends = self._block(place, size)
            if len(ends):
                break
            if len(block) < size:
                return pa.array([], pa.binary()), place
            size = self._larger(place, size)
        ends = ends[:records]
        self._bytes, self._records = int(ends[-1]), len(ends)
        stop = int(ends[-1])
        quoted = self._csv and self._quoting.quote and self._quoting.quote.encode() in block
        return (cut(block, ends) if quoted else split(block, stop)), place + stop

    def left(self, place: int) -> int:
        """Bytes left over the bytes of a record; what a compressed file holds is not known and counts as is."""
        return max(0, self._limit - place) * self._records // self._bytes

    def close(self) -> None:
        """Give the file back."""
        self._content.close()

    def grown(self) -> int | None:
        """The size in bytes of the file that is held open, wherever its name leads to now; None when compressed."""
        return os.fstat(self._content.handle).st_size if isinstance(self._content, Plain) else None

    def reach(self, limit: int) -> None:
        """Look at so many bytes from now on."""
        assert isinstance(self._content, Plain)
        self._limit = self._content.limit = limit

    def _block(self, place: int, size: int) -> tuple[bytes, np.ndarray]:
        """A block and the places in it after each of its records."""
        block, reached = self._content.window(place, size)
        final = reached and not self._growing
        ends = self._quoting.record_ends(block, final) if self._csv else line_ends(block)
        if final and len(block) > (ends[-1] if len(ends) else 0):
            ends = np.append(ends, len(block))
        return block, ends

    def _begin(self) -> bool:
        """Find where the first record begins; False while a growing file has no whole header."""
        size = _LEAST
        while True:
            block, ends = self._block(0, size)
            if len(ends) or len(block) < size:
                break
            size = self._larger(0, size)
        mark = len(_BOM) if block.startswith(_BOM) else 0
        if not self._headed:
            self._start = mark
        elif len(ends):
            self.metadata = header_metadata(block[mark : int(ends[0])], self._quoting)
            self._start = int(ends[0])
        return self._start is not None

    def _larger(self, place: int, size: int) -> int:
        if size >= _LARGEST:
            raise fail(
                ConnectorError,
                "record-too-large",
                f"{self._path} has no line end within 1 GiB after byte {place:,}.",
                "See whether this file really holds one record a line.",
            )
        return size * 2


class Rows:
    """The rows of a Parquet file as one struct column; a place is a row."""

    column = "record"

    def __init__(self, path: Path) -> None:
        self.metadata: Mapping[bytes, bytes] = {}
        self._file = pq.ParquetFile(path)
        groups = range(self._file.metadata.num_row_groups)
        self._starts = np.cumsum([0, *(self._file.metadata.row_group(group).num_rows for group in groups)])
        self._loaded: tuple[int, pa.Table] | None = None

    def take(self, place: int, records: int) -> tuple[pa.Array, int]:
        """At most `records` rows of one row group from `place` on, and the place after them."""
        if place >= self._starts[-1]:
            return pa.array([], pa.struct(list(self._file.schema_arrow))), place
        group = int(np.searchsorted(self._starts, place, side="right")) - 1
        if self._loaded is None or self._loaded[0] != group:
            self._loaded = group, self._file.read_row_group(group).combine_chunks()
        part = self._loaded[1].slice(place - int(self._starts[group]), records)
        batch = part.combine_chunks().to_batches()[0]
        return batch.to_struct_array(), place + len(batch)

    def left(self, place: int) -> int:
        """Rows left, exactly."""
        return max(0, int(self._starts[-1]) - place)

    def grown(self) -> int | None:
        """A Parquet file does not grow."""
        return None

    def reach(self, limit: int) -> None:
        """A Parquet file is read whole."""

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
