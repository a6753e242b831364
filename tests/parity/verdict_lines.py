"""All that the kernel says of a record as one line of text, so that hosts can be compared record by record."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from itertools import pairwise
from threading import Lock

import pyarrow as pa

from stillwell.contract.load import load
from stillwell.kernel import Format, Kernel

ONE_AT_A_TIME = Lock()
"""A kernel judges one batch at a time, and Flink runs several tasks as threads of one process."""


@cache
def kernel_of(contract: str) -> Kernel:
    """The kernel of a contract file, compiled once in each process."""
    return Kernel(load(contract), format=Format("json"))


def verdict_lines(contract: str, clock: str, batch: pa.Table) -> list[str]:
    """The verdict with the typed values, reasons, repairs and trace of each record, in the order of the batch."""
    with ONE_AT_A_TIME:
        judged = kernel_of(contract).judge(batch, clock=datetime.fromisoformat(clock))
    rows = {}
    for table in (judged.accepted, judged.quarantined):
        for row in table.to_pylist():
            rows[row["_stillwell"]["partition"], row["_stillwell"]["offset"]] = row
    places = zip(batch["partition"].to_pylist(), batch["offset"].to_pylist(), strict=True)
    return [
        json.dumps({"verdict": verdict, **rows[place]}, default=_text, sort_keys=True)
        for place, verdict in zip(places, judged.verdicts.to_pylist(), strict=True)
    ]


def lines_by_pieces(contract: str, clock: str, batch: pa.Table) -> list[str]:
    """The same, of a batch cut as an engine may cut it: into nothing, single records, a few, and the rest."""
    cuts = [0, 0, 1, 2, 12, batch.num_rows]
    pieces = [batch.slice(start, max(end - start, 0)) for start, end in pairwise(cuts)]
    return [line for piece in pieces for line in verdict_lines(contract, clock, piece)]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
