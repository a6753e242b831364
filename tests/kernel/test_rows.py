"""The rows that come out stand in the order of the batch, with what traces them back."""

from __future__ import annotations

import pyarrow as pa

from tests.kernel.records import batch, judge, reasons

REST = "fields: {a: {type: integer, max: 5, warn: {max: 3}}, b: {type: array, items: {type: integer}}}"
RECORDS = [b'{"a": 1}', b'{"a": 9}', b'{"a": 4}', b'{"a": 2, "b": [1]}', b"x", b'{"a": 3}']


def offsets(rows):
    return [row["offset"] for row in rows["_stillwell"].to_pylist()]


def test_accepted_rows_of_both_ways_and_quarantined_rows_keep_the_order_of_the_batch():
    for rest in (REST, REST.split(", b:", maxsplit=1)[0] + "}"):
        judged = judge(rest, RECORDS)
        assert offsets(judged.accepted) == [0, 2, 3, 5]
        assert judged.accepted["a"].to_pylist() == [1, 4, 2, 3]
        assert offsets(judged.quarantined) == [1, 4]
        assert [row["warnings"] and row["warnings"][0]["rule"] for row in judged.accepted["_stillwell"].to_pylist()] == [
            None, "a.warn.range", None, None,
        ]  # fmt: skip


def test_what_is_shown_of_a_payload_is_its_beginning():
    seen = [
        one["seen"]
        for one in reasons(judge(REST, [b"x" * 500, "é".encode() * 300, b"\xff\x00" + b"y" * 500, None, b""]))
    ]
    assert seen == ["x" * 200, "é" * 200, "\\xff\x00" + "y" * 195, None, ""]


def test_slices_and_chunks_of_a_batch_are_read_like_any_other():
    table = pa.concat_tables([batch(RECORDS), batch(RECORDS)]).slice(1, 9)
    judged = judge(REST, table)
    assert judged.read == 9
    assert offsets(judged.accepted) == [2, 3, 5, 0, 2, 3]
    assert judged.quarantined["payload"].to_pylist() == [RECORDS[1], RECORDS[4], RECORDS[1]]
