"""A run is watched: silent minutes are found, each epoch is counted once however often a run dies, and nothing is guessed."""

from __future__ import annotations

import sqlite3

import pytest

from stillwell.delivery.commit import Delivery
from stillwell.monitor.monitor import Monitor
from stillwell.pipeline.run import run
from tests.delivery.stage import Died
from tests.monitor.watched import BEGAN, Watched, every, minutes, reading


def test_a_minute_in_which_too_little_came_is_found_and_the_open_one_is_not_judged(tmp_path):
    watched = Watched(tmp_path)
    watched.give(every(10, 120) + every(20, 180, start=120) + every(10, 250, start=180))
    summary = watched.run()
    [found] = watched.findings()
    assert (found.expectation, found.field, found.observed, found.expected) == ("minute.volume", "count", 3.0, "≥ 6")
    assert (found.kind, found.severity, found.status, found.revision) == ("limit", "warn", "final", 1)
    assert minutes([found]) == [2]
    assert summary.read == 12 + 3 + 7


def test_what_is_found_does_not_depend_on_how_epochs_are_cut(tmp_path):
    records = every(10, 100) + every(25, 400, start=180) + every(10, 700, start=400)
    told = []
    for epoch in (1, 7, 1000):
        watched = Watched(tmp_path / str(epoch), epoch=epoch)
        watched.give(records)
        watched.run()
        told.append([one.plain() for one in watched.findings()])
    assert minutes(watched.findings()) == [1, 2, 3, 4, 5, 6]
    assert [one["kind"] for one in told[0]] == ["limit", "no data", "limit", "limit", "limit", "limit"]
    assert told[0] == told[1] == told[2]


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("step", ["before", "after"])
def test_each_epoch_is_counted_once_wherever_a_run_dies_beside_the_store(tmp_path, monkeypatch, at, step):
    watched = Watched(tmp_path)
    watched.give(every(10, 120) + every(20, 180, start=120) + every(10, 400, start=180))
    take, calls = Monitor.take, []

    def dying(self, intent, judged):
        calls.append(intent)
        if len(calls) == at + 1 and step == "before":
            raise Died
        take(self, intent, judged)
        if len(calls) == at + 1 and step == "after":
            raise Died

    monkeypatch.setattr(Monitor, "take", dying)
    with pytest.raises(Died):
        watched.run()
    monkeypatch.setattr(Monitor, "take", take)
    watched.run()
    assert watched.query("SELECT sum(read), sum(accepted), sum(quarantined) FROM cells") == [(37, 37, 0)]
    assert watched.query("SELECT sum(read), min(seen) FROM lines") == [(37, 1)]
    assert minutes(watched.findings()) == [2]


def test_a_step_of_the_store_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    watched = Watched(tmp_path)
    watched.give(every(10, 400))
    monkeypatch.setattr(Monitor, "_due", lambda *_: (_ for _ in ()).throw(Died))
    with pytest.raises(Died):
        watched.run()
    assert watched.query("SELECT count(*) FROM cells") == [(0,)]
    monkeypatch.undo()
    watched.run()
    assert watched.query("SELECT sum(read) FROM cells") == [(40,)]


def test_a_store_begins_with_what_is_read_from_then_on(tmp_path):
    watched = Watched(tmp_path, epoch=6)
    watched.give(every(10, 60))
    watched.run()
    store = next(tmp_path.glob(".stillwell/*/monitor.sqlite"))
    for path in store.parent.glob("monitor.sqlite*"):
        path.unlink()
    watched.give(every(10, 300, start=60))
    watched.run()
    assert watched.query("SELECT sum(read), min(start) FROM lines") == [(24, 6)]


def test_what_the_source_has_no_more_is_a_hole_and_neither_silence_nor_an_error(tmp_path, monkeypatch):
    watched = Watched(tmp_path)
    watched.give(every(10, 120))
    watched.run()
    # A run without its store: as if it had been killed before each of its steps, and the source had forgotten by now.
    watched.give(every(10, 240, start=120))
    monkeypatch.setattr(Delivery, "keep", lambda *_: None)
    watched.run()
    monkeypatch.undo()
    watched._records[12:24] = [reading(one, value="other") for one in range(12)]
    watched.give(every(10, 400, start=240))
    summary = watched.run()
    assert summary.read == 16
    assert {one.kind for one in watched.findings()} == {"monitor down"}
    assert minutes(watched.findings()) == [1, 2, 3, 4, 5]
    assert watched.query("SELECT sum(read) FROM lines WHERE NOT seen") == [(12,)]


def test_a_rule_of_severity_fail_stops_the_run_after_the_epoch_and_a_new_run_goes_on(tmp_path):
    watched = Watched(tmp_path, "windows:\n  m: {every: 1m, rules: {v: {measure: count, min: 6, severity: fail}}}\n")
    watched.give(every(30, 180) + every(10, 3600, start=180))
    made = watched.plan()
    first = run(made)
    assert made.monitor is not None
    assert made.monitor.stopped is not None
    assert (first.interrupted, first.read < 348) == (True, True)
    second = watched.run()
    assert first.read + second.read == 6 + 342
    assert minutes(watched.findings()) == [0, 1, 2]


def test_others_read_the_store_while_it_is_written(tmp_path):
    watched = Watched(tmp_path, epoch=20)
    watched.give(every(10, 1000))
    seen = []

    def look(_progress):
        with sqlite3.connect(f"file:{next(tmp_path.glob('.stillwell/*/monitor.sqlite'))}?mode=ro", uri=True) as reader:
            seen.append(reader.execute("SELECT sum(read) FROM cells").fetchone()[0])

    run(watched.plan(), look)
    assert seen == [20, 40, 60, 80, 100]


def test_findings_have_the_same_fingerprint_in_every_window_and_another_for_another_group(tmp_path):
    watched = Watched(tmp_path, "windows:\n  m: {every: 1m, by: [sensor], rules: {v: {measure: count, min: 6}}}\n")
    watched.give(sorted(every(30, 300) + every(30, 300, sensor="b") + [reading(301)], key=lambda one: one[1]))
    watched.run()
    found = watched.findings()
    assert len(found) == 10
    assert {one.group: one.fingerprint for one in found}.keys() == {("a",), ("b",)}
    assert len({one.fingerprint for one in found}) == 2
    assert BEGAN.isoformat().startswith(found[0].plain()["start"][:19])
