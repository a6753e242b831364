"""Carries on where Flink cannot write: what it committed to Kafka goes into the pipeline's own sinks and marks.

Each line of Flink's ledger becomes an epoch of the sinks' own ledger as soon as all its rows are here. What a killed
run had declared there is judged again from the source, as everywhere; so nothing depends on how far it had carried.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from stillwell.connectors.kafka.client import Cluster, library
from stillwell.connectors.kafka.letters import Letters
from stillwell.connectors.kafka.rows import Rows
from stillwell.connectors.kafka.store import KEYS, Store
from stillwell.delivery.commit import Delivery
from stillwell.delivery.slice import Position
from stillwell.engines.flink.tidings import Told, parsed
from stillwell.engines.flink.writes import Topics
from stillwell.errors import StillwellError, fail
from stillwell.kernel.base import Judged
from stillwell.kernel.program import TRACE_COLUMN

_MESSAGES = 20_000
_POLL = 0.05
_SETTLE = 5.0
PATIENCE = 60.0
"""Seconds without a message after which an ended job's rows are taken to be missing."""


@dataclass(frozen=True)
class Due:
    """What is to be committed of a line; `history` and `forgotten` as in its intent."""

    judged: Judged
    history: str
    forgotten: Mapping[int, int]


Again = Callable[[Told, Mapping[int, Position]], Due]
"""Judges what is left of a line from these positions on, of which another engine had written the beginning."""


class Carry:
    """Reads what Flink commits, and commits it by `delivery(contract)`. One thread uses it."""

    def __init__(
        self,
        cluster: Cluster,
        topics: Topics,
        schemas: tuple[pa.Schema, pa.Schema],
        group: str,
        delivery: Callable[[str], Delivery],
        again: Again,
    ) -> None:
        self._accepted = _Rows(_Topic(cluster, topics.accepted, group), Rows(schemas[0]), schemas[0])
        self._quarantine = _Rows(_Topic(cluster, topics.quarantine, group), Letters(schemas[1]), schemas[1])
        self._lines = _Topic(cluster, topics.tallies, group)
        self._delivery, self._again = delivery, again
        self._waiting: list[Told] = []
        self._moved = self._kept = time.monotonic()

    def new(self) -> Iterator[tuple[Told, Judged]]:
        """Take in what is there, and commit each epoch that is whole; gives it once every sink holds it."""
        lines = [parsed(one.value()) for one in self._lines.read()]
        self._waiting += lines
        if any([lines, self._accepted.read(), self._quarantine.read()]):
            self._moved = time.monotonic()
        while self._waiting and (found := self._settled(told := self._waiting[0])) is not _MISSING:
            self._waiting.pop(0)
            if found is not None:
                yield told, found
        self._keep()

    def rest(self) -> Iterator[tuple[Told, Judged]]:
        """All that a job that has ended committed.

        Raises:
            StillwellError: code `staging-damaged`, when rows of a line do not come.
        """
        quiet = 0
        while self._waiting or quiet < 3:
            moved = self._moved
            yield from self.new()
            quiet = 0 if self._moved != moved else quiet + 1
            if self._waiting and time.monotonic() - self._moved > PATIENCE:
                raise _damaged(self._waiting[0])

    def close(self) -> None:
        """Give the consumers back."""
        for one in (self._accepted.topic, self._quarantine.topic, self._lines):
            one.close()

    def _settled(self, told: Told) -> Any:
        """The verdict of a line once it is written; None for one that was before, `_MISSING` where rows are to come."""
        delivery = self._delivery(told.intent.contract)
        at = delivery.positions()
        due = {
            part.partition: at.get(part.partition, Position())
            for part in told.intent.slices
            if at.get(part.partition, Position()).offset < part.end.offset
        }
        left = self._left(told, due) if due else None
        if left is _MISSING:
            return _MISSING
        if left is not None:
            ends = {part.partition: part.end for part in told.intent.slices if part.partition in due}
            delivery.commit(left.judged, ends, told.intent.clock, history=left.history, forgotten=left.forgotten)
        ends_all = {part.partition: part.end.offset for part in told.intent.slices}
        self._accepted.drop(ends_all)
        self._quarantine.drop(ends_all)
        return left and left.judged

    def _left(self, told: Told, due: Mapping[int, Position]) -> Any:
        """What Flink said of these partitions of a line, with its rows."""
        parts = [part for part in told.intent.slices if part.partition in due]
        # A slice begins where the one before it ended, or somebody else wrote in between.
        cut = [part for part in parts if part.start.offset and part.start.offset < due[part.partition].offset]
        if cut or len(parts) < len(told.intent.slices):
            return self._again(told, due)
        bounds = {part.partition: (due[part.partition].offset, part.end.offset) for part in parts}
        accepted, quarantined = self._accepted.within(bounds), self._quarantine.within(bounds)
        counts = [sum(getattr(part.facts, name) for part in parts) for name in ("accepted", "quarantined")]
        if [len(accepted), len(quarantined)] != counts:
            return _MISSING
        judged = replace(told.judged, accepted=accepted, quarantined=quarantined)
        return Due(judged, told.intent.history, told.intent.forgotten)

    def _keep(self) -> None:
        """Say how far everything is settled: a hint only, so that the next run need not read it again."""
        if self._waiting or not (self._accepted.empty and self._quarantine.empty):
            return
        if time.monotonic() - self._kept > _SETTLE:
            self._kept = time.monotonic()
            for one in (self._accepted.topic, self._quarantine.topic, self._lines):
                one.keep()


_MISSING = object()


class _Form(Protocol):
    """How messages become rows."""

    def table(self, messages: Sequence[Any], columns: Sequence[str]) -> pa.Table: ...


class _Topic:
    """One topic, followed from where it was settled."""

    def __init__(self, cluster: Cluster, name: str, group: str) -> None:
        kafka = library()
        found = Store(cluster, name, 30.0).found()
        assert found is not None, "it is made before the job begins"
        self._name = name
        self._consumer = cluster.consumer({**KEYS, "fetch.wait.max.ms": 100, "group.id": group})
        places = [kafka.TopicPartition(name, partition) for partition in range(found.partitions)]
        kept = self._consumer.committed(places, timeout=30)
        self._consumer.assign([kafka.TopicPartition(name, one.partition, max(one.offset, 0)) for one in kept])

    def read(self) -> list[Any]:
        """What is committed and was not read yet."""
        return [one for one in self._consumer.consume(_MESSAGES, _POLL) if one.error() is None]

    def keep(self) -> None:
        """All that was read is settled."""
        at = [one for one in self._consumer.position(self._consumer.assignment()) if one.offset >= 0]
        if at:
            self._consumer.commit(offsets=at)

    def close(self) -> None:
        self._consumer.close()


class _Rows:
    """Rows of one topic that wait for their line."""

    def __init__(self, topic: _Topic, form: _Form, schema: pa.Schema) -> None:
        self.topic = topic
        self._form, self._schema = form, schema
        self._rows = schema.empty_table()

    @property
    def empty(self) -> bool:
        return not len(self._rows)

    def read(self) -> bool:
        messages = self.topic.read()
        if messages:
            self._rows = pa.concat_tables([self._rows, self._form.table(messages, self._schema.names)])
        return bool(messages)

    def within(self, bounds: Mapping[int, tuple[int, int]]) -> pa.Table:
        """Those of these offsets, in their order."""
        rows = self._rows.filter(self._mask(bounds))
        places = pa.table(dict(zip(("partition", "offset"), _places(rows), strict=True)))
        order = pc.sort_indices(places, sort_keys=[("partition", "ascending"), ("offset", "ascending")])
        return rows.take(order)

    def drop(self, ends: Mapping[int, int]) -> None:
        """Forget those below these ends."""
        self._rows = self._rows.filter(pc.invert(self._mask({one: (0, end) for one, end in ends.items()})))

    def _mask(self, bounds: Mapping[int, tuple[int, int]]) -> pa.ChunkedArray:
        partition, offset = _places(self._rows)
        mask = pa.chunked_array([pa.repeat(pa.scalar(False), len(self._rows))])
        for one, (begin, end) in bounds.items():
            here = pc.and_(pc.greater_equal(offset, begin), pc.less(offset, end))
            mask = pc.or_(mask, pc.and_(pc.equal(partition, one), here))
        return mask


def _places(rows: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    trace = rows[TRACE_COLUMN]
    return pc.struct_field(trace, "partition"), pc.struct_field(trace, "offset")


def _damaged(told: Told) -> StillwellError:
    ranges = ", ".join(f"partition {part.partition} below offset {part.end.offset:,}" for part in told.intent.slices)
    return fail(
        StillwellError,
        "staging-damaged",
        f"Flink committed what it judged of {ranges}, and its topics do not have all of these rows.",
        "See whether they expired: keep the topics of `through` for longer. The embedded engine goes on without them.",
    )
