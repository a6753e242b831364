"""Values of typed columns taken as they are, where that gives just what their texts would: no text and no grammar.

The texts of such values are read by one grammar (`parse`), and what that gives is known beforehand for most pairs of a
column's type and a field's. A property test holds both to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from stillwell.contract.model import Field
from stillwell.kernel.chain import Chain
from stillwell.kernel.constraint import bad
from stillwell.kernel.decode import RECORD
from stillwell.kernel.parse import duckdb_type, in_years
from stillwell.kernel.sql import NOW, name, own, text


@dataclass(frozen=True)
class Native:
    """SQL of a column and of its value by the field's type; `bad` is true where what it holds is no such value.

    Both are NULL where the column is. `bad` is None where everything fits; `fitting` is the value where nothing is bad.
    """

    column: str
    value: str
    bad: str | None = None
    fitting: str | None = None

    def moved(self, column: str) -> Native:
        """The same for another column of that type."""
        parts = (self.value, self.bad, self.fitting)
        value, bad, fitting = (one and one.replace(self.column, column) for one in parts)
        return Native(column, value or column, bad, fitting)

    def hoped(self) -> Native:
        """The same where nothing is bad."""
        return Native(self.column, self.fitting or self.value)


def native(field: Field, record: pa.StructType, source: str = RECORD) -> Native | None:
    """How a field is read from columns of these types, members of `source`; None where its text has to be parsed."""
    if len(field.paths) != 1 or field.paths[0].envelope is not None or not field.paths[0].steps:
        return None
    if field.value is not None or field.clean or field.missing or field.has_default:
        return None
    kind: pa.DataType = record
    column = source
    for step in field.paths[0].steps:
        if not pa.types.is_struct(kind) or kind.get_field_index(str(step)) < 0:
            return None
        kind, column = kind.field(str(step)).type, f"{column}.{name(str(step))}"
    return of_type(field, kind, column)


def of_type(field: Field, kind: pa.DataType, column: str) -> Native | None:
    """The same for one column of an Arrow type."""
    read = _READ.get(field.type)
    return read(field, kind, column) if read else None


def _string(_: Field, kind: pa.DataType, column: str) -> Native | None:
    return Native(column, column) if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def _boolean(_: Field, kind: pa.DataType, column: str) -> Native | None:
    return Native(column, column) if pa.types.is_boolean(kind) else None


def _integer(_: Field, kind: pa.DataType, column: str) -> Native | None:
    if not pa.types.is_integer(kind):
        return None
    if kind == pa.uint64():
        return Native(column, f"TRY_CAST({column} AS BIGINT)", f"{column} > {2**63 - 1}")
    return Native(column, column if kind == pa.int64() else f"CAST({column} AS BIGINT)")


def _double(_: Field, kind: pa.DataType, column: str) -> Native | None:
    if pa.types.is_integer(kind):
        return Native(column, f"CAST({column} AS DOUBLE)")
    # A single-precision number is what its digits say, 0.1 and not what a cast makes of it.
    return _where(column, f"isfinite({column})") if pa.types.is_float64(kind) else None


def _decimal(field: Field, kind: pa.DataType, column: str) -> Native | None:
    if pa.types.is_integer(kind) or (pa.types.is_decimal128(kind) and 0 <= kind.scale <= (field.scale or 0)):
        value = f"TRY_CAST({column} AS {duckdb_type(field)})"
        return Native(column, value, f"CASE WHEN {column} IS NOT NULL THEN {value} IS NULL END")
    return None


def _timestamp(field: Field, kind: pa.DataType, column: str) -> Native | None:
    if field.parse_formats != ("iso",) or not pa.types.is_timestamp(kind) or kind.unit != "us":
        return None
    if kind.tz is not None:
        return _where(column, in_years(column))
    years = f"{column} BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'"
    moment = f"timezone({text(field.zone)}, {column})"
    if field.zone == "UTC":
        return _where(column, years, moment)
    # The years at both ends first: a zone cannot be asked about what lies far beyond.
    return _where(column, f"CASE WHEN {years} THEN {in_years(moment)} WHEN {column} IS NOT NULL THEN false END", moment)


def _date(field: Field, kind: pa.DataType, column: str) -> Native | None:
    if field.parse_formats != ("iso",) or not pa.types.is_date32(kind):
        return None
    return _where(column, f"{column} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'")


def _where(column: str, fits: str, value: str | None = None) -> Native:
    value = value or column
    return Native(column, f"CASE WHEN {fits} THEN {value} END", f"NOT ({fits})", value)


_READ: Mapping[str, Callable[[Field, pa.DataType, str], Native | None]] = {
    "string": _string,
    "boolean": _boolean,
    "integer": _integer,
    "double": _double,
    "decimal": _decimal,
    "timestamp": _timestamp,
    "date": _date,
}


class NativeChain(Chain):
    """The way of a field whose value needs no parsing: its constraints and repairs are those of any other."""

    def take(self, found: Native, present: str) -> None:
        """From a typed column to the final value; `present` is true where the record could be read."""
        self.value = self._let("value", found.value)
        bad_type = found.bad or f"CASE WHEN {found.column} IS NOT NULL THEN false END"
        self._verdicts.seen[self._rules] = own(self._tag + "seen")
        if self._field.repair:
            self._fail("type", bad_type, self._let("seen", f"CAST({found.column} AS VARCHAR)"))
            self._constrain(present)
        else:
            failed = self._judge(found, bad_type, present)
            # Writing numbers and times as text is dear, and only a broken rule shows what it saw. DuckDB moves a cast
            # of a column out of CASE and so casts all, but it leaves the cast of a CASE alone.
            shown = f"CASE WHEN {' OR '.join(failed)} THEN {found.column} END"
            self._let("seen", f"CAST({shown} AS VARCHAR)")

    def _judge(self, found: Native, bad_type: str, present: str) -> list[str]:
        """As `_constrain` where nothing is repaired, with no verdict waiting for another; the columns of all."""
        field = self._field
        conditions = {f"{self._rules}type": bad_type}
        for severity, prefix, constraints in field.levels():
            rules = self._rules + prefix[len(field.name) + 1 :]
            conditions |= {
                rules + kind: condition for kind, condition in bad(field, constraints, self.value, name(NOW))
            }
            if severity == "reject" and field.required:
                missing = f"{found.column} IS NULL"
                judged = f"{present} AND ({found.bad}) IS NOT TRUE" if found.bad else present
                conditions[rules + "required"] = f"CASE WHEN {judged} THEN {missing} END"
        for rule, condition in conditions.items():
            place = own(f"{self._tag}failed_{len(self._verdicts.failed)}")
            self._verdicts.failed[rule] = self._levels.add(self.level, place, condition)
        self.level += 1
        return [self._verdicts.failed[rule] for rule in conditions]
