"""Checks of whole columns say what the full way says, of every odd value and rule by rule."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel.checks import checks
from tests.kernel.columns import records, table, tables
from tests.kernel.odd import fixed
from tests.kernel.records import CLOCK, contract, full_way_only, judge, typed

CONTRACTS = {
    "types": "fields: {s: {type: string}, i: {type: integer}, d: {type: double}, b: {type: boolean}, t: {type: timestamp}, y: {type: date}}",
    "required": "fields: {s: {type: string, required: true}, d: {type: double, required: true}, y: {type: date, required: true}, b: {type: boolean, required: true}}",
    "pattern": "fields: {s: {type: string, pattern: 's_[0-9]{3}'}, x: {type: string, from: s, pattern: '[a-zA-Z]_\\d{3}', required: true}}",
    "allowed": "fields: {s: {type: string, allowed: [s_001, '12', '😀']}}",
    "length": "fields: {s: {type: string, min_length: 1, max_length: 5, warn: {max_length: 2}}}",
    "ranges": (
        "fields: {i: {type: integer, min: 0, max: 100, fail: {below: 101}}, d: {type: double, above: -40, below: 85, warn: {max: 70}}, "
        "t: {type: timestamp, max: now + 1m, min: '2001-01-01T00:00:00Z'}, x: {type: timestamp, from: t, above: now - 1d}}"
    ),
    "rules": "fields: {d: {type: double}, e: {type: double, from: d, max: 50}, i: {type: integer, required: true}}\n"
    "rules: {less: {expect: d <= 21.5}, same: {expect: not (d > 5 and e < 80)}, some: {expect: i > 4 or d < -1, severity: warn}}",
}  # fmt: skip


def said(rest, rows):
    """By rule which records fail it, and how many it was not evaluated for."""
    kind = records(rows).type
    made = checks(contract(rest), kind)
    assert made is not None
    micros = (CLOCK - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    broken = made.broken(lambda name: rows[name], np.full(len(rows), micros))
    return {rule: set(np.flatnonzero(mask).tolist()) for rule, mask in broken.masks.items()}, broken.skipped


def by_full_way(rest, rows):
    with full_way_only():
        judged = judge(rest, typed(records(rows)))
    failed = {}
    for lists in (judged.quarantined, judged.accepted):
        # Python has no words for all the dates that a record may hold.
        for one in lists.select([name for name in ("_stillwell", "reasons") if name in lists.column_names]).to_pylist():
            place = one["_stillwell"]["offset"]
            for reason in one.get("reasons") or one["_stillwell"].get("warnings") or []:
                failed.setdefault(reason["rule"], set()).add(place)
    skipped = {rule: int(tally.not_evaluated.sum()) for rule, tally in judged.tally.rules.items()}
    return failed, skipped


def assert_same(rest, rows):
    found, skipped = said(rest, rows)
    failed, unjudged = by_full_way(rest, rows)
    first = typed(records(rows))["offset"][0].as_py()
    assert {rule: {place + first for place in places} for rule, places in found.items() if places} == failed
    for rule, count in skipped.items():
        assert count == unjudged[rule], rule


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_odd_value_is_judged_as_by_the_full_way(name):
    assert_same(CONTRACTS[name], table())


@fixed
@given(tables(), st.sampled_from(sorted(CONTRACTS)))
def test_any_values_are_judged_as_by_the_full_way(rows, name):
    assert_same(CONTRACTS[name], rows)


def test_a_slice_and_codes_are_judged_as_what_they_stand_for():
    rest = "fields: {s: {type: string, allowed: [a, b]}}"
    texts = pa.chunked_array([["x", "a"], ["b", None, "y"]])
    made = checks(contract(rest), pa.struct([("s", pa.string())]))
    assert made.coded == ["s"]
    for column in (texts, texts.dictionary_encode(), pa.concat_tables([pa.table({"s": texts})] * 2)["s"].slice(5)):
        broken = made.broken(lambda _, column=column: column, np.zeros(5, np.int64))
        assert broken.masks["s.allowed"].tolist() == [True, False, False, False, True]
        assert broken.skipped["s.allowed"] == 1


@pytest.mark.parametrize(
    "rest",
    [
        "fields: {s: {type: string, pattern: '.*x'}}",
        "fields: {s: {type: string, format: ipv4}}",
        "fields: {i: {type: integer, allowed: [1]}}",
        "fields: {s: {type: double}}",
        "fields: {s: {type: string, clean: [trim]}}",
        "fields: {i: {type: integer, max: 5, repair: {range: clamp}}}",
        "fields: {i: {type: integer, default: 5}}",
        "fields: {i: {type: integer}, k: {type: integer, value: i + 1}}",
        "fields: {i: {type: integer}}\nrules: {r: {expect: i * 2 > 5}}",
        "fields: {i: {type: integer}}\nrules: {r: {expect: i > 5, where: i > 0}}",
        "fields: {i: {type: integer}}\nrules: {r: {expect: i > 5, if_null: fail}}",
        "other_fields: warn\nfields: {i: {type: integer}}",
        "fields: {absent: {type: integer}}",
        "fields: {y: {type: date, max: now}}",
    ],
)
def test_what_asks_for_more_has_no_checks(rest):
    assert checks(contract(rest), records(table(3)).type) is None
