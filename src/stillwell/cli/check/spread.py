"""Counts inputs in the executors of Spark: each file is a piece of work, of a Delta table each range of its rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillwell._find import find
from stillwell.cli._data import Data, legible
from stillwell.cli.check.found import Found
from stillwell.connectors.base import Source
from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.delivery.slice import Position
from stillwell.errors import StillwellError, fail
from stillwell.kernel import Kernel
from stillwell.kernel.base import NOTHING
from stillwell.kernel.counts import Counts, Example, added
from stillwell.kernel.scan import Scan

ROWS = 2_000_000
"""Rows of a Delta table in a piece."""


@dataclass(frozen=True)
class Judging:
    """What every piece needs."""

    contract: str
    window: dt.timedelta
    clock: dt.datetime
    samples: int


def count_on(
    engine: str | None,
    inputs: Sequence[Data],
    contract: Contract,
    clock: dt.datetime,
    window: dt.timedelta,
    found: Found,
) -> bool:
    """Count all inputs on this engine, and add them to what was found, in their order; False where none is named.

    Raises:
        StillwellError: code `not-supported`, for an engine that cannot, or for an input that is no file or table.
    """
    if engine is None:
        return False
    kind = find("engines", engine, "Engine")
    if not hasattr(kind, "spread"):
        what = f"`check` does not run on the engine {engine}."
        raise fail(StillwellError, "not-supported", what, "Say --engine spark, or leave it out.")
    if contract.sequence:
        what = "Rules over a key's history need all records in their order, in one place."
        raise fail(StillwellError, "not-supported", what, "Leave --engine out.")
    judging = Judging(contract.text, window, clock, found.most)
    pieces = [(data, piece) for data in inputs for piece in _pieces(data, judging)]
    counts: list[Counts] = kind(kind.Options()).spread([piece for _, piece in pieces])
    for data in inputs:
        own = [one for (of, _), one in zip(pieces, counts, strict=True) if of is data]
        begins = [0, *accumulate(one.read for one in own)][:-1]
        found.add_counts(data, added(own, begins, found.most), None)
    return True


def _pieces(data: Data, judging: Judging) -> Iterator[Callable[[], Counts]]:
    if data.again is None or data.limit is not None:
        what = f"{data.name} is read from its beginning, in one place."
        raise fail(StillwellError, "not-supported", what, "Leave --engine out, or --limit.")
    if not data.versioned:
        yield partial(count_file, data.name, data.unit, data.path, data.again, judging)
        return
    with legible(data.name):
        data.source.open()
        rows = data.source.lag() or 0
        data.source.seek({})
        first = data.source.read(1)
    # The version that is the newest now, also for whoever looks later.
    version = first.ends[0].cursor if first else ""
    for begin in range(0, max(rows, 1), ROWS):
        end = min(begin + ROWS, rows)
        yield partial(count_rows, data.name, data.again, Position(begin, version), end, judging)


def count_file(name: str, unit: str, path: Path | None, again: Callable[[], Source], judging: Judging) -> Counts:
    """Count one file; the places of examples are the numbers of their records, from 0."""
    data = Data(name, again(), unit, path)
    with closing(_kernel(judging, data.source)) as kernel, closing(data.source), legible(data.name):
        if data.format.name == "arrow" and data.path:
            return kernel.count(Scan(data.path), judging.clock, samples=judging.samples)
        parts = [
            _numbered(kernel.count(part.batch, judging.clock, samples=judging.samples), part.numbers)
            for part in data.parts()
        ]
        parts = parts or [kernel.count(NOTHING, judging.clock)]
        return added(parts, [0] * len(parts), judging.samples)


def count_rows(name: str, again: Callable[[], Source], start: Position, end: int, judging: Judging) -> Counts:
    """Count rows of a table, from `start` up to but without `end`; examples are numbered from the start."""
    source, parts, begins, at = again(), list[Counts](), list[int](), start.offset
    with closing(_kernel(judging, source)) as kernel, closing(source), legible(name):
        source.open()
        source.seek({0: start})
        while at < end and (chunk := source.read(end - at)) is not None:
            begins.append(at - start.offset)
            parts.append(kernel.count(chunk.table, judging.clock, samples=judging.samples))
            at += len(chunk.table)
        parts, begins = (parts, begins) if parts else ([kernel.count(NOTHING, judging.clock)], [0])
        return added(parts, begins, judging.samples)


def _kernel(judging: Judging, source: Source) -> Kernel:
    return Kernel(parse(judging.contract), format=source.format, window=judging.window, threads=1)


def _numbered(counts: Counts, numbers: npt.NDArray[np.int64]) -> Counts:
    def moved(some: Mapping[str, Sequence[Example]]) -> dict[str, list[Example]]:
        return {rule: [replace(one, place=int(numbers[one.place]) - 1) for one in few] for rule, few in some.items()}

    return replace(counts, samples=moved(counts.samples), repairs=moved(counts.repairs))
