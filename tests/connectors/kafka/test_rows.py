"""Rows as messages: what a consumer sees of them, and that values of every type come back."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa

from stillwell.kernel.base import ACCEPTED_TRACE
from tests.connectors.kafka import outside
from tests.connectors.suite import SCHEMA, rows, step

ODD = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.float64()),
        ("whole", pa.int64()),
        ("clock", pa.time64("us")),
        ("price", pa.decimal128(38, 10)),
        ("local", pa.timestamp("us")),
        ("inside", pa.struct([("list", pa.list_(pa.struct([("at", pa.date32()), ("raw", pa.binary())])))])),
        ("_stillwell", ACCEPTED_TRACE),
    ]
)
VALUES = [
    ("\u2028 \u0000 \r\n\"\\ é 🜁", 0.1 + 0.2, 2**63 - 1, dt.time(23, 59, 59, 999999), Decimal("-1.5"), None, None),
    ("", -0.0, -(2**63), dt.time(0), Decimal("9" * 28 + ".0000000001"), dt.datetime(1, 1, 1), {"list": None}),
    (None, 5e-324, 0, None, None, dt.datetime(9999, 12, 31, 23, 59, 59), {"list": []}),
    ("null", 1.7976931348623157e308, None, None, None, None, {"list": [None, {"at": dt.date(2026, 1, 1), "raw": b"\xff"}]}),
]  # fmt: skip


def odd():
    origin = {"topic": "t", "partition": 0, "contract": "c", "version": "1.0.0"}
    found = [
        dict(zip(ODD.names, values, strict=False)) | {"_stillwell": {**origin, "offset": offset}}
        for offset, values in enumerate(VALUES)
    ]
    return pa.Table.from_pylist(found, ODD)


def test_values_of_every_type_come_back(opened):
    sink = opened(ODD)
    sink.write(odd(), step(0, 4))
    assert pa.Table.from_batches(list(sink.rows())).cast(ODD).equals(odd())


def test_a_message_is_the_record_as_json_and_its_header_says_where_it_came_from(opened, kafka, topic):
    opened(key="sensor").write(rows(0, 4), step(0, 4))
    message = outside.messages(kafka, topic)[0]
    value = json.loads(message.value())
    assert list(value) == [name for name in SCHEMA.names if name != "_stillwell"] + ["payload_base64"]
    assert (value["at"], value["price"], value["payload"]) == ("2026-01-01T00:00:00.000000Z", "0.05", '{"a": 1}')
    assert message.key().decode() == value["sensor"]
    ((name, told),) = message.headers()
    trace = json.loads(told)
    assert (name, trace["topic"], trace["partition"], trace["offset"]) == ("stillwell", "t", 0, 0)
    assert trace["warnings"][0]["rule"] == "r"


def test_messages_of_somebody_else_are_rows_that_nobody_declared(opened, kafka, topic):
    sink = opened()
    sink.write(rows(0, 2), step(0, 2))
    outside.send(kafka, topic, b"no json", headers={"stillwell": b"no json"})
    outside.send(kafka, topic, None)
    found = pa.Table.from_batches(list(sink.rows())).to_pylist()
    assert [row["count"] for row in found] == [0, 1, None, None]
    assert [row["_stillwell"]["offset"] for row in found] == [0, 1, None, None]


def test_rows_without_a_trace_have_no_header(opened, kafka, topic):
    plain = rows(0, 3).select(["sensor", "count"])
    sink = opened(plain.schema)
    sink.write(plain, step(0, 3))
    assert outside.messages(kafka, topic)[0].headers() is None
    assert pa.Table.from_batches(list(sink.rows())).cast(plain.schema).equals(plain)
