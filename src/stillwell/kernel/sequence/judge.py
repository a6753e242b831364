"""The sequence rules of a batch: columns out of each judged piece, one pass over all, and back into the pieces."""

from __future__ import annotations

from collections.abc import Sequence as Some
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.contract.model import Contract
from stillwell.kernel.prepare import relation
from stillwell.kernel.sequence.columns import Columns, Reader
from stillwell.kernel.sequence.history import History, Layout
from stillwell.kernel.sequence.settle import settled, unjudged
from stillwell.kernel.ways import Both, Ways


class Sequence:
    """Judges by the sequence rules of one contract."""

    def __init__(self, contract: Contract, database: duckdb.DuckDBPyConnection) -> None:
        self._contract = contract
        layout = Layout(contract)
        self._steps = layout.steps
        self._reader = Reader(contract, layout.steps, layout.sets, database)

    def judge(
        self,
        ways: Ways,
        batch: pa.Table,
        now: pa.Array,
        judged: Some[Both],
        history: History | bool | None,
        pool: ThreadPoolExecutor,
    ) -> list[Both]:
        """The verdicts on pieces of a batch with ingest times `now`, of which both ways have said what they found.

        The batch is compared with `history` and added to it: with itself alone for None, with nothing for False.
        """
        if history is False:
            return [unjudged(both, self._steps) for both in judged]
        known = history if isinstance(history, History) else History(self._contract)
        ingest = now.cast(pa.int64()).to_numpy()
        sizes = [len(both.plain) for both in judged]
        begins = [0, *accumulate(sizes)]

        def columns(begin: int, both: Both) -> Columns:
            return self._reader.read(both, ingest[begin : begin + len(both.plain)])

        def back(begin: int, size: int, both: Both) -> Both:
            rows = relation(batch.slice(begin, size), now.slice(begin, size))
            return settled(both, said.slice(begin, size), self._steps, ways, rows)

        read = Columns.joined(list(pool.map(columns, begins, judged)))
        partition, offset = batch["partition"].to_numpy(), batch["offset"].to_numpy()
        said = known.judge(np.asarray(partition), np.asarray(offset), read)
        return list(pool.map(back, begins, sizes, judged))
