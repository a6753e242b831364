"""Counting says how often each rule was broken exactly as judging does, for every format, and shows the first examples."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel import Format, Kernel
from stillwell.kernel.base import QUARANTINED
from stillwell.kernel.scan import Scan
from tests.kernel import columns, test_plain
from tests.kernel.odd import everything, fixed, of_text, payloads
from tests.kernel.records import CLOCK, batch, contract, full_way_only, judge, typed


def count(rest, data, **options):
    samples = options.pop("samples", 1)
    kernel = Kernel(contract(rest), threads=options.pop("threads", 2), **options)
    try:
        return kernel.count(data, CLOCK, samples=samples)
    finally:
        kernel.close()


def assert_counted(counts, judged):
    """The counts are those of the judgement."""
    tally, lists = judged.tally, judged.quarantined["reasons"].to_pylist()
    assert (counts.read, counts.accepted, counts.quarantined) == (
        judged.read,
        len(judged.accepted),
        len(judged.quarantined),
    )
    assert (counts.warned, counts.repaired) == (tally.count("warned"), tally.count("repaired"))
    assert counts.several == sum(len(reasons) > 1 for reasons in lists)
    assert counts.stop == (judged.stop is not None)
    assert list(counts.rules) == list(tally.rules)
    for rule, found in counts.rules.items():
        expected = (getattr(tally.rules[rule], part).sum() for part in ("failed", "repaired", "not_evaluated"))
        assert (found.failed, found.repaired, found.not_evaluated) == tuple(expected), rule


def first_examples(judged, samples):
    """The first reasons of each rule, by the places of their records."""
    found = {}
    rows = {
        True: iter(judged.quarantined["reasons"].to_pylist()),
        False: iter(judged.accepted["_stillwell"].to_pylist()),
    }
    for place, verdict in enumerate(judged.verdicts.to_pylist()):
        rejected = verdict == QUARANTINED
        row = next(rows[rejected])
        for reason in row if rejected else row["warnings"] or []:
            found.setdefault(reason["rule"], []).append((place, reason["field"], reason["seen"], reason["expected"]))
    return {rule: some[:samples] for rule, some in found.items()}


def shown(counts):
    return {
        rule: [(one.place, one.field, one.seen, one.expected) for one in some] for rule, some in counts.samples.items()
    }


@pytest.fixture
def file(tmp_path):
    """Writes rows as a Parquet file of several row groups."""

    def write(rows):
        pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=150)
        return Scan(tmp_path / "rows.parquet")

    return write


@pytest.mark.parametrize("name", columns.CONTRACTS)
def test_typed_records_are_counted_as_they_are_judged(name):
    rows, rest = typed(columns.records(columns.table())), columns.CONTRACTS[name]
    judged, counts = judge(rest, rows), count(rest, rows, samples=3)
    assert_counted(counts, judged)
    assert shown(counts) == first_examples(judged, 3)


@pytest.mark.parametrize("name", columns.CONTRACTS)
def test_a_file_is_counted_as_its_rows_are_judged(name, file):
    rows, rest = columns.table(), columns.CONTRACTS[name]
    judged, counts = judge(rest, typed(columns.records(rows))), count(rest, file(rows), samples=2)
    assert_counted(counts, judged)
    assert shown(counts) == first_examples(judged, 2)


@fixed
@given(columns.tables(), st.sampled_from(sorted(columns.CONTRACTS)))
def test_any_typed_records_are_counted_as_they_are_judged(rows, name):
    rest, rows = columns.CONTRACTS[name], typed(columns.records(rows))
    assert_counted(count(rest, rows), judge(rest, rows))


@fixed
@given(st.lists(payloads(test_plain.GOOD), min_size=5, max_size=40), st.sampled_from(sorted(test_plain.CONTRACTS)))
def test_any_payloads_are_counted_as_they_are_judged(records, name):
    rest, rows = test_plain.CONTRACTS[name], batch(of_text(records))
    assert_counted(count(rest, rows), judge(rest, rows))


@pytest.mark.parametrize("name", ["rules", "repairs", "allowed, length, format", "several paths", "missing"])
def test_each_odd_value_of_json_is_counted_as_it_is_judged(name):
    rest = test_plain.CONTRACTS[name]
    rows = batch(of_text(everything(test_plain.GOOD, test_plain.read_from(rest))))
    judged, counts = judge(rest, rows), count(rest, rows, samples=2)
    assert_counted(counts, judged)
    assert shown(counts) == first_examples(judged, 2)
    with full_way_only():
        assert_counted(count(rest, rows), judged)


@pytest.mark.parametrize("name", ["rules", "integer", "clean"])
def test_each_odd_cell_of_delimited_text_is_counted_as_it_is_judged(name):
    form = Format("csv", {"header": list(test_plain.GOOD)})
    rest, rows = test_plain.CONTRACTS[name], batch(test_plain.lines())
    assert_counted(count(rest, rows, format=form), judge(rest, rows, format=form))


def test_pieces_are_added_and_examples_numbered_over_all():
    rows = typed(pa.array([{"d": 100.0 if place in (9_000, 19_999) else 1.0} for place in range(20_000)]))
    counts = count("fields: {d: {type: double, max: 85}}", rows, samples=2)
    assert counts.failures() == {"d.range": 2}
    assert [one.place for one in counts.samples["d.range"]] == [9_000, 19_999]


def test_repairs_of_accepted_records_are_shown_with_what_was_there():
    rest = "fields: {d: {type: double, max: 85, repair: {range: clamp}}, i: {type: integer, max: 1}}"
    rows = typed(pa.array([{"d": 99.0, "i": 2}, {"d": 98.0, "i": 1}]))
    repairs = count(rest, rows).repairs
    assert [(one.place, one.seen, one.expected) for one in repairs["d.range"]] == [(1, "98.0", None)]


def test_what_is_sensitive_is_masked(file):
    rest = "fields: {s: {type: string, pattern: x, sensitive: mask}}"
    rows = pa.table({"s": ["secret"]})
    for data in (file(rows), typed(columns.records(rows))):
        assert count(rest, data).samples["s.pattern"][0].seen == "***"


def test_without_samples_nothing_is_explained():
    rows = typed(pa.array([{"d": 99.0}]))
    assert count("fields: {d: {type: double, max: 85}}", rows, samples=0).samples == {}


def test_nothing_is_counted_as_nothing(file):
    rest = "fields: {d: {type: double, required: true}}"
    empty = pa.table({"d": pa.array([], pa.float64())})
    for data in (file(empty), typed(columns.records(empty)), batch([])):
        counts = count(rest, data)
        assert (counts.read, counts.accepted, counts.quarantined, counts.failures()) == (0, 0, 0, {})


def test_texts_are_counted_by_both_ways():
    assert count("fields: {d: {type: double}}", batch([b'{"d": "x"}', b"{", None])).failures() == {
        "d.type": 1,
        "payload.format": 1,
        "payload.empty": 1,
    }
