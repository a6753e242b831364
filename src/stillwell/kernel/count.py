"""Counts a judged batch into a tally: which cell each record belongs to, and what to count there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Contract, Field
from stillwell.contract.rules import PAYLOAD, Rule
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.prepare import one_array
from stillwell.kernel.sketch import Ints, Moments, compact, histogram, number_hashes, registers
from stillwell.kernel.sql import OWN
from stillwell.kernel.tally import Cell, FieldTally, RuleTally, Tally

_MICROSECOND = dt.timedelta(microseconds=1)
OF_VALUES = {"type", "pattern", "format_name", "allowed", "length", "range"}
"""Kinds of rules that say a value is no good, and that are not evaluated where there is no value."""

_NUMBERS = {"integer", "double", "decimal", "boolean"}
_TIMES = {"timestamp", "date", "time"}


@dataclass(frozen=True)
class Counted:
    """A batch after judging: `plain` rows passed everything, `odd` rows went the full way and have `flags`.

    Ingest times are microseconds since 1970; `rejected` tells which odd rows were quarantined.
    """

    plain: pa.Table
    odd: pa.Table
    plain_ingest: Ints
    odd_ingest: Ints
    flags: Flags
    rejected: Mask


@dataclass(frozen=True)
class _Part:
    """Rows of one way with the number of the cell of each; `kept` masks those accepted, None for all."""

    rows: pa.Table
    cell: Ints
    kept: Mask | None


class Counter:
    """Counts batches of one contract by windows of event time and a group of fields."""

    def __init__(
        self,
        contract: Contract,
        rules: tuple[Rule, ...],
        window: dt.timedelta,
        group: tuple[str, ...],
        hashed_by: str,
        *,
        bare: bool = False,
    ) -> None:
        self._contract = contract
        self._rules = rules
        self._window = window
        self._micros = window // _MICROSECOND
        self._group = group
        self._hashed_by = hashed_by
        self._bare = bare

    def bare(self, window: dt.timedelta, group: tuple[str, ...]) -> Counter:
        """One for other windows and groups that counts records and failures alone: it says nothing of fields."""
        return Counter(self._contract, self._rules, window, group, self._hashed_by, bare=True)

    def count(self, batch: Counted) -> Tally:
        """The tally of one batch, or of a piece of one."""
        flags, kept = batch.flags, ~batch.rejected
        plain_window, plain_late = self._windows(batch.plain, batch.plain_ingest, None)
        odd_window, odd_late = self._windows(batch.odd, batch.odd_ingest, self._bad(flags, self._contract.time))
        cells, cell = self._cells(batch, np.concatenate([plain_window, odd_window]))
        plain = _Part(batch.plain, cell[: len(plain_window)], None)
        odd = _Part(batch.odd, cell[len(plain_window) :], kept)
        size = len(cells)
        warned = flags.any_failed(rule.name for rule in self._rules if rule.severity == "warn")
        counts = {
            "read": _by_cell(cell, size),
            "accepted": _by_cell(plain.cell, size) + _by_cell(odd.cell[kept], size),
            "quarantined": _by_cell(odd.cell[batch.rejected], size),
            "warned": _by_cell(odd.cell[kept & warned], size),
            "repaired": _by_cell(odd.cell[kept & flags.any_repaired(flags.repaired)], size),
            "by_ingest": _by_cell(plain.cell[plain_late], size) + _by_cell(odd.cell[odd_late], size),
        }
        ingested = np.zeros(size, np.int64)
        np.maximum.at(ingested, cell, np.concatenate([batch.plain_ingest, batch.odd_ingest]))
        if self._bare:
            none = np.zeros(size, np.int64)
            broken = {rule.name: flags.failed[rule.name] for rule in self._rules if flags.failed[rule.name].any()}
            failed = {rule: RuleTally(_by_cell(odd.cell[mask], size), none, none) for rule, mask in broken.items()}
            return Tally(self._window, self._group, cells, counts, ingested, failed, {})
        rules, fields = self._details(flags, plain, odd, size)
        return Tally(self._window, self._group, cells, counts, ingested, rules, fields)

    def _details(
        self, flags: Flags, plain: _Part, odd: _Part, size: int
    ) -> tuple[dict[str, RuleTally], dict[str, FieldTally]]:
        """What is counted of rules and fields."""
        nulls = {
            field.name: _by_cell(plain.cell[_is_null(plain.rows[field.name])], size) for field in self._contract.fields
        }
        rules = {rule.name: self._rule(rule, flags, plain, odd.cell, nulls, size) for rule in self._rules}
        readable = ~flags.any_failed(PAYLOAD)
        fields = {}
        for field in self._contract.fields:
            null = nulls[field.name] + _by_cell(odd.cell[readable & flags.unjudged[f"{field.name}.type"]], size)
            invalid = _by_cell(odd.cell[self._bad(flags, field.name) | self._mended(flags, field.name)], size)
            summary = _summarise(field, (plain, odd), size, self._hashed_by)
            fields[field.name] = replace(summary, null=null, invalid=invalid)
        return rules, fields

    def _windows(self, rows: pa.Table, ingest: Ints, bad: Mask | None) -> tuple[Ints, Mask]:
        """The window of each row, and which rows are placed by ingest time."""
        if self._contract.time is None:
            return ingest // self._micros, np.ones(len(ingest), bool)
        column = rows[self._contract.time]
        by_ingest = _is_null(column) if bad is None else _is_null(column) | bad
        moment = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).fill_null(0).to_numpy()
        return np.where(by_ingest, ingest, moment) // self._micros, by_ingest

    def _cells(self, batch: Counted, window: Ints) -> tuple[tuple[Cell, ...], Ints]:
        """The cells that occur, in order, and the number of the cell of each row (plain ones first)."""
        starts, at = compact(window)
        columns: list[list[str | None]] = []
        for field in self._group:
            both = pa.chunked_array(
                [chunk for rows in (batch.plain, batch.odd) for chunk in rows[field].cast(pa.string()).chunks],
                pa.string(),
            )
            codes = one_array(both).dictionary_encode(null_encoding="encode")
            columns.append(codes.dictionary.to_pylist())
            at = at * max(len(columns[-1]), 1) + codes.indices.to_numpy()
        if not columns:
            return tuple((int(start) * self._micros, ()) for start in starts), at
        distinct, at = compact(at)
        return tuple(self._cell(int(code), starts, columns) for code in distinct), at

    def _cell(self, code: int, starts: Ints, columns: list[list[str | None]]) -> Cell:
        values: list[str | None] = []
        for column in reversed(columns):
            code, index = divmod(code, max(len(column), 1))
            values.insert(0, column[index])
        return int(starts[code]) * self._micros, tuple(values)

    def _bad(self, flags: Flags, field: str | None) -> Mask:
        """Which odd records have a value in a field that is no good."""
        return flags.any_failed(
            rule.name
            for rule in self._rules
            if rule.fields == (field,) and rule.kind in OF_VALUES and rule.severity != "warn"
        )

    def _mended(self, flags: Flags, field: str) -> Mask:
        return flags.any_repaired(
            rule.name for rule in self._rules if rule.fields == (field,) and rule.kind in OF_VALUES
        )

    def _rule(
        self, rule: Rule, flags: Flags, plain: _Part, odd: Ints, nulls: Mapping[str, Ints], size: int
    ) -> RuleTally:
        skipped = _by_cell(odd[flags.unjudged[rule.name]], size)
        evaluated = f"{OWN}evaluated_{rule.name}"
        if evaluated in plain.rows.column_names:
            skipped += _by_cell(plain.cell[~plain.rows[evaluated].to_numpy()], size)
        elif rule.kind in OF_VALUES and rule.fields[0] in nulls:
            skipped += nulls[rule.fields[0]]
        mended = flags.repaired.get(rule.name)
        return RuleTally(
            failed=_by_cell(odd[flags.failed[rule.name]], size),
            repaired=np.zeros(size, np.int64) if mended is None else _by_cell(odd[mended], size),
            not_evaluated=skipped,
        )


def _summarise(field: Field, parts: tuple[_Part, ...], size: int, hashed_by: str) -> FieldTally:
    """What the accepted values of a field are like; nulls and invalid ones are counted elsewhere."""
    none = np.zeros(size, np.int64)
    tally = FieldTally(none, none, None, None, None, hashed_by)
    if field.type == "string":
        hashes, cell = _together([_values(part, field.name, f"{OWN}hash_{field.name}", pa.uint64()) for part in parts])
        return replace(tally, registers=registers(hashes.view(np.uint64), cell))
    if field.type not in _NUMBERS | _TIMES:
        return tally
    found = [_values(part, field.name, field.name, pa.float64()) for part in parts]
    values, cell = _together(found)
    return replace(
        tally,
        # Each part is in the order of its windows, nearly, which is worth more to moments than one pass.
        moments=Moments.merge([(Moments.of(*one, size), np.arange(size)) for one in found], size),
        histogram=histogram(values, cell, size) if field.type in _NUMBERS else None,
        registers=registers(number_hashes(values), cell),
    )


def _together(parts: list[tuple[npt.NDArray[Any], Ints]]) -> tuple[npt.NDArray[Any], Ints]:
    values, cells = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(cells)


def _values(part: _Part, field: str, column: str, kind: pa.DataType) -> tuple[npt.NDArray[Any], Ints]:
    """The values of accepted rows that are not null, and their cells."""
    values = part.rows[column]
    if pa.types.is_temporal(values.type):
        values = values.cast(pa.int32() if pa.types.is_date32(values.type) else pa.int64())
    # Not safely: beyond 2**53 a number is only nearly what it was.
    array = np.asarray(pc.cast(values, kind, safe=False).fill_null(0).to_numpy())
    null = part.rows[field].null_count > 0
    if part.kept is None and not null:
        return array, part.cell
    chosen = ~_is_null(part.rows[field])
    if part.kept is not None:
        chosen &= part.kept
    return array[chosen], part.cell[chosen]


def _by_cell(cells: Ints, size: int) -> Ints:
    return np.bincount(cells, minlength=size).astype(np.int64)


def _is_null(column: pa.ChunkedArray) -> Mask:
    return column.is_null().to_numpy() if column.null_count else np.zeros(len(column), bool)
