"""Reads record rules: what must hold of one record."""

from __future__ import annotations

from stillwell.contract.expression import Scope
from stillwell.contract.grammar import NAME, RULE_KEYS, SQL, expression
from stillwell.contract.model import RecordRule
from stillwell.contract.read import Node
from stillwell.contract.shapes import Key, MapOf, Raw, Reading, Thing, choice

RECORD_RULE = Thing(
    "a rule",
    (
        Key("expect", SQL, "What must hold: one SQL expression over fields and lookups.", required=True),
        *RULE_KEYS,
        Key("if_null", choice("skip", "fail"), "When it is null: skip (not evaluated) or fail."),
    ),
)


def read_rules(node: Node, path: str, scope: Scope, reading: Reading) -> tuple[RecordRule, ...]:
    """The record rules, in the order of the file."""
    rules = MapOf[Node](Raw(), NAME).read(node, path, reading) or {}
    found = (_rule(name, one, f"{path}.{name}", scope, reading) for name, one in rules.items())
    return tuple(rule for rule in found if rule is not None)


def _rule(name: str, node: Node, path: str, scope: Scope, reading: Reading) -> RecordRule | None:
    values = RECORD_RULE.read(node, path, reading) or {}
    expect = expression(values.get("expect"), f"{path}.expect", scope, reading)
    where = expression(values.get("where"), f"{path}.where", scope, reading)
    if expect is None:
        return None
    return RecordRule(
        name,
        expect,
        values.get("severity", "reject"),
        where,
        values.get("if_null", "skip"),
        values.get("description"),
        reading.places[path].line,
    )
