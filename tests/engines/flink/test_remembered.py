"""What tasks remember: they die, begin again where a checkpoint was, take turns with other engines, and nobody can tell."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pyarrow as pa
import pytest

from stillwell.contract.load import parse
from stillwell.delivery import memory
from stillwell.delivery.again import Rejudge
from stillwell.delivery.intent import Intent
from stillwell.delivery.memory import Memory
from stillwell.delivery.saves import newest
from stillwell.delivery.slice import Position
from stillwell.engines.flink import judging
from stillwell.engines.flink.judging import Judging
from stillwell.engines.flink.remembered import Remembered, let_go, remembering
from stillwell.errors import Fenced, StillwellError
from stillwell.kernel import Kernel
from tests.engines.test_flink import messages, parsed, writes

CONTRACT = """
contract: numbers
version: 1.0.0
key: id
fields:
  id: {type: integer, required: true}
  value: {type: double, min: 0, max: 100}
sequence:
  near: {kind: jump, field: value, max: 30, within: 1m}
  few: {kind: count, max: 2, within: 10s, severity: warn}
  once: {kind: unique, fields: [id, value], within: 5m}
"""
BY = parse(CONTRACT)
PARTITIONS = 3


def records(partition: int, begin: int, count: int) -> pa.Table:
    """Records without a time of their own, so that verdicts go by the clock of their batch; some offsets are missing."""
    luck = random.Random(f"{partition} {begin}")
    offsets = [begin + 2 * number + (number % 5 == 0) for number in range(count)]
    payloads = [b'{"id": %d, "value": %d}' % (luck.randrange(4), luck.randrange(-5, 105)) for _ in offsets]
    return pa.table(
        {
            "partition": pa.array([partition] * count, pa.int32()),
            "offset": pa.array(offsets, pa.int64()),
            "payload": pa.array(payloads, pa.binary()),
            "key": pa.nulls(count, pa.binary()),
            "topic": pa.array(["t"] * count),
        }
    )


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Seconds pass between batches, so that another attempt judges by another clock."""
    told = iter(dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=3 * number) for number in range(10**6))
    monkeypatch.setattr(judging, "dt", SimpleNamespace(UTC=dt.UTC, datetime=SimpleNamespace(now=lambda _: next(told))))


@dataclass
class Job:
    """Flink as a task sees it: batches from where its checkpoint stands; lines that are committed with a checkpoint."""

    folder: object
    luck: random.Random
    topic: dict[int, pa.Table] = field(default_factory=lambda: {one: records(one, 0, 300) for one in range(PARTITIONS)})
    stands: dict[int, int] = field(default_factory=dict)
    lines: list[Intent] = field(default_factory=list)
    verdicts: int = 0

    def submitted(self, restored: bool = False):
        told = remembering(self.folder, 100, newest(self.lines), restored=restored)
        positions = {one: offset for one, (offset, _) in newest(self.lines).items()}
        return writes(positions, CONTRACT, remembering=told)

    def attempt(self, told, batches: int, checkpoint: float = 0.3) -> None:
        """A task that judges some batches and dies; what it said since its last checkpoint is lost."""
        task, open_lines, at = Judging(told), [], dict(self.stands)
        for _ in range(batches):
            left = {one: self.left(one, at.get(one, 0)) for one in range(PARTITIONS)}
            left = [table for table in left.values() if len(table)]
            if not left:
                break
            parts = self.luck.sample(left, self.luck.randrange(1, len(left) + 1))
            batch = pa.concat_tables([part.slice(0, self.luck.randrange(1, 40)) for part in parts])
            said = messages(task(batch), "good.tallies")
            open_lines += [parsed(one.value()).intent for one in said]
            at |= {one: batch.filter(pa.compute.equal(batch["partition"], one))["offset"][-1].as_py() + 1
                   for one in set(batch["partition"].to_pylist())}  # fmt: skip
            if self.luck.random() < checkpoint:
                self.commit(open_lines, at)
                open_lines = []
        task.close()

    def left(self, partition: int, begin: int) -> pa.Table:
        table = self.topic[partition]
        return table.filter(pa.compute.greater_equal(table["offset"], begin))

    def commit(self, lines, at) -> None:
        self.stands = dict(at)
        reached = {one: Position(offset) for one, (offset, _) in newest(self.lines).items()}
        for line in lines:
            parts = tuple(replace(part, start=reached.get(part.partition, Position())) for part in line.slices)
            reached |= {part.partition: part.end for part in parts}
            self.lines.append(replace(line, slices=parts))
            let_go(self.folder, line)

    def unequal(self) -> list[Intent]:
        """Lines that an audit would not believe: judged again in one go, with a memory of its own."""
        rejudge = Rejudge(SimpleNamespace(contract_text=lambda _: CONTRACT), Kernel(BY), Kernel, Memory(BY, most=100))
        found = []
        for line in self.lines:
            parts = []
            for part in line.slices:
                offset = self.topic[part.partition]["offset"]
                inside = pa.compute.and_(
                    pa.compute.greater_equal(offset, part.start.offset), pa.compute.less(offset, part.end.offset)
                )
                parts.append(self.topic[part.partition].filter(inside))
            judged = rejudge(pa.concat_tables(parts), line)
            if any(judged.facts.get(part.partition) != part.facts for part in line.slices):
                found.append(line)
        return found


@pytest.mark.parametrize("seed", range(3))
def test_whatever_dies_and_wherever_it_begins_again_the_ledger_tells_one_story(tmp_path, seed):
    luck = random.Random(seed)
    job = Job(tmp_path, luck)
    for _ in range(3):
        # Another job, from marks or from its newest checkpoint; Flink restarts it by itself whenever a task dies.
        restored = luck.random() < 0.5
        told = job.submitted(restored)
        if not restored:
            job.stands = dict(told.positions)
        for _ in range(luck.randrange(1, 6)):
            job.attempt(told, luck.randrange(1, 9))
    job.attempt(job.submitted(), 10_000, checkpoint=1)
    assert {one: offset for one, (offset, _) in newest(job.lines).items()} == {0: 599, 1: 599, 2: 599}
    assert job.unequal() == []
    assert sum(part.facts.quarantined for line in job.lines for part in line.slices) > 150


def test_a_checkpoint_whose_lines_nobody_sees_yet_is_where_it_goes_on(tmp_path):
    job = Job(tmp_path, random.Random(1))
    job.attempt(job.submitted(), 8, checkpoint=0)
    task, at, lines = Judging(job.submitted()), {}, []
    for end in (40, 100):
        batch = job.topic[0].filter(pa.compute.less(job.topic[0]["offset"], end)).slice(20 if end == 100 else 0)
        lines.append(parsed(messages(task(batch), "good.tallies")[0].value()).intent)
        at[0] = lines[-1].slices[0].end.offset
    restored = job.submitted(restored=True)
    assert restored.positions == {}
    job.commit(lines, at)
    job.attempt(restored, 20, checkpoint=1)
    assert job.unequal() == []


def test_saves_of_tasks_are_let_go_of_once_a_later_one_that_holds_all_is_committed(tmp_path, monkeypatch):
    job = Job(tmp_path, random.Random(2))
    monkeypatch.setattr(memory, "_WHOLE", 4)
    job.attempt(job.submitted(), 400, checkpoint=1)
    kept = [len(list((tmp_path / "history" / str(one)).glob("*.npz"))) for one in range(PARTITIONS)]
    assert max(kept) <= 5
    assert len(job.lines) > 15
    before = len(list(tmp_path.glob("history/*/*.claim")))
    job.submitted()
    assert (before, len(list(tmp_path.glob("history/*/*.claim")))) == (PARTITIONS, 0)


def test_a_task_that_was_given_up_and_lives_on_is_fenced(tmp_path):
    told = remembering(tmp_path, 100, {}, restored=False)
    old, new = Remembered(BY, told), Remembered(BY, told)
    old.before({0: 0})
    old.after({0: 5})
    new.before({0: 5})
    with pytest.raises(Fenced):
        old.after({0: 9})
    new.after({0: 9})


def test_a_save_that_is_gone_is_told_before_a_job_is_submitted(tmp_path):
    with pytest.raises(StillwellError) as lost:
        remembering(tmp_path, 100, {0: (7, "abcdef01")}, restored=False)
    assert [one.code for one in lost.value.problems] == ["history-lost"]
    assert remembering(tmp_path, 100, {0: (7, "")}, restored=False).begins == {0: (7, "")}
