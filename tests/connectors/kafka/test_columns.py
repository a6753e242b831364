"""What a batch of messages holds beside the payload."""

from __future__ import annotations

import datetime as dt

from tests.connectors.kafka.stage import count, create, opened, produce, read, source


def table(found):
    (chunk,) = (one for one in read(found, count(1)) if len(one.table))
    found.close()
    return chunk.table


def test_keys_tombstones_and_empty_payloads_stay_what_they_are(kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, [(b"a", b"k", None), (None, b"k", None), (b"", b"", None), (b"\xff\x00", None, None)])
    found = table(opened(kafka, topic, tmp_path))
    assert found.to_pydict() == {
        "partition": [0] * 4,
        "offset": [0, 1, 2, 3],
        "payload": [b"a", None, b"", b"\xff\x00"],
        "key": [b"k", b"k", b"", None],
        "topic": [topic] * 4,
    }


def test_headers_come_when_they_are_asked_for(kafka, topic, tmp_path):
    create(kafka, topic)
    twice = [("trace", b"1"), ("trace", b"2"), ("other", b"\xff")]
    produce(kafka, topic, [(b"a", None, twice), (b"b", None, None), (b"c", None, [("trace", None)])])
    found = source(kafka, topic, tmp_path)
    found.ask({"header.trace", "header.other"})
    found.open()
    found.seek({})
    columns = table(found).to_pydict()
    assert columns["header.trace"] == [b"2", None, None]
    assert columns["header.other"] == [b"\xff", None, None]
    assert "key" not in columns
    assert "topic" not in columns


def test_the_time_is_told_only_where_the_broker_stamped_it(kafka, topic, tmp_path):
    create(kafka, topic, message_timestamp_type="LogAppendTime")
    create(kafka, topic + "-own")
    produce(kafka, topic, [b"a"])
    produce(kafka, topic + "-own", [b"a"])
    (stamp,) = table(opened(kafka, topic, tmp_path))["ingest_time"].to_pylist()
    assert abs(dt.datetime.now(dt.UTC) - stamp) < dt.timedelta(minutes=1)
    assert "ingest_time" not in table(opened(kafka, topic + "-own", tmp_path)).column_names


def test_several_topics_are_told_apart(kafka, topic, tmp_path):
    for name in ("a", "b"):
        create(kafka, f"{topic}-{name}", 2)
        produce(kafka, f"{topic}-{name}", [name.encode()] * 3, 1)
    found = opened(kafka, [f"{topic}-a", f"{topic}-b"], tmp_path, until="end")
    rows = [row for chunk in read(found, count(99)) for row in chunk.table.to_pylist()]
    assert {(row["topic"], row["payload"]) for row in rows} == {(f"{topic}-a", b"a"), (f"{topic}-b", b"b")}
    assert len({row["partition"] for row in rows}) == 2
    assert len(rows) == 6
    found.close()
