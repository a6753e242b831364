"""The rows that come out: accepted ones of both ways in the order of the batch, quarantined ones as they came."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Contract
from stillwell.kernel.base import ACCEPTED_TRACE, QUARANTINE_TRACE, REASON, REPAIR
from stillwell.kernel.digest import Facts, identity_hashes, payload_digest, payload_hash, total
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.prepare import one_array
from stillwell.kernel.program import TRACE_COLUMN, Program, quarantine_schema
from stillwell.kernel.reasons import SHOWN
from stillwell.kernel.sql import OWN


@dataclass(frozen=True)
class Odd:
    """What the full way said: `rows` are the places of its records in the batch, the rest has an entry for each.

    `rejected` records are quarantined; `noted` ones have a warning or a repair.
    """

    rows: npt.NDArray[np.int64]
    result: pa.Table
    reasons: pa.ListArray
    repairs: pa.ListArray
    flags: Flags
    rejected: Mask
    noted: Mask


@dataclass(frozen=True)
class Trace:
    """Where every record of a batch came from, and what judged it."""

    topic: pa.Array | None
    partition: pa.Array
    offset: pa.Array
    ingest_time: pa.Array
    contract: str
    version: str

    def of(self, mask: Mask) -> list[pa.Array]:
        """The members of the trace struct for the records under the mask."""
        chosen, count = pa.array(mask), int(mask.sum())
        topic = pa.nulls(count, pa.string()) if self.topic is None else self.topic.filter(chosen)
        columns = [one.filter(chosen) for one in (self.partition, self.offset, self.ingest_time)]
        return [topic, *columns, _repeated(self.contract, count), _repeated(self.version, count)]


def _repeated(text: str, count: int) -> pa.Array:
    """The same text so many times; rows of about one number share the memory."""
    return _so_often(text, 1 << count.bit_length()).slice(0, count)


@lru_cache(maxsize=8)
def _so_often(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), count)


def traces(contract: Contract, batch: pa.Table, now: pa.Array) -> Trace:
    """The trace of a batch; `now` are its ingest times."""
    topic = one_array(batch["topic"].cast(pa.string())) if "topic" in batch.column_names else None
    partition, offset = one_array(batch["partition"]), one_array(batch["offset"])
    return Trace(topic, partition, offset, now, contract.name, contract.version)


def accepted_rows(program: Program, passed: pa.Table, plain: Mask, odd: Odd, trace: Trace, kept: Mask) -> pa.Table:
    """The accepted rows of both ways, in the order of the batch; `passed` are the values of the plain ones."""
    schema = program.accepted
    fields = [field for field in schema if field.name != TRACE_COLUMN]
    columns = [
        passed[field.name].cast(field.type) if field.name in passed.column_names else _nulls(len(passed), field.type)
        for field in fields
    ]
    warnings, repairs = pa.nulls(len(passed), pa.list_(REASON)), pa.nulls(len(passed), pa.list_(REPAIR))
    chosen = ~odd.rejected
    if chosen.any():
        mask = pa.array(chosen)
        rest = odd.result.filter(mask)
        order = pa.array(np.argsort(np.concatenate([np.flatnonzero(plain), odd.rows[chosen]]), kind="stable"))
        columns = [
            pa.chunked_array([*column.chunks, *_rest(program, rest, field).chunks], field.type).take(order)
            for field, column in zip(fields, columns, strict=True)
        ]
        warnings = pa.concat_arrays([warnings, _or_null(odd.reasons.filter(mask))]).take(order)
        repairs = pa.concat_arrays([repairs, _or_null(odd.repairs.filter(mask))]).take(order)
    struct = pa.StructArray.from_arrays([*trace.of(kept), warnings, repairs], fields=list(ACCEPTED_TRACE))
    return pa.table([*columns, struct], schema)


def _rest(program: Program, rest: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    name = OWN + "others" if field.name == "other_fields" and program.full.others else field.name
    return rest[name].cast(field.type)


def _nulls(length: int, kind: pa.DataType) -> pa.ChunkedArray:
    return pa.chunked_array([pa.nulls(length, kind)])


def _or_null(lists: pa.ListArray) -> pa.ListArray:
    """Empty lists as null: nothing to say."""
    empty = pc.equal(pc.list_value_length(lists), 0)
    return pc.if_else(empty, pa.scalar(None, lists.type), lists)


def quarantined_rows(batch: pa.Table, trace: Trace, odd: Odd, rejected: Mask) -> pa.Table:
    """The rejected records as they came, with their reasons."""
    mask = pa.array(rejected)
    typed = "record" in batch.column_names
    schema = quarantine_schema(batch.schema.field("record").type if typed else None)
    columns = [
        batch[name].filter(mask).cast(schema.field(name).type)
        if name in batch.column_names
        else _nulls(int(rejected.sum()), pa.binary())
        for name in (("record",) if typed else ("payload", "key"))
    ]
    reasons = odd.reasons if odd.rejected.all() else odd.reasons.filter(pa.array(odd.rejected))
    struct = pa.StructArray.from_arrays(trace.of(rejected), fields=list(QUARANTINE_TRACE))
    return pa.table([*columns, reasons, struct], schema)


def payload_seen(odd: pa.Table, at: pa.Array) -> pa.Array:
    """What reasons of the payload itself show: the beginning of the text, or of the bytes where they are none."""
    if OWN + "payload" not in odd.column_names:
        return pa.nulls(len(at), pa.string())
    payloads = odd[OWN + "payload"].take(at).to_pylist()
    # A character takes four bytes at most.
    shown = (None if one is None else one[: 4 * SHOWN].decode(errors="backslashreplace") for one in payloads)
    return pa.array([None if one is None else one[:SHOWN] for one in shown], pa.string())


def facts(batch: pa.Table, accepted: pa.Table, quarantined: pa.Table) -> Mapping[int, Facts]:
    """Counts and checksums of each partition: of what was read, and, from the rows themselves, of what became of it."""
    read, good, bad = _identities(batch), _identities(_origin(accepted)), _identities(_origin(quarantined))
    found = {}
    for partition in np.unique(read[0]) if len(batch) else ():
        (whole, hashes), (_, kept), (lost, rejected) = (_of(one, partition) for one in (read, good, bad))
        digest, payload = "", 0
        if "payload" in batch.column_names:
            digest = payload_digest(batch["payload"] if whole is None else batch["payload"].filter(pa.array(whole)))
            rejects = quarantined["payload"] if lost is None else quarantined["payload"].filter(pa.array(lost))
            payload = sum(map(payload_hash, rejects.to_pylist())) % 2**64
        found[int(partition)] = Facts(
            read=len(hashes),
            accepted=len(kept),
            quarantined=len(rejected),
            identity_read=total(hashes),
            identity_accepted=total(kept),
            identity_quarantined=total(rejected),
            payload_read=digest,
            payload_quarantined=payload,
        )
    return found


_Identities = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint64]]


def _identities(rows: pa.Table) -> _Identities:
    partition = rows["partition"].to_numpy()
    return partition, identity_hashes(partition, rows["offset"].to_numpy())


def _origin(rows: pa.Table) -> pa.Table:
    trace = one_array(rows[TRACE_COLUMN])
    return pa.table({"partition": trace.field("partition"), "offset": trace.field("offset")})


def _of(identities: _Identities, partition: int) -> tuple[Mask | None, npt.NDArray[np.uint64]]:
    """The mask (None for all) and the hashes of one partition."""
    partitions, hashes = identities
    if not len(partitions) or (partitions[0] == partition and partitions.min() == partitions.max()):
        return None, hashes
    mask = partitions == partition
    return mask, hashes[mask]
