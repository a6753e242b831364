"""What each constraint asks of a value, at and around its edges."""

from __future__ import annotations

import json

import pytest

from tests.kernel.records import broken


def good(definition, *raw):
    """Which raw values of a field with this definition break nothing."""
    rules = broken(f"fields: {{a: {definition}}}", [json.dumps({"a": one}).encode() for one in raw])
    return [not one for one in rules]


@pytest.mark.parametrize(
    ("definition", "raw", "expected"),
    [
        ("{type: double, min: -40, max: 85}", [-40, 85, -40.000001, 85.000001, None, "84.9"], "yynnyy"),
        ("{type: double, above: 0, below: 1}", [0, 1e-300, 1, 0.999999], "nyny"),
        ("{type: integer, max: 9007199254740993}", [9007199254740993, 9007199254740994], "yn"),
        ("{type: decimal, precision: 9, scale: 3, max: 1.125}", ["1.125", "1.126", "-5"], "yny"),
        ("{type: date, min: 2024-02-29}", ["2024-02-29", "2024-02-28"], "yn"),
        ("{type: time, min: '08:30', below: '17:00'}", ["08:30", "08:29:59.9", "16:59:59.999999", "17:00"], "ynyn"),
        ("{type: timestamp, min: 2024-06-01T00:00:00+02:00}", ["2024-05-31T22:00:00Z", "2024-05-31T21:59:59Z"], "yn"),
        ("{type: timestamp, max: now + 1m}", ["2024-06-01T12:01:00Z", "2024-06-01T12:01:00.000001Z"], "yn"),
        ("{type: timestamp, above: now - 1h30m, below: now}", ["2024-06-01T10:30:00Z", "2024-06-01T10:30:00.000001Z", "2024-06-01T12:00:00Z"], "nyn"),
        ("{type: date, max: now}", ["2024-06-01", "2024-06-02"], "yn"),
        ("{type: string, min_length: 2, max_length: 3}", ["a", "ab", "abc", "abcd", "😀😀😀", "", None], "nyynyny"),
        ("{type: string, pattern: 'a+b?'}", ["a", "aab", "xa", "ab\n", "b", ""], "yynnnn"),
        ("{type: string, pattern: '(?i)a.c'}", ["ABC", "a\nc", "abcd"], "ynn"),
        ("{type: string, allowed: [NO, '1', '']}", ["NO", "no", "1", 1, "", "1.0"], "ynyyyn"),
        ("{type: integer, allowed: [1, 2]}", [1, "2", 3, 1.0], "yyny"),
        ("{type: double, allowed: [0.1, 1e3]}", [0.1, "1000", 0.2], "yyn"),
        ("{type: decimal, precision: 5, scale: 2, allowed: [1.5, 100]}", ["1.50", 100, 2], "yyn"),
        ("{type: boolean, allowed: [true]}", [True, False, None], "yny"),
        ("{type: date, allowed: [2024-01-01]}", ["2024-01-01", "2024-01-02"], "yn"),
        ("{type: timestamp, allowed: [2024-01-01T00:00:00Z]}", ["2024-01-01T01:00:00+01:00", "2024-01-01T01:00:00Z"], "yn"),
        ("{type: time, allowed: ['08:30']}", ["08:30:00", "08:31"], "yn"),
        ("{type: array, items: {type: integer}, min_items: 1, max_items: 2}", [[], [1], [1, 2], [1, 2, 3]], "nyyn"),
    ],
)  # fmt: skip
def test_a_constraint_holds_up_to_its_edges(definition, raw, expected):
    assert good(definition, *raw) == [letter == "y" for letter in expected]


def test_fields_may_have_the_names_that_our_sql_uses_within():
    rest = "fields: {i: {type: string, format: card-number}, x: {type: array, items: {type: integer, min: 0}}, k: {type: string}, batch: {type: integer}, odd: {type: integer, max: 1}}"
    found = broken(
        rest,
        [
            b'{"i": "4111111111111111", "x": [1], "k": "a", "batch": 1, "odd": 1}',
            b'{"i": "4111111111111112", "x": [-1], "odd": 2}',
        ],
    )
    assert found == [set(), {"i.format", "x[].range", "odd.range"}]


def test_a_value_that_is_null_is_not_evaluated():
    rest = "fields: {a: {type: double, min: 5, allowed: [7], warn: {max: 6}}}"
    assert broken(rest, [b'{"a": null}', b"{}"]) == [set(), set()]
