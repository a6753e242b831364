"""Audit: proves, from source, ledger and sinks alone, that no record was lost, doubled or altered; or names which was.

A record counts once: as the row that came straight from the source, accepted or quarantined. A row that came by a
replay must have its record in the quarantine, and an outcome that says so; a row that is missing in the quarantine must
have expired. Both are proved like any epoch, from the lines that replays and expiries left in their own ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.delivery import forgotten
from stillwell.delivery.again import Readable
from stillwell.delivery.forgotten import Forgetful, Forgotten
from stillwell.delivery.holdings import NOTHING, Holdings
from stillwell.delivery.intent import Intent
from stillwell.delivery.outcomes import EXPIRED, FAILING, PASSED
from stillwell.delivery.proof import Finding, Kept, Partition, Proof, Proved, finding
from stillwell.kernel.base import Judged

Judge = Callable[[pa.Table, Intent], Judged]
"""The verdicts on a batch, under the contract and the clock of an intent."""


@dataclass(frozen=True)
class Audited:
    """What was proved, partition by partition; `open` counts what replays and expiries have still to finish too.

    `accepted` are rows that came straight, `replayed` those that a replay took from the quarantine; `quarantined` rows
    are there, `expired` ones are not. `unfinished` names the replay or expiry that was killed and is still to be ended.
    Of `uncompared_replayed` rows that a replay took the quarantine no longer has the record. Of what is open,
    `open_aftermath` is what replays and expiries have to finish.
    """

    partitions: tuple[Partition, ...]
    open: int
    accepted: int
    quarantined: int
    findings: tuple[Finding, ...]
    replayed: int = 0
    expired: int = 0
    unfinished: str | None = None
    uncompared_replayed: int = 0
    open_aftermath: int = 0

    @property
    def proved(self) -> int:
        """Records proved from the source."""
        return sum(one.proved for one in self.partitions)

    @property
    def by_ledger(self) -> int:
        """Records that the source no longer has: the ledger's sums fit what the sinks hold of them."""
        return sum(one.by_ledger for one in self.partitions)

    @property
    def forgotten(self) -> int:
        """Records whose row a sink let go of, as it does with old ones: nobody can tell whether it was right."""
        return sum(one.forgotten for one in self.partitions)

    @property
    def uncompared(self) -> int:
        """Accepted rows that were counted, but whose values could be compared with nothing."""
        return sum(one.uncompared for one in self.partitions) + self.uncompared_replayed

    @property
    def missed(self) -> int:
        """Offsets that were gone from the source before they could be read."""
        return sum(one.missed for one in self.partitions)

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


class Stored(Protocol):
    """A sink, as far as an audit reads it."""

    def marks(self) -> Mapping[str, int]: ...

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True)
class Later:
    """A replay or an expiry, as an audit sees it: its epochs, and what reads and judges them again."""

    name: str
    intents: Sequence[Intent]
    again: Callable[[], tuple[Readable, Judge]] | None = None


@dataclass(frozen=True)
class Aftermath:
    """What was done with quarantined records: all replays and expiries, oldest first, and where their outcomes are."""

    outcomes: Stored
    runs: Sequence[Later]
    unfinished: str | None = None


class Audit:
    """Audits one pipeline's slices of one source; sinks are given by the name that findings show."""

    def __init__(
        self,
        intents: Sequence[Intent],
        accepted: Mapping[str, Stored],
        quarantine: Mapping[str, Stored],
        source: Readable | None,
        judge: Judge,
        aftermath: Aftermath | None = None,
    ) -> None:
        self._intents, self._source, self._judge = intents, source, judge
        self._aftermath = aftermath
        # Before the rows: what is written in between is then still open.
        self._marks = {name: dict(sink.marks()) for name, sink in {**accepted, **quarantine}.items()}
        self._told = dict(aftermath.outcomes.marks()) if aftermath else {}
        self._accepted = {name: Holdings.by(sink, _via) for name, sink in accepted.items()}
        self._quarantine = {name: Holdings.of(sink) for name, sink in quarantine.items()}
        self._payloads = {name: cache(partial(Holdings.of_payloads, sink)) for name, sink in quarantine.items()}
        sinks = {**accepted, **quarantine}
        self._forgotten = {name: one.forgotten() for name, one in sinks.items() if isinstance(one, Forgetful)}
        outcomes = aftermath.outcomes if aftermath else None
        self._outcomes = Holdings.by(outcomes, _outcome) if outcomes else {}
        self._hashes = Holdings.by(outcomes, _outcome, _hash) if outcomes else {}

    def run(self) -> Audited:
        """Prove every epoch of the source, then those of every replay and expiry."""
        expired = [held for name, held in self._hashes.items() if name and name.endswith(EXPIRED)]
        straight = Proof(
            self._intents,
            {name: self._straight(name) for name in self._accepted},
            {
                name: Kept(self._marks[name], held, _quarantined, self._payloads[name], self._gone(name))
                for name, held in self._quarantine.items()
            },
            self._source,
            self._judge,
            Holdings.joined(expired) if expired else NOTHING,
        ).run()
        runs = [self._proved(run) for run in self._aftermath.runs] if self._aftermath else []
        findings = [one for proved in (straight, *runs) for one in proved.findings]
        return Audited(
            straight.partitions,
            straight.open + sum(one.open for one in runs),
            max((len(one[None]) for one in self._accepted.values() if None in one), default=0),
            max((len(one) for one in self._quarantine.values()), default=0),
            (*findings, *self._doubled(), *self._unknown()),
            max((sum(len(held) for via, held in one.items() if via) for one in self._accepted.values()), default=0),
            sum(map(len, expired)),
            self._aftermath.unfinished if self._aftermath else None,
            sum(one.uncompared for run in runs for one in run.partitions),
            sum(one.open for one in runs),
        )

    def _straight(self, name: str) -> Kept:
        return Kept(self._marks[name], self._accepted[name].get(None, NOTHING), _accepted, forgotten=self._gone(name))

    def _gone(self, name: str) -> Forgotten:
        return self._forgotten.get(name, forgotten.NOTHING)

    def _proved(self, run: Later) -> Proved:
        """What a replay or an expiry declared must be what it did: rows and outcomes alike."""
        told = {outcome: self._outcomes.get(f"{run.name} {outcome}", NOTHING) for outcome in _KINDS}
        accepted, rest = {}, [EXPIRED]
        if run.name.startswith("replay"):
            rest = [FAILING]
            accepted = {
                name: Kept(
                    self._marks[name],
                    held.get(run.name, NOTHING),
                    _accepted,
                    forgotten=self._gone(name),
                    via=run.name,
                )
                for name, held in self._accepted.items()
            }
            accepted["outcomes (passed)"] = Kept(self._told, told[PASSED], partial(_due, PASSED))
        hashes = {one: self._hashes.get(f"{run.name} {one}", NOTHING) for one in rest}
        others = {
            f"outcomes ({one})": Kept(
                self._told, told[one], partial(_due, one), partial(Holdings.joined, [hashes[one]])
            )
            for one in rest
        }
        source, judge = run.again() if run.again else (None, self._judge)
        return Proof(run.intents, accepted, others, source, judge).run()

    def _doubled(self) -> Iterator[Finding]:
        """Rows that are there twice, and records that more than one replay took."""
        for name, parts in self._accepted.items():
            yield from _twice(name, Holdings.joined(parts.values()))
        for name, held in self._quarantine.items():
            yield from _twice(name, held)
        by_run: dict[str, list[Holdings]] = {}
        for told, held in self._outcomes.items():
            by_run.setdefault(str(told).split(" ", 1)[0], []).append(held)
            if str(told).endswith(f" {PASSED}"):
                by_run.setdefault(PASSED, []).append(held)
        for alike in by_run.values():
            yield from _twice("outcomes", Holdings.joined(alike))

    def _unknown(self) -> Iterator[Finding]:
        """Rows and outcomes of a replay that nobody began."""
        known = {run.name for run in self._aftermath.runs} if self._aftermath else set()
        for where, parts in {**self._accepted, "outcomes": self._outcomes}.items():
            for name, held in parts.items():
                if name is not None and name.partition(" ")[0] not in known:
                    for partition, offsets in held.by_partition().items():
                        yield from finding("undeclared", where, partition, offsets, f"no ledger knows of {name}")


_KINDS = (PASSED, FAILING, EXPIRED)


def _via(rows: pa.RecordBatch) -> pa.Array:
    return pc.struct_field(rows.column("_stillwell"), "via")


def _outcome(rows: pa.RecordBatch) -> pa.Array:
    return pc.binary_join_element_wise(rows.column("run"), rows.column("outcome"), " ", null_handling="replace")


def _hash(rows: pa.RecordBatch) -> npt.NDArray[np.uint64]:
    hashes: npt.NDArray[np.int64] = rows.column("payload_hash").fill_null(0).to_numpy()
    return hashes.view(np.uint64)


def _accepted(judged: Judged) -> pa.Table:
    return judged.accepted


def _quarantined(judged: Judged) -> pa.Table:
    return judged.quarantined


def _due(outcome: str, judged: Judged) -> pa.Table:
    return judged.quarantined.filter(pc.equal(judged.quarantined["outcome"], outcome))


def _twice(name: str, held: Holdings) -> Iterator[Finding]:
    for partition, offsets in held.doubled().items():
        yield from finding("doubled", name, partition, offsets)
