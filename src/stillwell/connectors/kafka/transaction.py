"""Transactions of one producer: what belongs together is committed together; who is taken over is fenced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from stillwell.connectors.kafka.client import Cluster, library

LARGEST = 100_000_000
"""Bytes of one message that brokers take at most, whatever their topics say (`socket.request.max.bytes`)."""

DEFAULTS: Mapping[str, Any] = {
    "linger.ms": 20,
    "partitioner": "murmur2_random",  # as Java's own, so that equal keys of other producers share a partition
    "queue.buffering.max.messages": 0,
    "queue.buffering.max.kbytes": 65_536,
    "batch.num.messages": 100_000,
    # To take an id, a connection to its coordinator is made, and often tried twice.
    "reconnect.backoff.ms": 10,
    "retry.backoff.ms": 10,
}
"""What `config` may say otherwise."""

OWN: Mapping[str, Any] = {
    # Errors alone: of what went well the end of the transaction tells.
    "delivery.report.only.error": True,
    # Whether a message is too large the broker says, after compression.
    "message.max.bytes": LARGEST,
    "topic.metadata.propagation.max.ms": 5000,
}

Message = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value, headers."""

_TAKE = 10.0
_SLICE = 1.0


class Hand:
    """The producer of one transactional id. Who takes it ends the transaction of whoever had it, and fences him.

    Args:
        name: the transactional id.
        keys: further keys of librdkafka.
        limit: seconds after which the brokers end a transaction that its producer does not end.
        look: called now and then while brokers do not take messages; raises when they never will.
    """

    def __init__(
        self, cluster: Cluster, name: str, keys: Mapping[str, Any], limit: float, look: Callable[[], None]
    ) -> None:
        self._cluster = cluster
        self._limit = limit
        self._look = look
        self._producer = cluster.producer(
            {**keys, **OWN, "transactional.id": name, "transaction.timeout.ms": int(limit * 1000)}
        )

    def take(self) -> None:
        """Take the id; returns when no earlier transaction of it is open.

        Raises:
            KafkaException: when that did not succeed.
        """
        self._producer.init_transactions(_TAKE)

    def commit(self, topic: str, messages: Iterable[Message], last: Sequence[tuple[str, bytes, bytes]]) -> None:
        """Write the messages to the topic, then each of `last` (topic, key, value), all in one transaction.

        `last` come when the messages have arrived: so the topics of marks hold open transactions for milliseconds only.

        Raises:
            KafkaException: nothing, or all, of it was committed.
        """
        producer, kafka = self._producer, library()
        end = time.monotonic() + self._limit
        producer.begin_transaction()
        try:
            self._send(topic, messages)
            self._arrive(end)
            for place, key, value in last:
                producer.produce(place, value, key)
        except kafka.KafkaException as error:
            if error.args[0].name() not in ("_STATE", "_FATAL"):
                raise
            self._refuse_failed()
            raise
        producer.commit_transaction(max(_SLICE, end - time.monotonic()))

    def let_go(self) -> None:
        """Forget the producer, and what it did not commit."""
        self._producer.purge()
        self._producer = None

    def _send(self, topic: str, messages: Iterable[Message]) -> None:
        produce, poll = self._producer.produce, self._producer.poll
        for key, value, headers in messages:
            while True:
                try:
                    produce(topic, value, key, headers=headers)
                    break
                except BufferError:
                    if not poll(0.1):
                        self._refuse_failed()

    def _arrive(self, end: float) -> None:
        """Wait until the brokers have all messages, or this instant has come."""
        while self._producer.flush(_SLICE) and time.monotonic() < end:
            self._refuse_failed()
            self._look()

    def _refuse_failed(self) -> None:
        """Raise the error of a transaction that has failed; the library tells it only to who asks for another one."""
        try:
            self._producer.begin_transaction()
        except library().KafkaException as error:
            if error.args[0].name() != "_STATE":
                raise
