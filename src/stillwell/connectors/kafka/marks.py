"""The marks of a sink: the newest message of each key in a compacted topic, moved in one transaction with the rows.

Each mark has a transactional id of its own, which is its key: `TOPIC/NAME`. Whoever writes for a mark takes its id
first, which fences whoever had it before and ends the transaction that a dead one left open.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from stillwell.connectors.kafka.client import Cluster, library
from stillwell.connectors.kafka.refusal import FENCED, Explain, refusing
from stillwell.connectors.kafka.store import Release, Store
from stillwell.connectors.kafka.transaction import Hand, Message
from stillwell.delivery.mark import moved
from stillwell.delivery.slice import Advance

SETTINGS = {"cleanup.policy": "compact"}

_SIDE_BY_SIDE = 16
_MEETING = 10.0
"""Seconds in which several that store the same text at once must have settled who does."""


class Hands:
    """Makes the producers of one sink: `keys` are those of librdkafka, `limit` and `look` as `Hand` has them.

    `writes`: whether this process writes to the sink, and so may end what dead writers left open.
    """

    def __init__(self, cluster: Cluster, keys: Mapping[str, Any], limit: float, look: Callable[[], None]) -> None:
        self.cluster = cluster
        self.writes = False
        self._keys = keys
        self._limit = limit
        self._look = look

    def take(self, name: str) -> Hand:
        """The producer of a transactional id, taken.

        Raises:
            KafkaException: when that did not succeed.
        """
        hand = Hand(self.cluster, name, self._keys, self._limit, self._look)
        try:
            hand.take()
        except library().KafkaException:
            hand.let_go()
            raise
        return hand

    @property
    def release(self) -> Release | None:
        """What is done about transactions that hang; a reader waits for their end."""
        return self._release if self.writes else None

    def _release(self, message: Any) -> None:
        """End the transaction that a message belongs to; its key is the transactional id."""
        # Where that does not succeed, it ends when its time is over.
        with contextlib.suppress(library().KafkaException):
            self.take((message.key() or b"").decode()).let_go()


class Marks:
    """The marks (and other small things) of one sink, and the producers of those that are ours."""

    def __init__(self, hands: Hands, store: Store, topic: str) -> None:
        self._hands = hands
        self._store = store
        self._topic = topic
        self._ours: dict[str, Hand] = {}
        self._known: dict[str, int] = {}

    def texts(self) -> dict[str, str]:
        """What is stored, by name, read anew."""
        prefix = self._topic + "/"
        found = {}
        for batch in self._store.batches(self._hands.release):
            for message in batch:
                key, value = (message.key() or b"").decode(errors="replace"), message.value()
                if key.startswith(prefix) and value is not None:
                    found[key.removeprefix(prefix)] = value.decode(errors="replace")
        return found

    def all(self) -> dict[str, int]:
        """Every mark, read anew."""
        return {name: int(text) for name, text in self.texts().items() if text.isdecimal()}

    def put_new(self, name: str, text: str) -> str:
        """Store a text under a name that has none yet; the text that is stored then."""
        until = time.monotonic() + _MEETING
        while (stored := self.texts().get(name)) is None:
            with refusing(self._hands.cluster, f"Topic {self._store.name} cannot be written"):
                self._try_to_put(name, text, last=time.monotonic() > until)
        return stored

    def _try_to_put(self, name: str, text: str, *, last: bool) -> None:
        try:
            hand = self._hands.take(self._id(name))
            try:
                if name not in self.texts():
                    hand.commit(self._topic, [], [self._said(name, text)])
            finally:
                hand.let_go()
        except library().KafkaException as error:
            # Somebody else does the same in this moment; to one who is fenced while it commits, brokers say `UNKNOWN`.
            told = error.args[0].name()
            if told not in FENCED and (last or told != "UNKNOWN"):
                raise

    def write(
        self, steps: Mapping[str, Advance], messages: Mapping[str, Callable[[], Iterable[Message]]], explain: Explain
    ) -> None:
        """Write the messages of each mark and move it, in a transaction for each; nothing where one stands elsewhere.

        Raises:
            Fenced: when a mark stands elsewhere, or somebody else took it; others of `steps` may have moved then.
            ConnectorError: codes `unreachable` and `refused`, and what `explain` gives; some may have moved then too.
        """
        for name, step in steps.items():
            if self._known.get(name, 0) != step.expected:
                # Others may have had it in the meantime.
                self._drop(name)
        fresh = [name for name in steps if name not in self._ours]
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            if fresh:
                # Before they are taken too: who comes with old marks fences nobody.
                self._known |= self.all()
                moved(self._known, steps)
                for work in [pool.submit(self._take, name) for name in fresh]:
                    work.result()
                self._known |= self.all()
            moved(self._known, steps)
            moves = [pool.submit(self._move, name, step, messages[name], explain) for name, step in steps.items()]
        for move in moves:
            move.result()

    def close(self) -> None:
        """Let go of all producers."""
        for name in list(self._ours):
            self._drop(name)

    def _take(self, name: str) -> None:
        with refusing(self._hands.cluster, self._what(name)):
            self._ours[name] = self._hands.take(self._id(name))

    def _move(self, name: str, step: Advance, messages: Callable[[], Iterable[Message]], explain: Explain) -> None:
        try:
            with refusing(self._hands.cluster, self._what(name), explain):
                self._ours[name].commit(self._topic, messages(), [self._said(name, str(step.next))])
        except BaseException:
            # How far it came, its next owner sees, who may be ourselves.
            self._drop(name)
            raise
        self._known[name] = step.next

    def _drop(self, name: str) -> None:
        hand = self._ours.pop(name, None)
        if hand is not None:
            hand.let_go()

    def _said(self, name: str, text: str) -> tuple[str, bytes, bytes]:
        return self._store.name, self._id(name).encode(), text.encode()

    def _id(self, name: str) -> str:
        return f"{self._topic}/{name}"

    def _what(self, name: str) -> str:
        return f"Topic {self._topic}, mark `{name}`"
