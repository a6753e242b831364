"""Messages as columns of a batch, with as little work for each message as can be: only what somebody asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from stillwell.connectors.kafka.client import library
from stillwell.connectors.kafka.topics import Numbering
from stillwell.kernel.base import INGEST

HEADER = "header."
"""`header.NAME` is the column of one header: its last value in each message."""

ENVELOPE = frozenset({"key", "topic"})
"""The columns that a batch has beside partition, offset and payload, unless told otherwise."""


class Columns:
    """Makes batches. `stamped` are topics whose brokers stamp messages as they take them."""

    def __init__(self, numbering: Numbering, topic: str | None) -> None:
        kafka = library()
        message = kafka.Message
        self._offset, self._partition, self._value = message.offset, message.partition, message.value
        self._key, self._topic, self._headers, self._time = (
            message.key,
            message.topic,
            message.headers,
            message.timestamp,
        )
        self._appended = kafka.TIMESTAMP_LOG_APPEND_TIME
        self._numbering = numbering
        self._one = topic
        self.wanted: Collection[str] = ENVELOPE
        self.stamped: Collection[str] = ()

    def table(self, messages: Sequence[Any]) -> tuple[pa.Table, dict[int, int]]:
        """The batch of these messages (no errors among them), and the offset after the last of each partition."""
        count = len(messages)
        offsets = np.fromiter(map(self._offset, messages), np.int64, count)
        topics = None if self._one else pa.array(map(self._topic, messages), pa.string(), size=count)
        partitions = self._partitions(messages, topics)
        columns: dict[str, Any] = {
            "partition": pa.array(partitions),
            "offset": pa.array(offsets),
            "payload": pa.array(list(map(self._value, messages)), pa.binary()),
        }
        if "key" in self.wanted:
            columns["key"] = pa.array(list(map(self._key, messages)), pa.binary())
        if "topic" in self.wanted:
            columns["topic"] = pa.repeat(pa.scalar(self._one), count) if topics is None else topics
        if self.stamped:
            columns["ingest_time"] = self._ingest(messages)
        columns |= self._named(messages)
        # Of each run of one partition the last message; a later run of it wins.
        last = np.append(np.flatnonzero(partitions[1:] != partitions[:-1]), count - 1)
        ends = dict(zip(partitions[last].tolist(), (offsets[last] + 1).tolist(), strict=True))
        return pa.table(columns), ends

    def _partitions(self, messages: Sequence[Any], topics: pa.Array | None) -> np.ndarray:
        own: np.ndarray = np.fromiter(map(self._partition, messages), np.int32, len(messages))
        if topics is None:
            return own
        coded = topics.dictionary_encode()
        bases = np.array([self._numbering.base(topic) for topic in coded.dictionary.to_pylist()], np.int32)
        own += bases[coded.indices.to_numpy()]
        return own

    def _ingest(self, messages: Sequence[Any]) -> pa.Array:
        """When the broker took each message; null where the time is the producer's own."""
        appended, stamps = self._appended, map(self._time, messages)
        told = [moment * 1000 if kind == appended else None for kind, moment in stamps]
        return pa.array(told, pa.int64()).cast(INGEST)

    def _named(self, messages: Sequence[Any]) -> Mapping[str, pa.Array]:
        names = [one for one in self.wanted if one.startswith(HEADER)]
        if not names:
            return {}
        every = [dict(headers) if headers else {} for headers in map(self._headers, messages)]
        return {name: pa.array([one.get(name[len(HEADER) :]) for one in every], pa.binary()) for name in sorted(names)}

    def empty(self) -> pa.Table:
        """A batch of no messages."""
        empty = {"partition": pa.int32(), "offset": pa.int64(), "payload": pa.binary()}
        return pa.table({name: pa.array([], kind) for name, kind in empty.items()})
