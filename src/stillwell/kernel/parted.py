"""A batch judged and parted into its rows: what both ways said becomes accepted and quarantined rows and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from stillwell.kernel.base import ACCEPTED, QUARANTINED, WARNED, Stop
from stillwell.kernel.count import Counted
from stillwell.kernel.program import Program
from stillwell.kernel.rows import Odd, accepted_rows, quarantined_rows, traces
from stillwell.kernel.ways import Both


@dataclass(frozen=True)
class Parted:
    """A batch judged and parted into its rows."""

    accepted: pa.Table
    quarantined: pa.Table
    verdicts: pa.UInt8Array
    stop: Stop | None


def parted(program: Program, batch: pa.Table, now: pa.Array, both: Both) -> tuple[Parted, Counted]:
    """The rows of a batch with ingest times `now`, of which both ways have said what they found, and what to count."""
    plain, odd = both.plain, both.odd
    verdicts = np.full(len(batch), ACCEPTED, np.uint8)
    verdicts[odd.rows[odd.noted]] = WARNED
    verdicts[odd.rows[odd.rejected]] = QUARANTINED
    kept = verdicts != QUARANTINED
    trace = traces(program.contract, batch, now)
    ingest = now.cast(pa.int64()).to_numpy()
    rows = Parted(
        accepted=accepted_rows(program, both.passed, plain, odd, trace, kept),
        quarantined=quarantined_rows(batch, trace, odd, ~kept),
        verdicts=pa.array(verdicts),
        stop=_stop(program, batch, odd),
    )
    return rows, Counted(both.passed, odd.result, ingest[plain], ingest[odd.rows], odd.flags, odd.rejected)


def joined(parts: Sequence[Parted]) -> Parted:
    """Pieces of a batch, one after another, as one."""
    if len(parts) == 1:
        return parts[0]
    return Parted(
        accepted=pa.concat_tables([part.accepted for part in parts]),
        quarantined=pa.concat_tables([part.quarantined for part in parts]),
        verdicts=pa.concat_arrays([part.verdicts for part in parts]),
        stop=next((part.stop for part in parts if part.stop), None),
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
