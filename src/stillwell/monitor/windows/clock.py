"""The watermark: how far event time has come by what was accepted, and where the windows that are judged begin."""

from __future__ import annotations

import numpy as np

from stillwell.contract.model import Contract
from stillwell.kernel.sketch import Floats
from stillwell.kernel.tally import Tally

_DAY = 86_400_000_000.0
_STRAY = 0.01
"""Of the first epoch so many records may lie before the first window that is judged: some come very late."""


def newest(contract: Contract, tally: Tally) -> Floats:
    """Per cell the newest event time among accepted records, in microseconds; NaN where there is none.

    Where a contract has no time, records happen when they are taken in.
    """
    accepted = tally.counts["accepted"] > 0
    if contract.time is None:
        return np.where(accepted, tally.ingested.astype(np.float64), np.nan)
    field = tally.fields.get(contract.time)
    if field is None or field.moments is None:
        return np.full(len(tally.cells), np.nan)
    scale = _DAY if contract.field(contract.time).type == "date" else 1.0
    return np.where(field.moments.count > 0, field.moments.max * scale, np.nan)


def advanced(contract: Contract, tally: Tally, watermark: int | None) -> int | None:
    """The watermark after an epoch: it never goes back, and never beyond the time when records were taken in.

    What lies in a window that begins after the last record was taken in is future-dated, and moves nothing.
    """
    taken = int(tally.ingested.max()) if len(tally.ingested) else 0
    starts = np.array([start for start, _ in tally.cells], np.int64)
    found = np.minimum(newest(contract, tally), taken)[starts <= taken]
    found = found[~np.isnan(found)]
    if not len(found):
        return watermark
    return max(int(found.max()), watermark) if watermark is not None else int(found.max())


def beginning(tally: Tally) -> int:
    """Where the cells of the first epoch begin, but for few records that lie far before all others."""
    starts = np.array([start for start, _ in tally.cells], np.int64)
    order = np.argsort(starts, kind="stable")
    before = np.cumsum(tally.counts["accepted"][order])
    first = int(np.searchsorted(before, _STRAY * before[-1], side="right"))
    return int(starts[order][min(first, len(starts) - 1)])
