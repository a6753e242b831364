"""Measures: what a rule over a window looks at, as one number for each window and group."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from stillwell.contract.model import Bound, Limits
from stillwell.kernel.sketch import Floats, distinct, quantile
from stillwell.kernel.tally import FieldTally, Tally
from stillwell.monitor.base import EPOCH

_SECOND = 1_000_000
QUANTILES = {"p01": 0.01, "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
SKETCHED = frozenset({*QUANTILES, "distinct"})
"""Measures of histograms and registers."""


def split(measure: str) -> tuple[str, str]:
    """The name of a measure and its argument, which may be empty."""
    name, _, argument = measure.partition("(")
    return name, argument.removesuffix(")")


def measured(measure: str, tally: Tally, newest: Floats, ends: Floats) -> Floats:
    """One number for each cell, NaN where nothing can be said: no values, or none that is a finite number.

    `newest` are the newest event times up to the `ends` of the windows (microseconds, NaN for none). Rates are
    shares of the records read, freshness and lateness are seconds.
    """
    name, argument = split(measure)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        found = _OF_TALLY[name](tally) if name in _OF_TALLY else _measured(name, argument, tally, newest, ends)
    found = np.asarray(found, np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def _rate(name: str) -> Callable[[Tally], Any]:
    return lambda tally: tally.counts[name] / tally.counts["read"]


_OF_TALLY: Mapping[str, Callable[[Tally], Any]] = {
    "count": lambda tally: tally.counts["accepted"],
    "read": lambda tally: tally.counts["read"],
    "rejected": lambda tally: tally.counts["quarantined"],
    "reject_rate": _rate("quarantined"),
    "warn_rate": _rate("warned"),
    "repair_rate": _rate("repaired"),
}


def _measured(name: str, argument: str, tally: Tally, newest: Floats, ends: Floats) -> Any:
    read = tally.counts["read"]
    if name == "freshness":
        return (ends - newest) / _SECOND
    if name == "lateness":
        return np.where(read > 0, np.maximum(tally.ingested - ends, 0) / _SECOND, np.nan)
    if name in ("failed", "failed_rate"):
        rule = tally.rules.get(argument)
        failed = np.zeros(len(read)) if rule is None else rule.failed
        return failed / read if name == "failed_rate" else failed
    field = tally.fields.get(argument)
    if field is None:
        return np.full(len(read), np.nan)
    if name in ("null_rate", "invalid_rate"):
        return (field.null if name == "null_rate" else field.invalid) / read
    return _of_values(name, field, len(read))


def _of_values(name: str, field: FieldTally, cells: int) -> Any:
    """A measure of a field's accepted values."""
    moments = field.moments
    if name == "distinct":
        registers = field.registers
        return (
            np.full(cells, np.nan) if registers is None else [distinct(registers.of(cell)[1]) for cell in range(cells)]
        )
    if moments is None:
        return np.full(cells, np.nan)
    some = moments.count > 0
    if name in QUANTILES:
        histogram = field.histogram
        if histogram is None:
            return np.full(cells, np.nan)
        found = [quantile(*histogram.of(cell), QUANTILES[name]) for cell in range(cells)]
        # A bucket is wider than the data can be: the extremes are known exactly.
        return np.where(some, np.clip(found, moments.min, moments.max), np.nan)
    if name == "sum":
        return np.where(some, moments.mean * moments.count, np.nan)
    found = getattr(moments, name)
    # A deviation whose square no number can hold is not known.
    return np.where(some & np.isfinite(found), found, np.nan)


def within(found: Floats, limits: Limits) -> Any:
    """Which numbers keep these limits; NaN keeps any."""
    kept = np.ones(len(found), bool)
    for limit, holds in (
        (limits.min, np.greater_equal),
        (limits.max, np.less_equal),
        (limits.above, np.greater),
        (limits.below, np.less),
    ):
        if limit is not None:
            kept &= holds(found, _number(limit))
    return kept | np.isnan(found)


def _number(bound: Bound) -> float:
    """A limit in the unit in which it is measured: seconds, and times as the tally counts them."""
    if isinstance(bound, dt.timedelta):
        return bound.total_seconds()
    if isinstance(bound, dt.datetime):
        return (bound - EPOCH) / dt.timedelta(microseconds=1)
    if isinstance(bound, dt.date):
        return float((bound - EPOCH.date()).days)
    if isinstance(bound, dt.time):
        return ((bound.hour * 60 + bound.minute) * 60 + bound.second) * 1e6 + bound.microsecond
    assert isinstance(bound, int | float | Decimal)
    return float(bound)
