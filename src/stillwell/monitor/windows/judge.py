"""Judges windows as event time goes on: which are due after an epoch, and what is found of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillwell.contract.model import Contract, Limits, Window, WindowRule
from stillwell.kernel.sketch import Floats
from stillwell.kernel.tally import Tally
from stillwell.monitor.base import Finding, Kind, Status
from stillwell.monitor.store.store import Store
from stillwell.monitor.store.told import told_of
from stillwell.monitor.windows.clock import newest
from stillwell.monitor.windows.cut import MICRO, Cut, Group, cut
from stillwell.monitor.windows.due import Due, due
from stillwell.monitor.windows.measure import SKETCHED, measured, split, within

SILENT = dt.timedelta(days=1) // MICRO
"""A group that has been silent for longer is not expected any more."""


@dataclass(frozen=True)
class Passage:
    """How event time went on: the watermark before an epoch and after it, and the first time that is judged.

    From `kept` on tallies are as fine as windows need them; of a `hole` (from, to) something was not seen.
    """

    before: int
    after: int
    first: int
    kept: int
    hole: tuple[int, int] | None = None
    provisional: bool = False


class Expectations:
    """The windows of a contract, judged from the cells of a store.

    `not_evaluated` counts windows in which a rule had nothing to measure.
    """

    def __init__(self, contract: Contract, store: Store, fields: tuple[str, ...]) -> None:
        self._contract = contract
        self._store = store
        self._fields = fields
        self.judged = self.not_evaluated = 0

    def judge(self, tally: Tally, passage: Passage) -> list[Finding]:
        """What is found after an epoch that counted this, and is in the store; inside a step of it."""
        found: list[Finding] = []
        for window in self._contract.windows:
            found += self._window(window, tally, passage)
        return found

    def _window(self, window: Window, tally: Tally, passage: Passage) -> Iterator[Finding]:
        one = Cut.of(window)
        dues = due(one, [start for start, _ in tally.cells], passage.before, passage.after, passage.first, passage.kept)
        if passage.provisional:
            dues = dues.all_provisional()
        if not len(dues.starts):
            return
        for some in dues.near(one.size + 10 * one.every):
            yield from self._near(window, one, some, tally, passage)

    def _near(self, window: Window, one: Cut, dues: Due, tally: Tally, passage: Passage) -> Iterator[Finding]:
        """What is found of windows that lie near each other: late records make old ones due, and nothing in between."""
        back = max((rule.after[1] for rule in window.rules), default=1) - 1
        starts = _reaching_back(dues.starts, one.every, back, passage.first)
        groups = self._groups(window.by, starts[0], starts[-1] + one.size)
        whole = self._cut(one, starts, window, list(groups), tally)
        ends = np.repeat(np.array(starts, np.float64) + one.size, len(groups))
        fresh = self._newest(whole, ends, list(groups), starts[0])
        for rule in window.rules:
            values = measured(rule.measure, whole, fresh, ends)
            if rule.against is not None:
                values = self._against(rule, values, one, starts, window, list(groups), tally)
            yield from self._rule(window, rule, values, whole, groups, dues, one, passage)

    def _groups(self, by: tuple[str, ...], start: int, end: int) -> dict[Group, tuple[int, int]]:
        """The groups that are expected, each with the first and the last time that it had a record."""
        if not by:
            return {(): (np.iinfo(np.int64).min, np.iinfo(np.int64).max)}
        chosen = [self._fields.index(field) for field in by]
        found: dict[Group, tuple[int, int]] = {}
        for group, first, last in self._store.groups(self._fields, start - SILENT):
            name = tuple(group[at] for at in chosen)
            known = found.get(name, (first, last))
            found[name] = min(first, known[0]), max(last, known[1])
        return {name: times for name, times in sorted(found.items(), key=repr) if times[0] < end}

    def _cut(self, one: Cut, starts: Sequence[int], window: Window, groups: list[Group], like: Tally) -> Tally:
        sketches = any(split(rule.measure)[0] in SKETCHED for rule in window.rules)
        cells = self._store.tally(self._fields, starts[0], starts[-1] + one.size, sketches=sketches)
        return cut(cells, like.first(0), one, starts, window.by, groups)

    def _newest(self, whole: Tally, ends: Floats, groups: list[Group], start: int) -> Floats:
        """For each window and group the newest event up to its end, which may lie in a window before it."""
        found = newest(self._contract, whole).reshape(-1, len(groups))
        if any(split(rule.measure)[0] == "freshness" for one in self._contract.windows for rule in one.rules):
            before = self._store.before(self._fields, start)
            if before is not None and len(found):
                at = [before.group.index(field) for field in whole.group]
                for (_, group), value in zip(before.cells, newest(self._contract, before), strict=True):
                    name = tuple(group[place] for place in at)
                    if name in groups:
                        column = groups.index(name)
                        found[0, column] = np.fmax(found[0, column], value)
        running: Floats = np.fmax.accumulate(found, axis=0).ravel() if len(found) else found.ravel()
        return np.fmin(running, ends)

    def _against(
        self,
        rule: WindowRule,
        values: Floats,
        one: Cut,
        starts: Sequence[int],
        window: Window,
        groups: list[Group],
        like: Tally,
    ) -> Floats:
        """The ratio to the same measure of the windows that long ago; NaN where there was nothing then."""
        assert rule.against is not None
        ago = rule.against // MICRO
        then = self._cut(one, [start - ago for start in starts], window, groups, like)
        ends = np.repeat(np.array(starts, np.float64) - ago + one.size, len(groups))
        before = measured(rule.measure, then, newest(self._contract, then), ends)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = values / np.where(then.counts["read"] > 0, before, np.nan)
        return np.where(np.isfinite(ratio), ratio, np.nan)

    def _rule(
        self,
        window: Window,
        rule: WindowRule,
        values: Floats,
        whole: Tally,
        groups: Mapping[Group, tuple[int, int]],
        dues: Due,
        one: Cut,
        passage: Passage,
    ) -> Iterator[Finding]:
        bad = (~within(values, rule.limits)).reshape(-1, len(groups))
        rows = len(bad)
        often = np.array([bad[max(0, row - rule.after[1] + 1) : row + 1].sum(axis=0) for row in range(rows)])
        bad = bad & (often.reshape(bad.shape) >= rule.after[0])
        numbers, read = values.reshape(bad.shape), whole.counts["read"].reshape(bad.shape)
        like = Finding(
            self._contract.name,
            f"{window.name}.{rule.name}",
            (),
            rule.measure,
            0,
            0,
            "limit",
            rule.severity,
            None,
            _expected(rule),
            "final",
        )
        starts = [start for start, _ in whole.cells[:: max(len(groups), 1)]]
        state = dict(zip(dues.starts, dues.states, strict=True))
        before = told_of(self._store, like.contract, like.expectation, starts[0], starts[-1])
        for row, start in enumerate(starts):
            if start not in state:
                continue
            for column, (group, (first, last)) in enumerate(groups.items()):
                if start + one.size <= first or start > last + SILENT:
                    continue
                self.judged += 1
                number = float(numbers[row, column])
                self.not_evaluated += bool(np.isnan(number))
                hole = passage.hole is not None and start < passage.hole[1] and start + one.size > passage.hole[0]
                kind: Kind = "monitor down" if hole else "no data" if not read[row, column] else "limit"
                finding = replace(
                    like,
                    group=group,
                    start=start,
                    end=start + one.size,
                    kind=kind,
                    observed=None if np.isnan(number) else number,
                    status="provisional" if state[start] == "provisional" else "final",
                )
                broken = bool(bad[row, column]) or hole
                yield from revised(finding, before.get((finding.fingerprint, start)), broken=broken)


def revised(finding: Finding, before: tuple[int, str, str, Any] | None, *, broken: bool) -> Iterator[Finding]:
    """The finding as its next revision, if it says anything new; one that does not hold any more is withdrawn."""
    if before is None:
        if broken:
            yield finding
        return
    revision, status, kind, observed = before
    if broken:
        if (status, kind, observed) != (finding.status, finding.kind, finding.observed):
            yield replace(finding, revision=revision + 1)
    elif status != "withdrawn":
        withdrawn: Status = "withdrawn"
        yield replace(finding, revision=revision + 1, status=withdrawn, kind="late data")


def _reaching_back(starts: Sequence[int], every: int, back: int, first: int) -> list[int]:
    """The starts, and as many before each as a rule looks back on."""
    more = {start - step * every for start in starts for step in range(back + 1)}
    return sorted(one for one in more if one >= first or one in set(starts))


def _expected(rule: WindowRule) -> str:
    """The limits in words."""
    limits: Limits = rule.limits
    ago = f" of {rule.measure} that long ago ({rule.against})" if rule.against is not None else ""
    return f"{limits.describe()}{ago}"
