"""Dead letters: what a consumer sees of them, and that a sink reads back what it wrote."""

from __future__ import annotations

import datetime as dt
import json

import pyarrow as pa
import pytest

from stillwell.connectors.kafka.letters import are_letters
from stillwell.kernel.base import QUARANTINE_TRACE, REASON
from tests.connectors.kafka import outside
from tests.connectors.kafka.test_sink import LETTERS
from tests.connectors.suite import SCHEMA, step

WHY = [
    {"rule": "temperature.range", "field": "temperature", "severity": "reject", "seen": "“99”\n", "expected": "≤ 85"},
    {"rule": "temperature.range", "field": "temperature", "severity": "warn", "seen": None, "expected": None},
    {"rule": "id", "field": "sensor_id", "severity": "reject", "seen": "", "expected": "a\tb"},
]
TYPED = pa.schema(
    [
        ("record", pa.struct([("id", pa.int64()), ("raw", pa.binary()), ("tags", pa.list_(pa.string()))])),
        ("reasons", pa.list_(REASON)),
        ("_stillwell", QUARANTINE_TRACE),
    ]
)


def trace(offset, topic="sensor-topic"):
    at = dt.datetime(2026, 1, 2, 3, 4, 5, 678, dt.UTC)
    origin = {"topic": topic, "partition": 0, "offset": offset, "ingest_time": at if offset else None}
    return {**origin, "contract": "readings", "version": "1.2.0"}


def letters(schema, *rows):
    plain = [
        {**row, "reasons": reasons, "_stillwell": trace(offset, topic=None if offset == 2 else "sensor-topic")}
        for offset, (row, reasons) in enumerate(rows)
    ]
    return pa.Table.from_pylist(plain, schema)


BYTES = letters(
    LETTERS,
    ({"payload": b'{"temperature": 99}', "key": b"sensor_1"}, WHY),
    ({"payload": b"\x00\xff\n", "key": b"\xfe"}, []),
    ({"payload": b"", "key": b""}, None),
    ({"payload": None, "key": None}, WHY[:1]),
)
RECORDS = letters(
    TYPED,
    ({"record": {"id": 1, "raw": b"\xff\x00", "tags": ["a", None]}}, WHY),
    ({"record": {"id": None, "raw": b"plain", "tags": None}}, []),
    ({"record": None}, None),
    ({"record": {"id": 4, "raw": None, "tags": []}}, WHY[:1]),
)


def read(sink, schema, columns=None):
    found = pa.Table.from_batches(list(sink.rows(columns)))
    return found.cast(schema if columns is None else pa.schema([schema.field(name) for name in columns]))


@pytest.mark.parametrize("rows", [BYTES, RECORDS], ids=["bytes", "records"])
def test_what_was_written_comes_back_in_another_object_too(opened, rows):
    sink = opened(rows.schema)
    sink.write(rows, step(0, 4))
    for one in (sink, opened(rows.schema)):
        assert read(one, rows.schema).equals(rows)
    some = [rows.schema.names[0], "_stillwell"]
    assert read(sink, rows.schema, some).equals(rows.select(some))


def test_payload_and_key_are_verbatim_and_headers_say_whence_and_why(opened, kafka, topic):
    opened(LETTERS).write(BYTES, step(0, 4))
    found = outside.messages(kafka, topic)
    assert [message.value() for message in found] == BYTES["payload"].to_pylist()
    assert [message.key() for message in found] == BYTES["key"].to_pylist()
    headers = [dict(message.headers()) for message in found]
    assert json.loads(headers[0].pop("stillwell.reasons")) == WHY
    assert headers[0] == {
        "stillwell.topic": b"sensor-topic",
        "stillwell.partition": b"0",
        "stillwell.offset": b"0",
        "stillwell.contract": b"readings",
        "stillwell.version": b"1.2.0",
        "stillwell.rules": b"temperature.range,temperature.range,id",
    }
    assert headers[1]["stillwell.ingest_time"] == b"2026-01-02T03:04:05.000678Z"


def test_typed_records_are_json(opened, kafka, topic):
    opened(TYPED).write(RECORDS, step(0, 4))
    values = [message.value() for message in outside.messages(kafka, topic)]
    assert json.loads(values[0]) == {"id": 1, "raw": None, "raw_base64": "/wA=", "tags": ["a", None]}
    assert values[2] is None


def test_letters_of_somebody_else_are_rows_that_nobody_declared(opened, kafka, topic):
    sink = opened(LETTERS)
    sink.write(BYTES, step(0, 4))
    outside.send(kafka, topic, b"theirs", headers={"stillwell.offset": b"many", "stillwell.reasons": b"[{"})
    row = read(sink, LETTERS).to_pylist()[-1]
    assert (row["payload"], row["reasons"]) == (b"theirs", None)
    assert set(row["_stillwell"].values()) == {None}


def test_accepted_rows_are_no_letters():
    assert are_letters(LETTERS)
    assert are_letters(TYPED)
    assert not are_letters(SCHEMA)
    assert not are_letters(LETTERS.append(pa.field("more", pa.string())))


def test_no_letters_move_the_mark_too(opened):
    sink = opened(LETTERS)
    sink.write(LETTERS.empty_table(), step(0, 10))
    assert (dict(sink.marks()), list(sink.rows())) == ({"stillwell/test/source/0": 10}, [])
