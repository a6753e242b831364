"""What changes between a kill and the next run, or while one runs, changes no verdict that was declared."""

from __future__ import annotations

import datetime as dt
import random
import signal
import time

import pytest

from tests.torture.ground import LONG, Ground, all_ended, wait

DAY = 86_400


def died(ground, step="after quarantine"):
    """A run dies in its third epoch; the intent that it left open."""
    run = ground.fused(step=step, nth=3)
    wait(lambda: not run.alive, told=run.told)
    assert run.process.returncode == -signal.SIGKILL, run.told()
    return ground.witness.intents()[-1]


def rows_of(ground, intent):
    """What all rows of an intent say of how they were judged."""
    ranges = {part["partition"]: (part["start"]["offset"], part["end"]["offset"]) for part in intent["slices"]}
    for trace in ground.witness.traces():
        low, high = ranges.get(trace["partition"], (0, 0))
        if low <= trace["offset"] < high:
            yield trace


@LONG
@pytest.mark.parametrize("quarantine", ["delta", "kafka"])
@pytest.mark.parametrize("change", ["contract", "zone", "day", "yesterday"])
def test_between_a_kill_and_the_next_run(kafka, topic, tmp_path, change, quarantine):
    """The event time of the records is about now: a clock that is a day further would let the future pass."""
    ground = Ground(kafka, tmp_path, topic, quarantine=quarantine, ago=dt.timedelta(seconds=60))
    ground.produce(600)
    intent = died(ground)
    clock, zone = tmp_path / "clock", {}
    clock.write_text({"day": str(DAY), "yesterday": str(-DAY)}.get(change, "0"))
    if change == "contract":
        path = tmp_path / "contract.yml"
        stricter = path.read_text().replace("version: 1.0.0", "version: 2.0.0").replace("max: 100}", "max: 40}")
        assert "max: 40" in stricter
        path.write_text(stricter)
    if change == "zone":
        zone = {"TZ": "America/New_York"}
    run = ground.fused("last.yml", zone, clock=str(clock))
    assert run.ended() == 0, run.told()
    assert run.said("run")[-1]["recovered"] == 1
    rows = list(rows_of(ground, intent))
    assert len(rows) == sum(part["facts"]["read"] for part in intent["slices"])
    assert {row["version"] for row in rows} == {"1.0.0"}
    assert {row["ingest_time"] for row in rows} == {dt.datetime.fromisoformat(intent["clock"])}
    newest = ground.witness.intents()[-1]
    assert (newest["contract"] != intent["contract"]) == (change == "contract")
    ground.assert_whole()


@LONG
@pytest.mark.parametrize("group", [False, True], ids=["alone", "group"])
def test_while_the_clock_jumps_back_and_forth(kafka, topic, tmp_path, group):
    ground = Ground(kafka, tmp_path, topic, group=group)
    clock, luck = tmp_path / "clock", random.Random(5)
    clock.write_text("0")
    run = ground.fused(clock=str(clock))
    with all_ended(run):
        # Not before it reads: on a busy machine all would be over when it begins.
        ground.produce(60)
        wait(ground.everything, told=run.told)
        for _ in range(25):
            ground.produce(60)
            # In one step: nobody may read half a number.
            aside = clock.with_suffix(".new")
            aside.write_text(str(luck.choice([-DAY, -3600, -1, 0, 1, 3600, DAY])))
            aside.rename(clock)
            time.sleep(0.2)
        wait(ground.everything, told=run.told)
        assert run.end()["read"] == ground.produced
    clocks = [dt.datetime.fromisoformat(intent["clock"]) for intent in ground.witness.intents()]
    assert max(clocks) - min(clocks) > dt.timedelta(hours=1)
    ground.assert_whole()
