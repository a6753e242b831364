"""The store keeps tallies exactly, makes them coarser with age, and stays within its bounds."""

from __future__ import annotations

import datetime as dt
import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stillwell.delivery.intent import Intent
from stillwell.delivery.slice import Position, Slice
from stillwell.errors import ConnectorError, Fenced
from stillwell.kernel import Kernel
from stillwell.kernel.tally import merge
from stillwell.monitor.base import Finding
from stillwell.monitor.store import Store, StoreOptions
from stillwell.monitor.store.names import LONGEST, named, shortened
from stillwell.monitor.store.packed import Shape, packed, unpacked
from stillwell.monitor.store.store import MICRO, OTHERS
from stillwell.monitor.store.told import tell, told
from tests.kernel.odd import fixed, payloads
from tests.kernel.records import CLOCK, assert_same_tally, batch, contract

REST = """
time: t
fields:
  id: {type: string}
  d: {type: double, min: -40, repair: {range: clamp}, warn: {max: 70}}
  t: {type: timestamp}
  o: {type: json}
rules:
  positive: {expect: 'd > 0', severity: warn}
"""
GOOD = {"id": '"s_001"', "d": "21.5", "t": '"2024-06-01T11:59:00Z"'}
KERNEL = Kernel(contract(REST), group=("id",), threads=1)
HOUR, DAY = (dt.timedelta(**one) // MICRO for one in ({"hours": 1}, {"days": 1}))


def tally(records):
    return KERNEL.judge(batch(records), CLOCK).tally


def record(at: dt.datetime, value: object = 1.5, name: str = "a") -> bytes:
    return f'{{"id": "{name}", "d": {value}, "t": "{at.isoformat()}"}}'.encode()


def facts(count):
    return KERNEL.judge(batch([b"{}"] * count), CLOCK).facts[0]


def intent(start: int, end: int, clock: dt.datetime = CLOCK) -> Intent:
    part = Slice(0, Position(start), Position(end), facts(end - start))
    return Intent("test", "memory", (part,), "digest", {}, clock)


@pytest.fixture
def opened(tmp_path):
    """Opens stores in one file with options; closes all."""
    stores = []

    def make(**options):
        store = Store(tmp_path / "monitor.sqlite", StoreOptions(**options))
        store.open()
        stores.append(store)
        return store

    yield make
    for one in stores:
        one.close()


def add(store, start, records, *, watermark=None):
    with store.step():
        store.add(intent(start, start + len(records)), tally(records))
        if watermark is not None:
            store.age(watermark)


@fixed
@given(st.lists(payloads(GOOD), min_size=1, max_size=20))
def test_a_tally_is_unpacked_as_it_was_packed(records):
    found = tally(records)
    back = unpacked(Shape.from_json(Shape.of(found).to_json()), found.cells, packed(found), found.window, found.group)
    assert_same_tally(back, found)
    assert back.ingested.tolist() == found.ingested.tolist()


def test_parts_of_an_epoch_add_up_to_what_one_would_have_been(opened):
    records = [record(CLOCK + dt.timedelta(seconds=7 * n), n / 3, f"k{n % 3}") for n in range(60)]
    store = opened()
    for at in range(0, 60, 7):
        add(store, at, records[at : at + 7])
    found = store.tally(("id",), 0, 2**62)
    assert_same_tally(found, tally(records))
    one = store.tally(("id",), 0, 2**62, group=("k1",))
    assert (one.count("read"), {group for _, group in one.cells}) == (20, {("k1",)})
    quick = store.tally(("id",), 0, 2**62, sketches=False)
    assert quick.fields["d"].moments.mean.tolist() == found.fields["d"].moments.mean.tolist()
    assert not len(quick.fields["d"].histogram.key)


def test_an_epoch_that_was_added_is_refused_the_second_time_and_so_is_one_after_a_missing_one(opened):
    store = opened()
    add(store, 0, [record(CLOCK)])
    for start in (0, 5):
        with pytest.raises(Fenced):
            add(store, start, [record(CLOCK)])
    assert store.query("SELECT sum(read) FROM cells") == [(1,)]
    assert store.marks() == {"stillwell/test/memory/0": 1}


def test_minutes_become_hours_and_hours_days_and_nothing_is_lost_or_doubled(opened):
    store = opened(minutes="2h", hours="48h", days="10d")
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    records = [record(begin + dt.timedelta(minutes=11 * n), n, f"k{n % 2}") for n in range(800)]
    for at in range(0, 800, 40):
        newest = begin + dt.timedelta(minutes=11 * (at + 39))
        add(store, at, records[at : at + 40], watermark=round(newest.timestamp() * 1e6))
    whole = tally(records).total()
    found = store.tally(("id",), 0, 2**62)
    assert_same_tally(found.total(), whole)
    levels = dict(store.query("SELECT level, max(start) - min(start) FROM cells GROUP BY level"))
    assert levels[0] <= 3 * HOUR
    assert 1 * DAY <= levels[1] <= 3 * DAY
    assert store.query("SELECT count(*) FROM cells WHERE level = 1 AND start % ?", HOUR) == [(0,)]
    assert store.query("SELECT count(*) FROM cells WHERE level = 2 AND start % ?", DAY) == [(0,)]


def test_what_comes_late_goes_where_its_time_lies_by_now(opened):
    store = opened(minutes="2h", hours="48h", days="10d")
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    add(store, 0, [record(begin)], watermark=round(begin.timestamp() * 1e6) + 5 * DAY)
    add(store, 1, [record(begin), record(begin + dt.timedelta(days=4)), record(begin + dt.timedelta(days=5))])
    assert store.query("SELECT level, sum(read) FROM cells GROUP BY level") == [(0, 1), (1, 1), (2, 2)]
    assert store.tally(("id",), 0, 2**62).count("read") == 4


def test_what_is_older_than_everything_that_is_kept_goes(opened):
    store = opened(minutes="2h", hours="2h", days="2d")
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    at = round(begin.timestamp() * 1e6)
    with store.step():
        tell(store, [Finding("c", "m.v", (), "count", at, at + HOUR, "limit", "warn", 1.0, "≥ 2", "final")])
    add(store, 0, [record(begin)], watermark=at + 5 * DAY)
    assert store.query("SELECT count(*) FROM cells") == [(0,)]
    assert told(store) == []


def test_lines_of_the_ledger_are_joined_by_the_hour_when_they_are_old(opened):
    store = opened(minutes="2h")
    for number in range(48):
        clock = CLOCK + dt.timedelta(minutes=10 * number)
        with store.step():
            store.add(intent(number, number + 1, clock), tally([record(clock)]))
            store.age(round(clock.timestamp() * 1e6))
    rows = store.query("SELECT start, next, epochs, read FROM lines ORDER BY start")
    assert rows[0][0] == 0
    assert [row[1] for row in rows[:-1]] == [row[0] for row in rows[1:]]
    assert sum(row[2] for row in rows) == sum(row[3] for row in rows) == 48
    assert len(rows) < 25


def test_names_of_a_megabyte_are_shortened_and_stay_apart():
    long = ["x" * 1_000_000 + end for end in "ab"]
    short = [shortened(one) for one in long]
    assert all(len(one) == LONGEST for one in short)
    assert short[0] != short[1]
    assert shortened(None) is None
    found = named(tally([record(CLOCK, name=one) for one in long]), (), 10, OTHERS)
    assert sorted(group[0] for _, group in found.cells) == sorted(short)


def test_groups_beyond_the_bound_are_counted_as_one(opened):
    store = opened(groups=3)
    add(store, 0, [record(CLOCK, name=f"k{n}") for n in range(5)])
    add(store, 5, [record(CLOCK, name=f"k{n}") for n in range(9)])
    found = store.tally(("id",), 0, 2**62)
    assert dict(zip([group[0] for _, group in found.cells], found.counts["read"].tolist(), strict=True)) == {
        "k0": 2, "k1": 2, "k2": 2, OTHERS: 8
    }  # fmt: skip
    assert found.count("read") == 14


def test_null_names_a_group_of_its_own(opened):
    store = opened()
    add(store, 0, [b'{"d": 1}', record(CLOCK)])
    assert {group for _, group in store.tally(("id",), 0, 2**62).cells} == {(None,), ("a",)}


def test_cells_of_another_contract_are_merged_as_far_as_they_are_alike(opened):
    store = opened()
    add(store, 0, [record(CLOCK, 5)])
    other = Kernel(
        contract(REST.replace("d: {type: double,", "e: {type: integer}\n  d: {type: double,")), group=("id",)
    )
    later = other.judge(batch([record(CLOCK, 7)]), CLOCK).tally
    with store.step():
        store.add(intent(1, 2), later)
    found = store.tally(("id",), 0, 2**62)
    assert_same_tally(found, merge([tally([record(CLOCK, 5)]), later]))
    assert (found.count("read"), found.fields["d"].moments.mean.tolist()) == (2, [6.0])


def test_a_file_that_is_no_store_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "monitor.sqlite").write_text("no database at all, but long enough to be looked at" * 50)
    with pytest.raises(ConnectorError) as caught:
        Store(tmp_path / "monitor.sqlite", StoreOptions()).open()
    assert [one.code for one in caught.value.problems] == ["store-damaged"]


def test_a_store_of_a_later_version_is_refused(tmp_path):
    path = tmp_path / "monitor.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(ConnectorError) as caught:
        Store(path, StoreOptions()).open()
    assert [one.code for one in caught.value.problems] == ["other-version"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConnectorError) as caught:
        Store(tmp_path / "file" / "monitor.sqlite", StoreOptions()).open()
    assert [one.code for one in caught.value.problems] == ["unwritable"]


@pytest.mark.parametrize("options", [{"minutes": "3d", "hours": "2d"}, {"minutes": "1m"}, {"groups": 0}, {"days": "x"}])
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises((ValidationError, ValueError)):
        StoreOptions(**options)


def test_numbers_that_are_not_finite_are_kept_as_they_are(opened):
    found = tally([record(CLOCK, "1e308"), record(CLOCK, "1e308"), record(CLOCK, "-1")])
    store = opened()
    with store.step():
        store.add(intent(0, 3), found)
    assert_same_tally(store.tally(("id",), 0, 2**62), found)
    assert np.isinf(found.fields["d"].moments.squares).any() or np.isnan(found.fields["d"].moments.squares).any()
