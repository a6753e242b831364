"""Records arrive as they are, under their keys, in a topic that is made where it is missing."""

from __future__ import annotations

import time

import confluent_kafka
import pyarrow as pa
import pytest

from stillwell.connectors.base import Place
from stillwell.connectors.kafka import Producer
from stillwell.errors import ConnectorError
from tests.services import running

BATCH = pa.table(
    {
        "payload": pa.array([b"one", b"", None, b"\xff"], pa.binary()),
        "key": pa.array([b"a", None, b"c", b""], pa.binary()),
        "fault": pa.array(["null", None, "late", None]),
    }
)


def producer(address, topic, folder, **told):
    return Producer(Producer.Options(brokers=address, topic=topic, **told), Place("test", folder, folder))


def arrived(kafka, topic, count):
    consumer = confluent_kafka.Consumer({"bootstrap.servers": kafka.address, "group.id": "look"})
    parts = consumer.list_topics(topic, 10).topics[topic].partitions
    start = confluent_kafka.OFFSET_BEGINNING
    consumer.assign([confluent_kafka.TopicPartition(topic, number, start) for number in parts])
    found, until = [], time.monotonic() + 30
    while len(found) < count and time.monotonic() < until:
        found += consumer.consume(count, 0.2)
    consumer.close()
    return len(parts), found


def test_payloads_keys_and_headers_arrive_verbatim(kafka, topic, tmp_path):
    made = producer(kafka.address, topic, tmp_path, partitions=3)
    made.send(BATCH, {"fault": "fault"})
    made.flush()
    parts, found = arrived(kafka, topic, 4)
    assert parts == 3
    assert sorted(repr((one.value(), one.key(), one.headers())) for one in found) == sorted(
        map(
            repr,
            [
                (b"one", b"a", [("fault", b"null")]),
                (b"", None, None),
                (None, b"c", [("fault", b"late")]),
                (b"\xff", b"", None),
            ],
        )
    )


def test_a_topic_that_is_there_is_left_as_it_is(kafka, topic, tmp_path):
    producer(kafka.address, topic, tmp_path, partitions=2).flush()
    with pytest.raises(ConnectorError, match="has 2 partitions instead of 5"):
        producer(kafka.address, topic, tmp_path, partitions=5)
    again = producer(kafka.address, topic, tmp_path)
    again.send(BATCH.select(["payload"]))
    again.flush()
    assert arrived(kafka, topic, 4)[0] == 2


def test_a_cluster_that_is_gone_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr("stillwell.connectors.kafka.produce.PATIENCE", 2.0)
    with running("kafka", tmp_path / "broker", tls=False) as mine:
        made = producer(mine.address, "t", tmp_path)
        mine.stop()
        made.send(BATCH)
        with pytest.raises(ConnectorError, match="does not take records"):
            made.flush()
