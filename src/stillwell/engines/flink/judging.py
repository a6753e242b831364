"""What a task of Flink does: judges batches by the kernel, and says which messages are to be written for each.

Beside rows and dead letters these are the marks of both sinks, a line of the ledger, and the tally, all in the form of
the Kafka sink. They are written in one transaction for each task and checkpoint, so that they hold together always.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.connectors.kafka.letters import Letters
from stillwell.connectors.kafka.native import mark_key
from stillwell.connectors.kafka.rows import Rows
from stillwell.contract.load import parse
from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Position, Slice
from stillwell.engines.flink.packed import Extra, packed
from stillwell.engines.flink.remembered import Remembered
from stillwell.engines.flink.writes import Writes
from stillwell.kernel import Judged, Kernel
from stillwell.kernel.program import accepted_schema, quarantine_schema
from stillwell.kernel.tally_json import to_json

COUNTED = ("read", "accepted", "quarantined", "warned", "repaired")


class Judging:
    """One task's share of a job. `count` adds to the task's own metrics, by name.

    A task cannot know where the slice before its first one ended, if that was another task's: such a line of the ledger
    names the partition among those that follow.
    """

    def __init__(self, writes: Writes, count: Callable[[str, int], None] = lambda _name, _number: None) -> None:
        self._writes = writes
        self._count = count
        contract = parse(writes.contract_text)
        self._kernel = Kernel(
            contract,
            format=writes.format,
            window=writes.window,
            group=writes.group,
            hash_key=writes.hash_key,
            threads=1,
            memory=writes.memory,
        )
        self._rows = Rows(accepted_schema(contract), writes.key)
        self._letters = Letters(quarantine_schema(None))
        self._remembered = Remembered(contract, writes.remembering) if writes.remembering else None
        self._ends: dict[int, int] = {}
        self._text: str | None = writes.contract_text

    def __call__(self, batch: pa.Table) -> pa.ListArray:
        """Judge a batch (`stillwell.kernel.base`); one list of messages for each of its records."""
        fresh = self._fresh(batch)
        if not len(fresh):
            return packed(self._none(4), self._none(11), [], len(batch))
        clock = dt.datetime.now(dt.UTC)
        ends = _ends(fresh)
        history = self._remembered.before(_firsts(fresh)) if self._remembered else None
        judged = self._kernel.judge(fresh, clock, history)
        forgotten = self._remembered.after(ends) if self._remembered else {}
        for name in COUNTED:
            self._count(name, judged.tally.count(name))
        for rule, number in judged.tally.failures().items():
            self._count(f"failed.{rule}", number)
        topics = self._writes.topics
        rows = (_same(topics.accepted, len(judged.accepted)), *self._rows.arrays(judged.accepted))
        letters = (_same(topics.quarantine, len(judged.quarantined)), *self._letters.arrays(judged.quarantined))
        return packed(rows, letters, self._extras(judged, ends, clock, forgotten), len(batch))

    def close(self) -> None:
        """Give the kernel back."""
        self._kernel.close()

    @staticmethod
    def _none(columns: int) -> list[pa.Array]:
        return [pa.array([], pa.binary())] * columns

    def _fresh(self, batch: pa.Table) -> pa.Table:
        """Without what was written before: an old savepoint would have it written again."""
        for partition, position in self._writes.positions.items():
            old = pc.and_(pc.equal(batch["partition"], partition), pc.less(batch["offset"], position))
            if position and pc.any(old).as_py():
                batch = batch.filter(pc.invert(old))
        return batch

    def _extras(
        self, judged: Judged, ends: Mapping[int, int], clock: dt.datetime, forgotten: Mapping[int, int]
    ) -> list[list[Extra]]:
        """The marks of each partition; with those of the first the line of the ledger and the tally."""
        writes, topics = self._writes, self._writes.topics
        follows = sorted(ends.keys() - self._ends.keys())
        slices = tuple(
            Slice(one, Position(self._ends.get(one, 0)), Position(ends[one]), judged.facts[one]) for one in sorted(ends)
        )
        intent = Intent(
            writes.pipeline,
            writes.source,
            slices,
            writes.contract,
            dict(writes.versions),
            clock,
            history=self._remembered.word if self._remembered else "",
            forgotten=forgotten,
        )
        marks = {writes.mark(one): end for one, end in ends.items()}
        line = {
            "intent": json.loads(intent.to_json()),
            "contract_text": self._text,
            "marks": marks,
            "follows": follows,
        }
        told = {
            "intent": line["intent"],
            "stop": judged.stop and vars(judged.stop),
            "tally": json.loads(to_json(judged.tally)),
        }
        self._text = None
        self._ends.update(ends)
        extras: list[list[Extra]] = [
            [
                (sink.encode(), mark_key(rows, mark), str(end).encode())
                for rows, sink in (
                    (topics.quarantine, topics.quarantine_marks),
                    (topics.accepted, topics.accepted_marks),
                )
            ]
            for mark, end in marks.items()
        ]
        extras[0] += [
            (name.encode(), name.encode(), json.dumps(said, sort_keys=True).encode())
            for name, said in ((topics.ledger, line), (topics.tallies, told))
        ]
        return extras


def _same(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text.encode()), count)


def _firsts(batch: pa.Table) -> dict[int, int]:
    """The offset of the first record of each partition."""
    partitions, firsts = np.unique(batch["partition"].to_numpy(), return_index=True)
    return dict(zip(partitions.tolist(), batch["offset"].to_numpy()[firsts].tolist(), strict=True))


def _ends(batch: pa.Table) -> dict[int, int]:
    """The offset after the last record of each partition."""
    partitions, offsets = batch["partition"].to_numpy(), batch["offset"].to_numpy()
    return {int(one): int(offsets[partitions == one].max()) + 1 for one in np.unique(partitions)}
