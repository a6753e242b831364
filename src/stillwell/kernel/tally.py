"""The tally: counts and summaries of what was judged, per event-time window and group; tallies merge in any order."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stillwell.kernel.sketch import Ints, Moments, Sparse, distinct, quantile

COUNTS = ("read", "accepted", "quarantined", "warned", "repaired", "by_ingest")
"""What is counted of records; `by_ingest` are those placed by ingest time, because their event time is no good."""

_NOTHING = np.zeros(0, np.int64)

Cell = tuple[int, tuple[str | None, ...]]
"""A window's start (microseconds since 1970, UTC) and the values of the group fields."""


@dataclass(frozen=True)
class RuleTally:
    """Per cell: how often a rule failed, was repaired, and was not evaluated."""

    failed: Ints
    repaired: Ints
    not_evaluated: Ints


@dataclass(frozen=True)
class FieldTally:
    """Per cell: nulls and invalid values among all records read; the rest describes values of accepted records.

    Times count as microseconds since 1970, dates as days, booleans as 0 and 1; texts have no moments, texts
    and times no histogram. `hashed_by` names the hash family of the registers: those of two families cannot be merged.
    """

    null: Ints
    invalid: Ints
    moments: Moments | None
    histogram: Sparse | None
    registers: Sparse | None
    hashed_by: str


@dataclass(frozen=True)
class Tally:
    """Everything by cell: `counts[name][i]`, `rules[name].failed[i]`, `fields[name].null[i]` belong to `cells[i]`.

    `ingested` is when the last record of each cell was taken in, in microseconds since 1970.
    """

    window: dt.timedelta
    group: tuple[str, ...]
    cells: tuple[Cell, ...]
    counts: Mapping[str, Ints]
    ingested: Ints
    rules: Mapping[str, RuleTally]
    fields: Mapping[str, FieldTally]

    def __repr__(self) -> str:
        """The counts and the failures, not the arrays."""
        counts = ", ".join(f"{name}={self.count(name):,}" for name in COUNTS)
        return f"<Tally {counts}, {len(self.cells):,} cells, failures={self.failures()}>"

    def failures(self) -> dict[str, int]:
        """How many records failed each rule, for the rules that any record failed."""
        sums = {rule: int(tally.failed.sum()) for rule, tally in self.rules.items()}
        return {rule: count for rule, count in sums.items() if count}

    def count(self, what: str) -> int:
        """The sum of one of COUNTS over all cells."""
        return int(self.counts[what].sum())

    def merge(self, *others: Tally) -> Tally:
        """The tally of all together; counts and histograms exactly so in any order, moments to 1e-9."""
        return merge([self, *others])

    def total(self) -> Tally:
        """The same as one cell, without windows and groups."""
        one = np.zeros(len(self.cells), np.int64)
        return self.moved([one], ((0, ()),) if self.cells else (), self.window, ())

    def moved(
        self, places: Sequence[Ints], cells: tuple[Cell, ...], window: dt.timedelta, group: tuple[str, ...]
    ) -> Tally:
        """The same counted into other cells: cell i into cell `at[i]` of `cells`, for each `at` of `places`."""
        return _combine([(self, at) for at in places], cells, window, group)

    def first(self, count: int) -> Tally:
        """The first cells alone, so many of them."""
        rules = {rule: RuleTally(*(one[:count] for one in _parts(tally))) for rule, tally in self.rules.items()}
        fields = {
            name: FieldTally(
                one.null[:count],
                one.invalid[:count],
                None if one.moments is None else Moments(*(part[:count] for part in _parts(one.moments))),
                None if one.histogram is None else one.histogram.below(count),
                None if one.registers is None else one.registers.below(count),
                one.hashed_by,
            )
            for name, one in self.fields.items()
        }
        counts = {name: one[:count] for name, one in self.counts.items()}
        return Tally(self.window, self.group, self.cells[:count], counts, self.ingested[:count], rules, fields)

    def summary(self, field: str, cell: int = 0) -> dict[str, float | int | None]:
        """One field of one cell in plain numbers: null, invalid, distinct, count, min, max, mean, std, p01 … p99.

        Texts have no moments, times no quantiles, and what is empty has neither.
        """
        tally = self.fields[field]
        plain: dict[str, float | int | None] = {"null": int(tally.null[cell]), "invalid": int(tally.invalid[cell])}
        plain["distinct"] = None if tally.registers is None else round(distinct(tally.registers.of(cell)[1]))
        moments = tally.moments
        if moments is not None and moments.count[cell]:
            least, greatest = float(moments.min[cell]), float(moments.max[cell])
            plain |= {"count": int(moments.count[cell]), "min": least, "max": greatest}
            plain |= {"mean": float(moments.mean[cell]), "std": float(moments.std[cell])}
            keys, counts = tally.histogram.of(cell) if tally.histogram else (_NOTHING, _NOTHING)
            for percent in (1, 50, 90, 95, 99) if len(keys) else ():
                # A bucket is wider than the data can be: the extremes are known exactly.
                plain[f"p{percent:02}"] = min(max(quantile(keys, counts, percent / 100), least), greatest)
        return plain


def _parts(arrays: RuleTally | Moments) -> list[Any]:
    return [getattr(arrays, one.name) for one in dataclasses.fields(arrays)]


def merge(tallies: Sequence[Tally]) -> Tally:
    """The tally of all together.

    Raises:
        ValueError: when they have other windows or groups.
    """
    first = tallies[0]
    if any((other.window, other.group) != (first.window, first.group) for other in tallies):
        raise ValueError("tallies of different windows or groups cannot be merged")
    cells = tuple(sorted({cell for tally in tallies for cell in tally.cells}, key=_order))
    number = {cell: index for index, cell in enumerate(cells)}
    parts = [(one, np.array([number[cell] for cell in one.cells], np.int64)) for one in tallies]
    return _combine(parts, cells, first.window, first.group)


def nothing(window: dt.timedelta, group: tuple[str, ...]) -> Tally:
    """The tally of no records, of which no rules and fields are known."""
    none = np.zeros(0, np.int64)
    return Tally(window, group, (), dict.fromkeys(COUNTS, none), none, {}, {})


def _order(cell: Cell) -> tuple[int, list[tuple[bool, str]]]:
    return cell[0], [(value is None, value or "") for value in cell[1]]


def _combine(
    parts: list[tuple[Tally, Ints]], cells: tuple[Cell, ...], window: dt.timedelta, group: tuple[str, ...]
) -> Tally:
    """The parts as one tally; cell i of a part is cell `at[i]` of the whole, and two may become one."""
    size = len(cells)
    counts = {name: _sum([(part.counts[name], at) for part, at in parts], size) for name in COUNTS}
    rules = {
        rule: RuleTally(
            *(
                _sum([(getattr(part.rules[rule], name), at) for part, at in parts if rule in part.rules], size)
                for name in ("failed", "repaired", "not_evaluated")
            )
        )
        for rule in dict.fromkeys(rule for part, _ in parts for rule in part.rules)
    }
    fields = {
        field: _combine_field([(part.fields[field], at) for part, at in parts if field in part.fields], size)
        for field in dict.fromkeys(field for part, _ in parts for field in part.fields)
    }
    ingested = np.zeros(size, np.int64)
    for part, at in parts:
        np.maximum.at(ingested, at, part.ingested)
    return Tally(window, group, cells, counts, ingested, rules, fields)


def _sum(parts: list[tuple[Ints, Ints]], size: int) -> Ints:
    whole = np.zeros(size, np.int64)
    for values, at in parts:
        np.add.at(whole, at, values)
    return whole


def _combine_field(parts: list[tuple[FieldTally, Ints]], size: int) -> FieldTally:
    moments = [(part.moments, at) for part, at in parts if part.moments is not None]
    histograms = [part.histogram.renumbered(at) for part, at in parts if part.histogram is not None]
    registers = [part.registers.renumbered(at) for part, at in parts if part.registers is not None]
    one_family = len({part.hashed_by for part, _ in parts}) == 1
    return FieldTally(
        null=_sum([(part.null, at) for part, at in parts], size),
        invalid=_sum([(part.invalid, at) for part, at in parts], size),
        moments=Moments.merge(moments, size) if moments else None,
        histogram=Sparse.merge(histograms, np.add) if histograms else None,
        registers=Sparse.merge(registers, np.maximum) if registers and one_family else None,
        hashed_by=parts[0][0].hashed_by,
    )
