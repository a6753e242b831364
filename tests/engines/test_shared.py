"""Several runs share the partitions of one source: whoever comes, stalls or dies, each record is somewhere once."""

from __future__ import annotations

import threading
import time

import pyarrow.compute as pc
import pytest

from stillwell.connectors.base import Chunk
from stillwell.delivery.again import read_again
from stillwell.delivery.slice import Gap, Position
from stillwell.engines.embedded import flow
from stillwell.errors import ConnectorError, Problem
from tests.delivery.stage import Died, Fuse, Stage, batch
from tests.engines.group import Group, Member

PARTITIONS, EACH = 4, 90


def records():
    return {partition: batch(EACH, start=1000 * partition) for partition in range(PARTITIONS)}


class Runner:
    """One member that runs in a thread of its own; `fuse` steps at each of its commits."""

    def __init__(self, stage, group, fuse=None):
        self.member = Member(group)
        self.stop = threading.Event()
        self.summary = self.error = None
        self.seen = 0

        def work():
            try:
                self.summary = stage.run(
                    self.member, fuse=fuse, stop=self.stop, records=30, watch=lambda progress: self.watch()
                )
            except BaseException as error:  # noqa: BLE001 - the test raises it
                self.error = error

        self.thread = threading.Thread(target=work, name="member")
        self.thread.start()

    def watch(self):
        self.seen += 1

    def end(self):
        self.stop.set()
        self.thread.join(60)
        assert not self.thread.is_alive()
        if self.error is not None:
            raise self.error
        return self.summary


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path, "delta")


@pytest.fixture
def group(stage):
    return Group(PARTITIONS, lambda: stage.memory(records()))


def wait(true, seconds=60.0):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "this never came to be"
        time.sleep(0.2)


def whole(stage):
    return len(stage.everywhere()) == PARTITIONS * EACH


def assert_once(stage):
    places = stage.everywhere()
    assert len(places) == len(set(places)) == PARTITIONS * EACH
    assert stage.audit(stage.memory(records())).holds


def test_one_member_reads_all(stage, group):
    one = Runner(stage, group)
    wait(lambda: whole(stage))
    assert one.end().read == PARTITIONS * EACH
    assert one.member.told.keys() == set(range(PARTITIONS))
    assert_once(stage)


def test_members_that_come_and_go_share_the_work(stage, group):
    """Nobody is fenced and nothing judged twice: partitions are handed over when all that was read is written."""
    first = Runner(stage, group)
    wait(lambda: first.seen >= 1)
    second = Runner(stage, group)
    wait(lambda: second.seen >= 1)
    gone = first.end()
    wait(lambda: whole(stage))
    left = second.end()
    assert gone.read + left.read == PARTITIONS * EACH
    assert gone.recovered == left.recovered == 0
    assert min(gone.read, left.read) > 0
    assert_once(stage)


class Stalling:
    """A fuse that holds its run up at one step, as SIGSTOP would."""

    def __init__(self, at):
        self.at = at
        self.held, self.go = threading.Event(), threading.Event()

    def step(self, name):
        if name == self.at and not self.go.is_set():
            self.held.set()
            self.go.wait(60)


@pytest.mark.parametrize("step", ["before ledger", "after ledger", "after quarantine", "before accepted"])
def test_one_that_stalls_and_wakes_after_others_took_over_writes_nothing_twice(stage, group, step):
    fuse = Stalling(step)
    zombie = Runner(stage, group, fuse)
    assert fuse.held.wait(60)
    zombie.member.awake.clear()
    zombie.member.expel()
    heir = Runner(stage, group)
    wait(lambda: whole(stage))
    fuse.go.set()
    zombie.member.awake.set()
    zombie.end()
    heir.end()
    assert_once(stage)


@pytest.mark.parametrize("at", range(1, 7))
def test_an_intent_left_open_is_finished_by_two_survivors_each_its_part(stage, group, at):
    """It dies before or after each of the three commits of an epoch over all partitions."""
    one = Runner(stage, group, Fuse(at))
    one.thread.join(60)
    assert isinstance(one.error, Died)
    first, second = Runner(stage, group), Runner(stage, group)
    wait(lambda: whole(stage))
    read = first.end().read + second.end().read
    assert read >= PARTITIONS * EACH - 40
    assert_once(stage)


def test_a_failure_that_is_nobodys_move_ends_the_run(stage, group):
    class Full:
        def step(self, name):
            if name == "before accepted":
                raise ConnectorError(Problem("sink-schema", "Other columns.", "Name another table."))

    one = Runner(stage, group, Full())
    one.thread.join(60)
    with pytest.raises(ConnectorError, match="Other columns"):
        one.end()


def test_more_members_than_partitions_wait_their_turn(stage):
    group = Group(1, lambda: stage.memory({0: batch(EACH)}))
    first, second = Runner(stage, group), Runner(stage, group)
    wait(lambda: len(stage.everywhere()) == EACH)
    assert first.end().read + second.end().read == EACH


def test_what_the_source_had_forgotten_is_in_the_ledger_and_the_summary(stage):
    source = Gappy(stage.memory({0: batch(50), 1: batch(50, start=7)}))
    summary = stage.run(source, records=20)
    assert summary.gaps == (Gap(1, 0, 7),)
    intents = stage.sink("accepted").ledger().intents()
    assert [intent.gaps for intent in intents] == [(), (Gap(1, 0, 7),), *[()] * (len(intents) - 2)]
    assert intents[1].within({0}).gaps == ()
    assert intents[1].within({1}) == intents[1].within({1}).within({1, 2})


class Wrapped:
    """A source that is one but for what a subclass changes."""

    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


class Gappy(Wrapped):
    """Tells of a gap one chunk before the records behind it."""

    finished = False

    def seek(self, positions):
        self._inner.seek(positions)
        whole = self._inner.read(1000).table
        first, second = (whole.filter(pc.equal(whole["partition"], one)) for one in (0, 1))
        self._chunks = iter(
            [
                Chunk(first.slice(0, 20), {0: Position(20)}, (Gap(1, 0, 7),)),
                Chunk(second.slice(0, 20), {1: Position(27)}),
                Chunk(second.slice(20), {1: Position(57)}),
                Chunk(first.slice(20), {0: Position(50)}),
            ]
        )

    def read(self, records):
        chunk = next(self._chunks, None)
        self.finished = chunk is None
        return chunk


class Slow:
    """A fuse that makes each commit take a while."""

    def step(self, name):
        if name == "before accepted":
            time.sleep(0.4)


def test_a_member_whose_sink_is_slow_shows_that_it_is_there_and_lets_go_when_asked(stage, group, monkeypatch):
    """Its reader waits with a full epoch: partitions change hands from within that wait."""
    monkeypatch.setattr(flow, "IDLE", 0.05)
    slow = Runner(stage, group, Slow())
    wait(lambda: slow.member.idled > 3)
    other = Runner(stage, group)
    wait(lambda: whole(stage))
    assert slow.end().recovered == other.end().recovered == 0
    assert other.seen
    assert_once(stage)


@pytest.mark.parametrize("partitions", [{0}, {1, 3}])
def test_only_what_is_named_is_read_again_where_the_source_can_do_that(stage, partitions):
    class Chosen(Wrapped):
        def seek_only(self, positions):
            self.asked = set(positions)
            self._inner.seek(positions)

    source = Chosen(stage.memory(records()))
    stage.run(source, records=1000)
    (intent,) = stage.sink("accepted").ledger().intents()
    assert len(read_again(source, intent.within(partitions))) == EACH * len(partitions)
    assert source.asked == partitions


def test_what_is_gone_and_has_nothing_behind_it_is_told_too(stage):
    class Emptied(Wrapped):
        def read(self, records):
            chunk = self._inner.read(records)
            return chunk and Chunk(chunk.table, chunk.ends, (Gap(1, 0, 500),))

    summary = stage.run(Emptied(stage.memory({0: batch(50)})), records=20)
    assert summary.gaps == (Gap(1, 0, 500),)
    assert [intent.gaps for intent in stage.sink("accepted").ledger().intents()] == [()] * summary.epochs
