"""Counts Parquet files by checks of whole columns: row groups side by side, and only what the contract reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import local

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwell.contract.model import Contract
from stillwell.contract.rules import Rule, rule_list
from stillwell.kernel.checks import Broken, Checks, checks
from stillwell.kernel.counts import Counts, RuleCount, examples
from stillwell.kernel.flags import Mask
from stillwell.kernel.program import OF_BYTES
from stillwell.kernel.rows import Odd
from stillwell.kernel.scan import Scan

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

Explain = Callable[[pa.Table], Odd]
"""The full way's reasons for a batch of typed records."""


class Checking:
    """Counts by the rules of one contract, with the threads of a pool."""

    def __init__(self, contract: Contract, pool: ThreadPoolExecutor, threads: int) -> None:
        self._contract = contract
        self._pool = pool
        self._threads = threads
        self._rules = tuple(rule for rule in rule_list(contract) if rule.name not in OF_BYTES)

    def count(self, scan: Scan, clock: dt.datetime, samples: int, explain: Explain) -> Counts | None:
        """The counts of a file; None where checks cannot say all, or its row groups are too few for the threads."""
        found = checks(self._contract, scan.record)
        if found is None:
            return None
        with pq.ParquetFile(scan.path) as file:
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        if len(sizes) < self._threads:
            return None
        begins = np.cumsum([0, *sizes])[:-1].tolist()
        micros = (clock - _EPOCH) // dt.timedelta(microseconds=1)
        files = _Files(scan, found)

        def part(group: int) -> _Part:
            read = files.mine().read_row_group(group, columns=found.columns, use_threads=False)
            broken = found.broken(read.column, np.broadcast_to(np.int64(micros), len(read)))
            return _part(self._rules, broken, len(read), begins[group], samples)

        parts = list(self._pool.map(part, range(len(sizes))))
        counts = _sum(self._rules, parts)
        places = {rule.name: _first([one.first.get(rule.name, []) for one in parts], samples) for rule in self._rules}
        wanted = {rule: some for rule, some in places.items() if some}
        shown = sorted({place for some in wanted.values() for place in some})
        if not shown:
            return counts
        odd = explain(scan.rows(shown))
        return replace(counts, samples=examples(odd.reasons, shown, wanted))


class _Files:
    """The file, opened once for each thread; texts of which only a few are allowed are read as codes."""

    def __init__(self, scan: Scan, asked: Checks) -> None:
        self._path = scan.path
        self._coded = asked.coded
        self._of = local()

    def mine(self) -> pq.ParquetFile:
        if not hasattr(self._of, "file"):
            self._of.file = pq.ParquetFile(self._path, read_dictionary=self._coded)
        return self._of.file


@dataclass(frozen=True)
class _Part:
    """The counts of one row group."""

    read: int
    quarantined: int
    warned: int
    several: int
    stop: bool
    rules: Mapping[str, RuleCount]
    first: Mapping[str, list[int]]


def _part(rules: Sequence[Rule], broken: Broken, read: int, begin: int, samples: int) -> _Part:
    failed = {rule: int(np.count_nonzero(mask)) for rule, mask in broken.masks.items()}
    hit = {rule.name: broken.masks[rule.name] for rule in rules if failed.get(rule.name)}
    rejected = _any(read, (mask for name, mask in hit.items() if _severity(rules, name) != "warn"))
    warned = _any(read, (mask for name, mask in hit.items() if _severity(rules, name) == "warn"))
    times = np.zeros(read, np.uint8)
    for mask in hit.values():
        times += mask
    return _Part(
        read=read,
        quarantined=int(np.count_nonzero(rejected)),
        warned=int(np.count_nonzero(warned & ~rejected)),
        several=int(np.count_nonzero(rejected & (times > 1))),
        stop=any(_severity(rules, name) == "fail" for name in hit),
        rules={rule.name: RuleCount(failed.get(rule.name, 0), 0, broken.skipped.get(rule.name, 0)) for rule in rules},
        first={name: (np.flatnonzero(mask)[:samples] + begin).tolist() for name, mask in hit.items() if samples},
    )


def _severity(rules: Sequence[Rule], name: str) -> str:
    return next(rule.severity for rule in rules if rule.name == name)


def _any(count: int, masks: Iterable[Mask]) -> Mask:
    found = np.zeros(count, bool)
    for mask in masks:
        found |= mask
    return found


def _sum(rules: Sequence[Rule], parts: Sequence[_Part]) -> Counts:
    read, quarantined = (sum(getattr(part, name) for part in parts) for name in ("read", "quarantined"))
    return Counts(
        read=read,
        accepted=read - quarantined,
        quarantined=quarantined,
        warned=sum(part.warned for part in parts),
        repaired=0,
        several=sum(part.several for part in parts),
        stop=any(part.stop for part in parts),
        rules={rule.name: sum((part.rules[rule.name] for part in parts), RuleCount()) for rule in rules},
        samples={},
        repairs={},
    )


def _first(parts: Sequence[list[int]], samples: int) -> list[int]:
    return [place for part in parts for place in part][:samples]
