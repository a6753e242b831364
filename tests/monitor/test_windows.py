"""Windows are cut, measured and judged; late records give new revisions, and what cannot be judged is refused."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from stillwell.errors import PipelineError
from stillwell.monitor.store import StoreOptions
from stillwell.monitor.windows import grain, grouped_by, unjudged
from stillwell.monitor.windows.clock import advanced, beginning
from stillwell.monitor.windows.cut import Cut
from stillwell.monitor.windows.due import MOST, due
from stillwell.monitor.windows.measure import measured
from stillwell.pipeline.run import run
from tests.kernel.records import batch, contract, judge
from tests.monitor.watched import Watched, every, minutes, reading

NEVER = -(2**62)
FIELDS = """
key: s
time: t
fields:
  s: {type: string}
  t: {type: timestamp}
  d: {type: double, max: 100, warn: {max: 50}}
  secret: {type: string, sensitive: mask}
  pin: {type: integer, sensitive: mask}
  j: {type: json}
"""


def windowed(*rules: str, keys: str = "every: 1m"):
    named = ", ".join(f"r{number}: {rule}" for number, rule in enumerate(rules))
    return contract(FIELDS + f"windows: {{m: {{{keys}, rules: {{{named}}}}}}}\n")


def test_windows_slide_and_a_cell_lies_in_each_that_covers_it():
    assert Cut(10, 30, 0).around(40).tolist() == [20, 30, 40]
    assert Cut(10, 10, 0).around(-1).tolist() == [-10]
    assert Cut(20, 30, 0).around(40).tolist() == [20, 40]
    assert Cut(10, 30, 0).ending(50, 70).tolist() == [30, 40]


def test_cells_are_as_fine_as_all_windows_need_and_apart_by_all_their_fields():
    text = FIELDS + (
        "windows:\n  a: {every: 90s, by: [d], rules: {v: {measure: count, min: 1}}}\n"
        "  b: {every: 1h, by: [s], rules: {v: {measure: count, min: 1}}}\n"
    )
    assert (grain(contract(text)), grouped_by(contract(text))) == (dt.timedelta(seconds=30), ("s", "d"))
    assert grain(contract(FIELDS)) == dt.timedelta(minutes=1)


def test_a_window_is_provisional_then_final_and_late_when_it_gets_more():
    one = Cut(10, 10, 20)
    found = due(one, [0, 40, 70], before=45, after=75, first=0, kept=NEVER)
    assert dict(zip(found.starts, found.states, strict=True)) == {
        0: "late", 20: "final", 30: "final", 40: "final", 50: "provisional", 60: "provisional"
    }  # fmt: skip
    assert due(one, [0], 45, 45, first=0, kept=10).starts == ()
    assert due(one, [0], 45, 45, first=5, kept=0).starts == ()


def test_a_leap_of_time_makes_a_bounded_number_of_windows_due():
    found = due(Cut(1, 1, 0), [500_000], before=0, after=1_000_000, first=0, kept=0)
    assert len(found.starts) == MOST + 1
    assert 500_000 in found.starts
    assert found.starts[-1] == 999_999


@pytest.mark.parametrize(
    ("measure", "seen"),
    [
        ("count", 3), ("read", 4), ("rejected", 1), ("reject_rate", 0.25), ("warn_rate", 0.25), ("repair_rate", 0),
        ("failed(d.range)", 1), ("failed_rate(d.range)", 0.25), ("null_rate(d)", 0.25), ("invalid_rate(d)", 0.25),
        ("distinct(s)", 2), ("min(d)", 10), ("max(d)", 60), ("mean(d)", 35), ("std(d)", 25), ("sum(d)", 70),
        ("p01(d)", 10), ("p99(d)", 60), ("freshness", 50), ("lateness", 0),
    ],
)  # fmt: skip
def test_each_measure_says_what_it_is_named_after(measure, seen):
    at = "2024-06-01T12:00:1"
    records = [
        f'{{"s": "{s}", "t": "{at}0Z", "d": {d}}}'.encode() for s, d in zip("aabb", (10, 60, "null", 1000), strict=True)
    ]
    tally = judge(contract(FIELDS), batch(records)).tally
    start = tally.cells[0][0]
    ends, newest = np.array([start + 60e6]), np.array([start + 10e6])
    assert measured(measure, tally, newest, ends).tolist() == [pytest.approx(seen, rel=0.02)]


def test_what_cannot_be_measured_is_no_number_and_breaks_no_limit(tmp_path):
    watched = Watched(
        tmp_path,
        "windows:\n  m: {every: 1m, rules: {a: {measure: mean(value), min: 0}, b: {measure: std(value), max: 1}}}\n",
    )
    watched.give([reading(0, value=None), reading(61, value=-1e308), reading(62, value=50.0), reading(130)])
    made = watched.plan()
    run(made)
    assert made.monitor is not None
    # No value in the first minute; of values whose squares no number can hold, no deviation.
    assert (made.monitor.judged, made.monitor.not_evaluated) == (4, 3)
    assert [(one.expectation, one.observed) for one in watched.findings()] == [("m.a", pytest.approx(-5e307))]


def test_future_dated_records_move_no_watermark_and_freshness_is_not_fooled(tmp_path):
    watched = Watched(tmp_path, "windows:\n  m: {every: 1m, rules: {fresh: {measure: freshness, max: 30s}}}\n", epoch=5)
    good, late = every(10, 60), every(10, 300, start=180)
    future = [reading(10_000_000, taken=at) for at in (61, 62, 63)]
    watched.give(good + future + late)
    watched.run()
    found = watched.findings()
    assert minutes(found) == [1, 2]
    assert [(one.kind, one.observed) for one in found] == [("no data", 70.0), ("no data", 130.0)]


def test_late_records_withdraw_a_finding_and_later_ones_revise_it(tmp_path):
    watched = Watched(tmp_path, epoch=3)
    first = every(10, 60) + every(20, 120, start=60) + every(10, 240, start=120)
    watched.give(first)
    watched.run()
    assert [(one.status, one.kind, one.observed) for one in watched.findings()] == [("final", "limit", 3.0)]
    watched.give([reading(61, taken=240), reading(62, taken=240), reading(63, taken=240)])
    watched.run()
    revisions = watched.findings(every_revision=True)
    assert [(one.revision, one.status, one.kind, one.observed) for one in revisions] == [
        (1, "final", "limit", 3.0),
        (2, "withdrawn", "late data", 6.0),
    ]


def test_what_is_late_within_what_is_allowed_is_waited_for(tmp_path):
    watched = Watched(tmp_path, "windows:\n  m: {every: 1m, late: 2m, rules: {v: {measure: count, min: 6}}}\n", epoch=3)
    watched.give(every(10, 60) + every(20, 120, start=60) + every(10, 180, start=120))
    watched.run()
    assert [(one.status, one.revision) for one in watched.findings()] == [("provisional", 1)]
    watched.give([reading(one, taken=180) for one in (61, 62, 63)])
    watched.run()
    assert [(one.status, one.revision) for one in watched.findings()] == [("withdrawn", 2)]


def test_a_group_that_falls_silent_is_found_and_one_that_was_never_there_is_not(tmp_path):
    watched = Watched(tmp_path, "windows:\n  m: {every: 1m, by: [sensor], rules: {v: {measure: count, min: 1}}}\n")
    records = every(10, 600) + every(10, 120, start=60, sensor="b") + every(10, 300, start=240, sensor="b")
    watched.give(sorted(records, key=lambda one: one[1]))
    watched.run()
    found = watched.findings()
    assert {one.group for one in found} == {("b",)}
    assert {one.kind for one in found} == {"no data"}
    assert minutes(found) == [2, 3, 5, 6, 7, 8]


def test_windows_that_slide_count_a_record_in_each(tmp_path):
    watched = Watched(
        tmp_path, "windows:\n  m: {every: 1m, size: 3m, rules: {v: {measure: count, min: 18, max: 18}}}\n"
    )
    watched.give(every(10, 241))
    watched.run()
    assert watched.findings() == []
    watched.give(every(5, 311, start=250))
    watched.run()
    # 241 to 300 holds 11 readings a little closer together.
    assert [(*minutes([one]), one.observed) for one in watched.findings()] == [(2, 22.0)]


def test_a_ratio_to_the_same_window_before(tmp_path):
    rule = "{measure: count, against: 2m, min: 50%, max: 150%}"
    watched = Watched(tmp_path, f"windows:\n  m: {{every: 1m, rules: {{half: {rule}}}}}\n")
    watched.give(every(10, 120) + every(30, 180, start=120) + every(10, 311, start=180))
    watched.run()
    assert [(*minutes([one]), one.observed) for one in watched.findings()] == [(2, pytest.approx(1 / 3)), (4, 3.0)]


def test_several_of_the_last_windows_must_be_bad_where_that_is_said(tmp_path):
    watched = Watched(tmp_path, "windows:\n  m: {every: 1m, rules: {v: {measure: count, min: 6, after: 2 of 3}}}\n")
    watched.give(every(30, 60) + every(10, 120, start=60) + every(30, 180, start=120) + every(10, 300, start=180))
    watched.run()
    assert minutes(watched.findings()) == [2]


def test_schema_changes_show_as_vanished_retyped_and_new_fields(tmp_path):
    windows = (
        "other_fields: warn\nwindows:\n  m:\n    every: 1m\n    rules:\n"
        "      vanished: {measure: null_rate(value), max: 50%}\n"
        "      retyped:  {measure: failed_rate(value.type), max: 10%}\n"
        "      new:      {measure: failed_rate(other_fields), max: 10%}\n"
    )
    watched = Watched(tmp_path, windows)
    plain = [reading(one) for one in range(0, 60, 10)]
    retyped = [reading(one, value="warm") for one in range(60, 120, 10)]
    vanished = [reading(one, value=None) for one in range(120, 180, 10)]
    new = [(payload[:-1] + b', "unit": "C"}', at) for payload, at in (reading(one) for one in range(180, 250, 10))]
    watched.give(plain + retyped + vanished + new)
    watched.run()
    found = [(one.expectation, *minutes([one])) for one in watched.findings()]
    assert found == [("m.retyped", 1), ("m.vanished", 2), ("m.new", 3)]


def test_a_clock_that_goes_backwards_moves_the_watermark_nowhere(tmp_path):
    watched = Watched(tmp_path, epoch=4)
    watched.give(every(10, 130) + [reading(100 - 5 * one, taken=130) for one in range(20)] + every(10, 200, start=130))
    watched.run()
    assert watched.findings() == []


def test_null_keys_and_keys_of_a_megabyte_are_groups_like_others(tmp_path):
    watched = Watched(tmp_path, "windows:\n  m: {every: 1m, by: [sensor], rules: {v: {measure: read, min: 2}}}\n")
    watched.give([reading(0, None), reading(1, "x" * 1_000_000), reading(61, "b"), reading(62, "b"), reading(130, "b")])
    watched.run()
    found = {one.group[0] and one.group[0][:3] for one in watched.findings()}
    assert found == {None, "xxx"}
    assert all(len(one.group[0] or "") <= 200 for one in watched.findings())


def test_few_records_long_before_all_others_do_not_say_where_judging_begins(tmp_path):
    watched = Watched(tmp_path, epoch=1000)
    watched.give([reading(-86_400, taken=0), *every(10, 1200)])
    watched.run()
    assert watched.findings() == []


def test_the_watermark_is_the_newest_accepted_time_that_had_come_by_then():
    tally = judge(contract(FIELDS), batch([b'{"t": "2024-06-01T11:00:30Z"}', b'{"t": "2024-06-01T13:00:00Z"}'])).tally
    mark = advanced(contract(FIELDS), tally, None)
    assert mark == round(dt.datetime(2024, 6, 1, 11, 0, 30, tzinfo=dt.UTC).timestamp() * 1e6)
    assert advanced(contract(FIELDS), tally, mark + 5) == mark + 5
    assert beginning(tally) == tally.cells[0][0]
    rejected = judge(contract(FIELDS), batch([b'{"t": "2024-06-01T11:00:30Z", "d": 1000}'])).tally
    assert advanced(contract(FIELDS), rejected, None) is None


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (windowed("{measure: share(d > 1), min: 1%}"), "windows.m.rules.r0.measure"),
        (windowed("{measure: duplicate_rate(d), max: 1%}"), "windows.m.rules.r0.measure"),
        (windowed("{measure: psi(d), max: 1}"), "windows.m.rules.r0.measure"),
        (windowed("{measure: mean(d), detect: default}"), "windows.m.rules.r0.detect"),
        (windowed("{measure: max(s), max: b}"), "windows.m.rules.r0.measure"),
        (windowed("{measure: distinct(j), max: 3}"), "windows.m.rules.r0.measure"),
        (windowed("{measure: max(pin), max: 3}"), "windows.m.rules.r0.measure"),
        (windowed("{measure: count, min: 1}", keys="session: 5m"), "windows.m.session"),
        (windowed("{measure: count, min: 1}", keys="every: 1m, where: 'd > 1'"), "windows.m.where"),
        (windowed("{measure: count, min: 1}", keys="every: 1m, by: [secret]"), "windows.m.by"),
        (windowed("{measure: count, min: 1}", keys="every: 1m, by: [j]"), "windows.m.by"),
        (windowed("{measure: count, min: 1}", keys="every: 100ms"), "windows"),
        (windowed("{measure: count, against: 7d, min: 50%}"), "windows.m.rules.r0.against"),
        (windowed("{measure: count, against: 90s, min: 50%}"), "windows.m.rules.r0.against"),
        (windowed("{measure: count, against: 500d, min: 50%}", keys="every: 1d"), "windows.m.rules.r0.against"),
    ],
)
def test_what_cannot_be_judged_is_refused_with_a_way_out(made, path):
    problems = list(unjudged(made, StoreOptions()))
    assert [(one.code, one.path) for one in problems] == [("not-supported", path)]
    assert all(one.fix and one.where.line for one in problems)


def test_a_window_of_an_hour_may_be_compared_with_that_of_a_week_ago():
    rule = "{measure: count, against: 7d, min: 50%}"
    assert not list(unjudged(windowed(rule, keys="every: 1h"), StoreOptions()))
    assert not list(unjudged(windowed(rule), StoreOptions(minutes="8d")))


def test_a_plan_is_refused_for_windows_that_cannot_be_judged(tmp_path):
    watched = Watched(tmp_path, "windows: {m: {every: 1m, rules: {v: {measure: psi(value), max: 1}}}}\n")
    with pytest.raises(PipelineError) as caught:
        watched.plan()
    assert [(one.code, one.path) for one in caught.value.problems] == [("not-supported", "windows.m.rules.v.measure")]
