"""Refuses, when a pipeline is planned, what a contract says of windows and nobody can judge yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator

from stillwell.contract.model import Contract, Window, WindowRule
from stillwell.errors import Problem
from stillwell.monitor.store.options import StoreOptions
from stillwell.monitor.windows.cut import grain
from stillwell.monitor.windows.measure import split

_SECOND = dt.timedelta(seconds=1)
_PLAIN = {"string", "integer", "double", "decimal", "boolean", "timestamp", "date", "time"}
_LATER = "Leave it out for now."
_NOT_COUNTED = {
    "share": ("an expression over records", "Write a rule of severity warn and measure `failed_rate(RULE)`."),
    "duplicates": (
        "all values that came",
        "Write a sequence rule of kind `unique` and measure `failed(RULE)`; `table` is for a check.",
    ),
    "duplicate_rate": (
        "how often a value came",
        "Write a sequence rule of kind `unique` and measure `failed_rate(RULE)`.",
    ),
    **dict.fromkeys(("psi", "ks", "js", "wasserstein", "chi2", "drift_share"), ("a reference to compare with", _LATER)),
}


def unjudged(contract: Contract, options: StoreOptions) -> Iterator[Problem]:
    """A problem for each part of the contract's windows that cannot be judged from a tally or with this store."""
    for window in contract.windows:
        path = f"windows.{window.name}"

        def refused(what: str, fix: str, at: str = path) -> Problem:
            return Problem("not-supported", what, fix, contract.where(at), at)

        if window.session is not None:
            yield refused("Windows by sessions cannot be judged yet.", "Use `every`.", f"{path}.session")
        if window.where is not None:
            what = "Tallies count all records: those that an expression chooses cannot be told from them."
            yield refused(what, "Leave `where` out, or name the fields it goes by in `by`.", f"{path}.where")
        for name in window.by:
            field = next((one for one in contract.fields if one.name == name), None)
            if field is not None and field.sensitive:
                what = f"`{name}` is sensitive: its values would name the groups."
                yield refused(what, "Group by another field.", f"{path}.by")
            elif field is not None and field.type not in _PLAIN:
                yield refused(f"`{name}` is of type {field.type}.", "Group by a plain field.", f"{path}.by")
        for rule in window.rules:
            yield from _of_rule(contract, window, rule, options, f"{path}.rules.{rule.name}")
    if contract.windows and grain(contract) < _SECOND:
        what = f"These windows need tallies of {grain(contract) / _SECOND:g} s, and none is shorter than 1s."
        yield Problem("not-supported", what, "Use windows of whole seconds.", contract.where("windows"), "windows")


def _of_rule(
    contract: Contract, window: Window, rule: WindowRule, options: StoreOptions, path: str
) -> Iterator[Problem]:
    def refused(what: str, fix: str, at: str = path) -> Problem:
        return Problem("not-supported", what, fix, contract.where(at), at)

    name, argument = split(rule.measure)
    if rule.detect is not None:
        yield refused("There are no detectors yet.", "Use limits.", f"{path}.detect")
    if name in _NOT_COUNTED:
        what, fix = _NOT_COUNTED[name]
        yield refused(f"`{name}` needs {what}, which no tally has.", fix, f"{path}.measure")
    field = next((one for one in contract.fields if one.name == argument), None)
    if field is not None and name in ("min", "max") and field.type not in _PLAIN - {"string"}:
        yield refused(f"`{argument}` is of type {field.type}: it has no {name}.", _LATER, f"{path}.measure")
    if field is not None and name == "distinct" and field.type not in _PLAIN:
        yield refused(f"Values of type {field.type} are not counted.", _LATER, f"{path}.measure")
    if field is not None and field.sensitive and name in ("min", "max"):
        what = f"`{argument}` is sensitive: its {name} is the value of one record."
        yield refused(what, "Measure its mean or a quantile.", f"{path}.measure")
    if rule.against is not None:
        yield from _against(window, rule, options, refused, path)


def _against(
    window: Window, rule: WindowRule, options: StoreOptions, refused: Callable[[str, str, str], Problem], path: str
) -> Iterator[Problem]:
    """Windows of long ago must still be there, and as fine as they were."""
    assert rule.against is not None
    back = rule.against + (window.size or window.every or dt.timedelta(0)) + window.late
    at = f"{path}.against"
    lengths = [length for length in (window.every, window.size, rule.against) if length]
    if rule.against % (window.every or rule.against):
        yield refused("No window begins exactly that long ago.", "Write a multiple of `every`.", at)
    for keep, unit, name in (
        (options.minutes, dt.timedelta(hours=1), "minutes"),
        (options.hours, dt.timedelta(days=1), "hours"),
    ):
        if back > keep and any(length % unit for length in lengths):
            what = f"The window of that long ago is not told apart any more: {name} are kept for {keep}."
            yield refused(
                what, f"Keep them longer: `monitor: {{store: {{sqlite: {{{name}: {back.days + 1}d}}}}}}`.", at
            )
            return
    if back > options.days:
        yield refused("Nothing is kept for that long.", "Keep `days` longer.", at)
