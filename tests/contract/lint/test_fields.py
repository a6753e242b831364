"""Lint finds what a field says that cannot be meant."""

from __future__ import annotations

import pytest

from stillwell.contract.lint import lint


@pytest.mark.parametrize(
    ("keys", "code", "path"),
    [
        ("type: double, min: 5, max: »1", "contradiction", "max"),
        ("type: integer, above: 5, below: »5", "contradiction", "below"),
        ("type: double, min: 5, below: »5", "contradiction", "below"),
        ("type: double, min: 5, above: »4", "contradiction", "above"),
        ("type: date, min: 2024-02-01, max: »2024-01-01", "contradiction", "max"),
        ("type: timestamp, min: now, max: »now - 1d", "contradiction", "max"),
        ("type: double, warn: {min: 5, max: »1}", "contradiction", "warn.max"),
        ("type: string, min_length: 5, max_length: »1", "contradiction", "max_length"),
        ("type: array, items: {type: string}, min_items: 5, max_items: »1", "contradiction", "max_items"),
        ("type: double, max: 9, default: »10", "contradiction", "default"),
        ("type: string, pattern: '[a-z]+', default: »X", "contradiction", "default"),
        ("type: string, allowed: [a], default: »b", "contradiction", "default"),
        ("type: integer, max: 2, allowed: »[1, 2, 3]", "contradiction", "allowed[2]"),
        ("type: string, max_length: 2, repair: {»length: {value: abc}}", "contradiction", "repair.length"),
        ("type: double, repair: {»range: clamp}", "contradiction", "repair.range"),
        ("type: double, repair: {»required: {value: 1}}", "contradiction", "repair.required"),
        ("type: double, min: 0, repair: {»rnge: clamp}", "unknown-rule", "repair.rnge"),
        ("type: double, min: 0, repair: {»type: clamp}", "contradiction", "repair.type"),
        ("type: double, min: 0, repair: {»range: truncate}", "contradiction", "repair.range"),
        ("type: double, above: 0, repair: {»range: clamp}", "contradiction", "repair.range"),
        ("type: string, min_length: 3, repair: {»length: truncate}", "contradiction", "repair.length"),
        ("type: double, min: 0, required: true, repair: {»range: clear}", "contradiction", "repair.range"),
        ("type: double, required: true, repair: {»required: clear}", "contradiction", "repair.required"),
        ("type: double, min: 0, repair: {»range: {fill: last, within: 1m}}", "missing-key", "repair.range"),
        ("type: double, unit: m, clean: [strip_unit], in: »nowhere", "unknown-lookup", "in"),
        ("type: decimal, precision: »39, scale: 2", "bad-value", "precision"),
        ("type: decimal, precision: 3, scale: »5", "contradiction", "scale"),
        ("type: double, clean: »[strip_unit]", "missing-key", "clean"),
    ],
)
def test_contradictions_stand_where_they_are_written(refused, keys: str, code: str, path: str) -> None:
    assert refused(f"fields:\n  f: {{{keys}}}\n") == [(code, f"fields.f.{path}")]


@pytest.mark.parametrize("keys", ["type: decimal", "type: decimal, scale: 2", "type: object", "type: array"])
def test_a_type_asks_for_its_keys(refused, keys: str) -> None:
    assert refused(f"fields:\n  »f: {{{keys}}}\n") == [("missing-key", "fields.f")]


@pytest.mark.parametrize(
    "keys",
    [
        "type: double, min: 0, required: true, repair: {range: clear, required: {value: 1}}",
        "type: double, min: 5, max: 5",
        "type: timestamp, min: 2024-01-01, max: now",
        "type: string, pattern: '\\p{Lu}+', default: É",
        "type: string, allowed: [a, b], default: a",
        "type: string, max_length: 3, repair: {length: truncate}",
    ],
)
def test_what_can_hold_is_let_through(contract, keys: str) -> None:
    assert not lint(contract(f"fields:\n  f: {{{keys}}}\n")).errors


@pytest.mark.parametrize(
    ("child", "code"),
    [
        ("type: double, min: 5, max: 1", "contradiction"),
        ("type: string, from: $key", "not-supported"),
        ("type: double, value: 1 + 1", "not-supported"),
    ],
)
def test_fields_within_are_checked_too(found, child: str, code: str) -> None:
    problems = found(f"fields:\n  f: {{type: object, fields: {{c: {{{child}}}}}}}\n")
    assert [(one[0], one[3].rpartition(".")[0]) for one in problems] == [(code, "fields.f.fields.c")]


def test_history_is_kept_for_fields_of_the_contract_only(found) -> None:
    rest = "key: k\nfields:\n  k: {type: string}\n"
    rest += "  f: {type: array, items: {type: double, repair: {type: {fill: last, within: 1m}}}}\n"
    assert [(one[0], one[3]) for one in found(rest)] == [("not-supported", "fields.f.items.repair.type")]


def test_a_softer_limit_outside_of_the_hard_one_is_doubtful(contract) -> None:
    warnings = lint(
        contract(
            "time: t\nfields: {t: {type: timestamp, required: true}, f: {type: double, max: 85, warn: {max: 90}}}\n"
        )
    ).warnings
    assert [(one.code, one.path) for one in warnings] == [("unseen", "fields.f.warn.max")]
