"""What rules read of records lies by row, whichever way a record went."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillwell.contract.load import parse
from stillwell.kernel import Kernel
from tests.kernel.records import CLOCK, batch

HEAD = "contract: c\nversion: 1.0.0\nkey: [id, k]\n"


def verdicts(text, records, **columns):
    return Kernel(parse(HEAD + text)).judge(batch(records, **columns), CLOCK).verdicts.to_pylist()


def test_a_key_of_several_fields_is_one_only_where_all_are_the_same_and_there():
    text = "fields: {id: {type: string}, k: {type: integer}, v: {type: integer}}\nsequence: {c: {kind: counter, field: v}}\n"
    records = [
        b'{"id":"a","k":1,"v":5}', b'{"id":"a","k":2,"v":4}', b'{"id":"b","k":1,"v":3}', b'{"id":"a","k":1,"v":2}', b'{"id":"a","v":1}',
        b'{"id":"a","v":0}', b'{"id":"a1","v":0}',
    ]  # fmt: skip
    assert verdicts(text, records) == [0, 0, 0, 2, 0, 0, 0]


def test_records_with_warnings_and_repairs_are_remembered_as_they_are_accepted():
    text = (
        "fields: {id: {type: string}, k: {type: integer}, v: {type: double, max: 10, repair: {range: clamp}, warn: {max: 5}}}\n"
        "sequence: {s: {kind: step, field: v, by: 3, severity: reject}}\n"
    ).replace("severity: reject", "severity: warn")
    records = [b'{"id":"a","k":1,"v":%d}' % value for value in (6, 99, 13, 1, 5)]
    # 99 becomes 10, which is four above 6; 13 becomes 10 too.
    assert verdicts(text, records) == [1, 1, 1, 0, 1]


def test_a_rule_is_about_records_that_its_where_names():
    text = (
        "fields: {id: {type: string}, k: {type: integer}, v: {type: integer}}\n"
        "sequence: {c: {kind: counter, field: v, where: v != 0}}\n"
    )
    records = [b'{"id":"a","k":1,"v":%d}' % value for value in (5, 0, 4, 6)]
    assert verdicts(text, records) == [0, 0, 2, 0]


def test_without_an_event_time_the_ingest_time_counts():
    text = "fields: {id: {type: string}, k: {type: integer}}\nsequence: {g: {kind: gap, max: 1m, severity: warn}}\n"
    micros = np.array([0, 30, 100]) * 1_000_000
    times = pa.array(micros, pa.timestamp("us", tz="UTC"))
    assert verdicts(text, [b'{"id":"a","k":1}'] * 3, ingest_time=times) == [0, 0, 1]
