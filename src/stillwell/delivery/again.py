"""Once more: reads what a slice was about, and judges it under the contract and the clock of its intent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.delivery.intent import Intent
from stillwell.delivery.ledger import Ledger
from stillwell.delivery.slice import Position
from stillwell.kernel import Judged, Kernel

CHUNK = 50_000
"""Records asked of a source at a time; also what the kernel judges in parallel."""

PATIENCE = 30.0
"""Seconds without a record after which a source that never finishes is taken to have no more of them."""


class Read(Protocol):
    """What a source's `read` gives: records, and the positions after them."""

    @property
    def table(self) -> pa.Table: ...

    @property
    def ends(self) -> Mapping[int, Position]: ...


class Readable(Protocol):
    """What can be read from a position: every source that is replayable."""

    @property
    def finished(self) -> bool: ...

    def seek(self, positions: Mapping[int, Position]) -> None: ...

    def read(self, records: int) -> Read | None: ...


@runtime_checkable
class Selective(Protocol):
    """What a source also has that can leave the partitions out that are not named; `seek` begins them anew."""

    def seek_only(self, positions: Mapping[int, Position]) -> None: ...


def read_again(source: Readable, intent: Intent) -> pa.Table:
    """The records of an intent, as far as the source still has them."""
    seek = source.seek_only if isinstance(source, Selective) else source.seek
    seek({part.partition: part.start for part in intent.slices})
    ends = {part.partition: part.end.offset for part in intent.slices}
    reached = {part.partition: part.start.offset for part in intent.slices}
    parts: list[pa.Table] = []
    until = time.monotonic() + PATIENCE
    while not source.finished and any(reached[partition] < end for partition, end in ends.items()):
        chunk = source.read(CHUNK)
        if chunk is not None:
            if len(rows := _within(chunk.table, ends)):
                parts.append(rows)
            reached |= {partition: end.offset for partition, end in chunk.ends.items()}
            until = time.monotonic() + PATIENCE
        elif time.monotonic() > until:
            break
    return pa.concat_tables(parts) if parts else _NO_RECORDS


_NO_RECORDS = pa.table(
    {"partition": pa.array([], pa.int32()), "offset": pa.array([], pa.int64()), "payload": pa.array([], pa.binary())}
)


def _within(table: pa.Table, ends: Mapping[int, int]) -> pa.Table:
    """The rows below the end of their partition; partitions that are not named are left out."""
    keep = pa.chunked_array([pa.repeat(pa.scalar(False), len(table))])
    for partition, end in ends.items():
        here = pc.and_(pc.equal(table["partition"], partition), pc.less(table["offset"], end))
        keep = pc.or_(keep, here)
    return table.filter(keep)


class Rejudge:
    """Judges by the contract that an intent names: `kernel` serves its own, `make` gives one for any other."""

    def __init__(self, ledger: Ledger, kernel: Kernel, make: Callable[[Contract], Kernel]) -> None:
        self._ledger = ledger
        self._make = make
        self._kernels = {digest(kernel.contract): kernel}

    def __call__(self, batch: pa.Table, intent: Intent) -> Judged:
        """Judge a batch under the contract and the clock of an intent."""
        if intent.contract not in self._kernels:
            self._kernels[intent.contract] = self._make(parse(self._ledger.contract_text(intent.contract)))
        return self._kernels[intent.contract].judge(batch, intent.clock)
