"""Record rules: what holds, what is broken, what cannot be computed; no expression ever fails a batch."""

from __future__ import annotations

import pytest

from tests.kernel.records import broken, judge, outcomes

FIELDS = "fields: {a: {type: integer}, b: {type: integer}, d: {type: double}, s: {type: string}, t: {type: timestamp}}\nrules: "


def said(rule, *records):
    """Of each record whether the rule `r` was kept, broken, or not evaluated."""
    judged = judge(FIELDS + "{r: " + rule + "}", [one.encode() for one in records])
    tally = judged.tally.rules["r"]
    found = ["broken" if "r" in one.rules else "kept" for one in outcomes(judged)]
    assert int(tally.failed.sum()) == found.count("broken")
    return found, int(tally.not_evaluated.sum())


def test_a_rule_over_null_is_not_evaluated_and_rejects_nothing():
    assert said("{expect: 'a < b'}", '{"a": 1, "b": 2}', '{"a": 2, "b": 1}', '{"a": 1}', "{}") == (
        ["kept", "broken", "kept", "kept"],
        2,
    )


def test_where_the_contract_says_so_null_fails():
    assert said("{expect: 'a < b', if_null: fail}", '{"a": 1, "b": 2}', '{"a": 1}') == (["kept", "broken"], 0)


def test_a_rule_holds_only_where_it_applies():
    rule = "{expect: 'a > 0', where: 'b = 1', if_null: fail}"
    assert said(rule, '{"a": -1, "b": 1}', '{"a": -1, "b": 2}', '{"a": -1}', '{"b": 1}') == (
        ["broken", "kept", "kept", "broken"],
        2,
    )


def test_severities_decide_what_becomes_of_the_record():
    rest = FIELDS + "{w: {expect: 'a > 0', severity: warn}, f: {expect: 'b > 0', severity: fail}}"
    judged = judge(rest, [b'{"a": -1, "b": 1}', b'{"a": 1, "b": -1}'])
    assert judged.verdicts.to_pylist() == [1, 2]
    assert judged.stop is not None
    assert judged.stop.rule == "f"


def test_a_rule_is_judged_on_repaired_and_computed_values():
    rest = "fields: {a: {type: integer, max: 5, repair: {range: clamp}}, b: {type: integer, value: 'a * 2'}}\nrules: {r: {expect: 'b <= 10'}}"
    [found] = outcomes(judge(rest, [b'{"a": 100}']))
    assert (found.values, found.rules) == ({"a": 5, "b": 10}, set())


def test_a_rule_is_not_evaluated_for_what_cannot_be_read_or_parsed():
    rest = FIELDS + "{r: {expect: 'a > 0', if_null: fail}}"
    judged = judge(rest, [b"x", b"", b'{"a": "x"}'])
    assert broken(rest, [b"x", b'{"a": "x"}']) == [{"payload.format"}, {"a.type", "r"}]
    assert judged.tally.rules["r"].not_evaluated.tolist() == [2]


RECORDS = [
    b'{"a": 4, "b": 2, "d": 1.5, "s": "5", "t": "2024-06-01T12:00:00Z"}',
    b'{"a": 4, "b": 0, "d": 0, "s": "x", "t": "0001-01-01T00:00:00Z"}',
    b'{"a": 9223372036854775807, "b": 9223372036854775807, "d": 1e308, "s": "", "t": "9999-12-31T23:59:59Z"}',
    b'{"a": -9223372036854775808, "b": -1, "d": -1e308, "s": "\\u0000", "t": "2024-06-01T12:00:00Z"}',
    b'{"a": 1, "b": 1000000, "d": 5e-324, "s": "year", "t": "2024-06-01T12:00:00Z"}',
    b"{}",
]


@pytest.mark.parametrize(
    "expression",
    [
        "a // b > 0", "a % b = 0", "a / b > 0", "a * b > 0", "a + b > 0", "-a > 0", "abs(a) > 0", "d * d > 0", "d / 0 > 1", "ln(d) > 0",
        "log10(a) > 0", "sqrt(d) > 0", "pow(d, a) > 0", "exp(d) > 0", "acos(d) > 0", "try_cast(s as integer) > 0", "substring(s, a, b) = 'x'",
        "left(s, a) = s", "date_part(s, t) > 0", "date_trunc(s, t) = t", "t + interval 1 year > t", "date_diff('microsecond', t, now) > 0",
        "epoch_us(t) * b > 0", "length(s) // b > 0", "list_extract([a, b], a) > 0", "json_extract_string(s, '$.x') = 'y'",
        "try_cast(d as integer) > 0", "case when b = 0 then a // b else 1 end > 0", "regexp_extract(s, '(x)', 1) = 'x'", "greatest(a * b, 1) > 0",
    ],
)  # fmt: skip
def test_an_expression_that_cannot_be_computed_is_not_evaluated_and_fails_no_batch(expression):
    rules = f'{{r: {{expect: "{expression}"}}, n: {{expect: "{expression}", if_null: fail}}, w: {{expect: "true", where: "{expression}"}}}}'
    judged = judge(FIELDS + rules, RECORDS)
    assert judged.read == len(RECORDS)
    assert judged.facts[0].conserved
    failed, skipped = judged.tally.rules["r"].failed.sum(), judged.tally.rules["r"].not_evaluated.sum()
    assert judged.tally.rules["n"].failed.sum() == failed + skipped


def test_what_overflows_in_one_record_is_still_judged_in_the_others():
    found, skipped = said("{expect: 'a * a < 100'}", '{"a": 9223372036854775807}', '{"a": 20}', '{"a": 2}')
    assert (found, skipped) == (["kept", "broken", "kept"], 1)


def test_a_computed_value_that_cannot_be_computed_is_null():
    rest = "fields: {a: {type: integer}, q: {type: integer, value: 'a * a', required: true}}"
    assert broken(rest, [b'{"a": 9223372036854775807}', b'{"a": 3}']) == [{"q.required"}, set()]
