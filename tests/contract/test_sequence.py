"""Sequence rules are read by the table of their kind; lint holds what they need."""

from __future__ import annotations

import datetime as dt

import pytest

from stillwell.contract.model import Limits, PlugIn

HEAD = (
    "key: k\nidentity: [k]\nfields:\n  k: {type: string, required: true}\n  v: {type: double}\n  n: {type: integer}\n"
)
MINUTE = dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("keys", "options"),
    [
        ("kind: jump, field: v, max: 10, within: 1m", {"field": "v", "limits": Limits(max=10.0), "within": MINUTE}),
        ("kind: change, field: v, below: 2, within: 1m", {"field": "v", "limits": Limits(below=2.0), "within": MINUTE}),
        ("kind: unchanged, field: k, for: 1m", {"field": "k", "for": MINUTE}),
        ("kind: unique, within: 1m", {"within": MINUTE}),
        ("kind: unique, fields: [k, n], within: 1m", {"fields": ("k", "n"), "within": MINUTE}),
        ("kind: order", {}),
        ("kind: count, max: 3, within: 1m", {"limits": Limits(max=3.0), "within": MINUTE}),
        ("kind: counter, field: n, reset: true", {"field": "n", "reset": True}),
        ("kind: step, field: n, by: 2, severity: warn", {"field": "n", "by": 2.0}),
        ("kind: gap, max: 1m", {"max": MINUTE}),
        (
            "kind: transition, field: n, start: 1, allowed: {1: [2, 3], 2: [1]}",
            {"field": "n", "start": (1,), "allowed": {"1": (2, 3), "2": (1,)}},
        ),
        (
            "kind: anomaly, fields: [v, n], detect: {forest: {trees: 9}}, min_score: 0.5",
            {"fields": ("v", "n"), "detect": PlugIn("forest", {"trees": "9"}), "min_score": 0.5},
        ),
    ],
)
def test_every_kind_with_its_keys(contract, keys: str, options: dict[str, object]) -> None:
    [rule] = contract(HEAD + f"sequence:\n  r: {{{keys}}}\n").sequence
    assert dict(rule.options) == options


def test_findings_warn_by_default_and_the_rest_rejects(contract) -> None:
    rules = contract(HEAD + "sequence: {a: {kind: gap, max: 1m}, b: {kind: order}}\n").sequence
    assert [rule.severity for rule in rules] == ["warn", "reject"]


def test_a_rule_may_have_its_own_key_a_condition_and_a_repair(contract) -> None:
    text = "sequence: {r: {kind: jump, field: v, max: 1, within: 1m, key: [n], where: n > 1, repair: {value: 7}}}\n"
    [rule] = contract(HEAD + text).sequence
    assert rule.key == ("n",)
    assert rule.options["where"].sql == '"n" > 1'
    assert rule.options["repair"].value == 7.0


@pytest.mark.parametrize(
    ("keys", "code", "path"),
    [
        ("kind: »jmp", "bad-value", "sequence.r.kind"),
        ("kind: jump, field: v, max: »1m, within: 1m", "bad-value", "sequence.r.max"),
        ("kind: order, »within: 1m", "unknown-key", "sequence.r.within"),
        ("kind: gap, max: »5", "bad-value", "sequence.r.max"),
        ("kind: transition, field: n, allowed: {1: [»x]}", "bad-value", "sequence.r.allowed.1[0]"),
    ],
)
def test_what_is_wrong_with_a_sequence_rule(refused, keys: str, code: str, path: str) -> None:
    assert refused(HEAD + f"sequence:\n  r: {{{keys}}}\n") == [(code, path)]


@pytest.mark.parametrize(
    "keys",
    [
        "max: 1",
        "kind: jump, field: v, max: 1",
        "kind: unique",
    ],
)
def test_what_a_kind_needs_and_has_not_is_said_at_the_rule(refused, keys: str) -> None:
    assert refused(HEAD + f"sequence:\n  »r: {{{keys}}}\n") == [("missing-key", "sequence.r")]
