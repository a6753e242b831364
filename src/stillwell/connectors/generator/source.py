"""The generator as a source: hands out its records in turn, at the rate that was asked for."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Collection, Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import BaseModel

from stillwell.connectors.base import Chunk, Place
from stillwell.connectors.generator.options import GeneratorOptions
from stillwell.connectors.generator.partition import SCHEMA, Partition
from stillwell.delivery.slice import Position
from stillwell.kernel.base import Format

_BLOCK = 16_384  # records made at a time: their arrays stay in a core's cache
_ENDLESS = 2**62
_PAUSE = 0.5  # seconds a read may wait for records to fall due
_REVISION = 1  # raised when the same options give other records than before


class Source:
    """Sensor records with known faults: `ingest_time` follows the event clock, `key` is the sensor's name, whatever its
    record says; `fault` and `fault_field` are the truth.

    The same options and positions always give the same records, byte for byte: verdicts on limits such as
    `now + 1m` are as repeatable as the records themselves.
    """

    Options: ClassVar[type[BaseModel]] = GeneratorOptions
    replayable = True
    format = Format("json")

    def __init__(self, options: GeneratorOptions, _place: Place) -> None:
        self._options = options
        self._partitions = [Partition(options, number) for number in range(options.partitions)]
        self._next = [0] * options.partitions
        self._ours = frozenset(range(options.partitions))
        self._began: float | None = None
        self._given = 0
        self._closed = threading.Event()

    @property
    def identity(self) -> str:
        """A hash of all that the records depend on; how many and how fast is no part of it, but for the event clock."""
        made = self._options.model_dump(mode="json", include={"sensors", "start", "seed", "faults", "partitions"})
        text = json.dumps({**made, "step": self._options.step, "revision": _REVISION}, sort_keys=True)
        return f"generator:{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def check(self) -> str:
        """What would be generated, in one line."""
        options = self._options
        amount = "endless" if options.total is None else f"{options.total:,}"
        pace = f" at {options.rate:,.0f} a second" if options.rate else ""
        faulty = sum(options.faults.values())
        return f"{amount} records of {options.sensors} sensors{pace}, {faulty:.1%} of them faulty, seed {options.seed}"

    def open(self) -> None:
        """Nothing to open: records are made as they are read."""

    def partitions_there(self) -> Collection[int]:
        """All of them, always the same."""
        return range(len(self._partitions))

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Start after what was read before; the rate is held from here on."""
        self._seek(positions, self.partitions_there())

    def seek_only(self, positions: Mapping[int, Position]) -> None:
        """As `seek`; the rate is that of all partitions together, of which these have their share."""
        self._seek(positions, positions)

    def _seek(self, positions: Mapping[int, Position], ours: Collection[int]) -> None:
        self._next = [positions.get(number, Position()).offset for number in range(len(self._partitions))]
        self._ours = frozenset(ours)
        self._began, self._given = None, 0

    def read(self, records: int) -> Chunk | None:
        """The next chunk, up to `records` rows in `SCHEMA`; waits half a second at most for the rate to allow some."""
        count = min(records, self._allowed(records))
        batches, ends = [], {}
        while count > 0 and (turn := self._turn()) is not None:
            partition, left = turn
            size = min(count, left, max(1, records // len(self._ours)), _BLOCK)
            batches.append(self._partitions[partition].batch(self._next[partition], size))
            self._next[partition] += size
            self._given += size
            count -= size
            ends[partition] = Position(self._next[partition])
        return Chunk(pa.Table.from_batches(batches, SCHEMA), ends) if batches else None

    @property
    def finished(self) -> bool:
        """True once all `rows` were read, or the `seconds` are over."""
        return self._closed.is_set() or self._turn() is None or self._overtime()

    def lag(self) -> int | None:
        """Records that fell due and were not read yet; without a rate, all that are left (None when endless)."""
        ends = [self._end(number) for number in self._ours]
        left = None if self._options.total is None else sum(ends) - sum(self._next[number] for number in self._ours)
        if self._options.rate is None:
            return left
        due = max(0, self._due() - self._given)
        return due if left is None else min(due, left)

    def close(self) -> None:
        """Wakes a read that waits."""
        self._closed.set()

    def _turn(self) -> tuple[int, int] | None:
        """The partition that is furthest behind and has records left, and how many; None when all were read."""
        for offset, number in sorted((self._next[number], number) for number in self._ours):
            if offset < (end := self._end(number)):
                return number, end - offset
        return None

    def _end(self, number: int) -> int:
        total = self._options.total
        return _ENDLESS if total is None else len(range(number, total, len(self._partitions)))

    @property
    def _rate(self) -> float | None:
        """What is ours of the rate."""
        rate = self._options.rate
        return None if rate is None else rate * len(self._ours) / len(self._partitions)

    def _elapsed(self) -> float:
        if self._began is None:
            self._began = time.monotonic()
        return time.monotonic() - self._began

    def _due(self) -> int:
        return int(self._elapsed() * (self._rate or 0))

    def _overtime(self) -> bool:
        """Whether the wall clock ends the run: with a rate, `seconds` is a number of records instead."""
        limit = self._options.seconds
        return limit is not None and self._options.rate is None and self._elapsed() >= limit

    def _allowed(self, records: int) -> int:
        """How many records may be read now, after waiting for a worthwhile number of them."""
        if self._closed.is_set() or self._overtime():
            return 0
        rate = self._rate
        if not rate:
            return records
        worthwhile = min(records, max(1, int(rate / 20)))
        wait = (self._given + worthwhile) / rate - self._elapsed()
        if wait > 0:
            self._closed.wait(min(wait, _PAUSE))
        return self._due() - self._given
