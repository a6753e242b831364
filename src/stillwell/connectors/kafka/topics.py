"""Topics as the cluster describes them, and the one number by which each of their partitions is known to delivery."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import xxhash

from stillwell.connectors.kafka.client import PATIENCE, Cluster, library
from stillwell.errors import ConnectorError, StillwellError, fail

_AGAIN = 0.1
_WIDTH = 1024
_TOPICS = 1 << 21

Place = tuple[str, int]
"""A topic's name and one of its partitions, as Kafka has them."""


@dataclass(frozen=True)
class Topic:
    """One topic; `id` is another one after it was deleted and created again."""

    name: str
    id: str
    partitions: int


@dataclass(frozen=True)
class Selection:
    """Which topics are read: one name, several, or those that match a pattern (`^…`)."""

    told: tuple[str, ...]
    several: bool

    @staticmethod
    def of(topic: str | list[str]) -> Selection:
        """The selection as it is written in the pipeline."""
        told = (topic,) if isinstance(topic, str) else tuple(dict.fromkeys(topic))
        return Selection(told, several=not isinstance(topic, str) or topic.startswith("^"))

    @property
    def patterns(self) -> tuple[str, ...]:
        """Those that are patterns."""
        return tuple(one for one in self.told if one.startswith("^"))

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are names, which must be there."""
        return tuple(one for one in self.told if not one.startswith("^"))

    def find(self, cluster: Cluster) -> dict[str, Topic]:
        """The topics that are there now, by name; a name that is not there is left out.

        Raises:
            ConnectorError: code `refused`, when the cluster does not answer or does not let us see a topic.
        """
        names = set(self.names)
        if self.patterns:
            there = cluster.admin().list_topics(timeout=10).topics
            names |= {name for name in there if any(re.match(one, name) for one in self.patterns)}
        return describe(cluster, names)


def describe(cluster: Cluster, names: Collection[str]) -> dict[str, Topic]:
    """The topics of these names that are there.

    Raises:
        ConnectorError: code `refused`.
    """
    if not names:
        return {}
    kafka = library()
    found = cluster.ask(lambda admin: admin.describe_topics(kafka.TopicCollection(sorted(names)), request_timeout=5))
    topics = {}
    for name, answer in found.items():
        if not isinstance(answer, kafka.KafkaError):
            topics[name] = Topic(name, str(answer.topic_id), len(answer.partitions))
        elif answer.code() != kafka.KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise forbidden(cluster, f"topic {name}", answer)
    return topics


def forbidden(cluster: Cluster, what: str, error: Any) -> StillwellError:
    """The error of a request that the brokers do not answer as asked."""
    text = cluster.trouble.mask(error.str()).rstrip(".")
    denied = "AUTHORIZATION" in error.name()
    fix = (
        "Give this user the right to describe and read it." if denied else "Check the name, and the brokers' own logs."
    )
    return fail(ConnectorError, "refused", f"Brokers {cluster.brokers}, {what}: {text}.", fix)


def settings(cluster: Cluster, topic: str) -> Mapping[str, str] | None:
    """The settings of a topic; None where we may not see them."""
    return _settings(cluster, [topic])[topic]


def stamped(cluster: Cluster, names: Collection[str]) -> set[str]:
    """Those of these topics whose messages may carry the time when the broker took them."""
    found = _settings(cluster, names) if names else {}
    return {name for name, told in found.items() if told is None or told["message.timestamp.type"] == "LogAppendTime"}


def _settings(cluster: Cluster, names: Collection[str]) -> dict[str, Mapping[str, str] | None]:
    kinds, error = library("admin").ConfigResource, library().KafkaError
    answers = cluster.ask(lambda admin: admin.describe_configs([kinds(kinds.Type.TOPIC, name) for name in names]))
    return {
        one.name: None if isinstance(told, error) else {name: str(entry.value) for name, entry in told.items()}
        for one, told in answers.items()
    }


def offsets(
    cluster: Cluster, places: Iterable[Place], at: str | int, *, committed: bool, patience: float = PATIENCE
) -> dict[Place, int]:
    """For each partition its `earliest` or `latest` offset, or the first one from a time on (ms).

    Where there is none from that time on, it is -1. `committed`: the latest is that below any open transaction.
    Partitions whose leader just changes are asked about again for `patience` seconds.

    Raises:
        ConnectorError: code `refused`.
    """
    kafka, spec = library(), library("admin").OffsetSpec
    wanted = {"earliest": spec.earliest, "latest": spec.latest}[at]() if isinstance(at, str) else spec.for_timestamp(at)
    asked = {kafka.TopicPartition(*place): wanted for place in places}
    level = kafka.IsolationLevel.READ_COMMITTED if committed else kafka.IsolationLevel.READ_UNCOMMITTED
    found, until = {}, time.monotonic() + patience
    while asked:
        for one, answer in cluster.ask(lambda admin: admin.list_offsets(asked, isolation_level=level)).items():
            if not isinstance(answer, kafka.KafkaError):
                found[one.topic, one.partition] = answer.offset
                del asked[one]
            elif time.monotonic() > until or "AUTHORIZATION" in answer.name():
                raise forbidden(cluster, f"topic {one.topic} partition {one.partition}", answer)
        if asked:
            time.sleep(_AGAIN)
    return found


class Numbering:
    """Kafka's partitions as numbers. One topic keeps its own; of several, each is numbered by the topic's id.

    A number never changes and is the same in every process: 21 bits of a hash of the topic's id, 10 of the partition.
    """

    def __init__(self, *, several: bool) -> None:
        self._several = several
        self._base: dict[str, int] = {}
        self._place: dict[int, Place] = {}
        self._id: dict[int, str] = {}

    def add(self, topic: Topic) -> None:
        """Number the partitions of a topic.

        Raises:
            ConnectorError: code `not-supported`, when two topics would have the same numbers, or one is too wide.
        """
        base = xxhash.xxh3_64_intdigest(topic.id.encode()) % _TOPICS * _WIDTH if self._several else 0
        if self._several and self._id.setdefault(base, topic.id) != topic.id:
            what = f"The partitions of topic {topic.name} would have the same numbers as those of another topic."
            raise fail(ConnectorError, "not-supported", what, "Read this topic by a pipeline of its own.")
        if self._several and topic.partitions > _WIDTH:
            what = f"Topic {topic.name} has {topic.partitions:,} partitions; beside others it may have {_WIDTH:,}."
            raise fail(ConnectorError, "not-supported", what, "Read this topic by a pipeline of its own.")
        self._base[topic.name] = base
        self._place |= {base + partition: (topic.name, partition) for partition in range(topic.partitions)}

    def knows(self, place: Place) -> bool:
        """Whether this partition has a number."""
        return place[0] in self._base and self._place.get(self._base[place[0]] + place[1]) == place

    def number(self, place: Place) -> int:
        """The number of a partition."""
        return self._base[place[0]] + place[1]

    def base(self, topic: str) -> int:
        """What is added to Kafka's own numbers of a topic's partitions."""
        return self._base[topic]

    def place(self, number: int) -> Place | None:
        """The partition of a number; None when there is none of it now."""
        return self._place.get(number)

    def all(self) -> frozenset[int]:
        """Every number there is."""
        return frozenset(self._place)

    def drop(self, topic: str) -> None:
        """Forget a topic that is no more."""
        base = self._base.pop(topic)
        self._place = {number: place for number, place in self._place.items() if place[0] != topic}
        self._id.pop(base, None)
