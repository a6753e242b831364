"""The sequence rules of a batch: columns out of each judged piece, one pass over all in turn, and back again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.contract.model import Contract
from stillwell.kernel.sequence.columns import Columns, Reader
from stillwell.kernel.sequence.history import History, Layout, Said
from stillwell.kernel.sequence.settle import settled, unjudged
from stillwell.kernel.ways import Both, Ways

Result = TypeVar("Result")


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
        step: int,
        first: Callable[[int], Both],
        then: Callable[[int, Both], Result],
        history: History | bool | None,
        pool: ThreadPoolExecutor,
    ) -> list[Result]:
        """What `then` gives for each piece of a batch with ingest times `now`: `step` rows from a row on.

        `first` says what both ways found of a piece. The batch is compared with `history` and added to it: with itself
        alone for None, with nothing for False. Workers prepare pieces and finish them while one pass goes over them.
        """
        begins = range(0, max(len(batch), 1), step)
        if history is False:
            return list(pool.map(lambda begin: then(begin, unjudged(first(begin), self._steps)), begins))
        known = history if isinstance(history, History) else History(self._contract)
        ingest = now.cast(pa.int64()).to_numpy()
        partition, offset = (np.asarray(batch[name].to_numpy()) for name in ("partition", "offset"))

        def read(begin: int) -> tuple[Both, Columns]:
            both = first(begin)
            return both, self._reader.read(both, ingest[begin : begin + step])

        def settle(begin: int, both: Both, said: Said) -> Result:
            return then(begin, settled(both, said, self._steps, ways))

        finished = []
        for begin, (both, columns) in zip(begins, pool.map(read, begins), strict=True):
            some = slice(begin, begin + step)
            finished.append(pool.submit(settle, begin, both, known.judge(partition[some], offset[some], columns)))
        return [one.result() for one in finished]
