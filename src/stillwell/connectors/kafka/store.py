"""A topic as a sink uses it: made where it is missing, and read to its end, with everything that is committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from stillwell.connectors.kafka.client import Cluster, library
from stillwell.connectors.kafka.refusal import passing, refusal
from stillwell.connectors.kafka.topics import Topic
from stillwell.errors import ConnectorError, fail

BATCH = 50_000
"""Messages at a time."""

GRACE = 5.0
"""Seconds after which a transaction is taken to hang: between the record of its mark and its end lie milliseconds."""

KEYS = {
    "group.id": "stillwell",  # the library insists on one; nobody joins it
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 10,
    "queued.max.messages.kbytes": 65_536,
    "queued.min.messages": 100_000,
}
_STEP = 0.02
_SOON = 10.0
_LOOK = 1.0

Release = Callable[[Any], None]
"""What is done about a transaction that hangs: given a message of it, it ends it."""


def look(cluster: Cluster, names: Iterable[str], timeout: float = 5.0) -> dict[str, Topic]:
    """The topics of these names that are there.

    Raises:
        ConnectorError: codes `unreachable` and `refused`.
    """
    kafka = library()
    asked, found = kafka.TopicCollection(sorted(names)), dict[str, Topic]()
    if not asked.topic_names:
        return found
    for name, answer in _answers(cluster.admin().describe_topics(asked, request_timeout=timeout)).items():
        if not isinstance(answer, kafka.KafkaError):
            found[name] = Topic(name, str(answer.topic_id), len(answer.partitions))
        elif answer.code() != kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise refusal(cluster, f"Topic {name}", answer)
    return found


def _answers(futures: Mapping[Any, Any]) -> dict[Any, Any]:
    """What the brokers answer, by what was asked about: the result, or a `KafkaError`."""
    answers = {}
    for one, future in futures.items():
        try:
            answers[one] = future.result()
        except library().KafkaException as error:
            answers[one] = error.args[0]
    return answers


class Store:
    """One topic of a cluster. `patience`: seconds without any progress after which reading it is given up."""

    def __init__(self, cluster: Cluster, name: str, patience: float) -> None:
        self.name = name
        self.waits = True
        """Whether transactions that are open are waited for; else what lies behind them is not seen."""
        self._cluster = cluster
        self._patience = patience

    def found(self) -> Topic | None:
        """The topic, if it is there."""
        return look(self._cluster, [self.name]).get(self.name)

    def settings(self) -> Mapping[str, str]:
        """Its settings; none where we may not see them."""
        kinds = library("admin").ConfigResource
        (told,) = _answers(self._cluster.admin().describe_configs([kinds(kinds.Type.TOPIC, self.name)])).values()
        return {} if isinstance(told, library().KafkaError) else {name: str(one.value) for name, one in told.items()}

    def create(self, partitions: int, replication: int, config: Mapping[str, str]) -> Topic:
        """Create the topic unless it is there; -1 stands for what the brokers do by themselves.

        Raises:
            ConnectorError: codes `refused` and `unreachable`.
        """
        kafka = library()
        new = library("admin").NewTopic(self.name, partitions, replication, config=dict(config))
        (answer,) = _answers(self._cluster.admin().create_topics([new], request_timeout=_SOON)).values()
        if isinstance(answer, kafka.KafkaError) and answer.code() != kafka.KafkaError.TOPIC_ALREADY_EXISTS:
            raise refusal(self._cluster, f"Topic {self.name} was not created", answer)
        end = time.monotonic() + _SOON
        while (topic := self.found()) is None:
            if time.monotonic() > end:
                what = f"Topic {self.name} was created, and the brokers do not know it."
                raise fail(ConnectorError, "unreachable", what, "See whether somebody deletes it; then start again.")
            time.sleep(_STEP)
        return topic

    def holds(self) -> bool:
        """Whether any record lies in it, committed or not."""
        ends, begins = self._offsets("latest"), self.begins()
        return any(end > begins[partition] for partition, end in ends.items())

    def begins(self) -> dict[int, int]:
        """The first offset of each partition that is still there; none where there is no topic."""
        return self._offsets("earliest")

    def batches(self, release: Release | None = None) -> Iterator[list[Any]]:
        """Every message that is committed when this begins, in lists; no more where the topic is not there any more.

        Transactions that are open then are waited for: what was committed lies behind what is not. `release` ends those
        that hang; without it they end when their time is over.

        Raises:
            ConnectorError: codes `unreachable`, `refused` and `open-transaction`.
        """
        topic = self.found()
        ends = self._offsets("latest", committed=not self.waits)
        waiting = {partition: end for partition, end in ends.items() if end}
        if not (topic and waiting):
            return
        consumer, seen, moved = self._consumer(dict.fromkeys(waiting, 0)), dict[int, int](), time.monotonic()
        looked = released = moved
        try:
            while waiting:
                messages, reached = self._consume(consumer)
                seen |= reached
                waiting = {partition: end for partition, end in waiting.items() if seen.get(partition, 0) < end}
                if messages:
                    yield messages
                if messages or reached:
                    moved = released = time.monotonic()
                elif time.monotonic() - moved > self._patience:
                    raise self._stuck(open_since=moved if waiting.keys() <= seen.keys() else None)
                elif time.monotonic() - max(looked, moved) > _LOOK:
                    if self._gone(topic):
                        return
                    looked = time.monotonic()
                elif release and time.monotonic() - released > GRACE:
                    for message in self._hanging({one: seen[one] for one in waiting if one in seen}):
                        release(message)
                    released = time.monotonic()
        finally:
            consumer.close()

    def _gone(self, topic: Topic) -> bool:
        """Whether it was deleted since: for a moment after that, brokers still say where it ends."""
        try:
            now = self.found()
        except ConnectorError:
            return False
        return now is None or now.id != topic.id

    def _offsets(self, at: str, *, committed: bool = False) -> dict[int, int]:
        """The `earliest` or `latest` offset by partition, perhaps below any open transaction; none without topic."""
        kafka, topic = library(), self.found()
        if topic is None:
            return {}
        spec = getattr(library("admin").OffsetSpec, at)()
        asked = {kafka.TopicPartition(self.name, partition): spec for partition in range(topic.partitions)}
        level = kafka.IsolationLevel.READ_COMMITTED if committed else kafka.IsolationLevel.READ_UNCOMMITTED
        end = time.monotonic() + _SOON
        while True:
            answers = _answers(self._cluster.admin().list_offsets(asked, isolation_level=level, request_timeout=_SOON))
            odd = [answer for answer in answers.values() if isinstance(answer, kafka.KafkaError)]
            if not odd:
                return {place.partition: answer.offset for place, answer in answers.items()}
            # A new topic, or a broker that went, has no leader for a moment.
            if not passing(odd[0]) or time.monotonic() > end:
                raise refusal(self._cluster, f"Topic {self.name}", odd[0])
            time.sleep(_STEP)

    def _consumer(self, starts: Mapping[int, int], **keys: str) -> Any:
        kafka = library()
        consumer = self._cluster.consumer({**KEYS, **keys})
        consumer.assign([kafka.TopicPartition(self.name, one, start) for one, start in starts.items()])
        return consumer

    def _consume(self, consumer: Any) -> tuple[list[Any], dict[int, int]]:
        """The next messages, and the offsets up to which partitions hold nothing more for now."""
        kafka = library()
        messages, reached = [], {}
        for message in consumer.consume(BATCH, _STEP):
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == kafka.KafkaError._PARTITION_EOF:
                reached[message.partition()] = message.offset()
            elif error.name() in ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_PARTITION", "TOPIC_AUTHORIZATION_FAILED"):
                raise refusal(self._cluster, f"Topic {self.name}", error)
        return messages, reached

    def _hanging(self, seen: Mapping[int, int]) -> list[Any]:
        """The first message of each transaction that still is open where reading stopped."""
        still = self._offsets("latest", committed=True)
        left = {partition: offset for partition, offset in seen.items() if still.get(partition) == offset}
        found: dict[int, Any] = {}
        end = time.monotonic() + _SOON
        consumer = self._consumer(left, **{"isolation.level": "read_uncommitted"})
        while found.keys() < left.keys() and time.monotonic() < end:
            for message in self._consume(consumer)[0]:
                # What lies behind it may be of others, who are well.
                found.setdefault(message.partition(), message)
        consumer.close()
        return list(found.values())

    def _stuck(self, open_since: float | None) -> Exception:
        if open_since is None:
            error = library().KafkaError(library().KafkaError._TIMED_OUT)
            return refusal(self._cluster, f"Topic {self.name} could not be read", error)
        return fail(
            ConnectorError,
            "open-transaction",
            f"Topic {self.name} has a transaction that has not ended for {time.monotonic() - open_since:.0f} s; "
            "what was committed behind it cannot be seen.",
            "See which producer holds it (`kafka-transactions.sh find-hanging`), and end it.",
        )
