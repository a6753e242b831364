"""A run that stands still until others took over, and wakes: what it still does is refused, and nothing doubled."""

from __future__ import annotations

import contextlib
import signal

import pytest

from tests.torture.ground import LONG, Ground, all_ended, wait
from tests.torture.kills import STEPS

ASLEEP = [step for step in STEPS if step not in ("read again", "judged again")]


def stalled(ground, step):
    """A run that stands still at a step, with an epoch open."""
    run = ground.fused(step=step, end="SIGSTOP")
    with contextlib.suppress(AssertionError):
        wait(lambda: run.stopped, 30, told=run.told)
    assert run.stopped, run.told()
    assert run.note["open"]
    return run


def taken_over(ground, step):
    """One stands still past its session timeout, another takes over and does all; then the first wakes beside it."""
    ground.produce(800)
    zombie = stalled(ground, step)
    heir = ground.run()
    with all_ended(zombie, heir):
        wait(ground.everything, told=heir.told)
        before = ground.witness.look()
        assert before.whole
        zombie.signal(signal.SIGCONT)
        # They share what comes now; whatever the zombie had in its hands is void.
        for _ in range(8):
            ground.produce(50)
            wait(ground.everything, told=lambda: zombie.told() + heir.told())
        ends = [zombie.end(), heir.end()]
    assert ends[1]["read"] >= 500
    ground.assert_whole()


def test_the_zombie_of_a_group_doubles_nothing(kafka, topic, tmp_path):
    taken_over(Ground(kafka, tmp_path, topic, group=True), "before accepted")


@LONG
@pytest.mark.parametrize("step", ASLEEP)
def test_the_zombie_of_a_group_doubles_nothing_wherever_it_sleeps(kafka, topic, tmp_path, step):
    letters = "kafka" if ASLEEP.index(step) % 2 else "delta"
    taken_over(Ground(kafka, tmp_path, topic, quarantine=letters, group=True), step)


@LONG
@pytest.mark.parametrize("kind", ["delta", "kafka"])
@pytest.mark.parametrize(
    "step", ["before ledger", "after ledger", "before quarantine", "after quarantine", "checked accepted"]
)
def test_the_zombie_of_another_machine_is_fenced(kafka, topic, tmp_path, step, kind):
    """No lock of this machine holds the second run back; the sinks alone do."""
    if (step, kind) == ("checked accepted", "kafka"):
        pytest.skip("a topic has no such step")
    ground = Ground(kafka, tmp_path, topic, accepted=kind, quarantine=kind)
    ground.write("elsewhere.yml", state="elsewhere", until="end")
    ground.produce(800)
    zombie = stalled(ground, step)
    with all_ended(zombie):
        heir = ground.run("elsewhere.yml")
        assert heir.ended() == 0, heir.told()
        zombie.signal(signal.SIGCONT)
        assert zombie.ended() == 3, zombie.told()
        assert zombie.said("error")[-1]["code"] == "fenced"
    ground.assert_whole()
