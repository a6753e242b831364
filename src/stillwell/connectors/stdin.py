"""Records from standard input, which cannot be read again: the engine spools them before they are judged."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from stillwell.connectors import base
from stillwell.connectors._format import Told, told_format
from stillwell.connectors._lines import Quoting, cut, header_metadata, line_ends
from stillwell.connectors.base import Chunk, Place
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError, fail
from stillwell.kernel.base import Format

_WAIT = 0.5
_STEP = 1 << 20


class SourceOptions(base.Options):
    """`format`: json (lines), or csv."""

    format: Told = "json"


class Source:
    """One partition, 0; the offset is the number of the record in this process."""

    Options: ClassVar[type[BaseModel]] = SourceOptions
    replayable = False
    identity = "stdin"

    def __init__(self, options: SourceOptions, _place: Place) -> None:
        self._format = told_format(options.format)
        if self._format.name == "arrow":
            raise fail(ConnectorError, "unknown-format", "Standard input is read by lines.", "Say json or csv.")
        self._quoting = Quoting.told(self._format.options)
        self._handle = -1
        self._rest = b""
        self._ended = False
        self._offset = 0
        self._metadata: Mapping[bytes, bytes] | None = None

    @property
    def format(self) -> Format:
        """As told."""
        return self._format

    def check(self) -> str:
        """Whether standard input is there at all."""
        if sys.stdin is None or sys.stdin.closed:
            raise fail(ConnectorError, "no-file", "There is no standard input.", "Pipe records into the command.")
        return f"{self._format.name} from standard input"

    def open(self) -> None:
        """Take standard input."""
        self.check()
        self._handle = sys.stdin.fileno()

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Count on from an offset: what was before it came in another process."""
        self._offset = positions.get(0, Position()).offset

    def read(self, records: int) -> Chunk | None:
        """What came within half a second, by whole records."""
        if self._handle < 0 or (self._ended and not self._rest):
            return None
        self._fill(records)
        ends = self._ends()
        if self._metadata is None and len(ends):
            ends = self._begin(ends)
        ends = ends[:records]
        if not len(ends):
            return None
        block, self._rest = self._rest[: int(ends[-1])], self._rest[int(ends[-1]) :]
        payload = cut(block, ends)
        start, self._offset = self._offset, self._offset + len(payload)
        columns = {
            "partition": pa.array(np.zeros(len(payload), np.int32)),
            "offset": pa.array(np.arange(start, self._offset)),
            "payload": payload,
        }
        table = pa.table(columns).replace_schema_metadata(dict(self._metadata or {}) or None)
        return Chunk(table, {0: Position(self._offset)})

    @property
    def finished(self) -> bool:
        """True once the other side closed and everything was handed out."""
        return self._ended and not self._rest

    def lag(self) -> int | None:
        """Nobody knows what is still to come."""
        return None

    def close(self) -> None:
        """Leave standard input to the process."""
        self._handle = -1

    def _fill(self, records: int) -> None:
        """Read what is there, waiting half a second for the first of it."""
        wait = 0.0 if self._rest.count(b"\n", 0, _STEP) >= records else _WAIT
        parts, size = [self._rest], len(self._rest)
        while not self._ended and size < _STEP + len(self._rest) and select.select([self._handle], [], [], wait)[0]:
            part = os.read(self._handle, _STEP)
            self._ended = not part
            parts.append(part)
            size += len(part)
            wait = 0.0
        self._rest = b"".join(parts)

    def _ends(self) -> np.ndarray:
        quoted = self._format.name == "csv"
        ends = self._quoting.record_ends(self._rest, self._ended) if quoted else line_ends(self._rest)
        if self._ended and len(self._rest) > (ends[-1] if len(ends) else 0):
            ends = np.append(ends, len(self._rest))
        return ends

    def _begin(self, ends: np.ndarray) -> np.ndarray:
        """Take the header line off, where there is one."""
        self._metadata = {}
        if self._format.name == "csv" and not self._format.options.get("header"):
            first = int(ends[0])
            self._metadata = header_metadata(self._rest[:first], self._quoting)
            self._rest, ends = self._rest[first:], ends[1:] - first
        return ends
