"""The ledger as a topic beside the accepted one: each intent is a message, committed by whoever holds the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from stillwell.connectors.kafka.marks import Hands
from stillwell.connectors.kafka.refusal import refusing
from stillwell.connectors.kafka.store import Store
from stillwell.connectors.kafka.transaction import Hand
from stillwell.delivery.intent import Intent
from stillwell.delivery.mark import moved
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError, fail

SETTINGS = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""Intents are kept for ever: they are what `audit` proves."""


MEMBERS = ("intent", "contract_text", "marks")
"""What every line has. One written by an engine's own sink also has `follows`: the partitions whose slice begins
wherever the slice before it ended, because its writer could not know that."""


@dataclass(frozen=True)
class _Stands:
    """Where a ledger stands: its marks, and the contracts whose texts it has."""

    marks: Mapping[str, int] = field(default_factory=dict)
    contracts: frozenset[str] = frozenset()


class KafkaLedger:
    """One process at a time holds the transactional id of the ledger; who takes it fences the one before.

    `create` makes the topic, or says that it is missing.
    """

    shared: ClassVar[bool] = False
    """Whether several processes can declare side by side."""

    def __init__(self, hands: Hands, store: Store, create: Callable[[], object]) -> None:
        self._hands = hands
        self._store = store
        self._create = create
        self._hand: Hand | None = None
        self._stands = _Stands()

    def intents(self) -> list[Intent]:
        """Every intent, oldest first."""
        reached: dict[int, Position] = {}
        found = []
        for line in self._lines():
            found.append(_following(_intent(line), frozenset(line["follows"]), reached))
            reached |= {part.partition: part.end for part in found[-1].slices}
        return found

    def marks(self) -> Mapping[str, int]:
        """The next offset by mark name."""
        return self._read().marks

    def declare(self, intent: Intent, contract_text: str) -> None:
        """Add an intent durably, if the marks still are what its advances expect.

        Raises:
            Fenced: when somebody else declared in between, or holds the ledger now.
            ConnectorError: codes `unreachable` and `refused`.
        """
        with refusing(self._hands.cluster, f"Topic {self._store.name}"):
            if self._hand is None:
                self._create()
                # Before it is taken too: who comes with old marks fences nobody.
                moved(self._read().marks, intent.advances())
                self._hand = self._hands.take(self._store.name)
                self._stands = self._read()
            self._commit(intent, contract_text)

    def contract_text(self, digest: str) -> str:
        """The text of a contract that some intent names; KeyError when unknown."""
        for line in self._lines():
            if line["contract_text"] is not None and line["intent"]["contract"] == digest:
                return str(line["contract_text"])
        raise KeyError(digest)

    def close(self) -> None:
        """Let go of the ledger."""
        if self._hand is not None:
            self._hand.let_go()
            self._hand = None

    def _commit(self, intent: Intent, contract_text: str) -> None:
        assert self._hand is not None
        after = moved(self._stands.marks, intent.advances())
        text = None if intent.contract in self._stands.contracts else contract_text
        line = {"intent": json.loads(intent.to_json()), "contract_text": text, "marks": after}
        try:
            said = (self._store.name, self._store.name.encode(), json.dumps(line, sort_keys=True).encode())
            self._hand.commit(self._store.name, [], [said])
        except BaseException:
            self.close()
            raise
        self._stands = _Stands(after, self._stands.contracts | {intent.contract})

    def _read(self) -> _Stands:
        marks: Mapping[str, int] = {}
        contracts = set()
        for line in self._lines():
            # A line says all marks, or those that it moved.
            marks = {**marks, **line["marks"]}
            contracts.add(line["intent"]["contract"])
        return _Stands(marks, frozenset(contracts))

    def _lines(self) -> Iterator[dict[str, Any]]:
        """Every line, oldest first."""
        for batch in self._store.batches(self._hands.release):
            for message in batch:
                try:
                    line = json.loads(message.value())
                    yield {**{name: line[name] for name in MEMBERS}, "follows": line.get("follows", ())}
                except (TypeError, ValueError, KeyError):
                    raise fail(
                        ConnectorError,
                        "sink-damaged",
                        f"Topic {self._store.name} has at offset {message.offset():,} what is no line of a ledger.",
                        "See who else writes to it; the ledger needs a topic of its own.",
                    ) from None


def _intent(line: Mapping[str, Any]) -> Intent:
    return Intent.from_json(json.dumps(line["intent"]))


def _following(intent: Intent, follows: frozenset[int], reached: Mapping[int, Position]) -> Intent:
    """The intent with the slices of these partitions begun where the ones before them ended."""
    if not follows:
        return intent
    slices = tuple(
        replace(part, start=reached.get(part.partition, Position())) if part.partition in follows else part
        for part in intent.slices
    )
    return replace(intent, slices=slices)
