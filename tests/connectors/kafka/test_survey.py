"""Topics and partitions that come, go and come again while they are read."""

from __future__ import annotations

import re
import time

import pytest
from confluent_kafka.admin import NewPartitions

from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError
from tests.connectors.kafka.stage import (
    Peer,
    admin,
    count,
    create,
    numbers,
    opened,
    payloads,
    produce,
    read,
    records,
    steps,
)


def widen(kafka, topic, partitions):
    admin(kafka).create_partitions([NewPartitions(topic, partitions)])[topic].result()


def delete(kafka, topic):
    admin(kafka).delete_topics([topic])[topic].result()
    until = time.monotonic() + 5
    while topic in admin(kafka).list_topics(timeout=5).topics and time.monotonic() < until:
        time.sleep(0.02)


@pytest.mark.parametrize("start", ["earliest", "latest"])
def test_a_new_partition_is_read_from_its_beginning(start, kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, [b"old"])
    found = opened(kafka, topic, tmp_path, start=start)
    assert payloads(read(found, count(1))) == [b"old"] if start == "earliest" else found.read(9) is None
    widen(kafka, topic, 2)
    produce(kafka, topic, [b"new"], 1)
    produce(kafka, topic, [b"more"], 0)
    assert sorted(records(read(found, count(2)))) == [(0, 1, b"more"), (1, 0, b"new")]
    found.close()
    # One that came while nobody read is read from its beginning too.
    widen(kafka, topic, 3)
    produce(kafka, topic, [b"newest"], 2)
    again = opened(kafka, topic, tmp_path, start=start, partitions=[2], until="end")
    assert payloads(read(again, count(1))) == [b"newest"]
    again.close()


def test_what_comes_while_few_are_read_again_waits_for_its_turn(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    for partition in range(2):
        produce(kafka, topic, [b"old"], partition)
    found = opened(kafka, topic, tmp_path, start="latest")
    produce(kafka, topic, [b"due"], 1)
    found.seek_only({0: Position(0)})
    widen(kafka, topic, 3)
    produce(kafka, topic, [b"new"], 2)
    until = time.monotonic() + 5
    while len(found._numbering.all()) < 3 and time.monotonic() < until:
        assert found.read(10) is None
    found.seek({})
    assert sorted(records(read(found, count(2)))) == [(1, 1, b"due"), (2, 0, b"new")]
    found.close()


def test_a_member_gets_new_partitions_from_its_group(kafka, topic, tmp_path):
    create(kafka, topic)
    one = Peer(kafka, topic, tmp_path, {})
    steps([one], lambda: one.source.partitions == {0})
    widen(kafka, topic, 2)
    produce(kafka, topic, [b"new"], 1)
    steps([one], lambda: one.told)
    assert one.told == [(1, 0, b"new")]
    one.source.close()


@pytest.mark.parametrize("shared", [False, True])
def test_topics_that_match_are_found_as_they_come(shared, kafka, topic, tmp_path):
    create(kafka, f"{topic}-1")
    produce(kafka, f"{topic}-1", numbers(2))
    pattern = f"^{re.escape(topic)}-.*"
    if shared:
        one = Peer(kafka, pattern, tmp_path, {})
        steps([one], lambda: len(one.told) == 2)
    else:
        found = opened(kafka, pattern, tmp_path)
        told = records(read(found, count(2)))
    create(kafka, f"{topic}-2")
    produce(kafka, f"{topic}-2", [b"second"])
    if shared:
        steps([one], lambda: len(one.told) == 3)
        told, found = one.told, one.source
    else:
        told += records(read(found, count(1)))
    assert [payload for _, _, payload in told] == [*numbers(2), b"second"]
    assert len({number for number, _, _ in told}) == 2
    assert found.identity.endswith(pattern)
    found.close()


def test_a_deleted_topic_is_one_clear_error(kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, numbers(3))
    found = opened(kafka, topic, tmp_path)
    assert payloads(read(found, count(3))) == numbers(3)
    delete(kafka, topic)
    with pytest.raises(ConnectorError, match=f"Topic `{topic}` was deleted while it was read") as caught:
        read(found, count(1))
    assert caught.value.problems[0].code == "topic-gone"
    found.close()


def test_one_created_again_is_another_topic(kafka, topic, tmp_path):
    create(kafka, topic)
    produce(kafka, topic, numbers(3))
    found = opened(kafka, topic, tmp_path)
    assert payloads(read(found, count(3))) == numbers(3)
    identity = found.identity
    delete(kafka, topic)
    create(kafka, topic)
    produce(kafka, topic, [b"another"] * 9)
    with pytest.raises(ConnectorError, match="deleted and created again"):
        read(found, count(1))
    found.close()
    again = opened(kafka, topic, tmp_path)
    assert again.identity != identity
    again.close()


def test_a_matching_topic_may_go(kafka, topic, tmp_path):
    for name in ("1", "2"):
        create(kafka, f"{topic}-{name}")
    found = opened(kafka, f"^{topic}-", tmp_path)
    delete(kafka, f"{topic}-1")
    until = time.monotonic() + 5
    while len(found._numbering.all()) > 1 and time.monotonic() < until:
        found.read(10)
    produce(kafka, f"{topic}-2", [b"still"])
    assert payloads(read(found, count(1))) == [b"still"]
    found.close()
