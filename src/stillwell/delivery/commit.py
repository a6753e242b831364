"""Commits epochs: the intent first, then every sink from its own mark; the same for every engine, source and sink."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from stillwell.delivery.intent import Intent
from stillwell.delivery.ledger import Ledger
from stillwell.delivery.retry import Retry
from stillwell.delivery.slice import Advance, Gap, Marks, Position, Slice, mark_name
from stillwell.errors import StillwellError, fail
from stillwell.kernel.base import Judged


class Holder(Protocol):
    """What holds rows and marks: every sink."""

    def marks(self) -> Mapping[str, int]: ...

    def write(self, rows: pa.Table, marks: Marks) -> None: ...


class Keeper(Protocol):
    """What keeps what epochs counted: takes each once, after every sink holds it, by marks of its own.

    One that never began takes epochs from where the ledger stands by then.
    """

    def open(self) -> None:
        """Open, so that the rest can be called."""
        ...

    @property
    def begun(self) -> bool:
        """Whether it was said from where on it takes epochs."""
        ...

    def begin(self, marks: Mapping[str, int]) -> None:
        """Take nothing that lies before these marks."""
        ...

    def marks(self) -> Mapping[str, int]:
        """The next offset by mark name, read anew from what is stored."""
        ...

    def take(self, intent: Intent, judged: Judged | None) -> None:
        """Add an epoch and move the marks, both or neither; None where it cannot be judged again."""
        ...

    def close(self) -> None:
        """Give everything back; may be called twice."""
        ...


@dataclass(frozen=True)
class Identity:
    """What is delivered: the pipeline, what its offsets belong to, and what verdicts depend on beside the records."""

    pipeline: str
    source: str
    contract: str
    contract_text: str
    versions: Mapping[str, str]

    def mark(self, partition: int) -> str:
        """The name of one partition's mark."""
        return mark_name(self.pipeline, self.source, partition)


class Delivery:
    """Writes the epochs of one run, each once. One thread calls it.

    With `partitions`, only these are ours: the others of the same source are somebody else's. `retry` says how long a
    sink that fails is tried again. `keepers` take each epoch after the sinks; they cannot do so for some partitions
    alone.

    Raises:
        StillwellError: code `other-source`, when the ledger is that of another pipeline or source.
    """

    def __init__(
        self,
        identity: Identity,
        ledger: Ledger,
        quarantine: Sequence[Holder],
        accepted: Sequence[Holder],
        *,
        partitions: Collection[int] | None = None,
        retry: Retry | None = None,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self._identity = identity
        self._ledger = ledger
        self._retry = retry or Retry()
        self._quarantine = tuple(quarantine)
        self._accepted = tuple(accepted)
        self._marks: dict[Holder, dict[str, int]] = {
            holder: dict(holder.marks()) for holder in (*self._quarantine, *self._accepted)
        }
        intents = ledger.intents()
        _refuse_others(identity, intents)
        self._intents = intents if partitions is None else [intent.within(partitions) for intent in intents]
        self._positions = {part.partition: part.end for intent in self._intents for part in intent.slices}
        for keeper in keepers:
            if not keeper.begun:
                keeper.begin({identity.mark(one): position.offset for one, position in self._positions.items()})
        self._kept: dict[Keeper, Mapping[str, int]] = {keeper: dict(keeper.marks()) for keeper in keepers}

    def positions(self) -> dict[int, Position]:
        """Where each partition goes on: after the newest intent that names it."""
        return dict(self._positions)

    def declared(self) -> list[Intent]:
        """Every intent that there was at first, oldest first."""
        return list(self._intents)

    def unfinished(self) -> list[Intent]:
        """The intents that some sink does not hold whole, oldest first.

        That is the newest one of a run that died while it wrote; and all of them for a sink that is new or was lost.
        """
        return [intent for intent in self._intents if not self._holds(intent)]

    def unkept(self) -> list[Intent]:
        """The intents that every sink holds and some keeper lacks, oldest first."""
        marks = self._kept.values()
        return [intent for intent in self.settled() if any(self._ahead(held, intent) for held in marks)]

    def before(self, intent: Intent) -> list[Intent]:
        """The intents before this one, oldest first."""
        return self._intents[: self._intents.index(intent)]

    def keep(self, intent: Intent, judged: Judged | None) -> None:
        """Let every keeper that lacks an intent take it; None where it cannot be judged again."""
        for keeper in self._kept:
            self._retry(partial(self._take, keeper, intent, judged), partial(self._look_at, keeper))

    def _take(self, keeper: Keeper, intent: Intent, judged: Judged | None) -> None:
        if self._ahead(self._kept[keeper], intent):
            keeper.take(intent, judged)
            ends = {name: step.next for name, step in intent.advances().items()}
            self._kept[keeper] = {**self._kept[keeper], **ends}

    def _look_at(self, keeper: Keeper) -> None:
        """See anew what a keeper has: a step that failed may have been done."""
        self._kept[keeper] = dict(keeper.marks())

    def settled(self) -> list[Intent]:
        """The intents that every sink holds, oldest first: of each partition those before its first unfinished one."""
        return [intent for intent in self._intents if self._holds(intent)]

    def _holds(self, intent: Intent) -> bool:
        return not any(self._lacks(holder, intent) for holder in self._marks)

    def _lacks(self, holder: Holder, intent: Intent) -> bool:
        return self._ahead(self._marks[holder], intent)

    def _ahead(self, held: Mapping[str, int], intent: Intent) -> bool:
        """Whether an intent ends beyond these marks."""
        return any(held.get(self._identity.mark(part.partition), 0) < part.end.offset for part in intent.slices)

    def commit(
        self,
        judged: Judged,
        ends: Mapping[int, Position],
        clock: dt.datetime,
        *,
        gaps: Sequence[Gap] = (),
        columns: str = "",
        history: str = "",
        forgotten: Mapping[int, int] | None = None,
    ) -> Intent:
        """Declare an epoch that was judged and write it.

        `ends` are the positions after its records, `gaps` what the source had forgotten within them, `columns` those of
        delimited text, `history` the word under which it was saved what sequence rules remember, `forgotten`
        how many keys of a partition they had to forget.

        Raises:
            Fenced: when another writer took over; nothing more may be written then.
        """
        slices = tuple(
            Slice(partition, self._positions.get(partition, Position()), ends[partition], judged.facts[partition])
            for partition in sorted(judged.facts)
        )
        identity = self._identity
        intent = Intent(
            identity.pipeline,
            identity.source,
            slices,
            identity.contract,
            dict(identity.versions),
            clock,
            tuple(gaps),
            columns,
            history,
            dict(forgotten or {}),
        )
        _refuse_unconserved(intent)
        self._declare(intent)
        self._positions |= {part.partition: part.end for part in slices}
        self.settle(intent, judged)
        return intent

    def settle(self, intent: Intent, judged: Judged) -> None:
        """Bring every sink up to the end of an intent: quarantine first, so that what is accepted was never lost."""
        for holders, rows in ((self._quarantine, judged.quarantined), (self._accepted, judged.accepted)):
            for holder in holders:
                self._retry(partial(self._write, holder, rows, intent), partial(self._look, holder))
        self.keep(intent, judged)

    def _declare(self, intent: Intent) -> None:
        declared = False

        def declare() -> None:
            if not declared:
                self._ledger.declare(intent, self._identity.contract_text)

        def look() -> None:
            # What failed may have been the answer alone.
            nonlocal declared
            declared = intent in self._ledger.intents()

        self._retry(declare, look)

    def _look(self, holder: Holder) -> None:
        """See anew what a holder has: a write that failed may have been done."""
        self._marks[holder] = dict(holder.marks())

    def _write(self, holder: Holder, rows: pa.Table, intent: Intent) -> None:
        held = self._marks[holder]
        steps: dict[str, Advance] = {}
        begun: dict[int, int] = {}
        for part in intent.slices:
            name = self._identity.mark(part.partition)
            mark = held.get(name, 0)
            if mark > part.start.offset:
                begun[part.partition] = mark
            if mark < part.end.offset:
                steps[name] = Advance(mark, part.end.offset)
        if steps:
            holder.write(_from(rows, begun), steps)
            held |= {name: step.next for name, step in steps.items()}


def _from(rows: pa.Table, marks: Mapping[int, int]) -> pa.Table:
    """The rows at or above the marks of their partitions; partitions without one keep all."""
    trace = rows["_stillwell"] if marks else None
    for partition, mark in marks.items():
        assert trace is not None
        below = pc.and_(
            pc.equal(pc.struct_field(trace, "partition"), partition), pc.less(pc.struct_field(trace, "offset"), mark)
        )
        rows, trace = rows.filter(pc.invert(below)), trace.filter(pc.invert(below))
    return rows


def _refuse_others(identity: Identity, intents: Sequence[Intent]) -> None:
    """Offsets of two sources in one table could not be told apart: nothing could be proved of either."""
    for intent in intents:
        if (intent.pipeline, intent.source) != (identity.pipeline, identity.source):
            raise fail(
                StillwellError,
                "other-source",
                f"These tables hold what the pipeline {intent.pipeline} read from {intent.source}; "
                f"now {identity.pipeline} reads from {identity.source}.",
                "Write to other tables, or bring the source back as it was.",
            )


def _refuse_unconserved(intent: Intent) -> None:
    """Law 1, held before anything is written.

    Raises:
        StillwellError: code `internal`, when a record would vanish or appear: this cannot happen, and if it does,
            nothing is committed.
    """
    broken = [part for part in intent.slices if not part.facts.conserved]
    if broken:
        part = broken[0]
        raise fail(
            StillwellError,
            "internal",
            f"Partition {part.partition}, offsets {part.start.offset:,} to {part.end.offset:,}: read "
            f"{part.facts.read:,} is not accepted {part.facts.accepted:,} + quarantined {part.facts.quarantined:,}.",
            "This is a fault in Stillwell, not in your data. Nothing of this epoch was written; please report it.",
        )
