"""What a constraint is in SQL: for each kind, the condition under which a typed value is bad."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

from stillwell.contract.model import Bound, Constraints, Field, Limits, Now
from stillwell.kernel.formats import PATTERNS, luhn
from stillwell.kernel.glob import glob
from stillwell.kernel.parse import duckdb_type
from stillwell.kernel.sql import text


def bad(field: Field, constraints: Constraints, value: str, now: str) -> Iterator[tuple[str, str]]:
    """Kind and SQL of every constraint, in the order of judging: true when bad, NULL (not evaluated) for NULL.

    `now` is the column that holds the record's ingest time.
    """
    if constraints.pattern is not None:
        yield "pattern", f"NOT {_matches(value, constraints.pattern)}"
    if constraints.formats:
        yield "format", f"NOT ({' OR '.join(_has_format(form, value) for form in constraints.formats)})"
    if constraints.allowed:
        options = ", ".join(literal(field, option) for option in constraints.allowed)
        yield "allowed", f"{value} NOT IN ({options})"
    lengths = [*_lengths(field, constraints, value)]
    if lengths:
        yield "length", " OR ".join(lengths)
    if constraints.limits:
        yield "range", out_of_range(field, constraints.limits, value, now)


def out_of_range(field: Field, limits: Limits, value: str, now: str) -> str:
    """SQL that is true when the value lies outside of the limits."""
    sides = (("<", limits.min), ("<=", limits.above), (">", limits.max), (">=", limits.below))
    return " OR ".join(_beyond(field, value, sign, side, now) for sign, side in sides if side is not None)


def _beyond(field: Field, value: str, sign: str, side: Bound, now: str) -> str:
    if isinstance(side, Now) and field.type == "timestamp":
        # Microseconds, because adding an interval to an instant asks a calendar and is slow.
        return f"epoch_us({value}) {sign} epoch_us({now}) + {_microseconds(side)}"
    return f"{value} {sign} {bound(field, side, now)}"


def _microseconds(side: Now) -> int:
    return round(side.offset / dt.timedelta(microseconds=1))


def bound(field: Field, side: Bound, now: str) -> str:
    """A limit as SQL of the field's type."""
    if isinstance(side, Now):
        moment = f"make_timestamptz(epoch_us({now}) + {_microseconds(side)})"
        return moment if field.type == "timestamp" else f"CAST(timezone('UTC', {moment}) AS {duckdb_type(field)})"
    return literal(field, side)


def literal(field: Field, value: object) -> str:
    """A constant of the contract as SQL of the field's type."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if field.type == "timestamp" and isinstance(value, dt.datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return f"TIMESTAMPTZ {text(moment.astimezone(dt.UTC).isoformat(sep=' '))}"
    if isinstance(value, dt.date | dt.time | str | Decimal) or field.type == "decimal":
        return f"CAST({text(str(value))} AS {duckdb_type(field)})" if field.type in _CASTABLE else text(str(value))
    if field.type == "double":
        return f"CAST({text(repr(float(value)))} AS DOUBLE)"  # type: ignore[arg-type]
    return str(value)


_CASTABLE = {"integer", "double", "decimal", "timestamp", "date", "time", "boolean"}


def _has_format(form: str, value: str) -> str:
    shape = f"regexp_full_match({value}, {text(PATTERNS[form])})"
    return f"CASE WHEN NOT {shape} THEN false ELSE {luhn(value)} END" if form == "card-number" else shape


def _matches(value: str, pattern: str) -> str:
    simple = glob(pattern)
    return f"regexp_full_match({value}, {text(pattern)})" if simple is None else f"({value} GLOB {text(simple)})"


def _lengths(field: Field, constraints: Constraints, value: str) -> Iterator[str]:
    size = f"len({value})" if field.type == "array" else f"length({value})"
    least = constraints.min_items if field.type == "array" else constraints.min_length
    most = constraints.max_items if field.type == "array" else constraints.max_length
    if least is not None:
        yield f"{size} < {least}"
    if most is not None:
        yield f"{size} > {most}"


def clamped(field: Field, limits: Limits, value: str, now: str) -> str:
    """SQL that moves a value to the nearest inclusive limit."""
    moved = value
    if limits.max is not None:
        moved = f"least({moved}, {bound(field, limits.max, now)})"
    if limits.min is not None:
        moved = f"greatest({moved}, {bound(field, limits.min, now)})"
    return moved
