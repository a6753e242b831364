"""What was written before Flink begins, by whichever engine: Flink finishes it as that engine would have."""

from __future__ import annotations

import threading

import pytest

from stillwell.connectors.memory import forget
from stillwell.engines.flink.target import Target
from stillwell.engines.flink.written import Written
from tests.delivery.stage import Died, Fuse, Stage, contract, timeless
from tests.delivery.test_memory import BY, EPOCH, source


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
    forget(str(tmp_path))
