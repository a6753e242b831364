"""Lint finds windows that cut nothing and rules that judge nothing, or twice."""

from __future__ import annotations

import pytest

from stillwell.contract.load import parse
from stillwell.errors import ContractError

HEAD = "key: s\nfields:\n  s: {type: string, required: true}\n  v: {type: double, max: 9}\n  d: {type: date}\n"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("measure: failed(v.rnge), max: 1", ("unknown-rule", "measure")),
        ("measure: count, min: 5, max: 3", ("contradiction", "max")),
        ("measure: count, min: 5, detect: x", ("contradiction", "detect")),
        ("measure: count, against: 7d, detect: x", ("contradiction", "against")),
        ("measure: count", ("missing-key", "")),
    ],
)
def test_what_is_wrong_with_a_window_rule(found, keys: str, expected: tuple[str, str]) -> None:
    code, part = expected
    [problem] = found(HEAD + f"windows: {{w: {{every: 1m, rules: {{r: {{{keys}}}}}}}}}\n")
    assert (problem[0], problem[3]) == (code, f"windows.w.rules.r.{part}".rstrip("."))


@pytest.mark.parametrize(
    ("window", "expected"),
    [
        ("size: 1m", ("missing-key", "windows.w")),
        ("every: 1m, session: 1m", ("contradiction", "windows.w.session")),
        ("every: 5m, size: 1m", ("contradiction", "windows.w.size")),
        ("every: 0s", ("bad-value", "windows.w.every")),
        ("every: 1m, by: [x]", ("unknown-field", "windows.w.by")),
    ],
)
def test_what_is_wrong_with_a_window(found, window: str, expected: tuple[str, str]) -> None:
    [problem] = found(HEAD + f"windows: {{w: {{{window}, rules: {{r: {{measure: count, min: 1}}}}}}}}\n")
    assert (problem[0], problem[3]) == expected


@pytest.mark.parametrize(
    "rule",
    [
        "{measure: freshness, max: 1m}",
        "{measure: psi(d), max: 1}",
        "{measure: count, against: 1d, min: 50%}",
        "{measure: mean(d), detect: default}",
        "{measure: max(pin), max: 3}",
    ],
)
def test_of_a_table_only_what_it_has_is_asked(rule):
    text = "contract: a\nversion: 1.0.0\nfields: {d: {type: double}, pin: {type: integer, sensitive: mask}}\n"
    with pytest.raises(ContractError) as caught:
        parse(text + f"table: {{r: {rule}}}\n")
    assert {one.code for one in caught.value.problems} == {"not-supported"}
    assert parse(text + "table: {r: {measure: duplicates(d), max: 0}}\n").table[0].measure == "duplicates(d)"
