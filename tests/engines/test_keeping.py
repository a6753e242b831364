"""After a death beside a store, epochs are judged again for it as they were the first time, by history too."""

from __future__ import annotations

import shutil

import pytest

from stillwell.monitor.monitor import Monitor
from tests.delivery.stage import Died
from tests.monitor.watched import Watched, every

SEQUENCE = """\
sequence:
  still: {kind: unchanged, field: value, for: 150s}
windows:
  minute: {every: 1m, rules: {still: {measure: failed(still), max: 0}}}
"""


@pytest.fixture
def died(tmp_path, monkeypatch):
    """A run of records that all show one value, which died before its store had the third epoch."""
    watched = Watched(tmp_path, SEQUENCE, epoch=10)
    watched.give(every(10, 300))
    take, calls = Monitor.take, []

    def dying(self, intent, judged):
        calls.append(intent)
        if len(calls) == 3:
            raise Died
        take(self, intent, judged)

    monkeypatch.setattr(Monitor, "take", dying)
    with pytest.raises(Died):
        watched.run()
    monkeypatch.undo()
    return watched


def test_what_a_store_lacks_is_judged_by_what_was_remembered_then(died):
    died.give(every(10, 400, start=300))
    died.run()
    # From second 150 on the value stands still for too long: 25 of 40 records.
    assert died.query("SELECT sum(read), sum(quarantined) FROM cells") == [(40, 25)]
    assert died.query("SELECT min(seen) FROM lines") == [(1,)]


def test_where_it_is_lost_what_was_remembered_the_store_has_a_hole(died):
    shutil.rmtree(next(died.folder.glob(".stillwell/*/history")))
    died.expect("windows:\n  minute: {every: 1m, rules: {volume: {measure: count, min: 0}}}\n")
    died.give(every(10, 400, start=300))
    died.run()
    assert died.query("SELECT sum(read) FROM cells") == [(30,)]
    assert died.query("SELECT start, next FROM lines WHERE NOT seen") == [(20, 30)]
    assert {one.kind for one in died.findings() if one.field == "count"} == {"monitor down"}
