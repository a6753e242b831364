"""Lint finds sequence rules that could not be judged."""

from __future__ import annotations

import pytest

HEAD = (
    "key: k\nidentity: [k]\nfields:\n  k: {type: string, required: true}\n  v: {type: double}\n  n: {type: integer}\n"
)


@pytest.mark.parametrize(
    ("keys", "code", "path"),
    [
        ("kind: jump, field: v, max: 1, below: »2, within: 1m", "contradiction", "sequence.r.below"),
        ("kind: jump, field: »k, max: 1, within: 1m", "wrong-type", "sequence.r.field"),
        ("kind: jump, field: »w, max: 1, within: 1m", "unknown-field", "sequence.r.field"),
        ("kind: unique, fields: »[x], within: 1m", "unknown-field", "sequence.r.fields"),
        ("kind: gap, max: 1m, severity: »reject", "contradiction", "sequence.r.severity"),
        ("kind: step, field: n, severity: »reject", "contradiction", "sequence.r.severity"),
        ("kind: order, key: »nobody", "unknown-field", "sequence.r.key"),
        ("kind: order, repair: »clear", "contradiction", "sequence.r.repair"),
    ],
)
def test_what_cannot_be_judged_is_said_where_it_stands(refused, keys: str, code: str, path: str) -> None:
    assert refused(HEAD + f"sequence:\n  r: {{{keys}}}\n") == [(code, path)]


@pytest.mark.parametrize("keys", ["kind: jump, field: v, within: 1m", "kind: anomaly, detect: x"])
def test_a_rule_needs_a_limit_or_a_field(refused, keys: str) -> None:
    assert refused(HEAD + f"sequence:\n  »r: {{{keys}}}\n") == [("missing-key", "sequence.r")]


def test_an_anomaly_is_of_one_field_or_of_several(refused) -> None:
    rest = "sequence:\n  »r: {kind: anomaly, field: v, fields: [n], detect: x}\n"
    assert refused(HEAD + rest) == [("contradiction", "sequence.r")]


def test_a_history_needs_a_key(refused) -> None:
    rest = "fields: {v: {type: double}}\nsequence:\n  »r: {kind: order}\n"
    assert refused(rest) == [("missing-key", "sequence.r")]


def test_what_must_be_unique_is_said_somewhere(refused) -> None:
    rest = "key: v\nfields: {v: {type: double}}\nsequence:\n  »r: {kind: unique, within: 1h}\n"
    assert refused(rest) == [("missing-key", "sequence.r")]
