"""A topic as a sink reads it: everything that is committed, whatever else is open."""

from __future__ import annotations

import threading
import time

import pytest

from stillwell.connectors.kafka.access import Access
from stillwell.connectors.kafka.client import Cluster
from stillwell.connectors.kafka.store import Store
from stillwell.errors import ConnectorError
from tests.connectors.kafka import outside
from tests.connectors.suite import place


@pytest.fixture
def store(kafka, topic, tmp_path):
    return Store(Cluster(Access(brokers=kafka.address), place(tmp_path)), topic, 1.0)


def values(store):
    return [message.value() for batch in store.batches() for message in batch]


def test_a_topic_that_is_not_there_holds_nothing(store, kafka, topic):
    assert store.found() is None
    assert not store.holds()
    assert values(store) == []
    assert not outside.exists(kafka, topic)


def test_all_partitions_are_read_to_their_end_and_no_message_twice(store, kafka, topic):
    store.create(3, 1, {})
    sent = [b"%d" % number for number in range(30_000)]
    done = outside.open_transaction(kafka, topic, *((topic, one, one) for one in sent))
    done.commit_transaction(10)
    assert store.holds()
    assert sorted(values(store)) == sorted(sent)


def test_what_was_committed_behind_an_open_transaction_is_waited_for(store, kafka, topic):
    store.create(1, 1, {})
    first = outside.open_transaction(kafka, f"{topic}/1", (topic, None, b"first"))
    second = outside.open_transaction(kafka, f"{topic}/2", (topic, None, b"second"))
    second.commit_transaction(10)
    with pytest.raises(ConnectorError) as caught:
        values(store)
    assert caught.value.problems[0].code == "open-transaction"
    later = threading.Timer(0.5, first.abort_transaction)
    began = time.monotonic()
    later.start()
    assert values(store) == [b"second"]
    assert time.monotonic() - began > 0.5
    later.join()


def test_topics_are_made_once_and_what_brokers_refuse_is_said(store, kafka, topic):
    assert store.create(2, 1, {}) == store.create(5, 1, {}) == store.found()
    assert store.found().partitions == 2
    outside.delete(kafka, topic)
    for broken in ((1, 7, {}), (1, 1, {"cleanup.policy": "sometimes"})):
        with pytest.raises(ConnectorError, match=f"Topic {topic} was not created") as caught:
            store.create(*broken)
        assert caught.value.problems[0].code == "refused"
