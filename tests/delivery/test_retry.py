"""A sink that fails for a while is tried again, and holds every record once whatever the failure had already done."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest

from stillwell.delivery.retry import Retry
from stillwell.errors import ConnectorError, Fenced, Problem
from tests.delivery.stage import Fuse, Stage, batch

FULL = ConnectorError(Problem("disk-full", "There is no room left.", "Make room."))
ODD = ConnectorError(Problem("sink-schema", "Other columns.", "Name another table."))
SECOND = dt.timedelta(seconds=1)


class Failing:
    """Fails the first times, and tells what was called."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = []

    def work(self):
        self.calls.append("work")
        if self.errors:
            raise self.errors.pop(0)

    def look(self):
        self.calls.append("look")


@pytest.fixture(autouse=True)
def told(caplog):
    return caplog


def test_what_succeeds_is_done_once():
    one = Failing()
    Retry()(one.work, one.look)
    assert one.calls == ["work"]


def test_what_may_pass_is_tried_again_after_a_look_at_what_was_done(told):
    one = Failing(FULL, FULL)
    Retry(SECOND)(one.work, one.look)
    assert one.calls == ["work", "look", "work", "look", "work"]
    assert "A sink failed (disk-full); it is tried again for 1 s." in told.text


def test_without_patience_the_first_failure_is_the_last():
    one = Failing(FULL)
    with pytest.raises(ConnectorError):
        Retry()(one.work, one.look)
    assert one.calls == ["work"]


def test_patience_ends():
    one = Failing(*[FULL] * 50)
    began = time.monotonic()
    with pytest.raises(ConnectorError):
        Retry(SECOND / 4)(one.work, one.look)
    assert len(one.calls) > 1
    assert 0.2 < time.monotonic() - began < 5


@pytest.mark.parametrize("error", [ODD, Fenced(Problem("fenced", "Another writer.", "Stop."))])
def test_what_cannot_pass_is_not_tried_again(error):
    one = Failing(error)
    with pytest.raises(type(error)):
        Retry(SECOND)(one.work, one.look)
    assert one.calls == ["work"]


def test_whoever_asks_to_stop_does_not_wait():
    one, stop = Failing(FULL), threading.Event()
    stop.set()
    with pytest.raises(ConnectorError):
        Retry(dt.timedelta(hours=1), stop)(one.work, one.look)


class Broken:
    """A fuse whose commits fail a few times, before or after they were done."""

    def __init__(self, when, times):
        self.when, self.times = when, times
        self.steps = []

    def step(self, name):
        self.steps.append(name)
        if name == self.when and self.times:
            self.times -= 1
            raise FULL


@pytest.mark.parametrize("kind", ["memory", "delta", "parquet"])
@pytest.mark.parametrize("where", ["ledger", "quarantine", "accepted"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_commit_that_fails_is_done_once(kind, where, side, tmp_path, caplog):
    """With `after`, the commit was done and only its answer was lost: the most treacherous failure there is."""
    stage = Stage(tmp_path, kind)
    fuse = Broken(f"{side} {where}", 2)
    summary = stage.run(stage.memory(batch(90)), fuse=fuse, records=40, patience=dt.timedelta(seconds=20))
    assert (summary.read, summary.epochs) == (90, 3)
    assert fuse.times == 0
    assert stage.everywhere() == [(0, n) for n in range(90)]
    assert stage.audit(stage.memory(batch(90))).holds


def test_a_sink_that_stays_broken_ends_the_run_with_its_own_error(tmp_path, caplog):
    stage = Stage(tmp_path)
    with pytest.raises(ConnectorError, match="no room left"):
        stage.run(stage.memory(batch(90)), fuse=Broken("before accepted", 99), patience=dt.timedelta(seconds=0.2))
    assert stage.run(stage.memory(batch(90)), fuse=Fuse()).recovered == 1
    assert stage.everywhere() == [(0, n) for n in range(90)]
