"""What is told of odd records without a query is what the full way says of them, to the last sign."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel.known import Known
from tests.kernel.columns import records, table, tables
from tests.kernel.odd import fixed
from tests.kernel.records import assert_same, batch, contract, full_way_only, judge, typed
from tests.kernel.test_checks import CONTRACTS

JSON = (
    "fields: {s: {type: string, required: true, pattern: 's_[0-9]{3}', max_length: 5}, i: {type: integer, max: 9, warn: {max: 5}}, "
    "d: {type: double, required: true, min: 0, below: 20, sensitive: mask}, b: {type: boolean, required: true}, "
    "t: {type: timestamp, max: '2024-06-01T00:00:00Z', fail: {max: '2030-01-01'}}, x: {type: string, from: s, allowed: [s_001, é]}}\n"
    "rules: {less: {expect: d < 15 or i < 3, severity: warn}}"
)  # fmt: skip

ABSENT = object()
VALUES = {
    "s": [
        "s_001",
        "s_1",
        "unknown",
        'a "quoted" one',
        "back\\slash",
        "é😀",
        "\x00",
        "",
        None,
        12,
        1.5,
        True,
        [],
        ABSENT,
    ],
    "i": [1, 6, 10, -3, 10**18, 1.5, "7", "x", None, ABSENT],
    "d": [1, 19.9, 21.5, -0.5, 1e300, 1e-7, 0.1 + 0.2, 100000.0, "30.5", "-1", None, ABSENT],
    "b": [True, False, "true", None, ABSENT],
    "t": ["2024-01-01T00:00:00Z", "2025-01-01T00:00:00+02:00", "2031-01-01 10:00:00.5", "2024", 5, None, ABSENT],
}


@st.composite
def payloads(draw):
    """Objects of these values, in any order and with any blanks."""
    names = draw(st.permutations([*VALUES, "more"]))
    members = {name: draw(st.sampled_from(VALUES.get(name, [1, "y", {"a": [1]}, ABSENT]))) for name in names}
    found = {name: value for name, value in members.items() if value is not ABSENT}
    written = json.dumps(
        found, ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([(",", ":"), (" , ", " : ")]))
    )
    return written.replace("1.5", draw(st.sampled_from(["1.5", "1.50", "15e-1"]))).encode()


@fixed
@given(st.lists(payloads(), min_size=1, max_size=20), st.sampled_from(["lenient", "strict"]))
def test_payloads_are_told_as_by_the_full_way(some, parsing):
    one = contract(f"parsing: {parsing}\n{JSON}")
    with full_way_only():
        expected = judge(one, batch(some))
    assert_same(judge(one, batch(some)), expected)


def assert_alike(rest, rows):
    """All that is said of typed records; what they hold is not looked at, for which Python has not always words."""
    with full_way_only():
        expected = judge(rest, rows)
    found = judge(rest, rows)
    for part in ("accepted", "quarantined"):
        for column in ("_stillwell", "reasons"):
            if column in getattr(found, part).column_names:
                assert getattr(found, part)[column].equals(getattr(expected, part)[column])
    assert found.verdicts.equals(expected.verdicts)
    assert found.tally.failures() == expected.tally.failures()
    for rule, tally in found.tally.rules.items():
        assert tally.not_evaluated.sum() == expected.tally.rules[rule].not_evaluated.sum(), rule


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_odd_value_of_a_column_is_told_as_by_the_full_way(name):
    assert_alike(CONTRACTS[name], typed(records(table())))


@fixed
@given(tables(), st.sampled_from(sorted(CONTRACTS)))
def test_any_columns_are_told_as_by_the_full_way(rows, name):
    assert_alike(CONTRACTS[name], typed(records(rows)))


def told(monkeypatch, rest, rows):
    """At which places records are told, when all are judged."""
    found = []
    tell = Known.tell

    def spy(self, rows, proof):
        odd = tell(self, rows, proof)
        found.extend([] if odd is None else odd.rows.tolist())
        return odd

    monkeypatch.setattr(Known, "tell", spy)
    judge(rest, rows)
    return found


def test_what_broke_limits_alone_is_told_and_what_has_to_be_parsed_is_not(monkeypatch):
    rest = "fields: {a: {type: double, required: true, max: 9}, s: {type: string}}\nrules: {r: {expect: a > 1, severity: warn}}"
    some = [
        b'{"a": 2}',
        b'{"a": 10.5}',
        b'{"a": 10.50}',
        b'{"s": "x"}',
        b'{"a": null}',
        b"x",
        b'{"a": "x"}',
        b'{"a": 0}',
    ]
    assert told(monkeypatch, rest, batch(some)) == [1, 3, 4]


def test_of_typed_records_that_is_told_whose_text_is_known(monkeypatch):
    rest = "fields: {a: {type: double, required: true, max: 9}, s: {type: string, max_length: 2}, i: {type: integer, max: 5}}"
    rows = pa.table({"a": [1.0, 10.5, None, 1.0, 1.0], "s": ["x", "x", "x", "long", "x"], "i": [1, 1, 1, 1, 6]})
    assert told(monkeypatch, rest, typed(records(rows))) == [2, 3, 4]
