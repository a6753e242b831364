"""Counts by key and hour in a table of their own: increments, a row for each hour and key of an epoch.

It is a keeper (`stillwell.delivery.commit`): rows and marks are one commit of the sink, so an epoch is counted once,
and the sums over all rows are those of the ledger.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from stillwell.connectors.base import Sink
from stillwell.contract.model import Contract
from stillwell.delivery.intent import Intent
from stillwell.kernel.base import INGEST, QUARANTINE_TRACE, Judged
from stillwell.kernel.tally import Tally
from stillwell.monitor.base import EPOCH
from stillwell.monitor.store.names import shortened

_HOUR = dt.timedelta(hours=1)
_COUNTS = ("read", "accepted", "quarantined", "warned", "repaired")
_FAILED = pa.struct([pa.field("rule", pa.string()), pa.field("records", pa.int64())])

METRICS = pa.schema(
    [
        pa.field("hour", INGEST),
        pa.field("key", pa.string()),
        *(pa.field(name, pa.int64()) for name in _COUNTS),
        pa.field("failed", pa.list_(_FAILED)),
        pa.field("_stillwell", QUARANTINE_TRACE),
    ]
)
"""The columns of the table.

`hour` is that of the event time, or of the ingest time where that is no good; `key` the value of the contract's key, a
JSON list where it has several fields, null where it is null. `failed` says how many records broke which rule.
`_stillwell` names the epoch: partition and offset where it begins, its clock as ingest time, and the contract.
"""


class Metrics:
    """Writes what each epoch counted into a sink; one that is new is filled from what the source still has.

    An epoch that the source has no more is a row of its own at the hour of its clock, without a key: what the ledger
    knows of it.
    """

    def __init__(self, contract: Contract, sink: Sink) -> None:
        self._contract = contract
        self.sink = sink

    begun = True

    def begin(self, marks: Mapping[str, int]) -> None:
        """Nothing: it takes every epoch of the ledger."""

    def open(self) -> None:
        """Open the sink, and make what is missing."""
        self.sink.open(METRICS)

    def close(self) -> None:
        """Give everything back; may be called twice."""
        self.sink.close()

    def marks(self) -> Mapping[str, int]:
        """The next offset by mark name, as the sink has them."""
        return self.sink.marks()

    def take(self, intent: Intent, judged: Judged | None) -> None:
        """Write the rows of an epoch together with its marks.

        Raises:
            Fenced: when it was written before.
        """
        rows = _unseen(intent) if judged is None or judged.by_key is None else _counted(judged.by_key)
        first = intent.slices[0]
        trace = {
            "topic": intent.source,
            "partition": first.partition,
            "offset": first.start.offset,
            "ingest_time": intent.clock,
            "contract": self._contract.name,
            "version": self._contract.version,
        }
        column = pa.array([trace] * len(rows), QUARANTINE_TRACE)
        self.sink.write(rows.append_column(METRICS.field("_stillwell"), column), intent.advances())


def _counted(tally: Tally) -> pa.Table:
    failed: list[list[dict[str, object]]] = [[] for _ in tally.cells]
    for rule, one in tally.rules.items():
        for cell in np.flatnonzero(one.failed).tolist():
            failed[cell].append({"rule": rule, "records": int(one.failed[cell])})
    columns = [
        pa.array([start for start, _ in tally.cells], pa.int64()).cast(INGEST),
        pa.array([_key(group) for _, group in tally.cells], pa.string()),
        *(pa.array(tally.counts[name]) for name in _COUNTS),
        pa.array(failed, pa.list_(_FAILED)),
    ]
    return pa.Table.from_arrays(columns, schema=METRICS.remove(len(METRICS) - 1))


def _key(group: tuple[str | None, ...]) -> str | None:
    values = [shortened(value) for value in group]
    return values[0] if len(values) == 1 else json.dumps(values, ensure_ascii=False)


def _unseen(intent: Intent) -> pa.Table:
    """What the ledger knows of an epoch: one row without a key."""
    counts = {name: sum(getattr(part.facts, name) for part in intent.slices) for name in _COUNTS[:3]}
    hour = EPOCH + (intent.clock - EPOCH) // _HOUR * _HOUR
    row = {"hour": hour, "key": None, **counts, "warned": 0, "repaired": 0, "failed": []}
    return pa.Table.from_pylist([row], schema=METRICS.remove(len(METRICS) - 1))
