"""Audit: proves, from source, ledger and sinks alone, that no record was lost, doubled or altered; or names which was.

Every slice of the ledger is read again and judged again, and each sink must hold exactly those rows. Where a source no
longer has the records, identities and payload sums of the ledger are held against the sinks instead: that proves that
no record is missing or doubled and that quarantined payloads are verbatim, but not the values of accepted rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pyarrow as pa

from stillwell.delivery.again import Readable, Rejudge, read_again
from stillwell.delivery.holdings import Holdings, Offsets, fingerprints
from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Slice, mark_name
from stillwell.errors import StillwellError
from stillwell.kernel.digest import identity_hashes, total

Kind = Literal["lost", "doubled", "altered", "undeclared", "gap", "source"]
"""lost, doubled, altered: a record in a sink; undeclared: a row that no intent names; gap: offsets between two slices;
source: the source no longer gives what was read."""

NAMED = 10
"""How many offsets a finding names."""


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold: `count` records of a sink (or the source), the first of them by offset."""

    kind: Kind
    where: str
    partition: int
    count: int
    offsets: tuple[int, ...]
    detail: str = ""


@dataclass(frozen=True)
class Audited:
    """What was proved, in records: `proved` from the source, `by_ledger` without it, `open` still to be finished."""

    proved: int
    by_ledger: int
    open: int
    accepted: int
    quarantined: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class Stored(Protocol):
    """A sink, as far as an audit reads it."""

    def marks(self) -> Mapping[str, int]: ...

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]: ...


class Audit:
    """Audits one pipeline's slices of one source; sinks are given by the name that findings show."""

    def __init__(
        self,
        intents: Sequence[Intent],
        accepted: Mapping[str, Stored],
        quarantine: Mapping[str, Stored],
        source: Readable | None,
        judge: Rejudge,
    ) -> None:
        self._intents = intents
        self._source = source
        self._judge = judge
        self._sinks = {**accepted, **quarantine}
        # Before the rows: what is written in between is then still open.
        self._marks = {name: dict(sink.marks()) for name, sink in self._sinks.items()}
        self._accepted = {name: Holdings.of(sink) for name, sink in accepted.items()}
        self._quarantine = {name: Holdings.of(sink) for name, sink in quarantine.items()}
        self._payloads: dict[str, Holdings] = {}
        self._newest = {part.partition: intent for intent in intents for part in intent.slices}
        self._findings: list[Finding] = []
        self._proved = self._by_ledger = self._open = 0

    def run(self) -> Audited:
        """Go through every slice, oldest first."""
        reached: dict[int, int] = {}
        for intent in self._intents:
            for part in intent.slices:
                self._find_gap(part, reached)
                reached[part.partition] = part.end.offset
            self._check(intent)
        for name, holdings in {**self._accepted, **self._quarantine}.items():
            for partition, offsets in holdings.doubled().items():
                self._add("doubled", name, partition, offsets)
            for partition, offsets in holdings.beyond(reached).items():
                self._add("undeclared", name, partition, offsets)
        return Audited(
            self._proved,
            self._by_ledger,
            self._open,
            max((len(one) for one in self._accepted.values()), default=0),
            max((len(one) for one in self._quarantine.values()), default=0),
            tuple(self._findings),
        )

    def _find_gap(self, part: Slice, reached: Mapping[int, int]) -> None:
        end = reached.get(part.partition, 0)
        if part.start.offset != end:
            low, high = sorted((part.start.offset, end))
            self._add("gap", "ledger", part.partition, np.arange(low, high))

    def _check(self, intent: Intent) -> None:
        """One intent: from the source where it still gives what was read, else from the ledger's sums."""
        records = sum(part.facts.read for part in intent.slices)
        if self._is_open(intent):
            self._open += records
            return
        again = self._again(intent)
        if again is not None and len(again):
            judged = self._judge(again, intent)
            changed = [part for part in intent.slices if judged.facts.get(part.partition) != part.facts]
            if not changed:
                for sinks, rows in ((self._accepted, judged.accepted), (self._quarantine, judged.quarantined)):
                    for name, holdings in sinks.items():
                        self._compare(name, holdings, intent, rows)
                self._proved += records
                return
            # With fewer records some are gone, as sources forget; what is left was not altered by that.
            for part in changed if judged.read >= records else ():
                offsets = np.arange(part.start.offset, part.end.offset)
                self._add("source", intent.source, part.partition, offsets, "other records than those that were judged")
        for part in intent.slices:
            self._check_sums(part)
        self._by_ledger += records

    def _again(self, intent: Intent) -> pa.Table | None:
        """The records of an intent; None where the source no longer has them, as sources forget."""
        if self._source is None:
            return None
        try:
            return read_again(self._source, intent)
        except StillwellError:
            return None

    def _is_open(self, intent: Intent) -> bool:
        """Whether some sink has not yet taken the whole of a newest intent: the next run will finish it."""
        return any(
            marks.get(mark_name(intent.pipeline, intent.source, part.partition), 0) < part.end.offset
            for marks in self._marks.values()
            for part in intent.slices
            if self._newest[part.partition] is intent
        )

    def _compare(self, name: str, holdings: Holdings, intent: Intent, rows: pa.Table) -> None:
        """A sink must hold exactly these rows of the intent."""
        partitions, offsets, prints = fingerprints(rows, holdings.schema)
        for part in intent.slices:
            here = partitions == part.partition
            held, held_prints = holdings.between(part)
            due, due_prints = offsets[here], prints[here]
            self._add("lost", name, part.partition, np.setdiff1d(due, held))
            self._add("undeclared", name, part.partition, np.setdiff1d(held, due), "another sink should hold it")
            both, at_due, at_held = np.intersect1d(due, held, return_indices=True)
            self._add("altered", name, part.partition, both[due_prints[at_due] != held_prints[at_held]])

    def _check_sums(self, part: Slice) -> None:
        """Without the source: identities and payloads as the ledger has them."""
        facts = part.facts
        for sinks, others, count, identity in (
            (self._accepted, self._quarantine, facts.accepted, facts.identity_accepted),
            (self._quarantine, self._accepted, facts.quarantined, facts.identity_quarantined),
        ):
            elsewhere = np.concatenate([np.zeros(0, np.int64), *(one.between(part)[0] for one in others.values())])
            for name, holdings in sinks.items():
                held = np.unique(holdings.between(part)[0])
                if _identity(part.partition, held) != identity:
                    self._name_others(name, part, held, elsewhere, count)
                elif name in self._quarantine and facts.payload_read:
                    self._check_payloads(name, part)

    def _name_others(self, name: str, part: Slice, held: Offsets, elsewhere: Offsets, count: int) -> None:
        """A sink that should hold `count` records of a slice holds others; which, as far as it can be known."""
        start, end = part.start.offset, part.end.offset
        # Where a source has holes between its offsets, what nobody holds need not have been a record.
        whole = end - start == part.facts.read
        lost = np.setdiff1d(np.arange(start, end), np.concatenate([held, elsewhere])) if whole else held[:0]
        twice = np.intersect1d(held, elsewhere)
        # With the right number of other records, at least one was exchanged.
        short, over = (1, 1) if len(held) == count else (max(count - len(held), 0), max(len(held) - count, 0))
        detail = f"the ledger has {count:,} records in offsets {start:,} to {end:,}"
        self._add("lost", name, part.partition, lost, detail, count=short)
        self._add("undeclared", name, part.partition, twice, detail, count=over)

    def _check_payloads(self, name: str, part: Slice) -> None:
        if name not in self._payloads:
            self._payloads[name] = Holdings.of_payloads(self._sinks[name])
        offsets, hashes = self._payloads[name].between(part)
        if total(hashes[np.unique(offsets, return_index=True)[1]]) != part.facts.payload_quarantined:
            detail = f"payloads in offsets {part.start.offset:,} to {part.end.offset:,} are not those of the ledger"
            self._add("altered", name, part.partition, offsets[:0], detail, count=1)

    def _add(
        self,
        kind: Kind,
        where: str,
        partition: int,
        offsets: Offsets,
        detail: str = "",
        count: int | None = None,
    ) -> None:
        number = len(offsets) if count is None else count
        if number:
            named = tuple(int(offset) for offset in offsets[:NAMED])
            self._findings.append(Finding(kind, where, partition, number, named, detail))


def _identity(partition: int, offsets: Offsets) -> int:
    return total(identity_hashes(np.full(len(offsets), partition, np.int32), offsets))
