"""What sequence rules remember survives any death: verdicts are those of one run that nothing disturbed."""

from __future__ import annotations

import datetime as dt
import random
from contextlib import closing

import pyarrow as pa
import pytest

from stillwell.connectors.memory import forget
from stillwell.contract.load import parse
from stillwell.delivery import memory
from stillwell.delivery.memory import Memory
from stillwell.delivery.slice import Position
from stillwell.errors import StillwellError
from stillwell.kernel import Kernel
from stillwell.kernel.sequence import state
from tests.delivery.stage import Died, Fuse, Stage, batch, contract, timeless

HISTORY = """
contract: readings
version: {version}
key: sensor
time: at
fields:
  sensor: {{type: string, required: true}}
  at: {{type: timestamp, required: true}}
  value: {{type: double, min: 0, max: 50, repair: {{range: clamp}}}}
  count: {{type: double, required: true, max: 90}}
sequence:
  steady: {{kind: jump, field: value, max: 3.6, within: 20s}}
  once: {{kind: unique, fields: [sensor, count], within: {within}}}
  upward: {{kind: counter, field: count, reset: true, severity: warn}}
"""
BY = parse(HISTORY.format(version="1.0.0", within="150s"))
LATER = parse(
    HISTORY.format(version="1.1.0", within="60s").replace(
        "  upward", "  quiet: {kind: gap, max: 8s, severity: warn}\n  upward"
    )
)
EPOCH = 37


def source(stage):
    return stage.memory({0: batch(260), 1: batch(130, start=77)})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("whole"), "parquet")
    fuse = Fuse()
    stage.run(source(stage), by=BY, fuse=fuse, records=EPOCH)
    rows = [timeless(stage.held(name)) for name in ("accepted", "quarantine")]
    broken = {reason["rule"] for row in rows[1] for reason in row["reasons"]}
    assert {"steady", "once"} <= broken
    return rows, fuse.steps


def held(stage):
    return [timeless(stage.held(name)) for name in ("accepted", "quarantine")]


def test_it_does_not_matter_where_epochs_end(tmp_path, undisturbed):
    for number, records in enumerate((11, 1000)):
        stage = Stage(tmp_path / str(number), "parquet")
        stage.run(source(stage), by=BY, records=records)
        assert held(stage) == undisturbed[0]


@pytest.mark.parametrize("ahead", range(6))
def test_a_run_that_dies_at_any_step_goes_on_with_what_was_remembered(tmp_path, undisturbed, ahead):
    stage = Stage(tmp_path, "parquet")
    steps = len(undisturbed[1])
    # Other epochs after each death, so that what was saved and never declared is met too.
    for at, records in ((steps // 2 + ahead, EPOCH), (3 + ahead, 23), (2 + ahead, 50)):
        with pytest.raises(Died):
            stage.run(source(stage), by=BY, fuse=Fuse(at), records=records)
    stage.run(source(stage), by=BY, records=EPOCH)
    assert held(stage) == undisturbed[0]
    audited = stage.audit(source(stage))
    assert (audited.proved, audited.findings) == (390, ())


def test_a_sink_that_is_new_gets_what_the_others_have(tmp_path, undisturbed):
    stage = Stage(tmp_path, "parquet")
    stage.run(source(stage), by=BY, records=EPOCH)
    more = Stage(tmp_path, "parquet", accepted=("accepted", "second"))
    more.run(source(more), by=BY, records=EPOCH)
    assert timeless(more.held("second")) == undisturbed[0][0]


def test_a_contract_deployed_between_death_and_restart_judges_what_comes_after(tmp_path):
    stage = Stage(tmp_path, "parquet")
    with pytest.raises(Died):
        stage.run(source(stage), by=BY, fuse=Fuse(14), records=EPOCH)
    stage.run(source(stage), by=LATER, records=EPOCH)
    assert stage.everywhere() == [(0, n) for n in range(260)] + [(1, n) for n in range(130)]
    versions = [row["_stillwell"]["version"] for row in held(stage)[0]]
    assert set(versions) == {"1.0.0", "1.1.0"}
    audited = stage.audit(source(stage))
    assert (audited.proved, audited.findings) == (390, ())


def test_rules_that_come_after_a_time_without_any_begin_anew(tmp_path):
    stage = Stage(tmp_path, "parquet")
    for by, records in ((BY, 100), (contract("1.5.0"), 100), (LATER, 37)):
        with pytest.raises(Died):
            stage.run(source(stage), by=by, fuse=Fuse(8), records=records)
    stage.run(source(stage), by=LATER, records=EPOCH)
    assert len(stage.everywhere()) == 390
    audited = stage.audit(source(stage))
    assert (audited.proved, audited.findings) == (390, ())


def test_old_saves_go_and_the_newest_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_WHOLE", 4)
    stage = Stage(tmp_path, "parquet")
    stage.run(source(stage), by=BY, records=11)
    saves = sorted((tmp_path / "state/history/0").iterdir())
    assert 1 <= len(saves) <= 5
    forget(str(tmp_path))
    stage.run(stage.memory({0: batch(300), 1: batch(130, start=77)}), by=BY, records=11)
    whole = Stage(tmp_path / "whole", "parquet")
    whole.run(whole.memory({0: batch(300), 1: batch(130, start=77)}), by=BY, records=11)
    assert held(stage) == held(whole)


def test_a_save_that_is_gone_is_one_clear_error(tmp_path):
    stage = Stage(tmp_path, "parquet")
    stage.run(source(stage), by=BY, records=EPOCH)
    for path in (tmp_path / "state/history/0").iterdir():
        path.unlink()
    with pytest.raises(StillwellError, match="what sequence rules remember, cannot be read") as raised:
        stage.run(source(stage), by=BY, records=EPOCH)
    assert raised.value.problems[0].code == "history-lost"


# Judged part by part by whoever is free, as tasks of a cluster do.


NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def records(count, *, start=0, partition=0):
    """Readings with their places."""
    places = {"partition": pa.array([partition] * count, pa.int32()), "offset": pa.array(range(start, start + count))}
    readings = batch(count, start=start)
    return pa.table({**places, **{name: readings[name] for name in readings.column_names}})


@pytest.fixture(scope="module")
def kernel():
    with closing(Kernel(BY, threads=1)) as made:
        yield made


def judged(kernel, memory, word, some):
    """Judge records as of where they begin, saved there under this word; the verdicts, and what is saved after them."""
    begin, end = some["offset"][0].as_py(), some["offset"][-1].as_py() + 1
    said = kernel.judge(some, NOW, memory.stand({0: (begin, word)}))
    return said.verdicts.to_pylist(), memory.save(memory.changes({0}), {0: Position(end)})


@pytest.mark.parametrize("most", [1_000_000, 1])
def test_whoever_judges_next_goes_on_where_the_one_before_saved(tmp_path, monkeypatch, kernel, most):
    monkeypatch.setattr(memory, "_WHOLE", 5)
    monkeypatch.setattr(state, "BLOCK", 40)
    everything = records(260)
    alone = Memory(BY, most=most)
    whole, gone = kernel.judge(everything, NOW, alone.history).verdicts.to_pylist(), alone.history.of(0).forgotten
    assert (gone > 0) is (most == 1)
    chances = random.Random(3)
    several = [Memory(BY, tmp_path, most) for _ in range(3)]
    found, word = [], ""
    for begin in range(0, 260, 13):
        if chances.random() < 0.2:
            # One has died, and comes back with nothing.
            several[0] = Memory(BY, tmp_path, most)
        # Two are asked, or one twice; the answer of either counts.
        both = [judged(kernel, one, word, everything.slice(begin, 13)) for one in chances.choices(several, k=2)]
        assert both[0][0] == both[1][0]
        verdicts, saved = chances.choice(both)
        found, word = found + verdicts, saved.word
        gone -= saved.forgotten.get(0, 0)
        several[0].forget_older(saved)
    assert (found, gone) == (whole, 0)
    assert len(list((tmp_path / "history" / "0").iterdir())) < 20


def test_who_failed_before_it_saved_begins_again_where_it_should(tmp_path, kernel):
    one, other = Memory(BY, tmp_path), Memory(BY, tmp_path)
    _, saved = judged(kernel, one, "", records(60))
    then = records(60, start=60)
    kernel.judge(then, NOW, one.stand({0: (60, saved.word)}))
    assert judged(kernel, one, saved.word, then)[0] == judged(kernel, other, saved.word, then)[0]


def test_of_partitions_that_are_not_judged_now_no_more_keys_are_held_than_may_be_of_one(tmp_path, kernel):
    held = Memory(BY, tmp_path, most=60)
    for partition in range(6):
        kernel.judge(records(40, partition=partition), NOW, held.stand({partition: (0, "")}))
    keys = {one: held.history.of(one).keys for one in held.history.partitions}
    each = keys[5]
    assert each <= 60
    assert list(keys) == list(range(5 - 60 // each, 6))
