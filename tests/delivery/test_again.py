"""Reading once more gives the records of an intent, and judging once more its verdicts."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from stillwell.connectors.base import Chunk
from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.delivery import again
from stillwell.delivery.again import Again, Rejudge, read_again
from stillwell.delivery.intent import Intent
from stillwell.delivery.memory_ledger import MemoryLedger
from stillwell.delivery.slice import Position, Slice
from stillwell.errors import ConnectorError
from stillwell.kernel import Kernel
from stillwell.kernel.digest import Facts
from tests.delivery.stage import BEGAN, STRICT, Stage, batch, contract

FACTS = Facts(0, 0, 0, 0, 0, 0, "", 0)


def intent(*parts, by="", clock=BEGAN):
    slices = tuple(Slice(partition, Position(start), Position(end), FACTS) for partition, start, end in parts)
    return Intent("p", "s", slices, by, {}, clock)


def places(table):
    return sorted(zip(table["partition"].to_pylist(), table["offset"].to_pylist(), strict=True))


def test_records_are_those_of_the_slices_and_of_no_other_partition(tmp_path):
    source = Stage(tmp_path).memory({0: batch(50), 1: batch(50), 2: batch(50)})
    table = read_again(source, intent((0, 10, 30), (2, 5, 6)))
    assert places(table) == [*((0, n) for n in range(10, 30)), (2, 5)]


def test_what_a_source_has_lost_is_left_out(tmp_path):
    source = Stage(tmp_path).memory(batch(12))
    assert places(read_again(source, intent((0, 10, 30)))) == [(0, 10), (0, 11)]
    assert len(read_again(source, intent((0, 20, 30)))) == 0


def test_a_source_that_never_ends_and_gives_nothing_is_not_waited_for_forever(monkeypatch):
    monkeypatch.setattr(again, "PATIENCE", 0.05)

    class Endless:
        finished = False

        def __init__(self):
            self.given = 3

        def seek(self, positions):
            self.given = positions[0].offset

        def read(self, records):
            if self.given >= 3:
                return None
            self.given += 1
            table = pa.table({"partition": pa.array([0], pa.int32()), "offset": [self.given - 1], "payload": [b"x"]})
            return Chunk(table, {0: Position(self.given)})

    assert places(read_again(Endless(), intent((0, 1, 10)))) == [(0, 1), (0, 2)]


def test_a_source_that_waits_for_others_is_no_source_that_has_no_more(monkeypatch):
    monkeypatch.setattr(again, "PATIENCE", 0.05)

    class Waiting:
        finished, waits = False, "none of the brokers b:1 answers"

        def seek(self, positions):
            pass

        def read(self, records):
            return None

    with pytest.raises(ConnectorError, match="none of the brokers b:1 answers") as caught:
        read_again(Waiting(), intent((0, 0, 5)))
    assert [one.code for one in caught.value.problems] == ["unreachable"]


class Watched:
    """A source of three partitions whose chunks are small; `seeks` are the positions it was sent to."""

    def __init__(self, folder, counts, *, fail_at=0):
        self._inner = Stage(folder).memory({partition: batch(count) for partition, count in counts.items()})
        self._inner.open()
        self.seeks, self.reads, self._fail_at = [], 0, fail_at

    @property
    def finished(self):
        return self._inner.finished

    def seek(self, positions):
        self.seeks.append({partition: one.offset for partition, one in positions.items()})
        self._inner.seek(positions)

    def read(self, records):
        self.reads += 1
        if self.reads == self._fail_at:
            raise OSError("away")
        return self._inner.read(7)


@pytest.mark.parametrize("size", [1, 5, 30])
def test_intents_one_after_the_other_are_read_without_going_back(tmp_path, size):
    source = Watched(tmp_path, {0: 90, 2: 90})
    again = Again(source)
    for start in range(0, 90, size):
        wanted = intent((0, start, start + size), (2, start, start + size))
        assert places(again.read(wanted)) == sorted((p, n) for p in (0, 2) for n in range(start, start + size))
    assert source.seeks == [{0: 0, 2: 0}]
    assert source.reads < 40


def test_intents_of_several_members_are_read_without_going_back_for_each(tmp_path):
    source = Watched(tmp_path, {0: 90, 1: 90})
    again = Again(source)
    for start in range(0, 90, 10):
        for partition in (0, 1):
            wanted = intent((partition, start, start + 10))
            assert places(again.read(wanted)) == [(partition, n) for n in range(start, start + 10)]
    assert len(source.seeks) <= 2


def test_it_goes_back_where_an_intent_begins_elsewhere(tmp_path):
    source = Watched(tmp_path, {0: 90})
    again = Again(source)
    for start, end in ((0, 10), (30, 40), (40, 50), (10, 20), (20, 30), (88, 95), (0, 3)):
        assert places(again.read(intent((0, start, end)))) == [(0, n) for n in range(start, min(end, 90))]
    assert [one[0] for one in source.seeks] == [0, 30, 10, 88, 0]


def test_what_is_kept_is_bounded_and_nothing_is_missing_for_that(tmp_path):
    source = Watched(tmp_path, {0: 60, 1: 300})
    again, most = Again(source, keep=2000), 0
    for start in range(0, 60, 5):
        assert places(again.read(intent((0, start, start + 5)))) == [(0, n) for n in range(start, start + 5)]
        most = max(most, again.kept)
    # One chunk may come on top.
    assert most < 2000 + 7 * 400
    for start in range(0, 300, 50):
        assert places(again.read(intent((1, start, start + 50)))) == [(1, n) for n in range(start, start + 50)]
    assert len(source.seeks) > 1


def test_after_an_error_it_begins_anew(tmp_path):
    source = Watched(tmp_path, {0: 60}, fail_at=2)
    again = Again(source)
    assert len(again.read(intent((0, 0, 7)))) == 7
    with pytest.raises(OSError, match="away"):
        again.read(intent((0, 7, 14)))
    assert places(again.read(intent((0, 14, 30)))) == [(0, n) for n in range(14, 30)]
    assert source.seeks == [{0: 0}, {0: 14}]


@pytest.fixture
def rejudge():
    """A ledger that knows two contracts, and a judge whose own is the first."""
    ledger = MemoryLedger()
    old, strict = contract(), parse(STRICT)
    ledger.declare(intent((0, 0, 1), by=digest(old)), old.text)
    ledger.declare(intent((0, 1, 2), by=digest(strict)), strict.text)
    made = []

    def make(by):
        made.append(Kernel(by, threads=1))
        return made[-1]

    own = make(old)
    yield Rejudge(ledger, own, make), digest(old), digest(strict), made
    for kernel in made:
        kernel.close()


def test_each_intent_is_judged_by_its_own_contract_compiled_once(rejudge, tmp_path):
    judge, old, strict, made = rejudge
    records = Stage(tmp_path).memory(batch(100)).read(100).table
    counts = [len(judge(records, intent((0, 0, 100), by=by)).accepted) for by in (old, strict, old, strict)]
    assert counts[0] == counts[2] > counts[1] == counts[3]
    assert [kernel.contract.version for kernel in made] == ["1.0.0", "2.0.0"]


def test_the_clock_is_that_of_the_intent(rejudge, tmp_path):
    """A minute of grace after the clock: later records come from the future."""
    judge, old, _, _ = rejudge
    records = Stage(tmp_path).memory(batch(100, timed=False)).read(100).table
    now, later = (judge(records, intent((0, 0, 100), by=old, clock=BEGAN + dt.timedelta(minutes=m))) for m in (0, 1))
    assert len(now.accepted) < len(later.accepted)
    assert set(now.accepted["_stillwell"].combine_chunks().field("ingest_time").to_pylist()) == {BEGAN}


def test_a_contract_that_no_ledger_knows_is_told(rejudge, tmp_path):
    records = Stage(tmp_path).memory(batch(1)).read(1).table
    with pytest.raises(KeyError):
        rejudge[0](records, intent((0, 0, 1), by="unknown"))
