"""Transactions of one producer: all or nothing, with the cause where it is nothing."""

from __future__ import annotations

import os

import pytest
from confluent_kafka import KafkaException

from stillwell.connectors.kafka.access import Access
from stillwell.connectors.kafka.client import Cluster
from stillwell.connectors.kafka.transaction import DEFAULTS, Hand
from tests.connectors.kafka import outside
from tests.connectors.suite import place


@pytest.fixture
def hand(kafka, topic, tmp_path):
    """Makes a hand of the same transactional id, taken."""
    outside.create(kafka, topic)
    made = []

    def make(limit=30.0, **keys):
        cluster = Cluster(Access(brokers=kafka.address), place(tmp_path))
        made.append(Hand(cluster, topic, {**DEFAULTS, **keys}, limit, lambda: None))
        made[-1].take()
        return made[-1]

    yield make
    for one in made:
        one.let_go()


def small(count):
    return [(None, b"%d" % number, []) for number in range(count)]


def seen(kafka, topic):
    return [message.value() for message in outside.messages(kafka, topic)]


def test_messages_and_what_comes_last_are_committed_together(hand, kafka, topic):
    one = hand()
    for _ in range(2):
        one.commit(topic, small(3), [(topic, b"key", b"last")])
    assert seen(kafka, topic) == [b"0", b"1", b"2", b"last"] * 2


def test_a_queue_that_is_full_is_waited_for(hand, kafka, topic):
    hand(**{"queue.buffering.max.messages": 100}).commit(topic, small(5000), [])
    assert len(seen(kafka, topic)) == 5000


def test_of_a_message_that_is_refused_in_the_middle_the_cause_is_told_and_nothing_stays(hand, kafka, topic):
    one = hand(**{"linger.ms": 0, "batch.num.messages": 10})
    broken = [*small(2000), (None, os.urandom(2_000_000), []), *small(200_000)]
    with pytest.raises(KafkaException) as caught:
        one.commit(topic, broken, [])
    assert caught.value.args[0].name() == "MSG_SIZE_TOO_LARGE"
    assert seen(kafka, topic) == []


def test_who_is_taken_over_commits_nothing(hand, kafka, topic):
    old, new = hand(), hand()
    new.commit(topic, small(1), [])
    with pytest.raises(KafkaException) as caught:
        old.commit(topic, small(3), [])
    assert caught.value.args[0].name() == "_FENCED"
    new.commit(topic, small(1), [])
    assert seen(kafka, topic) == [b"0", b"0"]
