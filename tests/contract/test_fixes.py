"""A repair is a word, a constant, or something of the key's history."""

from __future__ import annotations

import datetime as dt

import pytest

from stillwell.contract.model import Fix


@pytest.mark.parametrize(
    ("keys", "fix"),
    [
        ("min: 0, max: 9, repair: {range: clamp}", Fix("clamp")),
        ("repair: {type: clear}", Fix("clear")),
        ("min: 0, repair: {range: {value: 5}}", Fix("value", 5.0)),
        ("repair: {type: {fill: last, within: 15m}}", Fix("fill", method="last", within=dt.timedelta(minutes=15))),
        (
            "min: 0, repair: {range: {cap: [1%, 99%], within: 7d}}",
            Fix("cap", within=dt.timedelta(7), quantiles=(0.01, 0.99)),
        ),
    ],
)
def test_repairs(contract, keys: str, fix: Fix) -> None:
    found = contract(f"key: k\nfields:\n  k: {{type: string}}\n  f: {{type: double, {keys}}}\n").field("f")
    assert list(found.repair.values()) == [fix]


@pytest.mark.parametrize(
    ("fix", "code"),
    [
        ("»clampp", "bad-value"),
        ("»[clear]", "bad-value"),
        ("»{drop: x}", "bad-value"),
        ("{value: »x}", "bad-value"),
        ("{value: 1, »within: 1m}", "unknown-key"),
        ("{fill: »mode, within: 1m}", "bad-value"),
        ("»{cap: [99%, 1%], within: 7d}", "bad-value"),
        ("»{cap: [»1, »99], within: 7d}", "bad-value"),
    ],
)
def test_what_is_no_repair_is_refused(refused, fix: str, code: str) -> None:
    problems = refused(
        f"key: k\nfields:\n  f: {{type: double, min: 0, repair: {{range: {fix}}}}}\n  k: {{type: string}}\n"
    )
    assert {one for one, _ in problems} == {code}
    assert all(path.startswith("fields.f.repair.range") for _, path in problems)


def test_a_repair_from_history_says_how_far_back(refused) -> None:
    rest = "key: k\nfields:\n  k: {type: string}\n  f: {type: double, min: 0, repair: {»range: {fill: last}}}\n"
    assert refused(rest) == [("missing-key", "fields.f.repair.range")]
