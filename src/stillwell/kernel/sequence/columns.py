"""What sequence rules read of judged records: times, hashes of keys, values, each as a plain array by row."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Contract
from stillwell.kernel.compiled import library
from stillwell.kernel.flags import Mask
from stillwell.kernel.prepare import one_array
from stillwell.kernel.query import Query
from stillwell.kernel.sequence.rules import OF, Step
from stillwell.kernel.sequence.state import NEVER
from stillwell.kernel.ways import Both

Column = tuple[npt.NDArray[Any], Mask]
"""Values by row, and where there is one."""


@dataclass(frozen=True)
class Columns:
    """Of n records: `good` passed all other rules; times in microseconds, NEVER where there is none.

    `keys` has an entry for each set of keys, hashes (n, 2) and who has one; `values` one for each rule, bits (int64)
    and whose value is there, None where the rule looks at none; `where` whom each rule is about, None for all.
    """

    good: Mask
    times: npt.NDArray[np.int64]
    keys: list[Column]
    values: list[Column | None]
    where: list[Mask | None]

    def take(self, rows: npt.NDArray[np.int64]) -> Columns:
        """Some rows."""
        keys, values = ([one and (one[0][rows], one[1][rows]) for one in many] for many in (self.keys, self.values))
        where = [None if one is None else one[rows] for one in self.where]
        return Columns(self.good[rows], self.times[rows], keys, values, where)  # type: ignore[arg-type]


class Reader:
    """Reads the columns of the steps of one contract."""

    def __init__(
        self,
        contract: Contract,
        steps: Sequence[Step],
        sets: Sequence[tuple[str, ...]],
        database: duckdb.DuckDBPyConnection,
    ) -> None:
        self._time = contract.time
        self._steps = steps
        self._sets = sets
        asked = [f"(TRY({step.where.sql})) IS TRUE" for step in steps if step.where]
        self._where = Query(database, "judged", f"SELECT {', '.join(asked)} FROM judged") if asked else None

    def read(self, both: Both, ingest: npt.NDArray[np.int64]) -> Columns:
        """The columns of records that both ways have judged; `ingest` are their ingest times in microseconds."""
        good = both.plain.copy()
        good[both.odd.rows] = ~both.odd.rejected
        parts = [(both.passed, np.flatnonzero(both.plain)), (both.odd.result, both.odd.rows)]

        def column(read: Callable[[pa.Table], Column]) -> Column:
            return _scattered(((read(table), rows) for table, rows in parts if len(rows)), len(good))

        times = ingest
        if self._time is not None:
            moments, there = column(partial(_moments, self._time))
            times = np.where(there, moments, NEVER)
        keys = self._keys(parts, len(good))
        values = [column(partial(_value, step)) if step.field else None for step in self._steps]
        return Columns(good, times, keys, values, self._asked(parts, len(good)))

    def _keys(self, parts: list[tuple[pa.Table, npt.NDArray[np.int64]]], count: int) -> list[Column]:
        found = [(_keys(self._sets, table), rows) for table, rows in parts if len(rows)]
        return [_scattered(((keys[at], rows) for keys, rows in found), count) for at in range(len(self._sets))]

    def _asked(self, parts: list[tuple[pa.Table, npt.NDArray[np.int64]]], count: int) -> list[Mask | None]:
        masks = [np.zeros(count, bool) if step.where else None for step in self._steps]
        if self._where is not None:
            for table, rows in parts:
                found = iter(self._where.run(table).columns) if len(rows) else iter(())
                for mask in masks:
                    if mask is not None and len(rows):
                        mask[rows] = next(found).to_numpy()
        return masks


def _scattered(parts: Iterator[tuple[Column, npt.NDArray[np.int64]]], count: int) -> Column:
    whole: npt.NDArray[Any] | None = None
    there = np.zeros(count, bool)
    for (values, present), rows in parts:
        if whole is None:
            whole = np.zeros((count, *values.shape[1:]), values.dtype)
        whole[rows], there[rows] = values, present
    return (np.zeros(count, np.int64) if whole is None else whole), there


def _there(column: pa.ChunkedArray) -> Mask:
    return ~column.is_null().to_numpy() if column.null_count else np.ones(len(column), bool)


def _moments(field: str, table: pa.Table) -> Column:
    micros = table[field].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    return micros.fill_null(0).to_numpy(), _there(table[field])


def _value(step: Step, table: pa.Table) -> Column:
    assert step.field is not None
    column = table[step.field]
    if OF[step.kind].value == "state":
        found = pc.index_in(column.cast(pa.string()), pa.array(step.states, pa.string()))
        return found.fill_null(-1).cast(pa.int64()).to_numpy(), _there(column)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        numbers = pc.cast(column, pa.float64(), safe=False).fill_null(0).to_numpy()
        return np.ascontiguousarray(numbers).view(np.int64), _there(column)
    [(hashes, there)] = _keys([(step.field,)], table)
    return np.ascontiguousarray(hashes[:, 0]).view(np.int64), there


def _keys(sets: Sequence[tuple[str, ...]], table: pa.Table) -> list[Column]:
    """Hashes of each set of fields; those that begin alike are hashed once as far as they are."""
    known: dict[tuple[str, ...], Column] = {(): (np.zeros((len(table), 2), np.uint64), np.ones(len(table), bool))}
    for fields in sets:
        for length in range(1, len(fields) + 1):
            if fields[:length] not in known:
                known[fields[:length]] = _hashed(table[fields[length - 1]], *known[fields[: length - 1]])
    return [known[fields] for fields in sets]


def _hashed(column: pa.ChunkedArray, before: npt.NDArray[np.uint64], there: Mask) -> Column:
    """128 bits (SipHash-2-4) of a column's values, none where one is null, keyed by those of the columns before it."""
    out = before.copy()
    if pa.types.is_integer(column.type) or pa.types.is_timestamp(column.type):
        # By their words: to write them as texts would take longer than all the rest.
        words = np.ascontiguousarray(one_array(column).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False))
        library().stillwell_hash_words(_address(words), ctypes.c_int64(len(words)), _address(out))
    else:
        texts = one_array(column.cast(pa.string()))
        _, offsets, data = texts.buffers()
        library().stillwell_hash(
            ctypes.c_void_p(data.address if data else None),
            ctypes.c_void_p(offsets.address + 4 * texts.offset),
            ctypes.c_int64(len(texts)),
            _address(out),
        )
    return out, there & _there(column)


def _address(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
