"""The plain way never changes anything: with it and without it the kernel says the same of every record."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.contract.load import load
from stillwell.kernel import Format, Kernel
from tests.kernel.odd import NUMBER_TEXTS, TEXTS, TIMES, everything, fixed, of_text, payload, payloads
from tests.kernel.records import assert_same, batch, contract, full_way_only, judge, no_reader, plain_rows, typed

GOOD = {
    "id": '"s_001"',
    "n": "3",
    "d": "21.5",
    "t": '"2024-06-01T11:59:00Z"',
    "s": '"abc"',
    "b": "true",
}

CONTRACTS = {
    "nothing required": "fields: {d: {type: double}, n: {type: integer}, s: {type: string}, b: {type: boolean}}",
    "required double": "fields: {d: {type: double, required: true, min: -40, max: 85, warn: {max: 70}}}",
    "required double without limits": "fields: {d: {type: double, required: true}, s: {type: string}}",
    "double that cannot be 0 or 1": "fields: {d: {type: double, required: true, min: 5, max: 100}}",
    "optional double": "fields: {d: {type: double, above: -1000, fail: {max: 1e300}}}",
    "integer": "fields: {n: {type: integer, required: true, min: 0}, d: {type: integer}}",
    "decimal": "fields: {d: {type: decimal, precision: 9, scale: 3}, n: {type: decimal, precision: 38, scale: 0, required: true}}",
    "boolean": "fields: {b: {type: boolean, required: true}, d: {type: boolean}}",
    "timestamp": "time: t\nfields: {t: {type: timestamp, required: true, max: now + 1m}, s: {type: timestamp}}",
    "timestamp in a zone": "time: t\nfields: {t: {type: timestamp, zone: America/New_York}, s: {type: timestamp, required: true, zone: Europe/Oslo}}",
    "epoch": "fields: {n: {type: timestamp, format: epoch_s, required: true}, d: {type: timestamp, format: [epoch_ms, iso]}}",
    "pattern of time": "fields: {t: {type: timestamp, format: ['dd.MM.yyyy HH:mm', iso]}, d: {type: date, format: [iso, dd.MM.yyyy]}}",
    "date and time": "fields: {t: {type: date}, s: {type: time, max: '20:00'}, d: {type: date, min: now - 1d}}",
    "pattern": "fields: {id: {type: string, required: true, pattern: 's_[0-9]{3}'}, s: {type: string, pattern: '[a-z]*'}}",
    "pattern of numbers": "fields: {d: {type: string, pattern: '1e.*'}, n: {type: string, pattern: '.+'}}",
    "allowed, length, format": (
        "fields: {s: {type: string, allowed: [abc, '12', 'NO']}, id: {type: string, min_length: 2, max_length: 5}, "
        "t: {type: string, format: [ipv4, email, card-number]}, n: {type: integer, allowed: [1, 3, 5]}, d: {type: double, allowed: [1, 21.5]}}"
    ),
    "missing": "missing: ['', '-', '-200']\nfields: {d: {type: double}, n: {type: integer, required: true, missing: ['0']}, s: {type: string}}",
    "clean": (
        "fields: {d: {type: double, clean: [trim, strip_unit, decimal_comma], unit: °C}, s: {type: string, required: true, clean: [squeeze, upper]}, "
        "b: {type: boolean, clean: [{map: {yes: 'true', no: 'false'}}]}}"
    ),
    "default": "fields: {d: {type: double, default: 1.5, required: true}, s: {type: string, default: none}, n: {type: integer, default: 5, max: 100}}",
    "repairs": (
        "fields: {d: {type: double, min: 0, max: 50, repair: {range: clamp, type: clear}}, "
        "s: {type: string, max_length: 3, repair: {length: truncate}}, n: {type: integer, required: true, repair: {required: {value: 1}}}}"
    ),
    "computed": "fields: {d: {type: double}, n: {type: integer}, k: {type: double, value: 'd / n', max: 1e6}, w: {type: integer, value: 'n * n'}, l: {type: string, value: 's || s'}, s: {type: string}}",
    "several paths": "fields: {x: {type: double, from: [d, x]}, y: {type: string, required: true, from: [s, id]}, z: {type: integer, from: [n, d.v]}}",
    "nested path": "fields: {x: {type: double, from: d.v}, y: {type: string, from: d.s}, z: {type: double, required: true, from: n}}",
    "rules": (
        "fields: {d: {type: double}, n: {type: integer}, b: {type: boolean}, s: {type: string}}\n"
        "rules: {r: {expect: 'd > n'}, w: {expect: 'n < 5', where: 'b', severity: warn}, f: {expect: 'n is not null and s > d::varchar', if_null: fail, severity: warn}, "
        "e: {expect: 'n // (n - 3) > 0'}, o: {expect: 'n * n >= 0', if_null: fail}}"
    ).replace(" and s > d::varchar", ""),
    "envelope": "fields: {k: {type: string, from: $key}, o: {type: integer, from: $offset, max: 5000}, w: {type: timestamp, from: $ingest_time, required: true}, d: {type: double}}",
}


PARSINGS = ["lenient", "strict"]
NOT_PLAIN = {(name, "strict") for name in ("pattern of time", "epoch", "date and time", "several paths")}
"""Where a typed read of JSON does not tell of what kind a value is."""


def read_from(rest):
    """The members of GOOD that a contract reads."""
    paths = (path for field in contract(rest).fields for path in field.paths)
    return sorted({str(path.steps[0]) for path in paths if path.steps} & set(GOOD))


def both_ways(rest, table, **options):
    judged = judge(rest, table, **options)
    with no_reader():
        assert_same(judged, judge(rest, table, **options))
    with full_way_only():
        assert_same(judged, judge(rest, table, **options))
    return judged


@pytest.mark.parametrize("parsing", PARSINGS)
@pytest.mark.parametrize("name", CONTRACTS)
def test_each_odd_value_of_json_is_judged_alike_both_ways(name, parsing):
    rest = f"parsing: {parsing}\n{CONTRACTS[name]}"
    records = of_text(everything(GOOD, read_from(CONTRACTS[name])))
    keys = pa.array([None if place % 5 == 0 else b"k%d" % place for place in range(len(records))], pa.binary())
    table = batch(records, key=keys)
    if (name, parsing) not in NOT_PLAIN:
        assert any(plain_rows(rest, table))
    both_ways(rest, table, threads=2)


@pytest.mark.parametrize("name", CONTRACTS)
def test_a_batch_with_bytes_that_are_no_text_is_judged_alike_both_ways(name):
    both_ways(CONTRACTS[name], batch([payload(GOOD), b'{"d": "\xff"}', payload(GOOD), b"\x80", None]))


@fixed
@given(
    st.lists(payloads(GOOD), min_size=20, max_size=60), st.sampled_from(sorted(CONTRACTS)), st.sampled_from(PARSINGS)
)
def test_any_payloads_are_judged_alike_both_ways(records, name, parsing):
    both_ways(f"parsing: {parsing}\n{CONTRACTS[name]}", batch(of_text(records)))


CELLS = [text for text in (*NUMBER_TEXTS, *TIMES, *TEXTS) if "\n" not in text]


def lines(delimiter=","):
    """Each odd text in each column, as it is and in quotes; lines with too few or too many cells."""
    good = ["s_001", "3", "21.5", "2024-06-01T11:59:00Z", "abc", "true"]
    found = [good[:-1], [*good, "x"], [""] * 6, [""], ['"'] * 6]
    for place in range(len(good)):
        for text in CELLS:
            for written in (text, '"' + text.replace('"', '""') + '"'):
                found.append([*good[:place], written, *good[place + 1 :]])
    return [delimiter.join(cells).encode() for cells in found]


@pytest.mark.parametrize("parsing", PARSINGS)
@pytest.mark.parametrize("name", [name for name in CONTRACTS if "path" not in name])
def test_each_odd_cell_of_delimited_text_is_judged_alike_both_ways(name, parsing):
    form = Format("csv", {"header": list(GOOD)})
    table = batch(lines())
    rest = f"parsing: {parsing}\n{CONTRACTS[name]}"
    assert any(plain_rows(rest, table, form))
    both_ways(rest, table, format=form)


def records_of_types():
    """Typed records: each column with odd values of its type."""
    moment = dt.datetime(2024, 6, 1, 12, 0, 0, 123456)
    columns = {
        "id": pa.array(["s_001", "", None, "s_1", "{", "1e5"] * 2),
        "n": pa.array([0, 1, None, -(2**63), 2**63 - 1, 3] * 2, pa.int64()),
        "d": pa.array([1.5, -0.0, None, float("nan"), float("inf"), 1e22, 5e-324, 84.9, 1.0, 0.0, -200.0, 21.5]),
        "t": pa.array(
            [moment, None, dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59)] * 3, pa.timestamp("us")
        ),
        "s": pa.array(["abc", None, "2024-06-01T12:00:00Z", "12:00", " 12 ", "NO"] * 2, pa.large_string()),
        "b": pa.array([True, False, None] * 4),
    }
    yield pa.StructArray.from_arrays(list(columns.values()), names=list(columns), mask=pa.array([False] * 11 + [True]))
    columns["d"] = pa.array(
        [0.1, -0.0, None, float("nan"), float("-inf"), 1e30, 1.5, 84.9, 1.0, 0.0, -200.0, 21.5], pa.float32()
    )
    columns["n"] = pa.array([Decimal("1.50"), None, Decimal("-200.00"), Decimal("3.00")] * 3, pa.decimal128(12, 2))
    columns["t"] = pa.array(
        [moment, None, dt.datetime(2024, 6, 1, 12, 1)] * 4, pa.timestamp("ns", tz="America/New_York")
    )
    columns["s"] = pa.array(["abc", "NO", None] * 4).dictionary_encode()
    yield pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    columns["d"] = pa.array([True, False, None] * 4)
    columns["n"] = pa.array([0, 1, None, 255] * 3, pa.uint8())
    columns["t"] = pa.array([moment.date(), None] * 6)
    columns["b"] = pa.array(["true", "FALSE", "x", None] * 3)
    yield pa.StructArray.from_arrays(list(columns.values()), names=list(columns))


@pytest.mark.parametrize("parsing", PARSINGS)
@pytest.mark.parametrize("name", [name for name in CONTRACTS if name != "nested path"])
def test_typed_records_are_judged_alike_both_ways(name, parsing):
    for records in records_of_types():
        both_ways(f"parsing: {parsing}\n{CONTRACTS[name]}", typed(records))


def test_numbers_beyond_a_double_and_groups_are_counted_alike_both_ways():
    rest = "time: t\nfields: {n: {type: integer}, t: {type: timestamp, required: true}, s: {type: string}, d: {type: double}}"
    both_ways(rest, batch(of_text(everything(GOOD))), group=("s", "n"), window=dt.timedelta(hours=1))


SENSORS = Path(__file__).parents[2] / "examples/sensors/contract.yml"


def test_the_plain_way_is_taken_by_the_clean_records_of_the_sensors_example():
    clean = [
        json.dumps(
            {
                "sensor_id": f"sensor_{number % 1000:03}",
                "timestamp": f"2024-06-01T11:{number % 60:02}:00.{number:03}Z",
                "temperature": 20.25 + number % 40,
                "humidity": number % 100,
                "pressure": 1000 + number / 7,
            }
        ).encode()
        for number in range(500)
    ]
    assert all(plain_rows(load(SENSORS), batch(clean)))


@pytest.mark.parametrize(
    "record",
    [
        '{"sensor_id": "sensor_001", "timestamp": "2024-06-01T11:00:00Z", "temperature": 99, "humidity": 5, "pressure": 1000}',
        '{"sensor_id": "sensor_001", "timestamp": "2024-06-01T11:00:00Z", "temperature": 71, "humidity": 5, "pressure": 1000}',
        '{"sensor_id": "sensor_1", "timestamp": "2024-06-01T11:00:00Z", "temperature": 20, "humidity": 5, "pressure": 1000}',
        '{"sensor_id": "sensor_001", "timestamp": "2024-06-01T13:00:00Z", "temperature": 20, "humidity": 5, "pressure": 1000}',
        '{"sensor_id": "sensor_001", "timestamp": "2024-06-01T11:00:00Z", "temperature": 20, "humidity": 5}',
        '{"sensor_id": "sensor_001", "timestamp": "2024-06-01T11:00:00Z", "temperature": 20, "humidity": true, "pressure": 1000}',
    ],
)
def test_a_record_that_breaks_any_rule_is_not_plain(record):
    assert plain_rows(load(SENSORS), batch([record.encode()])) == [False]


def test_contracts_that_cannot_be_proved_have_no_plain_way():
    for rest in (
        "fields: {a: {type: array, items: {type: integer}}}",
        "fields: {a: {type: json}}",
        "other_fields: warn\nfields: {a: {type: integer}}",
        "fields: {a: {type: integer, from: 'b[0]'}}",
        "fields: {a: {type: double, required: true, from: d}, b: {type: string, from: d}}",
    ):
        assert Kernel(contract(rest)).program().plain is None
    assert judge("fields: {a: {type: json}}", [b'{"a": 1}']).accepted["a"].to_pylist() == ["1"]
