"""The rows that come out: accepted ones of both ways in the order of the batch, quarantined ones as they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Contract
from stillwell.kernel.base import ACCEPTED_TRACE, QUARANTINE_TRACE, REASON, REPAIR
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.prepare import one_array
from stillwell.kernel.program import TRACE_COLUMN, Program, quarantine_schema
from stillwell.kernel.reasons import SHOWN, Explainer, PayloadSeen, repeated
from stillwell.kernel.sql import OWN


def _no_payload(at: pa.Array) -> pa.Array:
    return pa.nulls(len(at), pa.string())


@dataclass(frozen=True)
class Odd:
    """What is said of records that are not plain: `rows` are their places in the batch, the rest has an entry for each.

    `rejected` records are quarantined; `noted` ones have a warning or a repair.
    """

    rows: npt.NDArray[np.int64]
    result: pa.Table
    reasons: pa.ListArray
    repairs: pa.ListArray
    flags: Flags
    rejected: Mask
    noted: Mask

    @staticmethod
    def of(
        explainer: Explainer,
        rows: npt.NDArray[np.int64],
        result: pa.Table,
        judged: pa.Table,
        flags: Flags,
        payload_seen: PayloadSeen = _no_payload,
    ) -> Odd:
        """From the values of the records (`result`) and what reasons show of them, in `judged` or of the payload."""
        severe = {rule.name for rule in explainer.rules if rule.severity != "warn"}
        light = {rule.name for rule in explainer.rules if rule.severity == "warn"}
        return Odd(
            rows=rows,
            result=result,
            reasons=explainer.reasons(judged, flags, payload_seen),
            repairs=explainer.repairs(judged, flags),
            flags=flags,
            rejected=flags.any_failed(severe),
            noted=flags.any_failed(light) | flags.any_repaired(flags.repaired),
        )


def together(one: Odd, other: Odd) -> Odd:
    """The records of both in their order in the batch, with the columns that both have."""
    rows = np.concatenate([one.rows, other.rows])
    order = np.argsort(rows, kind="stable")
    taken = pa.array(order)

    def masks(some: Mapping[str, Mask], others: Mapping[str, Mask]) -> dict[str, Mask]:
        return {name: np.concatenate([mask, others[name]])[order] for name, mask in some.items()}

    result = one.result.select([name for name in one.result.column_names if name in other.result.column_names])
    return Odd(
        rows=rows[order],
        result=pa.concat_tables([result, other.result.select(result.column_names).cast(result.schema)]).take(taken),
        reasons=pa.concat_arrays([one.reasons, other.reasons]).take(taken),
        repairs=pa.concat_arrays([one.repairs, other.repairs]).take(taken),
        flags=Flags(
            len(rows),
            masks(one.flags.failed, other.flags.failed),
            masks(one.flags.unjudged, other.flags.unjudged),
            masks(one.flags.repaired, other.flags.repaired),
        ),
        rejected=np.concatenate([one.rejected, other.rejected])[order],
        noted=np.concatenate([one.noted, other.noted])[order],
    )


@dataclass(frozen=True)
class Trace:
    """Where every record of a batch came from, and what judged it."""

    topic: pa.Array | None
    partition: pa.Array
    offset: pa.Array
    ingest_time: pa.Array
    via: pa.Array | None
    contract: str
    version: str

    def of(self, mask: Mask) -> list[pa.Array]:
        """The members of the trace struct for the records under the mask."""
        chosen, count = pa.array(mask), int(mask.sum())
        topic = _texts(self.topic, chosen, count)
        columns = [one.filter(chosen) for one in (self.partition, self.offset, self.ingest_time)]
        return [topic, *columns, _repeated(self.contract, count), _repeated(self.version, count)]

    def via_of(self, mask: Mask) -> pa.Array:
        """By which replay the records under the mask came."""
        return _texts(self.via, pa.array(mask), int(mask.sum()))


def _repeated(text: str, count: int) -> pa.Array:
    """The same text so many times; rows of about one number share the memory."""
    return _so_often(text, 1 << count.bit_length()).slice(0, count)


@lru_cache(maxsize=8)
def _so_often(text: str, count: int) -> pa.Array:
    return repeated(text, count)


def _texts(texts: pa.Array | None, chosen: pa.Array, count: int) -> pa.Array:
    return pa.nulls(count, pa.string()) if texts is None else texts.filter(chosen)


def traces(contract: Contract, batch: pa.Table, now: pa.Array) -> Trace:
    """The trace of a batch; `now` are its ingest times."""
    topic, via = (
        one_array(batch[name].cast(pa.string())) if name in batch.column_names else None for name in ("topic", "via")
    )
    partition, offset = one_array(batch["partition"]), one_array(batch["offset"])
    return Trace(topic, partition, offset, now, via, contract.name, contract.version)


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
    members = [*trace.of(kept), trace.via_of(kept), warnings, repairs]
    struct = pa.StructArray.from_arrays(members, fields=list(ACCEPTED_TRACE))
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


def payload_seen(rows: pa.Table, at: pa.Array) -> pa.Array:
    """What reasons of the payload itself show: the beginning of the text, or of the bytes where they are none.

    `rows` are odd ones as the queries read them, `at` places among them that rise.
    """
    if OWN + "payload" not in rows.column_names:
        return pa.nulls(len(at), pa.string())
    places = at.to_numpy()
    seen = pc.utf8_slice_codeunits(_at(rows[OWN + "text"], places), 0, SHOWN).cast(pa.string())
    bare = np.asarray(seen.is_null())
    # A character takes four bytes at most.
    payloads = (one and one[: 4 * SHOWN] for one in _at(rows[OWN + "payload"], places[bare]).to_pylist())
    shown = (one if one is None else one.decode(errors="backslashreplace")[:SHOWN] for one in payloads)
    return pc.replace_with_mask(seen, pa.array(bare), pa.array(shown, pa.string()))


def _at(column: pa.ChunkedArray, places: npt.NDArray[np.int64]) -> pa.Array:
    """What stands at places that rise. To take it would put all chunks together first."""
    chosen = np.zeros(len(column), bool)
    chosen[places] = True
    return one_array(column.filter(pa.array(chosen)))
