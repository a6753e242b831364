"""Every rule a record can break, by its derived name and in the order of judging."""

from __future__ import annotations

from stillwell.contract.load import parse
from stillwell.contract.rules import PAYLOAD, Rule, rule_list

TEXT = """\
contract: a
version: 1.0.0
other_fields: warn
lookups: {sites: {key: id, fields: {id: {type: string}}}}
fields:
  s:
    type: string
    required: true
    pattern: '[a-z]+'
    format: [email, hostname]
    allowed: [ab, cd]
    min_length: 1
    max_length: 9
    in: sites
  t: {type: double, required: true, min: -40, max: 85, warn: {max: 70}, fail: {above: -50}}
  o: {type: object, fields: {child: {type: integer, above: 0}}}
  l: {type: array, max_items: 3, items: {type: string, pattern: x+}}
rules:
  z: {expect: t > 1, where: s = 'x', severity: warn}
  b: {expect: o.child > 1}
"""


def test_names_come_in_the_order_of_judging() -> None:
    names = [rule.name for rule in rule_list(parse(TEXT))]
    assert names == [
        *PAYLOAD,
        *(f"s.{kind}" for kind in ("type", "pattern", "format", "allowed", "length", "in", "required")),
        "t.type",
        "t.range",
        "t.required",
        "t.warn.range",
        "t.fail.range",
        "o.type",
        "o.child.type",
        "o.child.range",
        "l.type",
        "l.length",
        "l[].type",
        "l[].pattern",
        "z",
        "b",
        "other_fields",
    ]


def test_a_rule_knows_its_fields_severity_kind_words_and_line() -> None:
    rules = {rule.name: rule for rule in rule_list(parse(TEXT))}
    assert rules["s.format"] == Rule("s.format", ("s",), "reject", "format_name", "email or hostname", 10)
    assert rules["s.length"] == Rule("s.length", ("s",), "reject", "length", "1 … 9 characters", 12)
    assert rules["s.required"] == Rule("s.required", ("s",), "reject", "required", "a value", 8)
    assert rules["t.range"] == Rule("t.range", ("t",), "reject", "range", "-40 … 85", 15)
    assert rules["t.warn.range"] == Rule("t.warn.range", ("t",), "warn", "range", "≤ 70", 15)
    assert rules["t.fail.range"] == Rule("t.fail.range", ("t",), "fail", "range", "> -50", 15)
    assert rules["l[].pattern"] == Rule("l[].pattern", ("l[]",), "reject", "pattern", "x+", 17)
    assert rules["l.length"].expected == "at most 3 elements"
    assert rules["z"] == Rule("z", ("t", "s"), "warn", "expression", '"t" > 1', 19)
    assert rules["b"].fields == ("o",)
    assert rules["other_fields"] == Rule("other_fields", (), "warn", "other_fields", "declared fields only", 3)


def test_undeclared_fields_are_a_rule_only_where_they_are_judged() -> None:
    for policy in ("ignore", "keep"):
        contract = parse(TEXT.replace("other_fields: warn", f"other_fields: {policy}"))
        assert "other_fields" not in {rule.name for rule in rule_list(contract)}


def test_a_long_list_of_allowed_values_is_cut() -> None:
    values = ", ".join(f"v{number}" for number in range(30))
    contract = parse(f"contract: a\nversion: 1.0.0\nfields: {{s: {{type: string, allowed: [{values}]}}}}\n")
    [rule] = [rule for rule in rule_list(contract) if rule.kind == "allowed"]
    assert rule.expected == "one of v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, …"
