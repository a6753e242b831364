"""Lint finds names that are unknown, double, or of a type that cannot serve."""

from __future__ import annotations

import pytest

from stillwell.contract.lint import lint

FIELDS = "fields:\n  a: {type: string, required: true}\n  t: {type: timestamp, required: true}\n  o: {type: json}\n"


@pytest.mark.parametrize(
    ("rest", "code", "path"),
    [
        ("time: »tt\n" + FIELDS, "unknown-field", "time"),
        ("time: »a\n" + FIELDS, "wrong-type", "time"),
        ("key: »b\n" + FIELDS, "unknown-field", "key"),
        ("key: »o\n" + FIELDS, "wrong-type", "key"),
        ("identity: »[a, c]\n" + FIELDS, "unknown-field", "identity"),
        (FIELDS + "  »A: {type: string}\n", "duplicate-name", "fields.A"),
        (
            FIELDS + "rules: {r: {expect: a = 'x'}}\nsequence: {»r: {kind: order, key: a}}\n",
            "duplicate-name",
            "sequence.r",
        ),
        (FIELDS + "rules: {»other_fields: {expect: a = 'x'}}\n", "duplicate-name", "rules.other_fields"),
        (FIELDS + "rules: {»_stillwell_x: {expect: a = 'x'}}\n", "bad-value", "rules._stillwell_x"),
        ("fields:\n  »payload: {type: string, format: email}\n", "duplicate-name", "fields.payload"),
        (FIELDS + "lookups: {»a: {key: id, fields: {id: {type: string}}}}\n", "contradiction", "lookups.a"),
        (FIELDS + "lookups: {l: {key: »ix, fields: {id: {type: string}}}}\n", "unknown-field", "lookups.l.key"),
    ],
)
def test_names_that_cannot_serve(refused, rest: str, code: str, path: str) -> None:
    assert refused(rest) == [(code, path)]


@pytest.mark.parametrize(
    ("rest", "codes"),
    [
        ("fields: {a: {type: string}}\n", ["no-time"]),
        ("time: t\nfields: {t: {type: timestamp}}\n", ["not-required"]),
        ("time: t\nkey: a\nfields: {t: {type: date, required: true}, a: {type: string}}\n", ["not-required"]),
        ("time: t\nstatus: deprecated\nfields: {t: {type: date, required: true}}\n", ["status"]),
        ("time: t\nfields: {t: {type: date, required: true}}\n", []),
    ],
)
def test_what_is_doubtful_is_a_warning_and_no_error(contract, rest: str, codes: list[str]) -> None:
    found = lint(contract(rest))
    assert [one.code for one in found.warnings] == codes
    assert not found.errors
