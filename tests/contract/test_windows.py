"""Windows and their rules: the measure says how limits are written."""

from __future__ import annotations

import datetime as dt

import pytest

from stillwell.contract.model import Limits, PlugIn

HEAD = "key: s\nfields:\n  s: {type: string, required: true}\n  v: {type: double, max: 9}\n  d: {type: date}\n"


def rule(contract, keys: str):
    [window] = contract(HEAD + f"windows: {{w: {{every: 1m, rules: {{r: {{{keys}}}}}}}}}\n").windows
    return window.rules[0]


@pytest.mark.parametrize(
    ("keys", "measure", "limits"),
    [
        ("measure: count, min: 100", "count", Limits(min=100.0)),
        ("measure: reject_rate, max: 2%", "reject_rate", Limits(max=0.02)),
        ("measure: freshness, max: 5m", "freshness", Limits(max=dt.timedelta(minutes=5))),
        ("measure: null_rate(V), below: 1%", "null_rate(v)", Limits(below=0.01)),
        ("measure: mean(v), min: 1, max: 2", "mean(v)", Limits(min=1.0, max=2.0)),
        ("measure: max(d), min: 2024-01-01", "max(d)", Limits(min=dt.date(2024, 1, 1))),
        ("measure: share(v > 3), max: 50%", 'share("v" > 3)', Limits(max=0.5)),
        ("measure: failed(v.range), max: 3", "failed(v.range)", Limits(max=3.0)),
        ("measure: psi(v), max: 0.2", "psi(v)", Limits(max=0.2)),
        ("measure: count, against: 7d, min: 50%", "count", Limits(min=0.5)),
    ],
)
def test_measures(contract, keys: str, measure: str, limits: Limits) -> None:
    found = rule(contract, keys)
    assert (found.measure, found.limits) == (measure, limits)


def test_every_key_of_a_window_and_its_rule(contract) -> None:
    [window] = contract(
        HEAD + "windows:\n  w:\n    every: 1m\n    size: 5m\n    by: [s]\n    late: 30s\n    where: v > 1\n"
        "    rules:\n      r: {measure: mean(v), detect: {ewma: {alpha: 0.1}}, after: 3 of 5, severity: fail}\n"
    ).windows
    assert (window.every, window.size, window.late) == tuple(dt.timedelta(seconds=n) for n in (60, 300, 30))
    assert window.where is not None
    assert (window.by, window.where.sql) == (("s",), '"v" > 1')
    [found] = window.rules
    assert (found.detect, found.after, found.severity) == (PlugIn("ewma", {"alpha": "0.1"}), (3, 5), "fail")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("measure: cont, min: 1", ("bad-value", "measure")),
        ("measure: mean, min: 1", ("bad-value", "measure")),
        ("measure: count(v), min: 1", ("bad-value", "measure")),
        ("measure: mean(w), min: 1", ("unknown-field", "measure")),
        ("measure: mean(s), min: 1", ("wrong-type", "measure")),
        ("measure: share(w > 1), max: 1%", ("unknown-field", "measure, character 1")),
        ("measure: reject_rate, max: 2", ("bad-value", "max")),
        ("measure: freshness, max: 5", ("bad-value", "max")),
        ("measure: count, against: 7d, min: 5", ("bad-value", "min")),
        ("measure: count, min: 5, severity: reject", ("bad-value", "severity")),
        ("measure: count, min: 5, after: 5 of 3", ("bad-value", "after")),
    ],
)
def test_what_is_wrong_with_a_window_rule(found, keys: str, expected: tuple[str, str]) -> None:
    code, part = expected
    [problem] = found(HEAD + f"windows: {{w: {{every: 1m, rules: {{r: {{{keys}}}}}}}}}\n")
    assert (problem[0], problem[3]) == (code, f"windows.w.rules.r.{part}".rstrip("."))


def test_a_windows_condition_is_an_expression(refused) -> None:
    rest = "windows: {w: {every: 1m, where: »x > 1, rules: {r: {measure: count, min: 1}}}}\n"
    assert refused(HEAD + rest) == [("unknown-field", "windows.w.where, character 1")]
