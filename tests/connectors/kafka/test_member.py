"""Members of a group: they come and go, and each record is read by one of them."""

from __future__ import annotations

import time

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition

from stillwell.delivery.again import read_again
from tests.connectors.kafka.stage import Peer, admin, create, numbers, produce, source, steps
from tests.connectors.suite import intent


def test_members_share_and_each_record_comes_once(kafka, topic, tmp_path):
    create(kafka, topic, 4)
    for partition in range(4):
        produce(kafka, topic, numbers(200), partition)
    marks = {}
    one = Peer(kafka, topic, tmp_path, marks)
    steps([one], lambda: len(one.told) >= 300)
    assert one.source.partitions == {0, 1, 2, 3}
    two = Peer(kafka, topic, tmp_path, marks)
    steps([one, two], lambda: two.source.partitions and len(one.source.partitions) == 2)
    assert one.source.partitions | two.source.partitions == {0, 1, 2, 3}
    assert one.lost[:1] == [False]
    steps([one, two], lambda: len(one.told) + len(two.told) >= 800)
    assert sorted(one.told + two.told) == sorted((p, n, b"%d" % n) for p in range(4) for n in range(200))
    # One leaves: the other takes over, from the marks.
    one.commit()
    one.source.close()
    before = len(two.told)
    for partition in range(4):
        produce(kafka, topic, [b"200"], partition)
    steps([two], lambda: len(two.told) == before + 4)
    assert sorted(two.told[before:]) == [(partition, 200, b"200") for partition in range(4)]
    assert len(two.source.partitions) == 4
    two.source.close()


def test_who_is_busy_stays_a_member_and_misses_nothing(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    produce(kafka, topic, numbers(500))
    one = Peer(kafka, topic, tmp_path, {})
    steps([one], lambda: one.told)
    produce(kafka, topic, numbers(500), 1)
    for _ in range(3):
        one.source.idle()
        time.sleep(0.1)
    assert not one.lost
    steps([one], lambda: len(one.told) >= 1000)
    assert sorted(one.told) == [(partition, n, b"%d" % n) for partition in range(2) for n in range(500)]
    # Others are let in meanwhile.
    two = Peer(kafka, topic, tmp_path, one.marks)
    until = time.monotonic() + 20
    while not one.lost and time.monotonic() < until:
        one.source.idle()
        two.step()
    assert one.lost == [False]
    one.source.close()
    two.source.close()


def test_what_was_committed_is_told_to_the_group(kafka, topic, tmp_path):
    create(kafka, topic, 1)
    produce(kafka, topic, numbers(20))
    one = Peer(kafka, topic, tmp_path, {})
    steps([one], lambda: len(one.told) == 20)
    one.commit()

    asked = [ConsumerGroupTopicPartitions(topic, [TopicPartition(topic, 0)])]
    until, told = time.monotonic() + 5, -1
    while told != 20 and time.monotonic() < until:
        one.step()
        told = admin(kafka).list_consumer_group_offsets(asked)[topic].result().topic_partitions[0].offset
    assert told == 20
    one.source.close()


def test_who_was_away_too_long_has_lost_its_partitions(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    quick = {"config": {"session.timeout.ms": 1500, "max.poll.interval.ms": 1500, "heartbeat.interval.ms": 300}}
    one = Peer(kafka, topic, tmp_path, {}, **quick)
    steps([one], lambda: one.taken)
    time.sleep(2.6)
    one.step()
    assert one.lost == [True]
    steps([one], lambda: one.taken == 2)
    one.source.close()


def test_a_member_that_did_not_join_reads_all_again(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    for partition in range(2):
        produce(kafka, topic, numbers(30), partition)
    found = source(kafka, topic, tmp_path, group="audit-" + topic)
    found.open()
    assert sorted(read_again(found, intent(10, 20, partition=1))["offset"].to_pylist()) == list(range(10, 20))
    found.close()


def test_who_has_to_wait_for_the_group_says_so(kafka, topic, tmp_path):
    create(kafka, topic, 1)
    one = Peer(kafka, topic, tmp_path, {})
    assert one.source.waits == f"group {topic} deals its partitions out anew"
    steps([one], lambda: one.taken)
    assert one.source.waits == ""
    two = Peer(kafka, topic, tmp_path, {})
    steps([one, two], lambda: two.taken and one.taken == 2)
    waits = f"group {topic} has no partition for this process: others have them all"
    assert sorted([one.source.waits, two.source.waits]) == ["", waits]
    one.source.close()
    two.source.close()
