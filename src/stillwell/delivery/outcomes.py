"""What became of quarantined records: an outcome for each one that a replay judged again or that an expiry removed.

The quarantine itself is only added to. A record is *passed* once some replay accepted it, else *expired* once an expiry
removed it, else *open*.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.kernel.base import INGEST, QUARANTINE_TRACE, QUARANTINED, REASON, TRACE, Judged
from stillwell.kernel.digest import payload_hash
from stillwell.kernel.prepare import one_array

PASSED, FAILING, EXPIRED = "passed", "failing", "expired"

OUTCOMES = pa.schema(
    [
        pa.field("outcome", pa.string()),
        pa.field("run", pa.string()),
        pa.field("at", INGEST),
        pa.field("reasons", pa.list_(REASON)),
        pa.field("payload_hash", pa.int64()),
        pa.field("_stillwell", QUARANTINE_TRACE),
    ]
)
"""The columns of the table of outcomes.

`run` is `replay-3` or `expire-1`, `at` its clock, `payload_hash` that of the ledger (`stillwell.kernel.digest`) as a
signed number, null for typed records. `reasons` say why a record still fails, or why one that expired was quarantined;
these show no values, so that nothing of an expired record is left. `_stillwell` is the trace of the record, with the
contract that judged it last.
"""


def replayed(judged: Judged, batch: pa.Table, run: str, clock: dt.datetime) -> Judged:
    """What a replay writes: the accepted rows, and an outcome for every record in the place of the quarantined ones."""
    passed = judged.verdicts.to_numpy() != QUARANTINED
    accepted, rejected = one_array(judged.accepted["_stillwell"]), one_array(judged.quarantined["_stillwell"])
    good, bad = len(accepted), len(rejected)
    columns = [
        pa.array([PASSED] * good + [FAILING] * bad, pa.string()),
        *_stamp(run, clock, good + bad),
        pa.concat_arrays([pa.nulls(good, pa.list_(REASON)), one_array(judged.quarantined["reasons"])]),
        pa.concat_arrays([_hashes(batch.filter(pa.array(mask))) for mask in (passed, ~passed)]),
        pa.concat_arrays([_trace(accepted), rejected]),
    ]
    return dataclasses.replace(judged, quarantined=pa.table(columns, OUTCOMES))


def expired(rows: pa.Table, run: str, clock: dt.datetime) -> pa.Table:
    """The outcomes of quarantined rows that are to be removed."""
    columns = [
        pa.repeat(pa.scalar(EXPIRED), len(rows)),
        *_stamp(run, clock, len(rows)),
        _without_values(one_array(rows["reasons"])),
        _hashes(rows),
        one_array(rows["_stillwell"]),
    ]
    return pa.table(columns, OUTCOMES)


def _stamp(run: str, clock: dt.datetime, count: int) -> list[pa.Array]:
    return [pa.repeat(pa.scalar(run), count), pa.repeat(pa.scalar(clock, INGEST), count)]


def _trace(accepted: pa.StructArray) -> pa.StructArray:
    """The part of a trace that both kinds of rows have."""
    return pa.StructArray.from_arrays([pc.struct_field(accepted, one.name) for one in TRACE], fields=TRACE)


def _hashes(rows: pa.Table) -> pa.Array:
    if "payload" not in rows.column_names:
        return pa.nulls(len(rows), pa.int64())
    found: npt.NDArray[np.uint64] = np.array([payload_hash(one) for one in rows["payload"].to_pylist()], np.uint64)
    return pa.array(found.view(np.int64))


def _without_values(reasons: pa.ListArray) -> pa.ListArray:
    """The same reasons, silent about what was seen."""
    if not len(reasons.flatten()):
        return reasons
    inner = reasons.flatten()
    members = [
        pa.nulls(len(inner), one.type) if one.name == "seen" else pc.struct_field(inner, one.name) for one in REASON
    ]
    ends = np.concatenate([[0], np.cumsum(pc.list_value_length(reasons).fill_null(0).to_numpy())])
    mask = reasons.is_null() if reasons.null_count else None
    struct = pa.StructArray.from_arrays(members, fields=list(REASON))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), struct, mask=mask)
