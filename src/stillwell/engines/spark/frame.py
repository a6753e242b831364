"""Counts what rows of any DataFrame of Spark break, in its executors: only counts and examples come back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.engines.spark.pieces import answer, taken
from stillwell.errors import StillwellError, fail
from stillwell.kernel import Kernel
from stillwell.kernel.base import NOTHING
from stillwell.kernel.counts import Counts, added


def count(frame: Any, contract: Contract, *, clock: dt.datetime | None = None, samples: int = 1) -> Counts:
    """The counts of a frame of any source: a table of the catalog, a view, what a query gives.

    Its columns are the contract's fields. Each partition of the frame is counted by a task; the places of examples
    count the rows from 0, as the partitions follow one another. `clock` is what `now` means; it is now unless said.

    Raises:
        StillwellError: code `not-supported`, for rules over a key's history, which need an order that a frame has not;
            `other-versions`, when executors have other libraries.
    """
    if contract.sequence:
        what = "Rules over a key's history need all records in their order, in one place."
        raise fail(StillwellError, "not-supported", what, "Run a pipeline, or leave `sequence` out.")
    now = clock or dt.datetime.now(dt.UTC)
    work = partial(_counted, contract.text, now, samples)
    rows = frame.mapInArrow(partial(_told, work), "number int, answer binary").collect()
    parts = [taken(row["answer"]) for row in sorted(rows, key=lambda row: int(row["number"]))]
    parts = parts or [_counted(contract.text, now, samples, iter(()))]
    return added(parts, [0, *accumulate(one.read for one in parts)][:-1], samples)


def _told(work: Callable[[Iterator[pa.RecordBatch]], Counts], rows: Iterator[pa.RecordBatch]) -> Iterator[Any]:
    """What a task says of its partition, in a row with its number."""
    from pyspark import TaskContext

    context = TaskContext.get()
    number = context.partitionId() if context else 0
    columns = [pa.array([number], pa.int32()), pa.array([answer(lambda: work(rows))], pa.binary())]
    yield pa.RecordBatch.from_arrays(columns, ["number", "answer"])


def _counted(contract: str, clock: dt.datetime, samples: int, rows: Iterator[pa.RecordBatch]) -> Counts:
    parts, begins, at = list[Counts](), list[int](), 0
    with closing(Kernel(parse(contract), threads=1)) as kernel:
        for batch in rows:
            records = pa.table(
                {
                    "partition": np.zeros(len(batch), np.int32),
                    "offset": np.arange(at, at + len(batch)),
                    "record": batch.to_struct_array(),
                }
            )
            begins.append(at)
            parts.append(kernel.count(records, clock, samples=samples))
            at += len(batch)
        return added(parts, begins, samples) if parts else kernel.count(NOTHING, clock)
