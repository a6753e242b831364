"""What counting finds: how many records broke which rule, and the first examples; no rows, no tally."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.contract.rules import Rule
from stillwell.kernel.flags import Flags, Mask

Places: TypeAlias = Mapping[str, Sequence[int]]
"""By rule the places of the records that are shown for it."""


@dataclass(frozen=True)
class RuleCount:
    """How many records broke a rule, were mended under it, and could not be judged by it."""

    failed: int = 0
    repaired: int = 0
    not_evaluated: int = 0

    def __add__(self, other: RuleCount) -> RuleCount:
        """Both together."""
        return RuleCount(
            self.failed + other.failed, self.repaired + other.repaired, self.not_evaluated + other.not_evaluated
        )


@dataclass(frozen=True)
class Example:
    """One entry of a record's reasons or repairs; `place` counts records from 0 in what was given to count.

    `expected` is None for a repair, of which `seen` is the value before.
    """

    place: int
    rule: str
    field: str
    seen: str | None
    expected: str | None


@dataclass(frozen=True)
class Counts:
    """What the kernel says of n records without handing any of them out: the counts are those that `judge` gives.

    `warned` and `repaired` are accepted records; `several` are quarantined ones with more than one reason; `stop` is
    true when a `fail` rule was broken. `samples` and `repairs` hold the first examples of each rule.
    """

    read: int
    accepted: int
    quarantined: int
    warned: int
    repaired: int
    several: int
    stop: bool
    rules: Mapping[str, RuleCount]
    samples: Mapping[str, Sequence[Example]]
    repairs: Mapping[str, Sequence[Example]]

    def failures(self) -> dict[str, int]:
        """How many records failed each rule, for the rules that any record failed."""
        return {rule: count.failed for rule, count in self.rules.items() if count.failed}


@dataclass(frozen=True)
class Judgement:
    """Flags of records that are not plain, or of groups of such; `weights`: how many records an entry stands for."""

    rules: Sequence[Rule]
    flags: Flags
    weights: npt.NDArray[np.int64]

    def of_severity(self, *severities: str) -> Mask:
        """Which entries failed a rule of one of these severities."""
        return self.flags.any_failed(rule.name for rule in self.rules if rule.severity in severities)

    def counts(self, plain: int, not_evaluated: Mapping[str, int]) -> Counts:
        """All counts, with so many plain records more, and without examples."""
        flags, rejected = self.flags, self.of_severity("reject", "fail")
        broken = np.sum([*flags.failed.values()], axis=0, dtype=np.int64)
        read, quarantined = self._sum() + plain, self._sum(rejected)
        return Counts(
            read=read,
            accepted=read - quarantined,
            quarantined=quarantined,
            warned=self._sum(~rejected & self.of_severity("warn")),
            repaired=self._sum(~rejected & flags.any_repaired(flags.repaired)),
            several=self._sum(rejected & (broken > 1)),
            stop=bool(self.of_severity("fail").any()),
            rules={
                rule.name: RuleCount(
                    failed=self._sum(flags.failed[rule.name]),
                    repaired=self._sum(flags.repaired[rule.name]) if rule.name in flags.repaired else 0,
                    not_evaluated=not_evaluated.get(rule.name, 0),
                )
                for rule in self.rules
            },
            samples={},
            repairs={},
        )

    def wanted(self, first: Callable[[Mask], Sequence[int]]) -> tuple[Places, Places]:
        """Of which records reasons and repairs are shown, by rule; `first` are the places of the first under a mask."""
        kept = ~self.of_severity("reject", "fail")
        samples = {rule: first(failed) for rule, failed in self.flags.failed.items() if failed.any()}
        repairs = {rule: first(mended & kept) for rule, mended in self.flags.repaired.items() if (mended & kept).any()}
        return samples, repairs

    def _sum(self, mask: Mask | None = None) -> int:
        return int((self.weights if mask is None else self.weights[mask]).sum())


def added(parts: Sequence[Counts], begins: Sequence[int], samples: int) -> Counts:
    """Counts of parts as those of the whole; part i begins at place `begins[i]`, and so many examples are kept."""
    sums = {
        name: sum(getattr(part, name) for part in parts)
        for name in ("read", "accepted", "quarantined", "warned", "repaired", "several")
    }
    rules = {rule: sum((part.rules[rule] for part in parts), RuleCount()) for rule in parts[0].rules}
    return Counts(
        **sums,
        stop=any(part.stop for part in parts),
        rules=rules,
        samples=_first([part.samples for part in parts], begins, samples),
        repairs=_first([part.repairs for part in parts], begins, samples),
    )


def _first(
    parts: Sequence[Mapping[str, Sequence[Example]]], begins: Sequence[int], samples: int
) -> dict[str, list[Example]]:
    found = {}
    for rule in dict.fromkeys(chain.from_iterable(parts)):
        moved = (
            replace(one, place=one.place + begin)
            for part, begin in zip(parts, begins, strict=True)
            for one in part.get(rule, ())
        )
        found[rule] = list(islice(moved, samples))
    return found


def examples(lists: pa.ListArray, places: Sequence[int], wanted: Places) -> dict[str, list[Example]]:
    """Of the reasons (or repairs) of the records at these places those that are wanted."""
    of_place = dict(zip(places, lists.to_pylist(), strict=True))
    found = {}
    for rule, at in wanted.items():
        entries = [(place, entry) for place in at for entry in of_place[place] if entry["rule"] == rule]
        found[rule] = [
            Example(place, rule, one["field"], one["seen"] if "seen" in one else one["before"], one.get("expected"))
            for place, one in entries
        ]
    return {rule: some for rule, some in found.items() if some}
