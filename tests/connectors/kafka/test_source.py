"""The Kafka source: what every source must hold, alone and as a member of a group."""

from __future__ import annotations

import threading
import time

import pytest
from confluent_kafka.admin import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from stillwell.connectors.base import Informed, Shared
from stillwell.connectors.kafka import Source
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError
from tests.connectors import suite
from tests.connectors.kafka.stage import (
    admin,
    count,
    create,
    numbers,
    opened,
    payloads,
    produce,
    read,
    records,
    source,
)
from tests.services import running


@pytest.mark.parametrize("check", suite.SOURCE_CHECKS, ids=lambda check: check.__name__)
def test_it_is_a_source(check, kafka, topic, tmp_path):
    create(kafka, topic, 3)
    for partition in range(3):
        produce(kafka, topic, suite.PAYLOADS[partition::3], partition)
    check(Source, {"brokers": kafka.address, "topic": topic, "until": "end"}, tmp_path)


def test_it_says_what_it_reads(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    produce(kafka, topic, numbers(5))
    made = source(kafka, topic, tmp_path)
    assert f"topic {topic} (2 partitions, about 5 records) of cluster {kafka.cluster}" in made.check()
    made.open()
    assert made.identity.startswith(f"kafka:{kafka.cluster}/")
    made.close()
    made.close()
    assert made.read(10) is None


def test_only_a_member_of_a_group_shares(kafka, topic, tmp_path):
    alone, member = source(kafka, topic, tmp_path), source(kafka, topic, tmp_path, group="g")
    assert not isinstance(alone, Shared)
    assert not isinstance(alone, Informed)
    assert isinstance(member, Shared)
    assert isinstance(member, Informed)
    assert isinstance(member, Source)


def test_only_the_partitions_that_are_told(kafka, topic, tmp_path):
    create(kafka, topic, 3)
    for partition in range(3):
        produce(kafka, topic, [b"%d" % partition], partition)
    assert sorted(records(read(opened(kafka, topic, tmp_path, partitions=[0, 2], until="end"), count(9)))) == [
        (0, 0, b"0"),
        (2, 0, b"2"),
    ]
    with pytest.raises(ConnectorError, match="has no partition 7"):
        source(kafka, topic, tmp_path, partitions=[0, 7]).check()
    found = opened(kafka, topic, tmp_path, until="end")
    found.seek_only({1: Position(0)})
    assert records(read(found, count(9))) == [(1, 0, b"1")]


def test_a_name_that_is_not_there_is_told_with_the_nearest(kafka, topic, tmp_path):
    create(kafka, topic)
    for attempt in ("check", "open"):
        with pytest.raises(ConnectorError, match=f"Did you mean `{topic}`") as caught:
            getattr(source(kafka, topic + "x", tmp_path), attempt)()
        assert caught.value.problems[0].code == "no-topic"
    assert topic + "x" not in admin(kafka).list_topics(timeout=5).topics


def test_lag_falls_to_nothing(kafka, topic, tmp_path):
    create(kafka, topic, 2)
    produce(kafka, topic, numbers(100))
    found = opened(kafka, topic, tmp_path, until="end")
    assert found.lag() is None
    seen = []
    while not found.finished:
        found.read(10)
        seen.append(found.lag())
    assert 90 in seen
    assert seen[-1] == 0
    found.close()


def test_a_reader_may_be_closed_from_another_thread(kafka, topic, tmp_path):
    create(kafka, topic)
    found = opened(kafka, topic, tmp_path)
    closer = threading.Timer(0.2, found.close)
    closer.start()
    end = time.monotonic() + 2
    while time.monotonic() < end:
        began = time.monotonic()
        assert found.read(10) is None
        assert time.monotonic() - began < 1
    closer.join()


def test_brokers_come_back_and_who_is_refused_then_is_told_why(tmp_path, topic, monkeypatch):
    monkeypatch.setattr("stillwell.connectors.kafka.source.REFUSED", 1.0)
    mechanism = ScramMechanism.SCRAM_SHA_256
    with running("kafka", tmp_path / "broker", tls=True) as mine:
        create(mine, topic)
        produce(mine, topic, numbers(10))
        user = UserScramCredentialUpsertion("anna", ScramCredentialInfo(mechanism, 4096), b"planted-secret")
        admin(mine).alter_user_scram_credentials([user])["anna"].result()
        sasl = {"mechanism": "scram-sha-256", "user": "anna", "password": "planted-secret"}
        found = opened(
            mine, topic, tmp_path, brokers=mine.scram_address, tls={"ca": str(mine.tls.ca)}, sasl=sasl, refresh=60
        )
        assert payloads(read(found, count(10))) == numbers(10)
        assert (found.waits, found.lag()) == ("", 0)
        mine.stop()
        began = time.monotonic()
        while not found.waits and time.monotonic() < began + 10:
            assert found.read(10) is None
        assert (found.waits, found.lag()) == (f"none of the brokers {mine.scram_address} answers", None)
        mine.start()
        produce(mine, topic, [b"later"])
        assert payloads(read(found, count(1), 20)) == [b"later"]
        assert (found.waits, found.lag()) == ("", 0)
        admin(mine).alter_user_scram_credentials([UserScramCredentialDeletion("anna", mechanism)])["anna"].result()
        mine.stop()
        mine.start()
        with pytest.raises(ConnectorError, match="does not accept this login: user `anna`") as caught:
            read(found, count(1), 20)
        assert "planted" not in str(caught.value)
        found.close()
