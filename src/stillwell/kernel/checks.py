"""Rules of typed columns as operations on whole arrays, for the contracts that need nothing else: no query, no copy.

What a rule says of a value is what `constraint` says in SQL; a property test holds the two to each other. A contract
that asks for more (repairs, computed fields, other expressions) has no checks, and is judged by queries alone.
"""

from __future__ import annotations

import ctypes
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Constraints, Contract, Field, Limits, Now
from stillwell.kernel.comparison import Comparison, comparison
from stillwell.kernel.compiled import library
from stillwell.kernel.flags import Mask
from stillwell.kernel.glob import sets
from stillwell.kernel.prepare import one_array

_MICROSECOND = dt.timedelta(microseconds=1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST, _LAST = (-62_135_596_800_000_000, 253_402_300_799_999_999)
_DAYS = (-719_162, 2_932_896)
"""The years 1 to 9999, in microseconds and in days since 1970."""

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Values:
    """One column: the Arrow array, its numbers (times in microseconds, dates in days), and where a value is there.

    `there` is None where all are.
    """

    array: pa.Array
    numbers: Numbers | None
    there: Mask | None

    @staticmethod
    def of(column: pa.ChunkedArray | pa.Array) -> Values:
        """A column as it comes."""
        array = one_array(column.unify_dictionaries()) if isinstance(column, pa.ChunkedArray) else column
        there = np.asarray(array.is_valid()) if array.null_count else None
        width = {pa.types.is_timestamp: pa.int64(), pa.types.is_date32: pa.int32()}
        kind = next((plain for is_it, plain in width.items() if is_it(array.type)), array.type)
        numeric = pa.types.is_integer(kind) or pa.types.is_float64(kind)
        return Values(array, _numbers(array.view(kind)) if numeric else None, there)

    def only(self, mask: Mask) -> Mask:
        """The mask where a value is there."""
        return mask if self.there is None else mask & self.there


def _numbers(array: pa.Array) -> Numbers:
    """Without a copy: what stands where there is no value means nothing."""
    buffer = array.buffers()[1]
    dtype = np.dtype("float64" if pa.types.is_float64(array.type) else str(array.type))
    if buffer is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, count=array.offset + len(array))[array.offset :]


Bad = Callable[[Values, npt.NDArray[np.int64]], Mask]
"""Where values are bad; ingest times are microseconds. What it says of a value that is not there is not asked."""


@dataclass(frozen=True)
class Broken:
    """What checks say of n records: by rule where it is broken, and by how many it was not evaluated.

    `unknown` tells of record rules by which; a rule of one field is not evaluated where there is no value.
    """

    masks: Mapping[str, Mask]
    skipped: Mapping[str, int]
    unknown: Mapping[str, Mask]

    def any(self, count: int) -> Mask:
        """Which records broke any rule."""
        found = np.zeros(count, bool)
        for mask in self.masks.values():
            found |= mask
        return found


@dataclass(frozen=True)
class _OfField:
    field: Field
    steps: tuple[str, ...]
    type_bad: Bad | None
    constraints: tuple[tuple[str, Bad], ...]


class Checks:
    """All rules of a contract over records of one type; `columns` are the members of the record that they read.

    Those that are `coded` may be given as dictionary arrays: of their texts it is only asked which they are.
    """

    def __init__(self, fields: list[_OfField], rules: list[tuple[str, Comparison]]) -> None:
        self._fields = fields
        self._rules = rules
        self.columns = list(dict.fromkeys(one.steps[0] for one in fields))
        few = [one for one in fields if [rule.rpartition(".")[2] for rule, _ in one.constraints] == ["allowed"]]
        self.coded = [one.steps[0] for one in few if self.columns.count(one.steps[0]) == 1]

    def broken(self, column: Callable[[str], pa.Array | pa.ChunkedArray], ingest: npt.NDArray[np.int64]) -> Broken:
        """Judge n records, of which `column` gives a member; `ingest` are their ingest times in microseconds."""
        masks: dict[str, Mask] = {}
        skipped: dict[str, int] = {}
        unknown: dict[str, Mask] = {}
        values: dict[str, Values] = {}
        for one in self._fields:
            name = one.field.name
            found = Values.of(column(one.steps[0]))
            if one.type_bad is not None:
                masks[f"{name}.type"] = wrong = found.only(one.type_bad(found, ingest))
                if wrong.any():
                    found = Values(found.array, found.numbers, ~wrong if found.there is None else found.there & ~wrong)
            absent = 0 if found.there is None else len(ingest) - int(np.count_nonzero(found.there))
            wrongs = int(np.count_nonzero(masks[f"{name}.type"])) if one.type_bad else 0
            skipped[f"{name}.type"] = absent - wrongs
            if one.field.required:
                missing = np.zeros(len(ingest), bool) if found.there is None else ~found.there
                masks[f"{name}.required"] = missing & ~masks[f"{name}.type"] if wrongs else missing
                skipped[f"{name}.required"] = wrongs
            for rule, bad in one.constraints:
                masks[rule], skipped[rule] = found.only(bad(found, ingest)), absent
            values[name] = found
        for rule, compare in self._rules:
            masks[rule], where = compare.broken(values)
            skipped[rule] = int(np.count_nonzero(where)) if where is not None else 0
            if where is not None:
                unknown[rule] = where
        return Broken(masks, skipped, unknown)


def checks(contract: Contract, record: pa.StructType) -> Checks | None:
    """The rules of a contract as checks of such records; None where one asks for more than they can say."""
    if contract.other_fields != "ignore":
        return None
    fields = []
    for field in contract.fields:
        one = _of_field(field, record)
        if one is None:
            return None
        fields.append(one)
    numeric = {one.field.name: one.field.type for one in fields if one.field.type in ("double", "integer")}
    rules = []
    for rule in contract.rules:
        compare = comparison(rule.expect, numeric) if rule.where is None and rule.if_null == "skip" else None
        if compare is None:
            return None
        rules.append((rule.name, compare))
    return Checks(fields, rules)


_ARROW: Mapping[str, Callable[[pa.DataType], bool]] = {
    "string": lambda kind: bool(pa.types.is_string(kind)),
    "boolean": lambda kind: bool(pa.types.is_boolean(kind)),
    "integer": lambda kind: bool(kind == pa.int64()),
    "double": lambda kind: bool(pa.types.is_float64(kind)),
    "timestamp": lambda kind: bool(pa.types.is_timestamp(kind) and kind.unit == "us" and kind.tz == "UTC"),
    "date": lambda kind: bool(pa.types.is_date32(kind)),
}


def _of_field(field: Field, record: pa.StructType) -> _OfField | None:
    simple = field.value is None and not (field.clean or field.missing or field.has_default or field.repair)
    if not simple or len(field.paths) != 1 or field.paths[0].envelope is not None or len(field.paths[0].steps) != 1:
        return None
    step = str(field.paths[0].steps[0])
    if record.get_field_index(step) < 0 or field.type not in _ARROW or not _ARROW[field.type](record.field(step).type):
        return None
    if field.type in ("timestamp", "date") and field.parse_formats != ("iso",):
        return None
    found = []
    for severity, _, constraints in field.levels():
        inner = "" if severity == "reject" else f"{severity}."
        for kind, bad in _constraints(field, constraints):
            if bad is None:
                return None
            found.append((f"{field.name}.{inner}{kind}", bad))
    return _OfField(field, (step,), _type_bad(field), tuple(found))


def _type_bad(field: Field) -> Bad | None:
    if field.type == "double":
        return lambda values, _: ~np.isfinite(values.numbers)  # type: ignore[arg-type]
    ends = {"timestamp": (_FIRST, _LAST), "date": _DAYS}.get(field.type)
    return None if ends is None else _outside(*ends)


def _outside(low: int, high: int) -> Bad:
    def bad(values: Values, _: npt.NDArray[np.int64]) -> Mask:
        numbers = values.numbers
        assert numbers is not None
        return (numbers < low) | (numbers > high)

    return bad


def _constraints(field: Field, constraints: Constraints) -> Iterator[tuple[str, Bad | None]]:
    """Each constraint by the name of its rule; None for one that is not known here."""
    if constraints.pattern is not None:
        yield "pattern", _pattern(constraints.pattern)
    if constraints.formats:
        yield "format", None
    if constraints.allowed:
        yield "allowed", _allowed(field, constraints.allowed)
    if constraints.min_length is not None or constraints.max_length is not None:
        yield "length", _length(constraints.min_length, constraints.max_length)
    if constraints.limits:
        yield "range", _range(field, constraints.limits)


def _pattern(pattern: str) -> Bad | None:
    places = sets(pattern)
    if places is None or library() is None:
        return None
    table = np.zeros((len(places), 256), np.uint8)
    for at, allowed in enumerate(places):
        table[at, list(allowed)] = 1

    def bad(values: Values, _: npt.NDArray[np.int64]) -> Mask:
        found = np.zeros(len(values.array), np.uint8)
        _, offsets, data = values.array.buffers()
        if offsets is not None:
            library().stillwell_pattern(
                ctypes.c_void_p(data.address if data else None),
                ctypes.c_void_p(offsets.address + 4 * values.array.offset),
                0,
                ctypes.c_int64(len(values.array)),
                ctypes.c_void_p(table.ctypes.data),
                ctypes.c_int64(len(places)),
                ctypes.c_void_p(found.ctypes.data),
            )
        return found.view(bool)

    return bad


def _allowed(field: Field, allowed: tuple[object, ...]) -> Bad | None:
    if field.type != "string" or not all(isinstance(one, str) for one in allowed):
        return None
    options = pa.array(allowed, pa.string())

    def bad(values: Values, _: npt.NDArray[np.int64]) -> Mask:
        if not pa.types.is_dictionary(values.array.type):
            return ~np.asarray(pc.is_in(values.array, options))
        of_code = np.append(~np.asarray(pc.is_in(values.array.dictionary, options)), False)
        bad: Mask = of_code[values.array.indices.fill_null(len(of_code) - 1).to_numpy()]
        return bad

    return bad


def _length(least: int | None, most: int | None) -> Bad:
    def bad(values: Values, _: npt.NDArray[np.int64]) -> Mask:
        lengths = pc.utf8_length(values.array).fill_null(0).to_numpy()
        wrong = np.zeros(len(lengths), bool)
        if least is not None:
            wrong |= lengths < least
        if most is not None:
            wrong |= lengths > most
        return wrong

    return bad


def _range(field: Field, limits: Limits) -> Bad | None:
    sides = [_side(field, side) for side in (limits.min, limits.above, limits.max, limits.below)]
    if any(side is None and given is not None for side, given in zip(sides, _given(limits), strict=True)):
        return None
    low, above, high, below = sides

    def bad(values: Values, ingest: npt.NDArray[np.int64]) -> Mask:
        numbers = values.numbers
        assert numbers is not None
        wrong = np.zeros(len(numbers), bool)
        for side, beyond in ((low, np.less), (above, np.less_equal), (high, np.greater), (below, np.greater_equal)):
            if side is not None:
                wrong |= beyond(numbers, side(ingest))
        return wrong

    return bad


def _given(limits: Limits) -> tuple[object, ...]:
    return limits.min, limits.above, limits.max, limits.below


def _side(field: Field, side: object) -> Callable[[npt.NDArray[np.int64]], Any] | None:
    """A limit as a number for values of the field's type; None for one that is not known here."""
    if isinstance(side, Now):
        offset = side.offset // _MICROSECOND
        return (lambda ingest: ingest + offset) if field.type == "timestamp" else None
    if field.type == "timestamp" and isinstance(side, dt.datetime):
        moment = (side if side.tzinfo else side.replace(tzinfo=dt.UTC)) - _EPOCH
        return lambda _: moment // _MICROSECOND
    if field.type == "double" and isinstance(side, int | float | Decimal) and not isinstance(side, bool):
        return lambda _: float(side)
    if field.type == "integer" and isinstance(side, int) and not isinstance(side, bool):
        return lambda _: side
    return None
