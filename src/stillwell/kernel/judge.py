"""The kernel itself: `Kernel(contract).judge(batch)`, the function that every engine calls."""

from __future__ import annotations

import datetime as dt
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.contract.model import Contract
from stillwell.kernel.base import ACCEPTED, QUARANTINED, WARNED, Format, Judged, Stop
from stillwell.kernel.bind import bind
from stillwell.kernel.count import Counted, Counter
from stillwell.kernel.prepare import ingest_times, relation, source_columns, with_cells, with_text
from stillwell.kernel.program import Program, compile_program
from stillwell.kernel.rows import Odd, accepted_rows, facts, quarantined_rows, traces
from stillwell.kernel.ways import Both, Ways

WINDOW = dt.timedelta(minutes=1)


@dataclass(frozen=True)
class Parted:
    """A batch judged and parted into its rows; `counter` makes the tally of what was `counted`."""

    accepted: pa.Table
    quarantined: pa.Table
    verdicts: pa.UInt8Array
    stop: Stop | None
    counter: Counter
    counted: Counted


class Kernel:
    """A contract made into a function from Arrow batches to verdicts.

    A kernel serves one thread at a time: a host with several gives each its own.

    The answer depends on the batch, the contract and `clock` alone: not on batch size, threads, time zone or locale.

    Args:
        contract: what good data is.
        format: how payloads are to be read; ignored for typed records.
        window: length of the tally's event-time windows.
        group: fields by whose values the tally is kept apart.
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
        hash_key: bytes | None = None,
        threads: int | None = None,
        memory: str | None = None,
    ) -> None:
        self.contract = contract
        self.format = format or Format()
        self._window = window
        self._group = group
        self._hash_key = hash_key
        self._workers = threads or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self._workers, "kernel")
        # Workers of ours run the queries side by side: DuckDB need not part them again.
        config: dict[str, Any] = {"threads": 1}
        config |= {"memory_limit": memory} if memory else {}
        self._database = duckdb.connect(":memory:", config=config)
        self._shapes: dict[object, Ways] = {}
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
        self._database.close()

    def judge(self, batch: pa.Table, clock: dt.datetime | None = None) -> Judged:
        """Judge a batch (`stillwell.kernel.base`); `clock` is the ingest time of records whose envelope has none.

        Returns the verdict on every record; `Judged.read` is always accepted plus quarantined.
        """
        parted = self.part(batch, clock)
        checked = self._pool.submit(facts, batch, parted.accepted, parted.quarantined)
        tally = parted.counter.count(parted.counted, self._pool)
        return Judged(parted.accepted, parted.quarantined, parted.verdicts, tally, checked.result(), parted.stop)

    def part(self, batch: pa.Table, clock: dt.datetime | None = None) -> Parted:
        """Judge without counting: the same verdicts, rows and reasons; tally and facts can still be had from it."""
        record = batch.schema.field("record").type if "record" in batch.column_names else None
        ways = self._ways(record, () if record is not None else source_columns(batch, self.format))
        now = ingest_times(batch, clock or dt.datetime.now(dt.UTC))
        rows = relation(batch, now)
        if record is None and self.format.name == "csv":
            rows = with_cells(with_text(rows), self.format)
        return self._parted(ways.program, batch, now, ways.judge(rows))

    def _ways(self, record: pa.StructType | None, columns: tuple[str, ...]) -> Ways:
        key = (record, columns)
        if key not in self._shapes:
            program = compile_program(self.contract, self.format, columns, record)
            self._shapes[key] = Ways(program, self._database, self._hash_key, self._pool, self._workers)
        return self._shapes[key]

    def _parted(self, program: Program, batch: pa.Table, now: pa.Array, both: Both) -> Parted:
        plain, odd = both.plain, both.odd
        verdicts = np.full(len(batch), ACCEPTED, np.uint8)
        verdicts[odd.rows[odd.noted]] = WARNED
        verdicts[odd.rows[odd.rejected]] = QUARANTINED
        kept = verdicts != QUARANTINED
        trace = traces(self.contract, batch, now)
        ingest = now.cast(pa.int64()).to_numpy()
        return Parted(
            accepted=accepted_rows(program, both.passed, plain, odd, trace, kept),
            quarantined=quarantined_rows(batch, trace, odd, ~kept),
            verdicts=pa.array(verdicts),
            stop=_stop(program, batch, odd),
            counter=Counter(self.contract, program.rules, self._window, self._group, f"duckdb {duckdb.__version__}"),
            counted=Counted(both.passed, odd.result, ingest[plain], ingest[odd.rows], odd.flags, odd.rejected),
        )


def _stop(program: Program, batch: pa.Table, odd: Odd) -> Stop | None:
    """The first record that broke a `fail` rule."""
    broken = odd.flags.any_failed(program.named("fail"))
    if not broken.any():
        return None
    first = int(np.argmax(broken))
    rule = next(rule for rule in program.named("fail") if odd.flags.failed[rule][first])
    row = int(odd.rows[first])
    return Stop(rule, batch["partition"][row].as_py(), batch["offset"][row].as_py())
