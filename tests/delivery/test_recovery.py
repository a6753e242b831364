"""Recovery: wherever a run dies, the next one finishes what it had declared, as it had been declared."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
import threading

import pytest

from stillwell.connectors.memory import forget
from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.engines.embedded import Engine, EngineOptions
from stillwell.errors import StillwellError
from tests.delivery.stage import DURABLE, STRICT, Died, Forked, Fuse, Stage, batch, contract, payload, timeless

RECORDS = 120
ALL = [(0, n) for n in range(RECORDS)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The rows of a run that nothing disturbed."""
    stage = Stage(tmp_path_factory.mktemp("undisturbed"))
    stage.run(stage.memory(batch(RECORDS)))
    return {name: stage.held(name).to_pylist() for name in ("accepted", "quarantine")}


class Dribbling:
    """A source that gives a few records at a time, whatever it is asked for."""

    def __init__(self, inner, most):
        self._inner = inner
        self._most = most

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def read(self, records):
        return self._inner.read(min(records, self._most))


def died(stage, at, records=30, **run):
    """A run that dies at a step: its fuse."""
    fuse = Fuse(at)
    with pytest.raises(Died):
        stage.run(stage.memory(batch(RECORDS)), fuse=fuse, records=records, **run)
    return fuse


@pytest.mark.parametrize("kind", ["memory", *DURABLE])
def test_after_deaths_at_every_step_the_rows_are_those_of_an_undisturbed_run(kind, tmp_path, undisturbed):
    """Each run dies at another step, with epochs of another size, other chunks and other threads."""
    stage = Stage(tmp_path, kind)
    deaths = [
        (1, 30, 99),
        (2, 30, 7),
        (3, 17, 40),
        (4, 11, 3),
        (6, 13, 40),
        (2, 7, 2),
        (5, 9, 40),
        (4, 9, 9),
        (2, 5, 1),
    ]
    steps = set()
    for at, records, chunk in deaths:
        fuse = Fuse(at)
        source = Dribbling(stage.memory(batch(RECORDS)), chunk)
        with pytest.raises(Died):
            stage.run(source, fuse=fuse, records=records, threads=1 + at % 2)
        steps.add(fuse.steps[-1])
        assert len(set(stage.everywhere())) == len(stage.everywhere())
    assert len(steps) == 6
    summary = stage.run(stage.memory(batch(RECORDS)), records=50)
    assert summary.recovered == 1
    for name, rows in undisturbed.items():
        assert stage.held(name).to_pylist() == rows
    audited = stage.audit(stage.memory(batch(RECORDS)))
    assert audited.holds, audited
    assert audited.proved == RECORDS


def test_of_two_accepted_sinks_the_second_takes_what_it_lacks(tmp_path, undisturbed):
    stage = Stage(tmp_path, accepted=("accepted", "copy"), quarantine=("quarantine", "other"))
    assert died(stage, at=8).steps[-1] == "after accepted"
    assert (len(stage.offsets("accepted")), len(stage.offsets("copy"))) == (23, 0)
    assert died(stage, at=1, records=10).steps == ["before copy"]
    stage.run(stage.memory(batch(RECORDS)))
    for name, rows in (("copy", "accepted"), ("other", "quarantine")):
        assert stage.held(name).to_pylist() == stage.held(rows).to_pylist() == undisturbed[rows]


@pytest.mark.parametrize("kind", ["memory", "delta"])
def test_an_intent_is_finished_by_its_own_contract_and_later_epochs_are_judged_by_the_new_one(kind, tmp_path):
    stage = Stage(tmp_path, kind)
    died(stage, at=10)
    old, new = contract(), parse(STRICT)
    summary = stage.run(stage.memory(batch(RECORDS)), by=new, records=30)
    assert (summary.read, summary.recovered) == (90, 1)
    versions = [
        one["version"] for name in ("accepted", "quarantine") for one in stage.held(name)["_stillwell"].to_pylist()
    ]
    assert sorted(versions) == ["1.0.0"] * 60 + ["2.0.0"] * 60
    for by, low, high in ((old, 0, 60), (new, 60, 120)):
        alone = Stage(tmp_path / by.version)
        alone.run(alone.memory(batch(RECORDS)), by=by)
        for name in ("accepted", "quarantine"):
            due = [row for row in alone.held(name).to_pylist() if low <= row["_stillwell"]["offset"] < high]
            assert [row for row in stage.held(name).to_pylist() if low <= row["_stillwell"]["offset"] < high] == due
    intents = stage.sink("accepted").ledger().intents()
    assert [one.contract for one in intents] == [digest(old)] * 2 + [digest(new)] * 2
    assert stage.audit(stage.memory(batch(RECORDS))).proved == RECORDS


def test_a_run_of_another_contract_and_window_still_counts_what_it_recovered(tmp_path):
    """Tallies of the epochs before and after the change are merged into one summary."""
    stage = Stage(tmp_path)
    died(stage, at=2)
    job = stage.job(stage.memory(batch(RECORDS)), parse(STRICT), records=30)
    job = dataclasses.replace(job, window=dt.timedelta(minutes=5), group=("sensor",))
    summary = Engine(EngineOptions(threads=1)).run(job, lambda progress: None, threading.Event())
    assert summary.tally.count("read") == summary.read == RECORDS


def test_neither_a_moved_clock_nor_another_zone_changes_a_verdict_that_was_declared(tmp_path):
    """Records of tomorrow are rejected by the clock of their intent, though on restart it is the day after."""
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).isoformat()
    line = json.dumps({"sensor": "s", "at": tomorrow, "value": 1, "count": 1}) + "\n"
    (tmp_path / "in.jsonl").write_text(line * 60)
    stage = Stage(tmp_path, "jsonl")
    with pytest.raises(Died):
        stage.run(stage.source("files", path="in.jsonl"), fuse=Fuse(2), records=25)
    (intent,) = stage.sink("accepted").ledger().intents()
    later = Forked(stage, source=("files", {"path": "in.jsonl"}), epoch=20, days=2, zone="America/New_York")
    assert later.ended() == {"read": 60, "recovered": 1, "epochs": 3, "code": 0}
    assert stage.offsets("quarantine") == [(0, n) for n in range(25)]
    assert {row["_stillwell"]["ingest_time"] for row in stage.held("quarantine").to_pylist()} == {intent.clock}
    assert stage.offsets("accepted") == [(0, n) for n in range(25, 60)]
    assert stage.audit(stage.source("files", path="in.jsonl")).proved == 60


@pytest.mark.parametrize("kind", ["memory", "parquet", "delta"])
def test_a_sink_that_was_lost_is_filled_again_from_the_beginning(kind, tmp_path, undisturbed):
    """Its mark is gone with its rows, and it is the mark that says what it holds."""
    stage = Stage(tmp_path, kind)
    stage.run(stage.memory(batch(RECORDS)), records=30)
    if kind == "memory":
        forget(f"{tmp_path}/quarantine")
    else:
        shutil.rmtree(tmp_path / "quarantine")
    stage.run(stage.memory(batch(RECORDS)))
    assert stage.held("quarantine").to_pylist() == undisturbed["quarantine"]
    assert stage.held("accepted").to_pylist() == undisturbed["accepted"]
    assert stage.audit(stage.memory(batch(RECORDS))).proved == RECORDS


def test_a_sink_that_is_new_is_filled_from_the_beginning(tmp_path, undisturbed):
    stage = Stage(tmp_path)
    stage.run(stage.memory(batch(60)), records=25)
    more = Stage(tmp_path, accepted=("accepted", "more"))
    more.run(more.memory(batch(RECORDS)), records=25)
    for name in more.accepted:
        assert more.held(name).to_pylist() == undisturbed["accepted"]


def test_a_source_that_gives_other_records_now_is_refused_and_nothing_is_written(tmp_path):
    stage = Stage(tmp_path)
    died(stage, at=2)
    other = [payload(n) if n != 3 else b"{}" for n in range(RECORDS)]
    for records in (other, [payload(n) for n in range(12)], []):
        with pytest.raises(StillwellError, match="no longer gives") as caught:
            stage.run(stage.memory(records))
        assert [problem.code for problem in caught.value.problems] == ["source-changed"]
        assert stage.everywhere() == []
    assert stage.run(stage.memory(batch(RECORDS))).read == RECORDS


def test_a_rule_that_ends_the_run_ends_the_one_that_recovers_it_too(tmp_path):
    """The run that met the rule died before it could tell anybody."""
    records = [payload(n) for n in range(60)]
    records[10] = json.dumps({"sensor": "poison", "at": "2026-01-01T00:00:00Z", "value": 1, "count": 1}).encode()
    stage = Stage(tmp_path)
    with pytest.raises(Died):
        stage.run(stage.memory(records), fuse=Fuse(2), records=20)
    told = stage.run(stage.memory(records), records=20)
    assert told.stopped is not None
    assert (told.stopped.rule, told.stopped.offset, told.read, told.interrupted) == ("never", 10, 20, False)
    rest = stage.run(stage.memory(records), records=20)
    assert (rest.stopped, rest.read) == (None, 40)
    assert stage.everywhere() == [(0, n) for n in range(60)]


def test_without_times_of_their_own_records_differ_in_nothing_but_the_clock(tmp_path, undisturbed):
    stage = Stage(tmp_path)
    with pytest.raises(Died):
        stage.run(stage.memory(batch(RECORDS, timed=False)), fuse=Fuse(9), records=30)
    stage.run(stage.memory(batch(RECORDS, timed=False)))
    whole = Stage(tmp_path / "whole")
    whole.run(whole.memory(batch(RECORDS, timed=False)))
    for name in undisturbed:
        assert timeless(stage.held(name)) == timeless(whole.held(name))


@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_sinks_that_are_ahead_of_a_ledger_that_lost_its_end_take_only_what_they_lack(kind, tmp_path, undisturbed):
    """As after a loss of power: the epochs that are declared anew need not be cut as those that were lost."""
    stage = Stage(tmp_path, kind)
    with pytest.raises(Died):
        stage.run(stage.memory(batch(RECORDS)), fuse=Fuse(16), records=30)
    assert {len(stage.offsets("accepted")), len(stage.offsets("quarantine"))} != {0}
    intents = sorted(tmp_path.glob("accepted*.ledger/intents/*.json"))
    assert len(intents) == 3
    for lost in intents[1:]:
        lost.unlink()
    stage.run(stage.memory(batch(RECORDS)), records=50)
    for name, rows in undisturbed.items():
        assert stage.held(name).to_pylist() == rows
    assert stage.audit(stage.memory(batch(RECORDS))).proved == RECORDS
