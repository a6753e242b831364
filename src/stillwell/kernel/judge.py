"""The kernel itself: `Kernel(contract).judge(batch)`, the function that every engine calls."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.contract.model import Contract
from stillwell.kernel.base import Format, Judged
from stillwell.kernel.bind import bind
from stillwell.kernel.checking import Checking
from stillwell.kernel.count import Counted, Counter
from stillwell.kernel.counting import Counting
from stillwell.kernel.counts import Counts, added
from stillwell.kernel.digest import Facts
from stillwell.kernel.facts import facts, sums
from stillwell.kernel.parted import Parted, joined, parted
from stillwell.kernel.prepare import ingest_times, relation, source_columns
from stillwell.kernel.program import Program, compile_program
from stillwell.kernel.rows import Odd
from stillwell.kernel.scan import Scan
from stillwell.kernel.scanning import Scanning
from stillwell.kernel.sequence.history import History
from stillwell.kernel.sequence.judge import Sequence
from stillwell.kernel.tally import Tally, merge
from stillwell.kernel.ways import Both, Ways

WINDOW = dt.timedelta(minutes=1)
_HOUR = dt.timedelta(hours=1)


LEAST_ROWS, MOST_ROWS = 8_000, 250_000
"""Fewer rows are not worth another thread; more only take more memory at once."""

_KEPT = 32_000_000
"""So large a piece glibc has to see freed, or else it gives memory back at once and fetches it for each array anew."""

Result = TypeVar("Result")
_Whole: TypeAlias = tuple[Parted, Tally, Mapping[int, Facts], Tally | None]


class Kernel:
    """A contract made into a function from Arrow batches to verdicts.

    The answer depends on the batch, the contract and `clock` alone: not on batch size, threads, time zone or locale.

    Args:
        contract: what good data is.
        format: how payloads are to be read; ignored for typed records.
        window: length of the tally's event-time windows.
        group: fields by whose values the tally is kept apart.
        by_key: fields by which records and failures are also counted hour by hour (`Judged.by_key`); none for not.
        hash_key: key of sensitive fields that are hashed; without it they are masked.
        threads: that judge side by side; None for one a core.
        memory: of DuckDB, for example "1GiB"; None for its default.

    Raises:
        ContractError: for parts of the contract that cannot be judged yet.
    """

    def __init__(
        self,
        contract: Contract,
        *,
        format: Format | None = None,
        window: dt.timedelta = WINDOW,
        group: tuple[str, ...] = (),
        by_key: tuple[str, ...] = (),
        hash_key: bytes | None = None,
        threads: int | None = None,
        memory: str | None = None,
    ) -> None:
        np.empty(_KEPT, np.uint8)
        self.contract = contract
        self.format = format or Format()
        self._window = window
        self._group = group
        self._by_key = by_key
        self._hash_key = hash_key
        self._workers = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, "kernel")
        # Workers of ours run the queries side by side: DuckDB need not part them again.
        self._config: dict[str, Any] = {"memory_limit": memory} if memory else {}
        self._database = duckdb.connect(":memory:", config={"threads": 1, **self._config})
        self._shapes: dict[object, Ways] = {}
        self._counting: dict[object, Counting] = {}
        self._scanning: Scanning | None = None
        self._sequence = Sequence(contract, self._database) if contract.sequence else None
        # Compile now what can be, so that a contract which cannot be judged is refused before any record is read.
        header = tuple(self.format.options.get("header") or ())
        self._ways(pa.struct([]) if self.format.name == "arrow" else None, header)
        bind(contract, self._database)

    def program(self, record: pa.StructType | None = None, columns: tuple[str, ...] = ()) -> Program:
        """What the contract compiles to for one shape of input: typed records, or delimited text of these columns."""
        return self._ways(record, columns).program

    def close(self) -> None:
        """Give threads and memory back; the kernel judges nothing more."""
        self._pool.shutdown()
        self._shapes.clear()
        self._counting.clear()
        self._database.close()
        if self._scanning is not None:
            self._scanning.close()

    def judge(self, batch: pa.Table, clock: dt.datetime | None = None, history: History | bool | None = None) -> Judged:
        """Judge a batch (`stillwell.kernel.base`); `clock` is the ingest time of records whose envelope has none.

        Sequence rules compare with `history` and add to it: without one with the batch itself; with False they are not
        evaluated. Returns the verdict on every record; `Judged.read` is always accepted plus quarantined.
        """

        def whole(some: pa.Table, part: Parted, counted: Counted, counter: Counter) -> _Whole:
            keyed = counter.bare(_HOUR, self._by_key).count(counted) if self._by_key else None
            return part, counter.count(counted), sums(some, part.accepted, part.quarantined), keyed

        parts = self._parts(batch, clock, whole, history=history)
        part = joined([one[0] for one in parts])
        tally = merge([one[1] for one in parts])
        checked = facts(batch, [one[2] for one in parts])
        by_key = [one[3] for one in parts if one[3] is not None]
        keyed = merge(by_key) if by_key else None
        return Judged(part.accepted, part.quarantined, part.verdicts, tally, checked, part.stop, keyed)

    def part(self, batch: pa.Table, clock: dt.datetime | None = None, history: History | bool | None = None) -> Parted:
        """Judge without counting: the same verdicts, rows and reasons, but neither tally nor facts."""
        return joined(self._parts(batch, clock, lambda _, part, *__: part, counted=False, history=history))

    def count(self, data: pa.Table | Scan, clock: dt.datetime | None = None, *, samples: int = 1) -> Counts:
        """Count what `judge` would say of a batch, or of a Parquet file, without any rows coming out.

        `samples` is how many examples of each broken rule are kept. Sequence rules are not counted: `judge` then.
        """
        assert self._sequence is None, "who counts rows knows no history"
        clock = clock or dt.datetime.now(dt.UTC)
        if isinstance(data, Scan):
            return self._count_scan(data, clock, samples)
        record, columns = self._shape(data)
        key = (record, columns, samples)
        if key not in self._counting:
            ways = self._ways(record, columns)
            self._counting[key] = Counting(ways, self.format, self._database, record, samples)
        counting, now = self._counting[key], ingest_times(data, clock)

        def piece(begin: int) -> Counts:
            return counting.count(relation(data.slice(begin, step), now.slice(begin, step)))

        step = self._step(len(data))
        begins = range(0, max(len(data), 1), step)
        return added(list(self._pool.map(piece, begins)), begins, samples)

    def _count_scan(self, scan: Scan, clock: dt.datetime, samples: int) -> Counts:
        """By checks of whole columns where they say all, by DuckDB alone where it can read that, else by batches."""

        def explain(rows: pa.Table) -> Odd:
            return self._ways(*self._shape(rows)).explain(relation(rows, ingest_times(rows, clock)))

        counts = Checking(self.contract, self._pool, self._workers).count(scan, clock, samples, explain)
        if counts is not None:
            return counts
        if self._scanning is None:
            self._scanning = Scanning(self.contract, self._workers, self._config, self._hash_key)
        found = self._scanning.count(scan, clock, samples)
        if found is not None:
            return found
        begins, parts = [], []
        for begin, batch in scan.batches(self._workers * MOST_ROWS):
            begins.append(begin)
            parts.append(self.count(batch, clock, samples=samples))
        return added(parts, begins, samples)

    def _step(self, rows: int) -> int:
        """How many rows a worker takes at a time."""
        return min(MOST_ROWS, max(LEAST_ROWS, -(-rows // self._workers)))

    def _parts(
        self,
        batch: pa.Table,
        clock: dt.datetime | None,
        then: Callable[[pa.Table, Parted, Counted, Counter], Result],
        *,
        counted: bool = True,
        history: History | bool | None = None,
    ) -> list[Result]:
        """Judge pieces of a batch side by side and go on with each while it is at hand.

        But for sequence rules records are judged each by itself, so a batch may be cut anywhere.
        """
        ways = self._ways(*self._shape(batch))
        counter = Counter(self.contract, ways.program.rules, self._window, self._group, f"duckdb {duckdb.__version__}")
        now = ingest_times(batch, clock or dt.datetime.now(dt.UTC))
        step = self._step(len(batch))
        begins = range(0, max(len(batch), 1), step)

        def first(begin: int) -> Both:
            return ways.judge(relation(batch.slice(begin, step), now.slice(begin, step)), counted=counted)

        def second(begin: int, both: Both) -> Result:
            some, moments = batch.slice(begin, step), now.slice(begin, step)
            return then(some, *parted(ways.program, some, moments, both), counter)

        if self._sequence is None:
            return list(self._pool.map(lambda begin: second(begin, first(begin)), begins))
        return self._sequence.judge(ways, batch, now, step, first, second, history, self._pool)

    def _shape(self, batch: pa.Table) -> tuple[pa.StructType | None, tuple[str, ...]]:
        """What a batch is compiled for: the type of its typed records, or else the columns of its delimited text."""
        if "record" in batch.column_names:
            return batch.schema.field("record").type, ()
        return None, source_columns(batch, self.format)

    def _ways(self, record: pa.StructType | None, columns: tuple[str, ...]) -> Ways:
        key = (record, columns)
        if key not in self._shapes:
            program = compile_program(self.contract, self.format, columns, record)
            self._shapes[key] = Ways(program, self.format, self._database, self._hash_key, record)
        return self._shapes[key]
