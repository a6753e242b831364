"""Sends records as they are to a topic: what `generate` writes to, and what benchmarks and tests read from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import BaseModel, Field

from stillwell.connectors.base import Place
from stillwell.connectors.kafka.access import Access
from stillwell.connectors.kafka.client import Cluster, library
from stillwell.connectors.kafka.topics import describe
from stillwell.errors import ConnectorError, fail

PATIENCE = 30.0
"""Seconds that the cluster has to take what was sent."""


class ProducerOptions(Access):
    """`topic`: where to. One that is missing is made, of so many `partitions`, or of as many as the brokers say."""

    topic: str
    partitions: int = Field(-1, ge=-1)


class Producer:
    """Sends payloads with their keys, and some columns as headers; `flush` waits until the cluster has all of them."""

    Options: ClassVar[type[BaseModel]] = ProducerOptions

    def __init__(self, options: ProducerOptions, place: Place) -> None:
        self._cluster = Cluster(options, place)
        self._cluster.id()
        self._topic = options.topic
        there = describe(self._cluster, [options.topic]).get(options.topic)
        if there is None:
            self._make(options.partitions)
        elif options.partitions not in (-1, there.partitions):
            what = (
                f"Topic {self._topic} is there, and has {there.partitions} partitions instead of {options.partitions}."
            )
            raise fail(ConnectorError, "bad-option", what, "Leave `partitions` out, or name another topic.")
        keys = {"linger.ms": 20, "batch.size": 1 << 20, "queue.buffering.max.messages": 1_000_000, "acks": "all"}
        self._client = self._cluster.producer({**keys, "enable.idempotence": True})
        self._failed: list[str] = []

    def _make(self, partitions: int) -> None:
        new = library("admin").NewTopic(self._topic, num_partitions=partitions)
        error = self._cluster.ask(lambda admin: admin.create_topics([new]))[self._topic]
        # Somebody else may have been faster.
        if error is not None and error.code() != library().KafkaError.TOPIC_ALREADY_EXISTS:
            raise fail(
                ConnectorError,
                "no-topic",
                f"Topic {self._topic} cannot be made at {self._cluster.brokers}: {error.str()}",
                "Make it yourself, or name another.",
            )

    def send(self, batch: pa.Table, headers: Mapping[str, str] | None = None) -> None:
        """Send a batch (`payload`, and `key` where it has one); `headers` are columns by the name of their header.

        Raises:
            ConnectorError: code `unreachable`, when the cluster takes nothing any more.
        """
        payloads = batch["payload"].to_pylist()
        keys = batch["key"].to_pylist() if "key" in batch.column_names else [None] * len(payloads)
        columns = {name: batch[column].cast(pa.string()).to_pylist() for name, column in (headers or {}).items()}
        for at, (payload, key) in enumerate(zip(payloads, keys, strict=True)):
            told = [(name, values[at]) for name, values in columns.items() if values[at] is not None]
            self._send(payload, key, told)

    def _send(self, payload: bytes | None, key: bytes | None, headers: list[tuple[str, str]]) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._client.produce(self._topic, payload, key, headers=headers or None, on_delivery=self._delivered)
                return
            except BufferError:
                self._client.poll(0.1)
                if time.monotonic() > until or self._failed:
                    raise self._unreachable() from None
            except library().KafkaException as error:
                raise self._unreachable(str(error.args[0].str())) from None

    def flush(self) -> None:
        """Wait until everything was taken.

        Raises:
            ConnectorError: code `unreachable`.
        """
        if self._client.flush(PATIENCE) or self._failed:
            raise self._unreachable()

    def _delivered(self, error: Any, _message: Any) -> None:
        if error is not None:
            self._failed.append(str(error.str()))

    def _unreachable(self, why: str = "") -> Exception:
        told = self._cluster.trouble.mask(why or next(iter(self._failed), "it does not answer"))
        what = f"Topic {self._topic} at {self._cluster.brokers} does not take records: {told}."
        return fail(ConnectorError, "unreachable", what, "See whether the cluster runs and lets this user write.")
