"""What a job has committed, as its tallies tell: one message for each line of the ledger, in the same transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillwell.connectors.base import Place
from stillwell.connectors.kafka.access import Access
from stillwell.connectors.kafka.client import Cluster, library
from stillwell.connectors.kafka.store import KEYS, Store
from stillwell.connectors.kafka.topics import offsets
from stillwell.delivery.intent import Intent
from stillwell.kernel.base import Judged, Stop
from stillwell.kernel.tally import Tally
from stillwell.kernel.tally_json import from_json

SETTINGS = {"cleanup.policy": "delete"}
_POLL = 0.2


@dataclass(frozen=True)
class Told:
    """One line of the ledger that is committed, with its tally and the `fail` rule that it met."""

    intent: Intent
    tally: Tally
    stop: Stop | None

    @property
    def judged(self) -> Judged:
        """The verdict without its rows, which are not here: only how many there are of them."""
        read, accepted = self.tally.count("read"), self.tally.count("accepted")
        facts = {part.partition: part.facts for part in self.intent.slices}
        verdicts = pa.nulls(read, pa.uint8())
        return Judged(_blank(accepted), _blank(read - accepted), verdicts, self.tally, facts, self.stop)


def _blank(count: int) -> pa.Table:
    return pa.table({"_stillwell": pa.nulls(count)})


def parsed(message: bytes) -> Told:
    """What a message says, whose form `judging` makes."""
    plain = json.loads(message)
    stop = plain["stop"] and Stop(**plain["stop"])
    return Told(Intent.from_json(json.dumps(plain["intent"])), from_json(json.dumps(plain["tally"])), stop)


class Tidings:
    """Follows the topic of tallies, which is made where it is missing, from what is its end now."""

    def __init__(self, access: Access, place: Place, topic: str) -> None:
        self._access, self._place = access, place
        self._topic = topic
        self._consumer: Any = None

    def begin(self) -> None:
        """Stand at the end."""
        cluster = Cluster(self._access, self._place)
        store = Store(cluster, self._topic, 30.0)
        if store.found() is None:
            store.create(1, -1, SETTINGS)
        self._consumer = cluster.consumer({**KEYS, "fetch.wait.max.ms": 100})
        self._consumer.assign([library().TopicPartition(self._topic, 0, self._end())])

    def _end(self) -> int:
        place = (self._topic, 0)
        # A client that has known a broker before it was killed asks it about a time that is over, again and again.
        cluster = Cluster(self._access, self._place)
        return offsets(cluster, [place], "latest", committed=True, patience=30.0)[place]

    def new(self) -> Iterator[tuple[Told, Judged]]:
        """What was committed since, waiting a moment for it."""
        for one in self._consumer.consume(1000, _POLL):
            if one.error() is None:
                yield (told := parsed(one.value())), told.judged

    def rest(self) -> Iterator[tuple[Told, Judged]]:
        """All that is committed by now, after a job has ended."""
        end, until = self._end(), time.monotonic() + 30.0
        while time.monotonic() < until:
            messages = self._consumer.consume(1000, _POLL)
            for one in messages:
                if one.error() is None:
                    yield (told := parsed(one.value())), told.judged
            place = self._consumer.position([library().TopicPartition(self._topic, 0)])[0]
            if place.offset >= end or any(
                one.error() is not None and one.error().code() == library().KafkaError._PARTITION_EOF
                for one in messages
            ):
                return

    def close(self) -> None:
        """Give the consumer back."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
