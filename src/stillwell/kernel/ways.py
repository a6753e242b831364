"""The two ways of one compiled contract, walked by parts of a batch side by side."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.prepare import with_text
from stillwell.kernel.program import Program
from stillwell.kernel.query import Query
from stillwell.kernel.reasons import Explainer
from stillwell.kernel.rows import Odd, payload_seen
from stillwell.kernel.sql import OWN

LEAST_ROWS = 8_000
"""Fewer rows are not worth another thread."""


@dataclass(frozen=True)
class Both:
    """What the two ways said: `passed` are the values of the rows under the mask `plain`, `odd` is all the rest."""

    passed: pa.Table
    plain: Mask
    odd: Odd


class Ways:
    """Judges rows as the queries know them (`prepare.relation`); one batch at a time."""

    def __init__(
        self,
        program: Program,
        database: duckdb.DuckDBPyConnection,
        hash_key: bytes | None,
        pool: Executor,
        workers: int,
    ) -> None:
        self.program = program
        self._pool = pool
        self._workers = workers
        self._plain = Query(database, "batch", program.plain.sql) if program.plain else None
        self._full = Query(database, "odd", program.full.sql)
        self._explainer = Explainer(program.contract, program.rules, program.full.verdicts, hash_key)

    def judge(self, rows: pa.Table) -> Both:
        """Judge rows; each is judged by itself, so they may be cut anywhere."""
        parts = max(1, min(self._workers, len(rows) // LEAST_ROWS))
        step = -(-len(rows) // parts)
        work = [self._pool.submit(self._part, rows.slice(one * step, step), one) for one in range(1, parts)]
        return _joined([self._part(rows.slice(0, step) if work else rows, 0), *(one.result() for one in work)])

    def _part(self, rows: pa.Table, worker: int) -> Both:
        values = self._prove(rows, worker)
        plain = np.zeros(len(rows), bool) if values is None else values[OWN + "plain"].to_numpy()
        odd = self._judge_whole(rows, plain, worker)
        passed = odd.result.slice(0, 0) if values is None else values.filter(pa.array(plain))
        return Both(passed, plain, odd)

    def _prove(self, rows: pa.Table, worker: int) -> pa.Table | None:
        """The plain way's values; None where it cannot be walked at all."""
        if self._plain is None or not len(rows):
            return None
        try:
            return self._plain.run(rows, worker)
        except duckdb.Error:
            # Some record cannot even be read so (bytes that are not UTF-8, say): the full way takes all.
            return None

    def _judge_whole(self, rows: pa.Table, plain: Mask, worker: int) -> Odd:
        """The full way, for whatever is not plain."""
        odd = rows.filter(pa.array(~plain)) if plain.any() else rows
        if OWN + "payload" in odd.column_names and OWN + "text" not in odd.column_names:
            odd = with_text(odd)
        result = self._full.run(odd, worker)
        flags = Flags.of(result, self.program.full.verdicts)
        return Odd(
            rows=np.flatnonzero(~plain),
            result=result,
            reasons=self._explainer.reasons(result, flags, payload_seen(odd)),
            repairs=self._explainer.repairs(result, flags),
            flags=flags,
            rejected=flags.any_failed(self.program.named("reject", "fail")),
            noted=flags.any_failed(self.program.named("warn")) | flags.any_repaired(flags.repaired),
        )


def _joined(parts: Sequence[Both]) -> Both:
    """Parts one after another as one."""
    if len(parts) == 1:
        return parts[0]
    begins = np.cumsum([0, *(len(part.plain) for part in parts[:-1])])
    odds = [part.odd for part in parts]
    passed = [part.passed for part in parts if len(part.passed)] or [parts[0].passed]
    return Both(
        pa.concat_tables(passed),
        np.concatenate([part.plain for part in parts]),
        Odd(
            rows=np.concatenate([odd.rows + begin for odd, begin in zip(odds, begins, strict=True)]),
            result=pa.concat_tables([odd.result for odd in odds]),
            reasons=pa.concat_arrays([odd.reasons for odd in odds]),
            repairs=pa.concat_arrays([odd.repairs for odd in odds]),
            flags=Flags.joined([odd.flags for odd in odds]),
            rejected=np.concatenate([odd.rejected for odd in odds]),
            noted=np.concatenate([odd.noted for odd in odds]),
        ),
    )
