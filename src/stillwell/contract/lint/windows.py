"""Checks windows: how they are cut, and that each rule has one limit or one detector over something known."""

from __future__ import annotations

from collections.abc import Iterator

from stillwell.contract.lint.constants import empty
from stillwell.contract.lint.finding import Finding, contradiction
from stillwell.contract.lint.names import known_fields
from stillwell.contract.model import Contract, Window, WindowRule, show
from stillwell.contract.rules import rule_list
from stillwell.errors import did_you_mean


def window_findings(contract: Contract) -> Iterator[Finding]:
    """What is wrong with the windows and their rules."""
    for window in contract.windows:
        path = f"windows.{window.name}"
        yield from _cut(contract, window, path)
        yield from known_fields(contract, window.by, f"{path}.by")
        for rule in window.rules:
            yield from _rule(contract, rule, f"{path}.rules.{rule.name}")
    for rule in contract.table:
        yield from _rule(contract, rule, f"table.{rule.name}")
        yield from _of_table(contract, rule, f"table.{rule.name}")


OF_TABLES = frozenset(
    ("count", "read", "rejected", "reject_rate", "warn_rate", "repair_rate", "failed", "failed_rate", "null_rate")
) | frozenset(
    ("invalid_rate", "distinct", "duplicates", "min", "max", "mean", "std", "sum", "p01", "p50", "p90", "p95", "p99")
)
"""Measures of a table as a whole."""


def _of_table(contract: Contract, rule: WindowRule, path: str) -> Iterator[Finding]:
    """A table has no windows before it, no end that it is fresh at, and no detector."""
    if rule.detect is not None or rule.against is not None or rule.after != (1, 1):
        what = "A table is one whole: there are no windows before it."
        yield Finding(path, "not-supported", what, "Use limits alone.")
    name, _, argument = rule.measure.partition("(")
    if name not in OF_TABLES:
        what = f"`{name}` cannot be measured of a table."
        yield Finding(f"{path}.measure", "not-supported", what, did_you_mean(name, OF_TABLES))
    one = next((one for one in contract.fields if one.name == argument.removesuffix(")")), None)
    if one is not None and one.sensitive and name in ("min", "max"):
        what = f"`{one.name}` is sensitive: its {name} is the value of one record."
        yield Finding(f"{path}.measure", "not-supported", what, "Measure its mean or a quantile.")


def _cut(contract: Contract, window: Window, path: str) -> Iterator[Finding]:
    if window.every is None and window.session is None:
        yield Finding(path, "missing-key", "A window needs `every` or `session`.", "Add `every: 1m`.")
    if window.every is not None and window.session is not None:
        yield contradiction(f"{path}.session", "`every` and `session` cut in two ways.", "Keep one.")
    if window.session is not None and not contract.key:
        yield Finding(path, "missing-key", "A session is of a key, and there is no `key`.", "Add `key: FIELD`.")
    for key in ("every", "size", "session"):
        if getattr(window, key) is not None and not getattr(window, key):
            yield Finding(f"{path}.{key}", "bad-value", f"`{key}` is no time at all.", "Write at least `1s`.")
    if window.every and window.size and window.size < window.every:
        what = f"size {show(window.size)} is smaller than every {show(window.every)}: records would fall between."
        yield contradiction(f"{path}.size", what, "Make `size` at least `every`.")


def _rule(contract: Contract, rule: WindowRule, path: str) -> Iterator[Finding]:
    if not rule.limits and rule.detect is None:
        yield Finding(path, "missing-key", "A window rule needs a limit or `detect`.", "Add `min`, `max` or `detect`.")
    if rule.limits and rule.detect is not None:
        yield contradiction(f"{path}.detect", "Limits and `detect` judge in two ways.", "Write two rules.")
    if rule.against is not None and rule.detect is not None:
        yield contradiction(f"{path}.against", "`against` gives a ratio for limits, not for `detect`.", "Leave it out.")
    if sides := empty(rule.limits):
        low, high = (show(getattr(rule.limits, side)) for side in sides)
        yield contradiction(
            f"{path}.{sides[1]}", f"{sides[0]} {low} and {sides[1]} {high} leave nothing.", "Swap them."
        )
    measure, _, argument = rule.measure.partition("(")
    if measure in ("failed", "failed_rate"):
        name = argument[:-1]
        known = [one.name for one in rule_list(contract)] + [one.name for one in contract.sequence]
        if name not in known:
            what = f"There is no rule `{name}`."
            yield Finding(f"{path}.measure", "unknown-rule", what, did_you_mean(name, known))
