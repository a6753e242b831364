"""Members come, go and die while epochs are open: what was declared is finished by whoever has the partitions now."""

from __future__ import annotations

import contextlib
import signal

import pytest

from tests.torture.ground import LONG, Ground, all_ended, wait
from tests.torture.kills import LEFT_OPEN


def split(kafka, topic, folder, step, **told):
    """One with all partitions dies with an intent open; two others, who come meanwhile, finish it, each its part."""
    ground = Ground(kafka, folder, topic, group=True, epoch={"records": 5000, "wait": "1s"}, **told)
    ground.produce(600)
    dead, go = ground.fused(step=step), folder / "go"
    # They must be there before the group has missed the dead one.
    first, second = ground.fused(hold=str(go)), ground.fused(hold=str(go))
    with all_ended(dead, first, second):
        wait(lambda: not dead.alive, told=dead.told)
        open_places = ground.witness.unfinished()
        go.touch()
        assert (dead.process.returncode, dead.note["open"]) == (-signal.SIGKILL, True), dead.told()
        assert {partition for partition, _ in open_places} == {0, 1, 2, 3}
        ground.produce(300)
        wait(ground.everything, told=lambda: first.told() + second.told())
        ends = [first.end(), second.end()]
    ground.assert_whole()
    return ends


def test_an_open_intent_is_split_over_two_survivors(kafka, topic, tmp_path):
    ends = split(kafka, topic, tmp_path, "after ledger")
    assert [one["recovered"] for one in ends] == [1, 1]


@LONG
@pytest.mark.parametrize("quarantine", ["delta", "kafka"])
@pytest.mark.parametrize("step", LEFT_OPEN)
def test_wherever_it_died(kafka, topic, tmp_path, step, quarantine):
    split(kafka, topic, tmp_path, step, quarantine=quarantine)


@LONG
def test_members_that_come_and_go_all_the_time(kafka, topic, tmp_path):
    """The oldest is asked to end or is killed, with work to do, as soon as the next one works."""
    ground = Ground(kafka, tmp_path, topic, group=True)
    members = [ground.run()]
    with contextlib.ExitStack() as closing:
        closing.callback(lambda: [one.kill() for one in members if one.alive])
        for turn in range(6):
            members.append(ground.run())
            for one in members[-2:]:
                wait(lambda one=one: one.said("epoch") or ground.produce(60), told=one.told)
            ground.produce(300)
            members[-2].kill() if turn % 2 else members[-2].end()
        wait(ground.everything, told=members[-1].told)
        members[-1].end()
    ground.assert_whole()
