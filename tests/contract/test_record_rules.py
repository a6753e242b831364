"""A record rule is one expression with a severity."""

from __future__ import annotations

import pytest

FIELDS = "fields:\n  a: {type: double}\n  s: {type: string}\n"


def test_a_rule_has_defaults_and_keeps_its_place(contract) -> None:
    rule = contract(FIELDS + "rules:\n  r: {expect: a > 1}\n").rules[0]
    assert (rule.expect.sql, rule.severity, rule.where, rule.if_null, rule.line) == (
        '"a" > 1',
        "reject",
        None,
        "skip",
        7,
    )


def test_every_key_of_a_rule(contract) -> None:
    text = "rules:\n  r: {expect: a > 1, where: \"s in ('x', 'y')\", severity: fail, if_null: fail, description: why}\n"
    rule = contract(FIELDS + text).rules[0]
    assert rule.where is not None
    assert (rule.where.fields, rule.severity, rule.if_null, rule.description) == (("s",), "fail", "fail", "why")


@pytest.mark.parametrize(
    ("rule", "code", "path"),
    [
        ("expect: »aa > 1", "unknown-field", "rules.r.expect, character 1"),
        ("expect: a > 1, where: »ss = s", "unknown-field", "rules.r.where, character 1"),
        ("expect: »[a]", "wrong-type", "rules.r.expect"),
        ("expect: a > 1, severity: »error", "bad-value", "rules.r.severity"),
        ("expect: a > 1, if_null: »pass", "bad-value", "rules.r.if_null"),
        ("expect: »a, where: s = ''", "wrong-type", "rules.r.expect, character 1"),
    ],
)
def test_what_is_wrong_with_a_rule(refused, rule: str, code: str, path: str) -> None:
    assert refused(FIELDS + f"rules:\n  r: {{{rule}}}\n") == [(code, path)]


def test_a_rule_needs_what_it_expects(refused) -> None:
    assert refused(FIELDS + "rules:\n  »r: {where: a > 1}\n") == [("missing-key", "rules.r")]


def test_a_bare_text_is_no_rule(refused) -> None:
    assert refused(FIELDS + "rules:\n  r: »a > 1\n") == [("wrong-type", "rules.r")]
