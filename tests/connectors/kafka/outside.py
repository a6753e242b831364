"""What tests of the sink do to a topic from outside, with plain clients."""

from __future__ import annotations

import contextlib

from confluent_kafka import Consumer, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from tests.services import client

_ADMINS = {}


def admin(kafka):
    # One that is let go of does not answer any more.
    # And it must not complain on standard error when the broker goes at the end.
    return _ADMINS.setdefault(kafka.address, AdminClient({**client(kafka), "log_level": 0}))


def create(kafka, topic, partitions=1, **config):
    admin(kafka).create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result()


def delete(kafka, topic):
    admin(kafka).delete_topics([topic])[topic].result()


def forget(kafka, topic, ends):
    """Retention takes what lies before these offsets."""
    asked = [TopicPartition(topic, partition, end) for partition, end in ends.items()]
    for answer in admin(kafka).delete_records(asked).values():
        answer.result()


def exists(kafka, topic):
    with contextlib.suppress(KafkaException):
        return bool(admin(kafka).describe_topics(TopicCollection([topic]))[topic].result())
    return False


def settings(kafka, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return {name: entry.value for name, entry in admin(kafka).describe_configs([resource])[resource].result().items()}


def set_to(kafka, topic, name, value):
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin(kafka).incremental_alter_configs([resource])[resource].result()


def messages(kafka, topic, isolation="read_committed"):
    """Every message of a topic, as any consumer sees it."""
    keys = {"group.id": "outside", "isolation.level": isolation, "enable.partition.eof": True, "fetch.wait.max.ms": 10}
    consumer = Consumer({**client(kafka), **keys})
    partitions = len(consumer.list_topics(topic, 10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    found, ended = [], 0
    while ended < partitions:
        message = consumer.poll(10)
        assert message is not None
        if message.error():
            ended += 1
        else:
            found.append(message)
    consumer.close()
    return found


def open_transaction(kafka, name, *records, timeout=60_000):
    """A transaction that nobody ends: topic, key and value of each record."""
    producer = Producer({**client(kafka), "transactional.id": name, "transaction.timeout.ms": timeout, "linger.ms": 0})
    producer.init_transactions(10)
    producer.begin_transaction()
    for topic, key, value in records:
        producer.produce(topic, value, key)
    assert producer.flush(10) == 0
    return producer


def send(kafka, topic, value, key=None, headers=None):
    producer = Producer(client(kafka))
    producer.produce(topic, value, key, headers=headers)
    assert producer.flush(10) == 0
