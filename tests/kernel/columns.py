"""Typed columns with the odd values that they can hold, and contracts about them."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
from hypothesis import strategies as st

MOMENTS = [
    -62135596800000000, -62135596800000001, 253402300799999999, 253402300800000000, 1717243200000000, 0, -1, 1711852200000000, 1729996200000000,
]  # fmt: skip
"""Microseconds: both ends of what can be written, and beyond; an hour that Oslo skips and one that it has twice."""
DAYS = [-719162, -719163, 2932896, 2932897, 19875, 0]
DOUBLES = [0.0, -0.0, 1.0, 21.5, 85.0, 85.1, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, float("nan"), float("inf"), -float("inf")]  # fmt: skip
TEXTS = [
    "s_001",
    "s_1",
    "",
    " ",
    "12",
    "NaN",
    "true",
    "{",
    "[1]",
    "1e5",
    "-200",
    "\u0000",
    "😀",
    "x" * 300,
    "2024-06-01",
]

COLUMNS = {
    "s": (pa.string(), TEXTS),
    "l": (pa.large_string(), TEXTS),
    "i": (pa.int64(), [0, 1, -1, 5, 100, 101, 2**53 + 1, 2**63 - 1, -(2**63)]),
    "h": (pa.int16(), [0, 1, -32768, 32767]),
    "u": (pa.uint64(), [0, 5, 2**63 - 1, 2**63, 2**64 - 1]),
    "d": (pa.float64(), DOUBLES),
    "f": (pa.float32(), [0.1, 1.5, float("nan")]),
    "m": (pa.decimal128(9, 2), [Decimal("1.50"), Decimal("-0.01"), Decimal("9999999.99")]),
    "b": (pa.bool_(), [True, False]),
    "t": (pa.timestamp("us", tz="UTC"), MOMENTS),
    "o": (pa.timestamp("us", tz="Europe/Oslo"), MOMENTS),
    "n": (pa.timestamp("us"), MOMENTS),
    "y": (pa.date32(), DAYS),
}  # fmt: skip

CONTRACTS = {
    "nothing asked": "fields: {" + ", ".join(
        f"{name}: {{type: {kind}}}"
        for name, kind in zip("slihudbtoy", ("string", "string", *["integer"] * 3, "double", "boolean", *["timestamp"] * 2, "date"), strict=True)
    ) + "}",
    "required": "fields: {s: {type: string, required: true}, u: {type: integer, required: true}, d: {type: double, required: true}, n: {type: timestamp, required: true}}",
    "constraints": (
        "fields: {s: {type: string, pattern: 's_[0-9]{3}', max_length: 5, warn: {min_length: 1}}, i: {type: integer, min: 0, max: 100, fail: {max: 1000}}, "
        "d: {type: double, min: -40, max: 85, required: true, warn: {max: 70}}, y: {type: date, min: '2024-01-01'}, t: {type: timestamp, max: now + 1m}}"
    ),
    "allowed": "fields: {s: {type: string, allowed: [s_001, '12']}, i: {type: integer, allowed: [0, 5]}, h: {type: double, allowed: [1]}, b: {type: boolean, allowed: [true]}}",
    "rules": (
        "fields: {d: {type: double}, i: {type: integer}, h: {type: integer, required: true}, b: {type: boolean}}\n"
        "rules: {less: {expect: d <= i}, some: {expect: h > 0, where: b, severity: warn}, sure: {expect: d > 0, if_null: fail}, wide: {expect: i * i >= 0}}"
    ),
    "repairs": "fields: {d: {type: double, min: 0, max: 50, repair: {range: clamp, type: clear}}, s: {type: string, max_length: 3, repair: {length: truncate}}, i: {type: integer, min: 0, repair: {range: clear}}}",
    "decimals": "fields: {m: {type: decimal, precision: 9, scale: 2, max: 100}, i: {type: decimal, precision: 4, scale: 1}, x: {type: decimal, precision: 5, scale: 3, from: m}, h: {type: decimal, precision: 38, scale: 0}}",
    "zones": "time: n\nfields: {n: {type: timestamp, zone: Europe/Oslo, max: now}, o: {type: timestamp}, z: {type: timestamp, zone: America/New_York, from: n}}",
    "other types": "fields: {f: {type: double}, d: {type: integer}, t: {type: date}, y: {type: timestamp}, b: {type: string}, s: {type: double}, m: {type: double}, i: {type: boolean}}",
    "computed": "fields: {d: {type: double}, i: {type: integer}, k: {type: double, value: d / i, max: 1e6}}",
    "missing column": "fields: {absent: {type: double}, i: {type: integer, missing: ['-1']}}",
}  # fmt: skip


def table(rows: int = 400) -> pa.Table:
    """Each odd value of each column beside many others of the rest, one in seven missing."""
    columns = {}
    for place, (name, (kind, some)) in enumerate(COLUMNS.items()):
        chosen = [None if (row + place) % 7 == 0 else some[(row * (place + 1)) % len(some)] for row in range(rows)]
        columns[name] = _array(chosen, kind)
    return pa.table(columns)


def _array(values: list[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind) or pa.types.is_date32(kind):
        return pa.array(values, pa.int64() if pa.types.is_timestamp(kind) else pa.int32()).view(kind)
    return pa.array(values, kind)


def tables() -> st.SearchStrategy[pa.Table]:
    """Any of these values in any combination."""
    rows = st.fixed_dictionaries({name: st.sampled_from([None, *some]) for name, (_, some) in COLUMNS.items()})
    return st.lists(rows, min_size=1, max_size=40).map(
        lambda some: pa.table({name: _array([row[name] for row in some], kind) for name, (kind, _) in COLUMNS.items()})
    )


def records(rows: pa.Table) -> pa.StructArray:
    """The rows of a table as one array of structs."""
    return pa.StructArray.from_arrays([column.combine_chunks() for column in rows.columns], fields=list(rows.schema))
