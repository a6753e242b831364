"""The Kafka sink: what every sink must hold, and what is true of it beyond that."""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import pytest
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from pydantic import ValidationError

from stillwell.connectors.kafka.sink import Sink
from stillwell.delivery.forgotten import ANY, NOTHING
from stillwell.delivery.outcomes import OUTCOMES
from stillwell.delivery.slice import Advance
from stillwell.errors import ConnectorError
from stillwell.kernel.base import QUARANTINE_TRACE, REASON
from tests.connectors import suite
from tests.connectors.kafka import outside
from tests.connectors.suite import NAME, SCHEMA, build, offsets, rows, step
from tests.services import running

LETTERS = pa.schema(
    [("payload", pa.binary()), ("key", pa.binary()), ("reasons", pa.list_(REASON)), ("_stillwell", QUARANTINE_TRACE)]
)


def sink_options(kafka, topic, **more):
    return {"brokers": kafka.address, "topic": topic, **more}


def code(caught):
    return [problem.code for problem in caught.value.problems]


@pytest.mark.parametrize("check", suite.SINK_CHECKS, ids=lambda check: check.__name__)
def test_it_is_a_sink(check, kafka, topic, tmp_path):
    check(Sink, sink_options(kafka, topic), tmp_path)


@pytest.mark.parametrize("check", [suite.races, suite.survives_kills], ids=lambda check: check.__name__)
def test_it_is_durable(check, kafka, topic, tmp_path):
    check(Sink, sink_options(kafka, topic, transaction=1), tmp_path)


def test_check_makes_no_topic_and_says_what_would_be_made(kafka, topic, tmp_path):
    sink = build(Sink, sink_options(kafka, topic), tmp_path)
    assert sink.check(SCHEMA) == f"Kafka topic {topic} (new) at {kafka.address}"
    assert sink.check(LETTERS) == f"dead letters to Kafka topic {topic} (new) at {kafka.address}"
    assert sink.ledger().intents() == []
    assert not any(outside.exists(kafka, name) for name in (topic, f"{topic}.marks", f"{topic}.ledger"))


def test_rows_of_each_partition_move_its_own_mark(opened, kafka, topic):
    sink = opened(create={"partitions": 3})
    mixed = pa.concat_tables([rows(0, 6), _elsewhere(rows(6, 4), 1), _elsewhere(rows(10, 2), 7)])
    marks = {f"stillwell/test/source/{partition}": Advance(0, end) for partition, end in ((0, 6), (1, 4), (7, 2))}
    sink.write(mixed, marks)
    assert sink.marks() == {name: one.next for name, one in marks.items()}
    assert offsets(sink) == list(range(12))
    assert len({message.partition() for message in outside.messages(kafka, topic)}) > 1


def _elsewhere(table, partition):
    plain = table.to_pylist()
    for row in plain:
        row["_stillwell"]["partition"] = partition
    return pa.Table.from_pylist(plain, table.schema)


def test_a_field_can_be_the_key_and_equal_keys_share_a_partition(opened, kafka, topic):
    opened(key="count", create={"partitions": 5}).write(rows(0, 30), step(0, 30))
    found = outside.messages(kafka, topic)
    assert sorted(int(message.key()) for message in found) == list(range(30))
    opened(key="count").write(rows(0, 30), step(30, 60))
    places = {(message.key(), message.partition()) for message in outside.messages(kafka, topic)}
    assert len(places) == 30


@pytest.mark.parametrize(("key", "told"), [("sensr", "Did you mean `sensor`?"), ("nested", "plain value")])
def test_a_key_that_cannot_be_is_refused(kafka, topic, tmp_path, key, told):
    schema = SCHEMA.append(pa.field("nested", pa.list_(pa.string())))
    with pytest.raises(ConnectorError, match=told.replace("?", r"\?")) as caught:
        build(Sink, sink_options(kafka, topic, key=key), tmp_path).check(schema)
    assert code(caught) == ["bad-option"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"topic": "a/b"}, "no name of a topic"),
        ({"topic": ".."}, "no name of a topic"),
        ({"topic": "a", "marks": "a"}, "a topic of their own"),
        ({"topic": "a", "config": {"compression.type": "zstd"}}, "write `compression`"),
        ({"topic": "a", "config": {"message.max.bytes": 5}}, "cannot be set here: the sink relies on it"),
        ({"topic": "a", "config": {"transactional.id": "mine"}}, "cannot be set here"),
        ({"topic": "a", "create": {"partitions": 0}}, "greater than or equal to 1"),
    ],
)
def test_bad_options_are_refused(more, told):
    with pytest.raises(ValidationError, match=told):
        Sink.Options(brokers="b:1", **more)


def test_a_user_without_the_right_to_write_is_told_so(kafka, topic, tmp_path):
    build(Sink, sink_options(kafka, topic), tmp_path).open(SCHEMA)
    where = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{kafka.user}", "*")
    for operation in (AclOperation.READ, AclOperation.DESCRIBE, AclOperation.DESCRIBE_CONFIGS):
        acl = AclBinding(*where, operation, AclPermissionType.ALLOW)
        outside.admin(kafka).create_acls([acl])[acl].result()
    sasl = {"mechanism": "scram-sha-256", "user": kafka.user, "password": kafka.password}
    options = {"brokers": kafka.scram_address, "topic": topic, "tls": {"ca": str(kafka.tls.ca)}, "sasl": sasl}
    sink = build(Sink, options, tmp_path)
    sink.open(SCHEMA)
    with pytest.raises(ConnectorError, match=f"Topic {topic}") as caught:
        sink.write(rows(0, 5), step(0, 5))
    assert code(caught) == ["refused"]
    assert "Give this user the right" in str(caught.value)
    assert kafka.password not in str(caught.value) + repr(sink) + repr(Sink.Options(**options))
    sink.close()


def test_what_retention_took_is_told_by_the_first_rows_that_are_left(opened, kafka, topic):
    sink = opened()
    assert sink.forgotten() == NOTHING
    for start in (0, 10, 20):
        sink.write(rows(start, 10), step(start, start + 10))
    assert sink.forgotten() == NOTHING
    outside.forget(kafka, topic, {0: 15})
    kept = offsets(sink)
    assert 0 < len(kept) < 30
    forgotten = sink.forgotten()
    assert (forgotten.most, forgotten.below(0), forgotten.below(1)) == (15, kept[0], ANY)


def test_what_lies_beside_is_kept_for_ever_however_the_rows_are(opened, kafka, topic):
    sink = opened(create={"config": {"retention.ms": 60_000}}).beside("outcomes")
    sink.open(OUTCOMES)
    assert outside.settings(kafka, topic)["retention.ms"] == "60000"
    found = outside.settings(kafka, f"{topic}.outcomes")
    assert (found["retention.ms"], found["retention.bytes"]) == ("-1", "-1")
    outside.set_to(kafka, f"{topic}.outcomes", "retention.ms", "60000")
    with pytest.raises(ConnectorError, match="would forget") as caught:
        sink.check(OUTCOMES)
    assert code(caught) == ["not-supported"]
    sink.close()


def test_a_topic_that_is_deleted_while_it_is_written_is_one_clear_error(opened, kafka, topic):
    sink = opened()
    sink.write(rows(0, 5), step(0, 5))
    outside.delete(kafka, topic)
    began = time.monotonic()
    with pytest.raises(ConnectorError, match=f"Topic {topic} was deleted") as caught:
        sink.write(rows(5, 5), step(5, 10))
    assert code(caught) == ["no-topic"]
    assert time.monotonic() - began < 10
    assert not outside.exists(kafka, topic)


def test_a_message_that_is_too_large_names_its_record_and_the_fix(opened, kafka, topic):
    outside.create(kafka, topic, **{"max.message.bytes": "20000"})
    sink = opened(LETTERS)
    with pytest.raises(ConnectorError) as caught:
        sink.write(_letters(30_000), step(0, 3))
    assert code(caught) == ["too-large"]
    assert "20,000 bytes" in str(caught.value)
    assert "record t/0/1" in str(caught.value)
    assert sink.marks() == {}
    needed = str(caught.value).partition("max.message.bytes=")[2].partition("`")[0]
    outside.set_to(kafka, topic, "max.message.bytes", needed)
    sink.write(_letters(30_000), step(0, 3))
    assert [len(message.value()) for message in outside.messages(kafka, topic)] == [10, 30_000, 20]


def _letters(size):
    # Bytes that no compression makes fewer.
    noise = bytes(x * x % 251 ^ (x * 7919 >> 5) & 255 for x in range(size))
    trace = {"topic": "t", "partition": 0, "ingest_time": None, "contract": "c", "version": "1.0.0"}
    found = [
        {"payload": noise[:end], "key": None, "reasons": [], "_stillwell": {**trace, "offset": offset}}
        for offset, end in enumerate((10, size, 20))
    ]
    return pa.Table.from_pylist(found, LETTERS)


def test_brokers_that_are_away_are_waited_for_as_long_as_a_transaction_may_take(tmp_path):
    with running("kafka", tmp_path / "broker") as mine:
        sink, hasty = (build(Sink, sink_options(mine, "readings", transaction=limit), tmp_path) for limit in (30, 1))
        other = f"{NAME}1"
        for one, name in ((sink, NAME), (hasty, other)):
            one.open(SCHEMA)
            one.write(rows(0, 5), step(0, 5, name))
        mine.stop()
        began = time.monotonic()
        with pytest.raises(ConnectorError) as caught:
            hasty.write(rows(5, 5), step(5, 10, other))
        assert code(caught) == ["unreachable"]
        assert f"Broker {mine.address}" in str(caught.value)
        assert time.monotonic() - began < 10
        later = threading.Timer(0.5, mine.start)
        later.start()
        sink.write(rows(5, 5), step(5, 10))
        later.join()
        hasty.write(rows(5, 5), step(5, 10, other))
        assert sink.marks() == {NAME: 10, other: 10}
        assert offsets(sink) == sorted([*range(10), *range(10)])
        for one in (sink, hasty):
            one.close()
