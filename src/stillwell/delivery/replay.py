"""A replay: quarantined records are judged again, and what passes goes to the accepted sinks, each record once.

It is a run like any other: intents, marks and recovery are those of every delivery. Outcomes stand in the place of the
quarantine, so that a record that still fails gets an outcome and not a second copy. An expiry is the same run without a
kernel: all its records expire, and only when every outcome is written the records go.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.delivery.choice import places
from stillwell.delivery.commit import Delivery, Holder
from stillwell.delivery.intent import Intent
from stillwell.delivery.numbered import Numbered, Register
from stillwell.delivery.outcomes import expired, replayed
from stillwell.delivery.quarantined import Quarantined
from stillwell.delivery.recovery import recover
from stillwell.delivery.retry import Retry
from stillwell.delivery.slice import Marks, Position
from stillwell.kernel.base import COLUMNS, QUARANTINED, Judged
from stillwell.kernel.facts import facts, sums
from stillwell.kernel.tally import nothing

Judge = Callable[[pa.Table, Intent], Judged]
"""The verdicts on a batch, under the contract and the clock of an intent."""


class Outcomes(Protocol):
    """The sink of the outcomes."""

    def marks(self) -> Mapping[str, int]: ...

    def write(self, rows: pa.Table, marks: Marks) -> None: ...

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True)
class Work:
    """What a run over the quarantine takes: the records that it is about, and where rows and outcomes go."""

    register: Register
    source: Quarantined
    outcomes: Outcomes
    accepted: Sequence[Holder] = ()
    retry: Retry | None = None


def replay(run: Numbered, work: Work, judge: Judge) -> Iterator[Judged]:
    """Judge what is left of a run; gives the verdicts on each epoch once it is written.

    Raises:
        Fenced: when another process took this run over.
    """
    yield from _delivered(run, work, rehearing(run, judge))
    work.register.end(run)


def rehearing(run: Numbered, judge: Judge) -> Judge:
    """The judge of a replay, who gives outcomes in the place of quarantined rows."""

    def judged(batch: pa.Table, intent: Intent) -> Judged:
        return replayed(judge(batch, intent), batch, run.name, intent.clock)

    return judged


def expire(run: Numbered, work: Work, erase: Callable[[pa.Table], None]) -> Iterator[Judged]:
    """Write down what is left of a run, then have all its places (columns partition and offset) erased.

    Raises:
        Fenced: when another process took this run over.
    """

    def judged(batch: pa.Table, intent: Intent) -> Judged:
        rows = batch.select([name for name in batch.column_names if name not in _ENVELOPE])
        found = facts(batch, [sums(batch, rows.slice(0, 0), rows)])
        verdicts = pa.array(np.full(len(batch), QUARANTINED, np.uint8))
        return Judged(rows.slice(0, 0), expired(rows, run.name, intent.clock), verdicts, _NO_TALLY, found)

    yield from _delivered(run, work, judged)
    # What the outcomes say, not what the selection would find now.
    if len(gone := recorded(work.outcomes, run.name)):
        erase(gone)
    work.register.end(run)


_ENVELOPE = ("partition", "offset", "ingest_time", "topic", "via")
_NO_TALLY = nothing(dt.timedelta(minutes=1), ())


def recorded(outcomes: Outcomes, run: str) -> pa.Table:
    """Partition and offset of every outcome of a run."""
    tables = [pa.table({"partition": pa.array([], pa.int32()), "offset": pa.array([], pa.int64())})]
    for rows in outcomes.rows(["run", "_stillwell"]):
        partition, offset = places(rows.filter(pc.equal(rows.column("run"), run)).column("_stillwell"))
        tables.append(pa.table({"partition": partition, "offset": offset}))
    return pa.concat_tables(tables)


def _delivered(run: Numbered, work: Work, judge: Judge) -> Iterator[Judged]:
    """Finish what was declared, then go on to the end of what the run is about."""
    identity, source = work.register.identity(run), work.source
    ledger = work.register.ledger(run)
    delivery = Delivery(identity, ledger, [work.outcomes], work.accepted, retry=work.retry)
    for _, _, judged in recover(delivery, source, judge):
        yield judged
    reached = delivery.positions()
    source.seek({one: reached.get(one, Position()) for one in source.partitions})
    while (taken := source.read()) is not None:
        clock = dt.datetime.now(dt.UTC)
        draft = Intent(identity.pipeline, identity.source, (), identity.contract, identity.versions, clock)
        judged = judge(taken.table, draft)
        columns: bytes = (taken.table.schema.metadata or {}).get(COLUMNS, b"")
        delivery.commit(judged, taken.ends, clock, columns=columns.decode())
        yield judged
