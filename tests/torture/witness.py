"""An independent witness: reads source, sinks and ledger with plain clients, and says what was lost, doubled, altered.

It knows nothing of Stillwell but what its rows say of their origin.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from deltalake import DeltaTable

Place = tuple[int, int]
"""Partition and offset in the source."""

PATIENCE = 60.0

READINGS = ("sensor_id", "temperature", "humidity", "pressure")


@dataclass(frozen=True)
class Seen:
    """What is in the places: each record of the source by its own, and each row of a sink with the place it names."""

    source: Mapping[Place, bytes]
    accepted: list[tuple[Place, Mapping[str, Any]]]
    quarantined: list[tuple[Place, bytes | None]]

    @cached_property
    def _counted(self) -> Counter[Place]:
        return Counter(place for place, _ in (*self.accepted, *self.quarantined))

    @property
    def lost(self) -> list[Place]:
        """Records that are nowhere."""
        return sorted(self.source.keys() - self._counted.keys())

    @property
    def doubled(self) -> list[Place]:
        """Records that are somewhere more than once, or in both sinks: named once for each time too many."""
        return sorted((self._counted - Counter(set(self._counted))).elements())

    @property
    def altered(self) -> list[Place]:
        """Rows that do not say what the record of their place says, or whose place is none."""
        wrong = [place for place, row in self.accepted if not _same(row, self.source.get(place))]
        wrong += [place for place, payload in self.quarantined if not self._verbatim(place, payload)]
        return sorted(wrong)

    def _verbatim(self, place: Place, payload: bytes | None) -> bool:
        return place in self.source and self.source[place] == payload

    @property
    def whole(self) -> bool:
        """Whether every record is in one place, once, as it was."""
        return not (self.lost or self.doubled or self.altered)


def _same(row: Mapping[str, Any], payload: bytes | None) -> bool:
    """Whether an accepted row says what its record says."""
    try:
        told = json.loads(payload or b"")
        return all(told[name] == row[name] or math.isclose(float(told[name]), row[name]) for name in READINGS)
    except (ValueError, TypeError, KeyError):
        return False


def topic(brokers: str, name: str) -> list[Any]:
    """Every committed message of a topic, from its beginning to its end; nothing where there is none."""
    keys = {"group.id": "witness", "isolation.level": "read_committed", "enable.partition.eof": True}
    quick = {"fetch.wait.max.ms": 10, "allow.auto.create.topics": False, "log_level": 0}
    consumer = Consumer({"bootstrap.servers": brokers, "auto.offset.reset": "earliest", **keys, **quick})
    found = []
    try:
        told = consumer.list_topics(timeout=10).topics.get(name)
        left = set(told.partitions) if told else set()
        consumer.assign([TopicPartition(name, partition, 0) for partition in left])
        until = time.monotonic() + PATIENCE
        while left:
            assert time.monotonic() < until, f"{name} cannot be read to its end"
            for message in consumer.consume(5000, 0.05):
                if message.error():
                    left.discard(message.partition())
                else:
                    found.append(message)
    finally:
        consumer.close()
    return found


def table(path: Path, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """Every row of a Delta table; nothing where there is none."""
    if not (path.is_dir() and DeltaTable.is_deltatable(str(path))):
        return []
    return DeltaTable(str(path)).to_pyarrow_table(columns=columns).to_pylist()


@dataclass(frozen=True)
class Witness:
    """Where to look: the topic, and each sink by its kind (`delta` with a folder, `kafka` with a topic).

    `letters` are the brokers of dead letters, where they are not those of the source.
    """

    brokers: str
    source: str
    accepted: tuple[str, str]
    quarantine: tuple[str, str]
    letters: str = ""

    def look(self) -> Seen:
        """Read everything, the sinks before the source: what is written meanwhile is not taken for strange."""
        accepted, quarantined = self._accepted(), self._quarantined()
        source = {(one.partition(), one.offset()): one.value() for one in topic(self.brokers, self.source)}
        return Seen(source, accepted, quarantined)

    def places(self) -> list[Place]:
        """The places that all rows of both sinks name."""
        return [place for place, _ in (*self._accepted(), *self._quarantined())]

    def unfinished(self) -> set[Place]:
        """Places that were declared in the ledger, and are in no sink: an epoch is open."""
        ledger = self._ledger()
        held = set(self.places())
        return {
            (part["partition"], offset)
            for intent in ledger
            for part in intent["slices"]
            for offset in range(part["start"]["offset"], part["end"]["offset"])
        } - held

    def _accepted(self) -> list[tuple[Place, Mapping[str, Any]]]:
        kind, where = self.accepted
        if kind == "delta":
            return [(_place(row["_stillwell"]), row) for row in table(Path(where))]
        return [(_place(_origin(dict(one.headers()))), json.loads(one.value())) for one in topic(self.brokers, where)]

    def _quarantined(self) -> list[tuple[Place, bytes | None]]:
        kind, where = self.quarantine
        if kind == "delta":
            return [
                (_place(row["_stillwell"]), row["payload"]) for row in table(Path(where), ["payload", "_stillwell"])
            ]
        return [
            (_place(_origin(dict(one.headers()))), one.value()) for one in topic(self.letters or self.brokers, where)
        ]

    def traces(self) -> Iterator[Mapping[str, Any]]:
        """What all rows say of their origin, and of what they were judged by."""
        for kind, where in (self.accepted, self.quarantine):
            if kind == "delta":
                yield from (row["_stillwell"] for row in table(Path(where), ["_stillwell"]))
                continue
            for one in topic(self.brokers if where == self.accepted[1] else self.letters or self.brokers, where):
                yield _origin(dict(one.headers()))

    def _ledger(self) -> list[dict[str, Any]]:
        kind, where = self.accepted
        if kind == "delta":
            return [json.loads(row["intent"]) for row in table(Path(f"{where}_ledger"), ["intent"])]
        return [json.loads(one.value())["intent"] for one in topic(self.brokers, f"{where}.ledger")]

    def intents(self) -> list[dict[str, Any]]:
        """What the ledger declares, oldest first."""
        return sorted(self._ledger(), key=lambda intent: intent["clock"])


def _place(trace: Mapping[str, Any]) -> Place:
    return int(trace["partition"]), int(trace["offset"])


def _origin(headers: Mapping[str, bytes]) -> Mapping[str, Any]:
    """What the headers of a message say of its origin: one JSON object, or a header for each part of it."""
    if "stillwell" in headers:
        return dict(json.loads(headers["stillwell"]))
    told = {name.removeprefix("stillwell."): value.decode() for name, value in headers.items()}
    at = dt.datetime.fromisoformat(told["ingest_time"])
    return {
        "partition": int(told["partition"]),
        "offset": int(told["offset"]),
        "version": told["version"],
        "ingest_time": at if at.tzinfo else at.replace(tzinfo=dt.UTC),
    }
