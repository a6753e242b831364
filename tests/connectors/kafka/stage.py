"""What the tests of the Kafka source share: topics, messages, and a source to read them."""

from __future__ import annotations

import logging
import threading
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from stillwell.connectors.kafka import Source
from tests.connectors.suite import place
from tests.services import client

_QUIET = logging.getLogger("tests.kafka")
_QUIET.propagate = False
_QUIET.addHandler(logging.NullHandler())
_ADMINS: dict[str, AdminClient] = {}


def admin(kafka):
    """One for each broker: what is asked of one that is let go is never answered."""
    return _ADMINS.setdefault(kafka.address, AdminClient(client(kafka), logger=_QUIET))


def create(kafka, topic, partitions=1, **config):
    settings = {key.replace("_", "."): str(value) for key, value in config.items()}
    admin(kafka).create_topics([NewTopic(topic, partitions, 1, config=settings)])[topic].result()
    # The answer comes before every listener knows of it.
    until = time.monotonic() + 5
    while topic not in admin(kafka).list_topics(timeout=5).topics and time.monotonic() < until:
        time.sleep(0.02)


def producer(kafka, **config):
    return Producer({**client(kafka), **{key.replace("_", "."): value for key, value in config.items()}})


def produce(kafka, topic, values, partition=0, **config):
    """Append these payloads to one partition, or (payload, key, headers)."""
    sender = producer(kafka, **config)
    for one in values:
        value, key, headers = one if isinstance(one, tuple) else (one, None, None)
        sender.produce(topic, value, key=key, headers=headers, partition=partition)
    sender.flush()


def source(kafka, topic, folder, **options) -> Source:
    options = {"brokers": kafka.address, "refresh": 0.3, **options}
    return Source(Source.Options(topic=topic, **options), place(folder))


def opened(kafka, topic, folder, positions=None, **options) -> Source:
    made = source(kafka, topic, folder, **options)
    made.open()
    made.seek(positions or {})
    return made


def numbers(count, start=0):
    return [b"%d" % number for number in range(start, start + count)]


def read(found, until, seconds=10.0):
    """Chunks of a source until `until` is true of them (or it has finished)."""
    chunks, end = [], time.monotonic() + seconds
    while not (until(chunks) or found.finished):
        assert time.monotonic() < end, f"nothing more came after {chunks[-1:]}"
        chunk = found.read(1000)
        if chunk is not None:
            chunks.append(chunk)
    return chunks


def records(chunks):
    """Partition, offset, payload of what was read."""
    names = ["partition", "offset", "payload"]
    return [tuple(row[name] for name in names) for chunk in chunks for row in chunk.table.select(names).to_pylist()]


def payloads(chunks):
    return [payload for _, _, payload in records(chunks)]


def count(wanted):
    """For `read`: until so many records came."""
    return lambda chunks: sum(len(chunk.table) for chunk in chunks) >= wanted


class Peer:
    """A member of a group, driven as an engine does: seeks when a term begins, commits when it lets go."""

    def __init__(self, kafka, topic, folder, marks, **options):
        options = {"config": {"heartbeat.interval.ms": 300}, **options}
        self.source = source(kafka, topic, folder, group=topic, **options)
        self.source.open()
        self.marks, self.taken, self.told, self.lost = marks, 0, [], []
        self.held = {}
        self.source.join(self.let_go)

    def let_go(self, lost):
        self.lost.append(lost)
        if not lost:
            # An engine commits in another thread, for whose end it waits here.
            writer = threading.Thread(target=self.commit)
            writer.start()
            writer.join(10)
            assert not writer.is_alive()

    def commit(self):
        self.marks |= self.held
        self.source.committed(self.held)
        self.source.lag()
        self.held = {}

    def step(self):
        term = self.source.term
        if term != self.taken:
            self.taken, self.held = term, {}
            ours = self.source.partitions
            self.source.seek({number: mark for number, mark in self.marks.items() if number in ours})
        chunk = self.source.read(50)
        if chunk is not None:
            assert set(chunk.ends) <= self.source.partitions
            self.told += records([chunk])
            self.held |= chunk.ends


def steps(peers, until, seconds=40.0):
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        for peer in peers:
            peer.step()
