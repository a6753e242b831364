"""Epochs are declared first, then written to every sink from its own mark; whoever lost a mark writes nothing more."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from stillwell.delivery.commit import Delivery, Identity
from stillwell.delivery.slice import Position
from stillwell.errors import Fenced, StillwellError
from stillwell.kernel import Kernel
from tests.delivery.stage import BEGAN, Died, Fuse, Fused, Stage, batch, contract

IDENTITY = Identity("test", "memory", "digest", "text", {"duckdb": "2"})


@pytest.fixture(scope="module")
def kernel():
    made = Kernel(contract(), threads=1)
    yield made
    made.close()


@pytest.fixture
def stage(tmp_path, kernel):
    """A stage whose sinks are open."""
    from stillwell.kernel.program import accepted_schema, quarantine_schema

    made = Stage(tmp_path, accepted=("accepted", "copy"))
    for name in made.accepted:
        made.sink(name).open(accepted_schema(kernel.contract))
    made.sink("quarantine").open(quarantine_schema(None))
    return made


def delivery(stage, fuse=None, identity=IDENTITY):
    sinks = {name: Fused(stage.sink(name), name, fuse or Fuse()) for name in (*stage.accepted, *stage.quarantine)}
    ledger = sinks["accepted"].ledger()
    return Delivery(identity, ledger, [sinks["quarantine"]], [sinks[name] for name in stage.accepted])


def commit(one, stage, kernel, start, end, records=200):
    source = stage.memory(batch(records))
    source.seek({0: Position(start)})
    chunk = source.read(end - start)
    return one.commit(kernel.judge(chunk.table), chunk.ends, BEGAN)


def test_the_intent_comes_first_then_the_quarantine_then_what_is_accepted(stage, kernel):
    fuse = Fuse()
    commit(delivery(stage, fuse), stage, kernel, 0, 30)
    assert [step for step in fuse.steps if step.startswith("after")] == [
        "after ledger", "after quarantine", "after accepted", "after copy"
    ]  # fmt: skip
    assert fuse.steps[:3] == ["before ledger", "after ledger", "before quarantine"]


def test_an_epoch_says_where_it_began_and_ended_and_what_became_of_it(stage, kernel):
    one = delivery(stage)
    assert one.positions() == {}
    first = commit(one, stage, kernel, 0, 30)
    second = commit(one, stage, kernel, 30, 70)
    assert [(intent.slices[0].start.offset, intent.slices[0].end.offset) for intent in (first, second)] == [
        (0, 30),
        (30, 70),
    ]
    assert (second.pipeline, second.source, second.contract, second.clock) == ("test", "memory", "digest", BEGAN)
    assert second.slices[0].facts.read == 40
    assert one.positions() == {0: Position(70)}
    assert delivery(stage).positions() == {0: Position(70)}
    assert delivery(stage).unfinished() == []


def test_partitions_that_an_epoch_does_not_hold_stay_where_they_are(stage, kernel):
    one = delivery(stage)
    source = stage.memory({0: batch(10), 1: batch(30)})
    for records in (20, 12, 8):
        chunk = source.read(records)
        one.commit(kernel.judge(chunk.table), chunk.ends, BEGAN)
    assert one.positions() == delivery(stage).positions() == {0: Position(10), 1: Position(30)}
    assert stage.everywhere() == [*((0, n) for n in range(10)), *((1, n) for n in range(30))]


def test_of_two_writers_one_goes_on_and_the_other_is_fenced_before_it_writes(stage, kernel):
    one, two = delivery(stage), delivery(stage)
    commit(one, stage, kernel, 0, 30)
    fuse = Fuse()
    with pytest.raises(Fenced):
        commit(two, stage, kernel, 0, 50)
    assert fuse.steps == []
    commit(one, stage, kernel, 30, 40)
    assert stage.everywhere() == [(0, n) for n in range(40)]


def test_a_writer_that_slept_between_intent_and_sink_is_fenced_by_the_sinks(stage, kernel):
    """It declared; while it slept, another finished its epoch and wrote the next."""
    fuse = Fuse(2)
    sleeper = delivery(stage, fuse)

    def meanwhile():
        other = delivery(stage)
        (intent,) = other.unfinished()
        source = stage.memory(batch(200))
        other.settle(intent, kernel.judge(source.read(30).table))
        commit(other, stage, kernel, 30, 60)

    fuse._die = meanwhile
    with pytest.raises(Fenced):
        commit(sleeper, stage, kernel, 0, 30)
    assert stage.everywhere() == [(0, n) for n in range(60)]
    assert stage.held("copy").equals(stage.held("accepted"))


def test_tables_of_another_pipeline_or_source_are_refused(stage, kernel):
    commit(delivery(stage), stage, kernel, 0, 30)
    for other in ({"pipeline": "another"}, {"source": "another"}):
        with pytest.raises(StillwellError) as caught:
            delivery(stage, identity=dataclasses.replace(IDENTITY, **other))
        assert [problem.code for problem in caught.value.problems] == ["other-source"]


def test_an_epoch_that_lost_a_record_is_refused_before_anything_is_written(stage, kernel):
    one = delivery(stage)
    chunk = stage.memory(batch(30)).read(30)
    judged = kernel.judge(chunk.table)
    for wrong in ({"accepted": 3}, {"identity_accepted": 1}):
        facts = {0: dataclasses.replace(judged.facts[0], **wrong)}
        with pytest.raises(StillwellError) as caught:
            one.commit(dataclasses.replace(judged, facts=facts), chunk.ends, dt.datetime.now(dt.UTC))
        assert [problem.code for problem in caught.value.problems] == ["internal"]
    assert stage.everywhere() == []
    assert stage.sink("accepted").ledger().intents() == []


def test_what_is_settled_of_a_partition_does_not_wait_for_another(stage, kernel):
    """Two processes of a group: one dies with partition 0 declared, the other goes on with 1, and gets both."""
    one = delivery(stage, Fuse(3))
    with pytest.raises(Died):
        commit(one, stage, kernel, 0, 30)
    source = stage.memory({0: batch(1), 1: batch(20)})
    source.seek({0: Position(1)})
    chunk = source.read(20)
    delivery(stage).commit(kernel.judge(chunk.table), chunk.ends, BEGAN)
    both = delivery(stage)
    assert [[part.partition for part in intent.slices] for intent in both.unfinished()] == [[0]]
    assert [[part.partition for part in intent.slices] for intent in both.settled()] == [[1]]
