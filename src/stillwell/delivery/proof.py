"""A proof about one source's epochs: that each sink holds exactly what was declared, or which records it does not.

Every slice of the ledger is read again and judged again, and each sink must hold exactly those rows. Where a source no
longer has the records, identities and payload sums of the ledger are held against the sinks instead: that proves that
no record is missing or doubled and that quarantined payloads are verbatim, but not the values of accepted rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from stillwell.delivery import forgotten
from stillwell.delivery.again import Again, Readable
from stillwell.delivery.forgotten import Forgotten
from stillwell.delivery.holdings import NOTHING, Holdings, Offsets, fingerprints
from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Slice, mark_name
from stillwell.errors import Forgot
from stillwell.kernel.base import Judged
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


def finding(
    kind: Kind, where: str, partition: int, offsets: Offsets, detail: str = "", count: int | None = None
) -> list[Finding]:
    """The finding about these offsets, or about `count` records of which they are a part; none about nothing."""
    number = len(offsets) if count is None else count
    named = tuple(int(offset) for offset in offsets[:NAMED])
    return [Finding(kind, where, partition, number, named, detail)] if number else []


@dataclass(frozen=True)
class Kept:
    """What a sink keeps of these epochs: its marks, its rows, and which rows of a verdict are due there.

    `payloads` are the same rows with payload hashes for fingerprints; None where the ledger has no sum of them. `via`
    names the replay whose rows they are.
    """

    marks: Mapping[str, int]
    held: Holdings
    due: Callable[[Judged], pa.Table]
    payloads: Callable[[], Holdings] | None = None
    forgotten: Forgotten = forgotten.NOTHING
    via: str | None = None


@dataclass(frozen=True)
class Partition:
    """What was proved of one partition, in records: `proved` from the source, `by_ledger` where it no longer has them.

    Those that are `open` are still to be finished; of `missed` offsets the source had nothing when they were due. The
    rows of those that are `forgotten` were let go of by a sink, as it does with old ones. Of `uncompared`
    accepted rows the ledger knows the place alone: their values were compared with nothing.
    """

    partition: int
    proved: int
    by_ledger: int
    open: int
    missed: int
    forgotten: int = 0
    uncompared: int = 0


@dataclass(frozen=True)
class Proved:
    """What was proved of every partition, and what does not hold."""

    partitions: tuple[Partition, ...]
    findings: tuple[Finding, ...]

    @property
    def open(self) -> int:
        """Records of epochs that are still to be finished."""
        return sum(one.open for one in self.partitions)


class Proof:
    """About the intents of one source; `expired` are places that may be missing in quarantine, with payload hashes."""

    def __init__(
        self,
        intents: Sequence[Intent],
        accepted: Mapping[str, Kept],
        quarantine: Mapping[str, Kept],
        source: Readable | None,
        judge: Callable[[pa.Table, Intent], Judged],
        expired: Holdings = NOTHING,
    ) -> None:
        self._intents = intents
        self._source = Again(source) if source else None
        self._judge = judge
        self._accepted = accepted
        self._quarantine = quarantine
        self._kept = {**accepted, **quarantine}
        self._expired = expired
        self._newest = {part.partition: part for intent in intents for part in intent.slices}
        self._findings: list[Finding] = []
        self._proved: Counter[int] = Counter()
        self._by_ledger: Counter[int] = Counter()
        self._open: Counter[int] = Counter()
        self._forgotten: Counter[int] = Counter()
        self._uncompared: Counter[int] = Counter()
        self._forgotten_by: Counter[tuple[str, int]] = Counter()

    def run(self) -> Proved:
        """Go through every slice, oldest first.

        Raises:
            StillwellError: when the source cannot be read.
        """
        reached: dict[int, int] = {}
        for intent in self._intents:
            for part in intent.slices:
                self._find_gap(part, reached)
                reached[part.partition] = part.end.offset
            self._check(intent)
        self._refute()
        for name, kept in self._kept.items():
            for partition, offsets in kept.held.beyond(reached).items():
                self._findings += finding("undeclared", name, partition, offsets)
        return Proved(tuple(map(self._partition, sorted(reached))), tuple(self._findings))

    def _partition(self, one: int) -> Partition:
        proved, known, missed = self._proved[one], self._by_ledger[one], self._missed(one)
        return Partition(one, proved, known, self._open[one], missed, self._forgotten[one], self._uncompared[one])

    def _missed(self, partition: int) -> int:
        return sum(gap.end - gap.start for one in self._intents for gap in one.gaps if gap.partition == partition)

    def _find_gap(self, part: Slice, reached: Mapping[int, int]) -> None:
        end = reached.get(part.partition, 0)
        if part.start.offset != end:
            low, high = sorted((part.start.offset, end))
            self._findings += finding("gap", "ledger", part.partition, np.arange(low, high))

    def _check(self, intent: Intent) -> None:
        """One intent: each slice from the source where it still gives what was read, else from the ledger's sums."""
        ended = []
        for part in intent.slices:
            if self._is_open(intent, part):
                self._open[part.partition] += part.facts.read
            else:
                ended.append(part)
        if not ended:
            return
        again = self._again(intent.within({part.partition for part in ended}))
        judged = self._judge(again, intent) if again is not None and len(again) else None
        facts = judged.facts if judged else {}
        same = [part for part in ended if facts.get(part.partition) == part.facts]
        before = self._forgotten_by.copy()
        if judged and same:
            for name, kept in self._kept.items():
                self._compare(name, kept, same, judged)
        for part in ended:
            if part in same:
                self._count(self._proved, part, before)
                continue
            # With fewer records some are gone, as sources forget; what is left was not altered by that.
            if part.partition in facts and facts[part.partition].read >= part.facts.read:
                offsets = np.arange(part.start.offset, part.end.offset)
                detail = "other records than those that were judged"
                self._findings += finding("source", intent.source, part.partition, offsets, detail)
            self._check_sums(part)
            accepted = self._count(self._by_ledger, part, before)
            self._uncompared[part.partition] += part.facts.accepted - accepted

    def _count(self, proved: Counter[int], part: Slice, before: Counter[tuple[str, int]]) -> int:
        """Count the records of a slice as proved, but for those whose row some sink has forgotten since.

        Gives how many of these were accepted ones.
        """
        one, gone = part.partition, self._forgotten_by - before
        accepted, rest = (
            max((gone[name, one] for name in names), default=0) for names in (self._accepted, self._quarantine)
        )
        self._forgotten[one] += accepted + rest
        proved[one] += part.facts.read - accepted - rest
        return accepted

    def _lose(self, name: str, part: Slice, offsets: Offsets, detail: str = "", count: int | None = None) -> None:
        """A sink lacks `count` rows, of which these are known: it forgot them, or they are lost."""
        kept, number = self._kept[name], len(offsets) if count is None else count
        below = kept.forgotten.below(part.partition, kept.via)
        if number and below > part.start.offset:
            offsets = offsets[offsets >= below]
            self._forgotten_by[name, part.partition] += number - len(offsets)
            number = len(offsets)
        self._findings += finding("lost", name, part.partition, offsets, detail, count=number)

    def _refute(self) -> None:
        """A sink cannot have forgotten more rows than it ever let go of: the others are lost."""
        for name, kept in self._kept.items():
            gone = {partition: count for (one, partition), count in self._forgotten_by.items() if one == name}
            over = sum(gone.values()) - kept.forgotten.most
            if over > 0:
                detail = f"the oldest rows are gone, but no more than {kept.forgotten.most:,} by themselves"
                self._findings += finding("lost", name, max(gone), np.zeros(0, np.int64), detail, count=over)

    def _again(self, intent: Intent) -> pa.Table | None:
        """The records of an intent; None where the source no longer has them, as sources forget.

        A source that cannot be read is another matter: whoever asked for a proof must hear of it.
        """
        if self._source is None:
            return None
        try:
            return self._source.read(intent)
        except Forgot:
            return None

    def _is_open(self, intent: Intent, part: Slice) -> bool:
        """Whether some sink has not yet taken the whole of a newest slice: the next run will finish it."""
        name = mark_name(intent.pipeline, intent.source, part.partition)
        return self._newest[part.partition] is part and any(
            kept.marks.get(name, 0) < part.end.offset for kept in self._kept.values()
        )

    def _compare(self, name: str, kept: Kept, parts: Sequence[Slice], judged: Judged) -> None:
        """A sink must hold exactly the rows of these slices that are due there, but for expired ones."""
        partitions, offsets, prints = fingerprints(kept.due(judged), kept.held.schema)
        for part in parts:
            here = partitions == part.partition
            held, held_prints = kept.held.between(part)
            due, due_prints = offsets[here], prints[here]
            gone = self._gone(name, part)
            self._lose(name, part, np.setdiff1d(due, np.concatenate([held, gone])))
            detail = "another sink should hold it"
            self._findings += finding("undeclared", name, part.partition, np.setdiff1d(held, due), detail)
            detail = "it expired and was not quarantined"
            self._findings += finding("undeclared", "outcomes", part.partition, np.setdiff1d(gone, due), detail)
            both, at_due, at_held = np.intersect1d(due, held, return_indices=True)
            self._findings += finding("altered", name, part.partition, both[due_prints[at_due] != held_prints[at_held]])

    def _gone(self, name: str, part: Slice) -> Offsets:
        return self._expired.between(part)[0] if name in self._quarantine else np.zeros(0, np.int64)

    def _check_sums(self, part: Slice) -> None:
        """Without the source: identities and payloads as the ledger has them."""
        facts = part.facts
        for sinks, others, count, identity in (
            (self._accepted, self._quarantine, facts.accepted, facts.identity_accepted),
            (self._quarantine, self._accepted, facts.quarantined, facts.identity_quarantined),
        ):
            elsewhere = np.concatenate([np.zeros(0, np.int64), *(one.held.between(part)[0] for one in others.values())])
            known = {
                name: np.union1d(kept.held.between(part)[0], self._gone(name, part)) for name, kept in sinks.items()
            }
            whole = next((held for held in known.values() if _identity(part.partition, held) == identity), None)
            for name, held in known.items():
                if _identity(part.partition, held) == identity:
                    self._check_payloads(name, part)
                elif whole is not None:
                    # Another sink of the same rows knows which they are.
                    self._lose(name, part, np.setdiff1d(whole, held))
                    self._findings += finding("undeclared", name, part.partition, np.setdiff1d(held, whole))
                else:
                    self._name_others(name, part, held, elsewhere, count)

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
        self._lose(name, part, lost, detail, short)
        self._findings += finding("undeclared", name, part.partition, twice, detail, count=over)

    def _check_payloads(self, name: str, part: Slice) -> None:
        payloads = self._quarantine[name].payloads if name in self._quarantine else None
        if payloads is None or not part.facts.payload_read:
            return
        offsets, hashes = payloads().between(part)
        gone, gone_hashes = self._expired.between(part)
        # What expired counts as it was written down, whether it is removed already or not.
        places, first = np.unique(np.concatenate([gone, offsets]), return_index=True)
        if total(np.concatenate([gone_hashes, hashes])[first]) != part.facts.payload_quarantined:
            detail = f"payloads in offsets {part.start.offset:,} to {part.end.offset:,} are not those of the ledger"
            self._findings += finding("altered", name, part.partition, places[:0], detail, count=1)


def _identity(partition: int, offsets: Offsets) -> int:
    return total(identity_hashes(np.full(len(offsets), partition, np.int32), offsets))
