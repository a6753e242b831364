"""Tallies merge: in any order, in any grouping, into one whole."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel import Kernel
from stillwell.kernel.tally import merge
from tests.kernel.odd import fixed, payloads
from tests.kernel.records import CLOCK, assert_same_tally, batch, contract, judge

REST = """
time: t
fields:
  id: {type: string}
  d: {type: double, min: -40, repair: {range: clamp}, warn: {max: 70}}
  n: {type: integer}
  t: {type: timestamp}
rules:
  positive: {expect: 'n > 0', severity: warn}
"""
GOOD = {"id": '"s_001"', "d": "21.5", "n": "3", "t": '"2024-06-01T11:59:00Z"'}
KERNELS = {group: Kernel(contract(REST), group=group, threads=1) for group in ((), ("id",), ("id", "n"))}


def tally(records, group=("id",)):
    return KERNELS[group].judge(batch(records), CLOCK).tally


@fixed
@given(
    st.lists(payloads(GOOD), max_size=30),
    st.lists(st.integers(0, 30), max_size=3),
    st.sampled_from(sorted(KERNELS)),
    st.randoms(),
)
def test_the_tallies_of_parts_merge_to_that_of_the_whole_in_any_order(records, cuts, group, random):
    edges = sorted({0, len(records), *(min(cut, len(records)) for cut in cuts)})
    parts = [tally(records[low:high], group) for low, high in itertools.pairwise(edges)]
    parts.append(tally([], group))
    random.shuffle(parts)
    whole = tally(records, group)
    assert_same_tally(merge(parts), whole)
    middle = len(parts) // 2
    if middle:
        assert_same_tally(merge(parts[:middle]).merge(merge(parts[middle:])), whole)


@fixed
@given(st.lists(payloads(GOOD), max_size=30))
def test_the_total_is_what_one_cell_would_have_held(records):
    found = tally(records).total()
    assert len(found.cells) <= 1
    for name in ("read", "accepted", "quarantined", "warned", "repaired", "by_ingest"):
        assert found.count(name) == tally(records).count(name)
    assert found.failures() == tally(records).failures()
    if records:
        every = dt.timedelta(days=400 * 9999)
        one = judge(REST.replace("time: t\n", ""), records, window=every).tally.total()
        for field in ("id", "d", "n"):
            ours, theirs = found.summary(field), one.summary(field)
            assert ours.keys() == theirs.keys()
            assert {name: ours[name] for name in ours if name not in ("mean", "std")} == {
                name: theirs[name] for name in theirs if name not in ("mean", "std")
            }


def test_cells_are_windows_in_order_and_groups_in_order_with_null_last():
    minutes = [("b", 1), ("a", 1), (None, 1), ("a", 0)]
    records = [
        b'{"id": %s, "t": "2024-06-01T11:0%d:30Z"}' % (b"null" if name is None else b'"%s"' % name.encode(), minute)
        for name, minute in minutes
    ]
    start = int(dt.datetime(2024, 6, 1, 11, tzinfo=dt.UTC).timestamp()) * 1_000_000
    merged = merge([tally(records)])
    assert merged.cells == (
        (start, ("a",)),
        (start + 60_000_000, ("a",)),
        (start + 60_000_000, ("b",)),
        (start + 60_000_000, (None,)),
    )
    assert merged.counts["read"].tolist() == [1, 1, 1, 1]


def test_the_summary_of_a_field_is_in_plain_numbers():
    records = [b'{"d": %d}' % number for number in range(1, 101)] + [b"{}", b'{"d": "x"}']
    found = tally(records, ()).total().summary("d")
    assert {name: found[name] for name in ("null", "invalid", "count", "min", "max", "mean")} == {
        "null": 1, "invalid": 1, "count": 100, "min": 1.0, "max": 100.0, "mean": 50.5,
    }  # fmt: skip
    assert found["std"] == pytest.approx(28.86607004772212)
    for percent, exact in ((1, 1), (50, 50), (90, 90), (95, 95), (99, 99)):
        assert found[f"p{percent:02}"] == pytest.approx(exact, rel=1 / 64)
    assert found["distinct"] == pytest.approx(100, rel=0.2)


def test_texts_have_no_moments_and_what_is_empty_no_quantiles():
    found = tally([b'{"id": "a"}', b'{"id": "b"}'], ())
    assert found.summary("id") == {"null": 0, "invalid": 0, "distinct": 2}
    assert found.summary("d") == {"null": 2, "invalid": 0, "distinct": 0}


def test_tallies_of_other_windows_or_groups_do_not_merge():
    with pytest.raises(ValueError, match="windows"):
        merge([tally([], ()), tally([], ("id",))])
    with pytest.raises(ValueError, match="windows"):
        merge([tally([], ()), judge(REST, [], window=dt.timedelta(hours=1)).tally])


def test_distinct_counts_of_two_hash_families_are_dropped_and_not_mixed():
    one, other = tally([b'{"id": "a", "d": 1}'], ()), tally([b'{"id": "b", "d": 2}'], ())
    field = other.fields["id"]
    object.__setattr__(field, "hashed_by", "another family")
    merged = merge([one, other])
    assert merged.fields["id"].registers is None
    assert merged.summary("id")["distinct"] is None
    assert merged.fields["d"].registers is not None
