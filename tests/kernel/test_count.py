"""What a tally counts of a batch, record by record."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from stillwell.kernel import Format
from tests.kernel.records import CLOCK, batch, full_way_only, judge, typed

REST = """
time: t
fields:
  d: {type: double, max: 85, warn: {max: 70}, missing: ['-']}
  s: {type: string, pattern: '[a-z]+', max_length: 3, repair: {length: truncate, pattern: clear}}
  t: {type: timestamp, required: true, max: now + 1m}
rules:
  pair: {expect: 'd > 0', where: "s is not null"}
"""
RECORDS = [
    b'{"d": 20, "s": "a", "t": "2024-06-01T11:58:10Z"}',
    b'{"d": 75, "s": "a", "t": "2024-06-01T11:58:59.999Z"}',
    b'{"d": null, "t": "2024-06-01T11:59:00Z"}',
    b'{"d": "-", "s": "abcd", "t": "2024-06-01T11:59:00Z"}',
    b'{"d": 99, "s": "A", "t": "2024-06-01T11:59:00Z"}',
    b'{"d": -5, "s": "b", "t": "2024-06-01T11:59:00Z"}',
    b'{"d": "x", "t": "2024-06-01T13:00:00Z"}',
    b'{"d": 1}',
    b'{"d": 1, "t": "soon"}',
    b'{"d": 1, "t": ',
    b"",
    None,
    b"\xff",
]


@pytest.fixture(scope="module", params=["both ways", "full way only"])
def tally(request):
    if request.param == "both ways":
        return judge(REST, RECORDS).tally
    with full_way_only():
        return judge(REST, RECORDS).tally


def window(*clock):
    return int(dt.datetime(2024, 6, 1, *clock, tzinfo=dt.UTC).timestamp()) * 1_000_000


def test_records_lie_in_the_window_of_their_event_time(tally):
    assert tally.cells == ((window(11, 58), ()), (window(11, 59), ()), (window(12), ()))
    counts = {name: tally.counts[name].tolist() for name in tally.counts}
    assert counts == {
        "read": [2, 4, 7],
        "accepted": [2, 2, 0],
        "quarantined": [0, 2, 7],
        "warned": [1, 0, 0],
        "repaired": [0, 1, 0],
        "by_ingest": [0, 0, 7],
    }


def test_a_value_too_late_to_be_true_places_no_record(tally):
    # 13:00 is more than a minute after the record was taken in: it counts at its ingest time.
    assert (window(13), ()) not in tally.cells


def test_each_rule_counts_what_failed_what_was_repaired_and_what_was_not_evaluated(tally):
    found = {
        name: (int(rule.failed.sum()), int(rule.repaired.sum()), int(rule.not_evaluated.sum()))
        for name, rule in tally.rules.items()
    }
    assert found == {
        "payload.encoding": (1, 0, 2),
        "payload.format": (1, 0, 3),
        "payload.empty": (2, 0, 0),
        "d.type": (1, 0, 6),
        "d.range": (1, 0, 7),
        "d.warn.range": (2, 0, 7),
        "s.type": (0, 0, 8),
        "s.pattern": (0, 1, 8),
        "s.length": (0, 1, 9),
        "t.type": (1, 0, 5),
        "t.range": (1, 0, 6),
        "t.required": (1, 0, 5),
        "pair": (1, 0, 10),
    }
    assert tally.failures()["payload.empty"] == 2
    assert "s.length" not in tally.failures()


def test_each_field_counts_nulls_and_what_was_no_good_among_all_that_could_be_read(tally):
    found = {name: (int(field.null.sum()), int(field.invalid.sum())) for name, field in tally.fields.items()}
    assert found == {"d": (2, 2), "s": (4, 2), "t": (1, 2)}


def test_values_are_those_of_accepted_records(tally):
    assert tally.total().summary("d")["count"] == 2
    assert tally.total().summary("d")["max"] == 75
    assert tally.summary("s", 0)["distinct"] == 1


def test_without_event_time_records_count_at_ingest_and_an_envelope_says_when():
    times = pa.array([CLOCK, CLOCK + dt.timedelta(minutes=5), None], pa.timestamp("us", tz="UTC"))
    found = judge("fields: {a: {type: integer}}", batch([b"{}"] * 3, ingest_time=times)).tally
    assert found.cells == ((window(12), ()), (window(12, 5), ()))
    assert found.counts["by_ingest"].tolist() == [2, 1]


def test_event_time_may_be_a_date():
    found = judge("time: d\nfields: {d: {type: date}}", [b'{"d": "2024-02-29"}'], window=dt.timedelta(days=1)).tally
    assert found.cells == ((int(dt.datetime(2024, 2, 29, tzinfo=dt.UTC).timestamp()) * 1_000_000, ()),)


def test_times_before_1970_lie_in_the_window_that_begins_before_them():
    found = judge("time: t\nfields: {t: {type: timestamp}}", [b'{"t": "1969-12-31T23:59:59Z"}']).tally
    assert found.cells == ((-60_000_000, ()),)


@pytest.mark.parametrize(
    ("kind", "values", "first"),
    [
        ("integer", [b"1", b"3"], 1),
        ("decimal, precision: 9, scale: 2", [b"1.25", b"3"], 1.25),
        ("boolean", [b"true", b"false"], 0),
        ("timestamp", [b'"1970-01-01T00:00:01Z"', b'"1970-01-01T00:00:03Z"'], 1_000_000),
        ("date", [b'"1970-01-03"', b'"1970-01-05"'], 2),
        ("time", [b'"00:00:01"', b'"12:00"'], 1_000_000),
    ],
)
def test_every_type_of_numbers_and_times_has_moments(kind, values, first):
    found = judge(f"fields: {{a: {{type: {kind}}}}}", [b'{"a": %s}' % value for value in values]).tally.total()
    assert found.summary("a")["min"] == first
    assert found.summary("a")["count"] == 2
    assert found.summary("a")["distinct"] == 2


def test_groups_keep_apart_what_belongs_to_different_values():
    records = [b'{"a": "x", "n": 1}', b'{"a": "y", "n": 1}', b'{"a": "x", "n": 2}', b'{"a": null}', b"broken"]
    found = judge("fields: {a: {type: string}, n: {type: integer}}", records, group=("a", "n")).tally
    assert {cell[1] for cell in found.cells} == {("x", "1"), ("y", "1"), ("x", "2"), (None, None)}
    assert found.count("read") == 5


def test_the_tally_of_a_large_batch_agrees_with_numpy():
    draw = np.random.default_rng(3)
    numbers = draw.normal(50, 10, 30_000)
    minutes = draw.integers(0, 5, 30_000)
    records = [
        b'{"d": %r, "t": "2024-06-01T11:0%d:00Z"}' % pair
        for pair in zip(numbers.tolist(), minutes.tolist(), strict=True)
    ]
    found = judge(
        "time: t\nfields: {d: {type: double, required: true}, t: {type: timestamp, required: true}}", records, threads=2
    ).tally
    for cell in range(5):
        here = numbers[minutes == cell]
        summary = found.summary("d", cell)
        assert summary["count"] == len(here)
        assert (summary["min"], summary["max"]) == (here.min(), here.max())
        assert summary["mean"] == pytest.approx(here.mean(), rel=1e-9)
        assert summary["std"] == pytest.approx(here.std(), rel=1e-9)
        assert summary["p50"] == pytest.approx(np.median(here), rel=1 / 64)


def test_delimited_and_typed_records_are_counted_the_same_way():
    lines = judge(
        "fields: {a: {type: integer}}", [b"1,x", b"1", b",x"], format=Format("csv", {"header": ["a", "b"]})
    ).tally
    assert (lines.count("read"), lines.failures(), int(lines.fields["a"].null.sum())) == (3, {"payload.format": 1}, 1)
    records = judge("fields: {a: {type: integer}}", typed(pa.array([{"a": 1}, None, {"a": None}]))).tally
    assert (records.count("read"), records.failures(), int(records.fields["a"].null.sum())) == (
        3,
        {"payload.empty": 1},
        1,
    )
