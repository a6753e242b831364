"""What each constraint asks of a value, at and around its edges."""

from __future__ import annotations

import json

import pytest

from stillwell.kernel.formats import PATTERNS
from tests.kernel.records import broken
from tests.kernel.reference import luhn


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


FORMATS = {
    "email": (
        ["a@b.co", "first.last+tag@sub.example.org", "x_y'z@e-x.info"],
        ["a@b", "@b.co", "a b@c.de", "a@b..co", "a@-b.co", "a@b.co ", "a@b.co, c@d.ef"],
    ),
    "uuid": (["123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000"], ["123e4567e89b12d3a456426614174000", "123e4567-e89b-12d3-a456-42661417400g"]),
    "ipv4": (["0.0.0.0", "255.255.255.255", "127.0.0.1"], ["256.0.0.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4 ", "١.2.3.4"]),
    "ipv6": (["::", "::1", "2001:db8::8a2e:370:7334", "1:2:3:4:5:6:7:8", "::ffff:192.0.2.1", "fe80::"], ["1:2:3:4:5:6:7", "1::2::3", "12345::", "::1%eth0", "1:2:3:4:5:6:7:8:9", ":::"]),
    "uri": (["https://example.org/a?b=c#d", "urn:isbn:1", "mailto:a@b.co"], ["example.org", "//a/b", "http:", "http://a b", "1http://a"]),
    "hostname": (["localhost", "a.b-c.example", "xn--bcher-kva.example.", "1a"], ["-a", "a-", "a..b", "a_b", "", "a" * 64]),
    "iso-country": (["NO", "DE"], ["no", "XX", "NOR", ""]),
    "iso-currency": (["EUR", "NOK"], ["eur", "XXX", "EU"]),
    "card-number": (["4111111111111111", "5500005555555559", "378282246310005", "6011000990139424"], ["4111111111111112", "4111 1111 1111 1111", "41111111111", "41111111111111111111", "٤111111111111111", ""]),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_a_named_format_takes_what_is_one_and_nothing_else(name):
    right, wrong = FORMATS[name]
    assert good(f"{{type: string, format: {name}}}", *right, *wrong) == [True] * len(right) + [False] * len(wrong)


def test_one_of_several_formats_is_enough():
    assert good("{type: string, format: [ipv4, ipv6]}", "::1", "1.2.3.4", "x") == [True, True, False]


def test_card_numbers_pass_the_check_of_their_last_digit():
    numbers = [str(4111111111111100 + number) for number in range(100)] + ["0" * size for size in range(10, 22)]
    assert good("{type: string, format: card-number}", *numbers) == [luhn(number) for number in numbers]


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
