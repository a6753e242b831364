"""Gathers what a source gives, chunk by chunk, into epochs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from stillwell.connectors.base import Chunk
from stillwell.delivery.again import CHUNK
from stillwell.delivery.slice import Gap, Position
from stillwell.engines.base import EpochLimits
from stillwell.kernel.base import COLUMNS


@dataclass(frozen=True)
class Epoch:
    """Records read together, the positions after them, and what the source had forgotten before them."""

    table: pa.Table
    ends: Mapping[int, Position]
    gaps: tuple[Gap, ...] = ()

    @property
    def columns(self) -> str:
        """Those of delimited text, as JSON; empty for other records."""
        columns: bytes = (self.table.schema.metadata or {}).get(COLUMNS, b"")
        return columns.decode()


class Gatherer:
    """Holds the epoch that is open, and hands it to `put` when it is full, has waited long enough, or must end."""

    def __init__(self, limits: EpochLimits, put: Callable[[Epoch], None]) -> None:
        self._limits = limits
        self._put = put
        self._gaps: list[Gap] = []
        self._start()

    def _start(self) -> None:
        self._parts: list[pa.Table] = []
        self._ends: dict[int, Position] = {}
        self._records = self._size = 0
        self._opened = time.monotonic()

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Those after which no record came yet."""
        return tuple(self._gaps)

    @property
    def holds(self) -> bool:
        """Whether the open epoch has any record."""
        return bool(self._parts)

    @property
    def wanted(self) -> int:
        """How many records to ask for next."""
        return min(CHUNK, self._limits.records - self._records)

    def add(self, chunk: Chunk | None) -> None:
        """Take what was read, perhaps nothing; close the epoch if that is due."""
        if chunk is not None:
            self._gaps += chunk.gaps
            if len(chunk.table):
                self._take(chunk)
        full = self._records >= self._limits.records or self._size >= self._limits.bytes
        if full or time.monotonic() - self._opened >= self._limits.wait.total_seconds():
            self.close()

    def _take(self, chunk: Chunk) -> None:
        if self._parts and not self._parts[0].schema.equals(chunk.table.schema, check_metadata=True):
            # Other columns, or the same text with another header.
            self.close()
        if not self._parts:
            self._opened = time.monotonic()
        self._parts.append(chunk.table)
        self._ends |= chunk.ends
        self._records += len(chunk.table)
        self._size += chunk.table.nbytes

    def close(self) -> None:
        """End the open epoch, if it has any record."""
        if not self._parts:
            return
        # A gap is told with the records after it, which may be in a later epoch.
        told = tuple(gap for gap in self._gaps if gap.partition in self._ends)
        self._gaps = [gap for gap in self._gaps if gap not in told]
        epoch = Epoch(pa.concat_tables(self._parts), self._ends, told)
        self._start()
        self._put(epoch)
