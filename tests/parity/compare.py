"""Compares what two engines made of a stream: verdict by verdict, tally by tally, ledger by ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from stillwell.kernel.tally import COUNTS, Tally
from tests.cases.outcome import Outcome, differences


@dataclass(frozen=True)
class Difference:
    """One verdict, one part of the tally or one partition of the ledger that is not the same; `why`, part by part."""

    place: str
    why: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.place, *(f"    {line[:160]}" for line in self.why[:4])])


def compared(one: Outcome, other: Outcome) -> list[Difference]:
    """Where two outcomes differ: records and ledger to the letter, doubles of a tally by more than a billionth."""
    found = []
    for part in dict.fromkeys([*one, *other]):
        here, there = one.get(part) or {}, other.get(part) or {}
        for name in dict.fromkeys([*here, *there]):
            mine, theirs = here.get(name), there.get(name)
            why = tuple(differences({"": mine}, {"": theirs}))
            if not why and part != "tally" and _letters(mine) != _letters(theirs):
                why = (f"{_letters(mine)} is not {_letters(theirs)}",)
            if why:
                found.append(Difference(f"{part} {name}", why))
    return found


def exactly(tally: Tally) -> dict[str, Any]:
    """What a tally counts: by window and group its records and rules, by field its nulls and histogram; plain data."""
    found: dict[str, Any] = {}
    for at, (start, group) in enumerate(tally.cells):
        counts = {name: int(tally.counts[name][at]) for name in COUNTS}
        rules = {
            name: [int(part[at]) for part in (rule.failed, rule.repaired, rule.not_evaluated)]
            for name, rule in tally.rules.items()
        }
        found[f"window {start} {list(group)}"] = {**counts, "rules": rules}
    for name, field in tally.total().fields.items() if tally.cells else ():
        keys, values = field.histogram.of(0) if field.histogram else ((), ())
        histogram = {str(key): int(value) for key, value in zip(keys, values, strict=True)}
        found[f"field {name}"] = {"null": int(field.null[0]), "invalid": int(field.invalid[0]), "histogram": histogram}
    return found


def _letters(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
