"""Records from Kafka, shared with the other members of a consumer group: each reads the partitions that it is given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from stillwell.connectors.base import Chunk, Place
from stillwell.connectors.kafka.client import library
from stillwell.connectors.kafka.options import SourceOptions
from stillwell.connectors.kafka.source import Source
from stillwell.connectors.kafka.start import GroupNotes, Notes, noted
from stillwell.delivery.slice import Position


class Member(Source):
    """A source whose partitions are those that the group gives it, until somebody comes or goes."""

    def __init__(self, options: SourceOptions, place: Place) -> None:
        super().__init__(options, place)
        self._let_go: Callable[[bool], None] | None = None
        self._term = 0
        self._partitions: frozenset[int] = frozenset()
        self._given = False
        self._committed: dict[int, int] = {}

    def join(self, let_go: Callable[[bool], None]) -> None:
        """Become a member of the group; it gives us partitions while `read` is called."""
        self._let_go = let_go
        self._consumer.subscribe(
            list(self._selection.told), on_assign=self._taken, on_revoke=self._revoked, on_lost=self._lost
        )

    @property
    def term(self) -> int:
        """How many times the group gave us partitions."""
        return self._term

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions that the group gave us."""
        return self._partitions

    @property
    def waits(self) -> str:
        """Whether brokers are away, or the group has nothing for us, or not yet."""
        group = f"group {self._options.group}"
        if told := super().waits:
            return told
        if self._let_go is None or (self._sought and self._partitions):
            return ""
        if self._given:
            return f"{group} has no partition for this process: others have them all"
        return f"{group} deals its partitions out anew"

    def _ours(self) -> frozenset[int]:
        return self._partitions if self._let_go else super()._ours()

    def _notes(self) -> Notes:
        return GroupNotes(self._cluster, self._consumer, self._options.group or "")

    def _taken(self, consumer: Any, given: list[Any]) -> None:
        """The group gives us these; they are read once somebody says from where on."""
        consumer.assign([])
        places = [(one.topic, one.partition) for one in given]
        if not all(self._numbering.knows(place) for place in places):
            self._survey.begin()
        self._partitions = frozenset(self._numbering.number(place) for place in places if self._numbering.knows(place))
        self._sought, self._given = False, True
        self._term += 1

    def _revoked(self, consumer: Any, _given: list[Any]) -> None:
        self._give_up(consumer, lost=False)

    def _lost(self, consumer: Any, _given: list[Any]) -> None:
        self._give_up(consumer, lost=True)

    def _give_up(self, consumer: Any, *, lost: bool) -> None:
        if self._let_go and not self._closed.is_set():
            self._let_go(lost)
            self._tell()
        self._partitions, self._sought, self._given = frozenset(), False, False
        self._reading.forget()
        consumer.unassign()

    def _grow(self, new: frozenset[int]) -> None:
        """The group itself gives out what is new."""
        if not self._let_go:
            super()._grow(new)

    def idle(self) -> None:
        """Be heard of by the group, which may take our partitions meanwhile; they pause, so that nothing is missed."""
        with self._busy:
            if self._closed.is_set():
                return
            held, positions = self._consumer.assignment(), self._reading.positions
            self._consumer.pause(held)
            self._consumer.poll(0)
            if self._sought:
                self._consumer.resume(held)
                self._reading.start(positions)

    def committed(self, ends: Mapping[int, Position]) -> None:
        """Remember what the group is told soon, for those who look at its lag; what counts are the marks."""
        # Not at once: while `read` gives partitions up, a call from another thread would wait for its end.
        self._committed = {**self._committed, **{number: end.offset for number, end in ends.items()}}

    def read(self, records: int) -> Chunk | None:
        """What came within a twentieth of a second, at most so many records; the group is told what was committed."""
        with self._busy:
            self._tell()
        return super().read(records)

    def _tell(self) -> None:
        ends, self._committed = self._committed, {}
        # Closed, or no member any more: then somebody else tells.
        with contextlib.suppress(RuntimeError, library().KafkaException):
            if ends:
                self._consumer.commit(offsets=noted(ends, self._begins, self._numbering), asynchronous=True)

    def _leave(self) -> None:
        self._tell()
        super()._leave()
