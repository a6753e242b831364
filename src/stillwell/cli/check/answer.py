"""The answer of a check: whether it passed, and the object that says so to machines (schema `stillwell.check/1`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillwell.cli.base import Outcome
from stillwell.cli.check.found import Found, Sample
from stillwell.cli.check.whole import TableFound
from stillwell.contract.model import Contract, Field
from stillwell.contract.rules import Rule, rule_list
from stillwell.errors import Problem

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class RuleFound:
    """One rule and how often it failed, was mended, and was not evaluated."""

    rule: Rule
    failed: int
    repaired: int
    not_evaluated: int


@dataclass(frozen=True)
class Answer:
    """What was asked and what was found; `told` is true where the clock was said.

    A `suggested` contract was made of the data itself; `unreadable` says which data could not be read to its end.
    """

    contract: Contract
    suggested: bool
    data: tuple[str, ...]
    clock: dt.datetime
    told: bool
    tolerated: float
    warn_ok: bool
    seconds: float
    quarantine: Path | None
    cells: Path | None
    flagged: int
    unreadable: tuple[Problem, ...]
    found: Found

    @property
    def rejected(self) -> float:
        """The share of records that were rejected."""
        return self.found.quarantined / max(1, self.found.read)

    @property
    def warned(self) -> int:
        """Accepted records with a warning."""
        return self.found.warned

    @property
    def repaired(self) -> int:
        """Accepted records with a repair."""
        return self.found.repaired

    @property
    def outcome(self) -> Outcome:
        """Passed, failed, or passed with warnings; nothing to judge is doubtful, and the unreadable cannot be told."""
        if self.unreadable:
            return Outcome.UNKNOWN
        broken = {one.rule.severity for one in self.found.table if not one.holds}
        if self.found.failed or self.rejected > self.tolerated or "fail" in broken:
            return Outcome.NO
        doubtful = self.warned or not self.found.read or broken
        return Outcome.WARNED if doubtful and not self.warn_ok else Outcome.YES

    def rules(self) -> Iterator[RuleFound]:
        """Every rule that there was something to judge by, in the order of judging."""
        for rule in rule_list(self.contract):
            if count := self.found.rules.get(rule.name):
                yield RuleFound(rule, count.failed, count.repaired, count.not_evaluated)


def plain(answer: Answer) -> dict[str, Any]:
    """The answer as plain data."""
    found, contract = answer.found, answer.contract
    return {
        "contract": {"file": contract.file, "name": contract.name, "version": contract.version},
        "suggested": answer.suggested,
        "data": list(answer.data),
        "now": answer.clock.isoformat().replace("+00:00", "Z"),
        "read": found.read,
        "accepted": found.accepted,
        "quarantined": found.quarantined,
        "conserved": found.conserved and found.read == found.accepted + found.quarantined,
        "warned": answer.warned,
        "repaired": answer.repaired,
        "tolerated": answer.tolerated,
        "exit": int(answer.outcome),
        "quarantine": str(answer.quarantine) if answer.quarantine else None,
        "cells": {"file": str(answer.cells), "flagged": answer.flagged} if answer.cells else None,
        "unreadable": [problem.where.file for problem in answer.unreadable],
        "rules": [_plain_rule(one, answer) for one in answer.rules()],
        "fields": {field.name: _plain_field(field, found) for field in contract.fields} if found.tally else {},
        "table": [_plain_table(one) for one in found.table],
        "windows_not_judged": [window.name for window in contract.windows],
        "seconds": round(answer.seconds, 3),
    }


def _plain_rule(one: RuleFound, answer: Answer) -> dict[str, Any]:
    found = answer.found
    return {
        "rule": one.rule.name,
        "severity": one.rule.severity,
        "fields": list(one.rule.fields),
        "expected": one.rule.expected,
        "line": one.rule.line,
        "failed": one.failed,
        "repaired": one.repaired,
        "not_evaluated": one.not_evaluated,
        "share": one.failed / max(1, found.read),
        "samples": [_plain_sample(sample) for sample in found.samples.get(one.rule.name, ())],
        "repairs": [_plain_sample(sample) for sample in found.repairs.get(one.rule.name, ())],
    }


def _plain_table(one: TableFound) -> dict[str, Any]:
    rule = one.rule
    expected = {"measure": rule.measure, "severity": rule.severity, "expected": rule.limits.describe()}
    return {"rule": f"table.{rule.name}", **expected, "observed": one.observed, "holds": one.holds}


def _plain_sample(sample: Sample) -> dict[str, Any]:
    where = {"data": sample.data, **sample.place, "field": sample.field, "seen": sample.seen}
    return where | ({"expected": sample.expected} if sample.expected is not None else {})


def _plain_field(field: Field, found: Found) -> dict[str, Any]:
    """The summary of a field: of times first and last as texts, and of a sensitive field nothing that shows a value."""
    assert found.tally is not None
    summary: dict[str, Any] = found.tally.summary(field.name)
    moments = found.tally.fields[field.name].moments
    if field.type in _TIMES:
        summary = {name: value for name, value in summary.items() if name in _HARMLESS}
        if moments is not None and moments.count[0]:
            ends = {name: _TIMES[field.type](float(getattr(moments, name)[0])) for name in ("min", "max")}
            summary |= {"count": int(moments.count[0]), **ends}
    return {name: value for name, value in summary.items() if name in _HARMLESS or not field.sensitive}


_HARMLESS = ("null", "invalid", "distinct", "count")


def _instant(micros: float) -> str:
    return (_EPOCH + dt.timedelta(microseconds=round(micros))).isoformat().replace("+00:00", "Z")


_TIMES: dict[str, Callable[[float], str]] = {
    "timestamp": _instant,
    "date": lambda days: (_EPOCH + dt.timedelta(days=round(days))).date().isoformat(),
    "time": lambda micros: (_EPOCH + dt.timedelta(microseconds=round(micros))).time().isoformat(),
}
"""How the numbers that stand for times in a tally are shown."""
