"""What was written before Flink begins, by whichever engine: Flink finishes it as that engine would have."""

from __future__ import annotations

import threading

import pytest

from stillwell.connectors.memory import forget
from stillwell.delivery.slice import Position
from stillwell.engines.flink.target import Target
from stillwell.engines.flink.tidings import Told
from stillwell.engines.flink.written import Written
from tests.delivery.stage import Died, Fuse, Stage, contract, timeless
from tests.delivery.test_memory import BY, EPOCH, source


@pytest.fixture(autouse=True)
def nothing_stays(tmp_path):
    yield
    forget(str(tmp_path))


@pytest.mark.parametrize("final", [True, False])
def test_what_another_engine_declared_by_rules_that_remember_is_finished(tmp_path, final):
    """The contract has no such rules any more, and what Flink stages for others never knew the one before."""
    whole = Stage(tmp_path / "whole")
    whole.run(source(whole), by=BY, records=EPOCH)
    stage = Stage(tmp_path / "own")
    with pytest.raises(Died):
        stage.run(source(stage), by=BY, fuse=Fuse(15), records=EPOCH)
    job = stage.job(source(stage), contract())
    sinks = job.accepted[0] if final else stage.sink("staged"), job.quarantine[0]
    written = Written(job, Target(*sinks, final, None, "", {}), threading.Event())
    places = written.positions()
    assert sum(judged.read for _, _, judged in written.recover()) >= EPOCH
    for name in ("accepted", "quarantine"):
        due = [
            row
            for row in timeless(whole.held(name))
            if row["_stillwell"]["offset"] < places[row["_stillwell"]["partition"]].offset
        ]
        assert timeless(stage.held(name)) == due


def test_lines_that_another_engine_began_to_write_are_judged_by_what_it_remembers(tmp_path):
    """And what comes after them by what they leave behind."""
    whole, stage = Stage(tmp_path / "whole"), Stage(tmp_path / "own")
    whole.run(source(whole), by=BY, records=EPOCH)
    with pytest.raises(Died):
        stage.run(source(stage), by=BY, fuse=Fuse(20), records=23)
    job = stage.job(source(stage), BY)
    lines = whole.sink("accepted").ledger().intents()
    target = Target(whole.sink("accepted"), job.quarantine[0], False, None, "", {})
    written = Written(job, target, threading.Event())
    list(written.recover())
    cut = 0
    for intent in lines[: len(lines) * 2 // 3]:
        delivery = written.delivery(intent.contract)
        at = {part.partition: delivery.positions().get(part.partition, Position()) for part in intent.slices}
        ends = {part.partition: part.end for part in intent.slices if at[part.partition].offset < part.end.offset}
        if ends:
            cut += any(part.start.offset < at[part.partition].offset < part.end.offset for part in intent.slices)
            due = written.again(Told(intent, None, None), {one: at[one] for one in ends})
            delivery.commit(due.judged, ends, intent.clock, history=due.history, forgotten=due.forgotten)
    assert cut
    stage.run(source(stage), by=BY, records=EPOCH)
    for name in ("accepted", "quarantine"):
        assert timeless(stage.held(name)) == timeless(whole.held(name))
