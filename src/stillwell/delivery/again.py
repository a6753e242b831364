"""Once more: reads what a slice was about, and judges it under the contract and the clock of its intent."""

from __future__ import annotations

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.delivery.commit import Delivery
from stillwell.delivery.intent import Intent
from stillwell.delivery.ledger import Ledger
from stillwell.delivery.memory import Memory
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError, fail
from stillwell.kernel import Judged, Kernel

CHUNK = 50_000
"""Records asked of a source at a time; also what the kernel judges in parallel."""

KEPT = 128 << 20
"""Bytes of records that are kept because they came before they were asked for."""

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
    return Again(source, keep=0).read(intent)


@dataclass
class _Ahead:
    """What was read of one partition beyond what was asked for: all its records from `at` up to `end`.

    `cut`: the source gave more than was kept, so it has to go back to `end` before more of it can be read.
    """

    at: int
    end: Position
    pieces: deque[pa.Table] = field(default_factory=deque)
    cut: bool = False

    def take(self, start: int, end: int) -> list[pa.Table]:
        """The records from `start` up to `end`; those that lie before it are let go of too."""
        taken, kept = list[pa.Table](), list[pa.Table]()
        while self.pieces and not kept:
            piece = self.pieces.popleft()
            low, high = np.searchsorted(piece["offset"].to_numpy(), [start, end])
            if high > low:
                taken.append(piece.slice(low, high - low))
            if high < len(piece):
                kept.append(piece.slice(high))
        self.pieces.extendleft(kept)
        self.at = end
        return taken


class Again:
    """Reads intent after intent, oldest first; goes back only where one does not begin where reading stands.

    What comes beyond the end of an intent is kept for the next, up to `keep` bytes over all partitions and the chunk in
    which they are reached; `kept` are the bytes that are held now.
    """

    def __init__(self, source: Readable, keep: int = KEPT) -> None:
        self._source = source
        self._keep = keep
        self._seek = source.seek_only if isinstance(source, Selective) else source.seek
        self._ahead: dict[int, _Ahead] = {}
        self.kept = 0

    def read(self, intent: Intent) -> pa.Table:
        """The records of an intent, as far as the source still has them."""
        try:
            self._stand(intent)
            self._read_on({part.partition: part.end.offset for part in intent.slices})
        except BaseException:
            # Nobody knows where it stands now.
            self._ahead, self.kept = {}, 0
            raise
        taken = [
            rows
            for part in intent.slices
            for rows in self._ahead[part.partition].take(part.start.offset, part.end.offset)
        ]
        self.kept = sum(piece.nbytes for ahead in self._ahead.values() for piece in ahead.pieces)
        return pa.concat_tables(taken) if taken else _NO_RECORDS

    def _stand(self, intent: Intent) -> None:
        """Go back, unless every slice begins in what is kept, or right behind it."""
        for part in intent.slices:
            ahead = self._ahead.get(part.partition)
            if ahead is None or not ahead.at <= part.start.offset <= ahead.end.offset:
                self._ahead[part.partition] = _Ahead(part.start.offset, part.start, cut=True)
        if any((one := self._ahead[part.partition]).cut and one.end.offset < part.end.offset for part in intent.slices):
            self._seek({partition: ahead.end for partition, ahead in self._ahead.items()})
            for ahead in self._ahead.values():
                ahead.cut = False

    def _read_on(self, ends: Mapping[int, int]) -> None:
        """Read until all these ends are reached, or the source has no more.

        Raises:
            ConnectorError: code `unreachable`, when it waits for others, so that nobody knows what it has.
        """
        until = time.monotonic() + PATIENCE
        while any(self._ahead[partition].end.offset < end for partition, end in ends.items()):
            if self._source.finished:
                return
            chunk = self._source.read(CHUNK)
            if chunk is not None:
                for partition, end in chunk.ends.items():
                    self._keep_it(partition, end, chunk.table, ends.get(partition, 0))
                until = time.monotonic() + PATIENCE
            elif time.monotonic() > until:
                if waits := getattr(self._source, "waits", ""):
                    what = f"The source gave nothing for {PATIENCE:g} s: {waits}."
                    raise fail(ConnectorError, "unreachable", what, "See that it answers, then start again.")
                return

    def _keep_it(self, partition: int, end: Position, table: pa.Table, due: int) -> None:
        """Keep a partition's records of a chunk, if they are due or there is room."""
        ahead = self._ahead.setdefault(partition, _Ahead(0, Position()))
        if ahead.cut:
            return
        if ahead.end.offset >= due and self.kept >= self._keep:
            ahead.cut = True
            return
        rows = table.filter(pc.equal(table["partition"], partition))
        if len(rows):
            ahead.pieces.append(rows.combine_chunks())
            self.kept += rows.nbytes
        ahead.end = end


_NO_RECORDS = pa.table(
    {"partition": pa.array([], pa.int32()), "offset": pa.array([], pa.int64()), "payload": pa.array([], pa.binary())}
)


class Rejudge:
    """Judges by the contract that an intent names: `kernel` serves its own, `make` gives one for any other.

    Sequence rules go by `memory`, intent after intent; without one they are not evaluated.
    """

    def __init__(
        self, ledger: Ledger, kernel: Kernel, make: Callable[[Contract], Kernel], memory: Memory | None = None
    ) -> None:
        self._ledger = ledger
        self._make = make
        self._kernels = {digest(kernel.contract): kernel}
        self._memory = memory

    def __call__(self, batch: pa.Table, intent: Intent) -> Judged:
        """Judge a batch under the contract and the clock of an intent.

        The facts leave out partitions of which it is not known what sequence rules would have to remember.
        """
        kernel = self._kernel(intent)
        if self._memory is None:
            return kernel.judge(batch, intent.clock, history=False)
        if not kernel.contract.sequence:
            self._memory.pass_over(intent)
            return kernel.judge(batch, intent.clock)
        certain = self._memory.begins(intent)
        judged = kernel.judge(batch, intent.clock, self._memory.under(kernel.contract))
        facts = {partition: facts for partition, facts in judged.facts.items() if partition in certain}
        same = {part.partition for part in intent.slices if facts.get(part.partition) == part.facts}
        self._memory.reach(intent, same)
        return dataclasses.replace(judged, facts=facts)

    def go_on(self, delivery: Delivery, contract: Contract, only: Collection[int] | None = None) -> None:
        """Remember what was, up to the first intent that is unfinished; where none is, for epochs of this contract.

        With `only`, of these partitions.
        """
        if self._memory is not None:
            unfinished, settled = delivery.unfinished(), delivery.settled()
            before = settled if only is None else [intent.within(only) for intent in settled]
            self._memory.take_up(before, self._kernel(unfinished[0]).contract if unfinished else contract)

    def _kernel(self, intent: Intent) -> Kernel:
        if intent.contract not in self._kernels:
            self._kernels[intent.contract] = self._make(parse(self._ledger.contract_text(intent.contract)))
        return self._kernels[intent.contract]
