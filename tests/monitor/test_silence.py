"""A source that falls silent is noticed by the clock; what is final is said by the records that come after."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from stillwell.errors import ConnectorError
from stillwell.monitor.base import EPOCH
from stillwell.monitor.silence import listening
from stillwell.monitor.windows.cut import MICRO
from tests.monitor.watched import Watched, every, minutes

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def silent(tmp_path):
    """A pipeline whose source has fallen silent after two minutes, its monitor, and when its last epoch was."""
    watched = Watched(tmp_path)
    watched.give(every(10, 131))
    watched.run()
    monitor = watched.plan().monitor
    assert monitor is not None
    monitor.open()
    yield watched, monitor, EPOCH + monitor.store.recall("clock", 0) * MICRO
    monitor.close()


def test_minutes_that_pass_without_a_record_are_found_provisionally_and_each_once(silent):
    watched, monitor, clock = silent
    told = []
    monitor.listen(told.append)
    for passed in (0.4, 1, 2, 3, 4):
        monitor.tick(clock + passed * MINUTE, clock)
    assert [(one.status, one.kind, one.observed) for one in told] == [
        ("provisional", "limit", 1.0),
        ("provisional", "no data", 0.0),
        ("provisional", "no data", 0.0),
    ]
    assert minutes(watched.findings()) == minutes(told) == [2, 3, 4]
    assert monitor.stopped is None


def test_what_comes_later_makes_them_final_or_withdraws_them(silent):
    watched, monitor, clock = silent
    monitor.tick(clock + 4 * MINUTE, clock)
    monitor.close()
    watched.give(every(10, 180, start=130) + every(10, 310, start=240))
    watched.run()
    found = [(one.status, one.kind, one.revision) for one in watched.findings()]
    assert found == [("withdrawn", "late data", 2), ("final", "no data", 2), ("withdrawn", "late data", 2)]


def test_a_run_that_has_just_begun_or_just_had_an_epoch_calls_nobody_silent(silent):
    watched, monitor, clock = silent
    now = clock + 10 * MINUTE
    monitor.tick(now, now - dt.timedelta(seconds=20))
    assert watched.findings() == []


def test_while_a_run_lasts_somebody_looks_and_what_fails_is_told_at_its_end(silent):
    watched, monitor, clock = silent
    found = threading.Event()
    monitor.listen(lambda _: found.set())
    times = iter([clock] + [clock + 4 * MINUTE] * 10_000)
    with listening(monitor, every=0.01, now=lambda: next(times)):
        assert found.wait(30)
    assert minutes(watched.findings()) == [2, 3, 4]
    times = iter([clock] + [clock + 9 * MINUTE] * 10_000)
    monitor.store.database.execute("DROP TABLE findings")
    with pytest.raises(ConnectorError), listening(monitor, every=0.01, now=lambda: next(times)):
        threading.Event().wait(0.5)
