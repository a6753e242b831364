"""What is read of a partition: every record once, whatever holes, gaps, codecs and sizes there are."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import TopicPartition

from stillwell.delivery.again import PATIENCE, read_again
from stillwell.delivery.slice import Gap, Position
from stillwell.errors import ConnectorError
from tests.connectors.kafka.stage import (
    admin,
    count,
    create,
    numbers,
    opened,
    payloads,
    produce,
    producer,
    read,
    records,
)
from tests.connectors.suite import intent


def cut(kafka, topic, before, partition=0):
    """Delete what lies before an offset, as retention does."""
    for one in admin(kafka).delete_records([TopicPartition(topic, partition, before)]).values():
        one.result()


def transaction(kafka, topic, values, *, commit):
    sender = producer(kafka, transactional_id=topic)
    sender.init_transactions()
    sender.begin_transaction()
    for value in values:
        sender.produce(topic, value, partition=0)
    sender.flush()
    if commit:
        sender.commit_transaction()
    else:
        sender.abort_transaction()
    return sender


def test_retention_that_overtook_us_is_a_gap(kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, numbers(30))
    cut(kafka, topic, 20)
    chunks = read(opened(kafka, topic, tmp_path, {0: Position(5)}, until="end"), count(99))
    assert payloads(chunks) == numbers(10, 20)
    assert [gap for chunk in chunks for gap in chunk.gaps] == [Gap(0, 5, 20)]


def test_what_retention_took_altogether_is_not_waited_for(kafka, topic, tmp_path):
    """An audit reads again what an intent was about: here nothing is left of it, and nothing comes after it."""
    create(kafka, topic)
    produce(kafka, topic, numbers(30))
    cut(kafka, topic, 30)
    began = time.monotonic()
    found = opened(kafka, topic, tmp_path)
    again = read_again(found, intent(5, 20))
    assert len(again) == 0
    assert time.monotonic() - began < PATIENCE / 2
    found.close()


def test_while_it_reads_too(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    produce(kafka, topic, numbers(10))
    found = opened(kafka, topic, tmp_path)
    assert payloads(read(found, count(10))) == numbers(10)
    # Nobody asks for these before they are gone.
    held = found._busy.acquire()
    found._consumer.assign([])
    produce(kafka, topic, numbers(20, 10))
    cut(kafka, topic, 25)
    found._reading._assign()
    found._busy.release()
    assert held
    produce(kafka, topic, [b"other"], 1)
    chunks = read(found, count(6))
    assert sorted(payloads(chunks)) == [*numbers(5, 25), b"other"]
    assert [gap for chunk in chunks for gap in chunk.gaps] == [Gap(0, 10, 25)]
    found.close()


def test_what_was_gone_before_the_first_start_is_no_gap(kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, numbers(10))
    cut(kafka, topic, 4)
    chunks = read(opened(kafka, topic, tmp_path, until="end"), count(99))
    assert payloads(chunks) == numbers(6, 4)
    assert not any(chunk.gaps for chunk in chunks)


def test_a_topic_that_ends_before_what_was_read_is_an_error(kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, numbers(3))
    found = opened(kafka, topic, tmp_path, {0: Position(50)})
    with pytest.raises(ConnectorError, match="goes on at offset 50, but the topic ends at 3") as caught:
        read(found, count(1))
    assert caught.value.problems[0].code == "offset-beyond-end"
    found.close()


def test_aborted_records_are_not_seen_and_do_not_hold_up(kafka, topic, tmp_path):
    create(kafka, topic)
    transaction(kafka, topic, numbers(3), commit=True)
    transaction(kafka, topic, [b"aborted"] * 5, commit=False)
    found = opened(kafka, topic, tmp_path, until="end")
    chunks = read(found, count(99))
    assert records(chunks) == [(0, 0, b"0"), (0, 1, b"1"), (0, 2, b"2")]
    assert chunks[-1].ends == {0: Position(10)}
    # An intent may end behind offsets that hold no record.
    began = time.monotonic()
    live = opened(kafka, topic, tmp_path)
    assert len(read_again(live, intent(0, 10))) == 3
    assert time.monotonic() - began < 5
    live.close()
    uncommitted = opened(kafka, topic, tmp_path, until="end", isolation="read_uncommitted")
    assert payloads(read(uncommitted, count(99))) == [*numbers(3), *[b"aborted"] * 5]


def test_an_open_transaction_is_no_end_to_wait_for(kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, numbers(2))
    sender = producer(kafka, transactional_id=topic)
    sender.init_transactions()
    sender.begin_transaction()
    sender.produce(topic, b"open", partition=0)
    sender.flush()
    assert payloads(read(opened(kafka, topic, tmp_path, until="end"), count(99))) == numbers(2)
    found = opened(kafka, topic, tmp_path)
    assert payloads(read(found, count(2))) == numbers(2)
    sender.commit_transaction()
    assert payloads(read(found, count(1))) == [b"open"]
    found.close()


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read(codec, kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, [b"x" * 10_000, *numbers(50)], compression_type=codec)
    assert payloads(read(opened(kafka, topic, tmp_path, until="end"), count(99))) == [b"x" * 10_000, *numbers(50)]


def test_records_larger_than_what_is_fetched_at_once_come_whole_and_one_by_one(kafka, topic, tmp_path):
    create(kafka, topic, max_message_bytes=20_000_000)
    large = [bytes([65 + n]) * 3_000_000 for n in range(6)]
    produce(kafka, topic, [b"small", *large], message_max_bytes=10_000_000)
    found = opened(kafka, topic, tmp_path, until="end", buffer=1 << 20)
    chunks = read(found, count(99))
    assert payloads(chunks) == [b"small", *large]
    found.close()


def test_records_of_one_partition_stay_in_order_whatever_is_asked_for(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    for partition in range(2):
        produce(kafka, topic, numbers(5000), partition)
    found = opened(kafka, topic, tmp_path, until="end")
    chunks = []
    while not found.finished:
        chunk = found.read(7)
        if chunk is not None:
            assert len(chunk.table) <= 7
            chunks.append(chunk)
            if len(chunks) > 50:
                chunks += read(found, count(10_000 - sum(len(one.table) for one in chunks)))
    for partition in range(2):
        assert [offset for number, offset, _ in records(chunks) if number == partition] == list(range(5000))
    found.close()
