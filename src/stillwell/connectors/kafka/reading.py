"""Reads partitions from positions on: knows what was handed on of each, what is gone, and where each ends."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from stillwell.connectors.base import Chunk
from stillwell.connectors.kafka.client import Cluster, library
from stillwell.connectors.kafka.columns import Columns
from stillwell.connectors.kafka.topics import Numbering, Place, forbidden, offsets
from stillwell.delivery.slice import Gap, Position
from stillwell.errors import ConnectorError, StillwellError, fail

LINGER = 0.05
"""Seconds that a read waits for more messages: so late is the first of them at most."""

_FIRST = 1_000
_STEP = 2_000
_PATIENCE = 30.0


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Spare the collector the messages that live for a moment, none of them in a cycle: an eighth of all time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class Reading:
    """What one consumer reads, in one thread.

    `doubtful` is set when the brokers do not know a topic any more; `lag` are the messages behind those handed on, None
    before anything is known of them.
    """

    def __init__(
        self, cluster: Cluster, consumer: Any, numbering: Numbering, columns: Columns, buffer: int, group: str = ""
    ) -> None:
        self._group = group
        self._cluster, self._consumer, self._numbering, self._columns = cluster, consumer, numbering, columns
        self._kafka = library()
        self._error = self._kafka.Message.error
        self._buffer = buffer
        self._most = _FIRST
        self._next: dict[int, int] = {}
        self._behind: set[int] = set()
        self._since = 0.0
        self._turn = 0
        self._flowing = False
        self.doubtful = False
        self.lag: int | None = None

    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset of every partition that is read."""
        return dict(self._next)

    def start(self, positions: Mapping[int, int]) -> None:
        """Read these partitions from these offsets on, and no others."""
        self.forget()
        self._next = dict(positions)
        self._assign()

    def forget(self) -> None:
        """Read nothing, without a word to the consumer: its partitions are given up already."""
        self._turn += 1
        self._next = {}
        self._behind.clear()

    def _assign(self) -> None:
        """Tell the consumer what to read; what it had fetched ahead is fetched again."""
        wanted = [(self._numbering.place(number), offset) for number, offset in self._next.items()]
        self._consumer.assign([self._kafka.TopicPartition(*place, offset) for place, offset in wanted if place])

    def read(self, records: int, wait: float = LINGER) -> Chunk | None:
        """What came, at most so many records; None when nothing did.

        Raises:
            ConnectorError: code `refused` or `offset-beyond-end`.
        """
        gaps, turn = self._catch_up(), self._turn
        ends: dict[int, int] = {}
        with _uncollected() if self._flowing else contextlib.nullcontext():
            tables = self._take(records, wait, ends)
        if turn != self._turn:
            # Partitions changed hands meanwhile: what was not handed on yet is for somebody else to read.
            return None
        self._next |= (ends := {number: end for number, end in ends.items() if end > self._next.get(number, end)})
        self._look_ahead()
        if not (tables or ends or gaps):
            return None
        # Whoever reads again what lay in a gap need not wait for records behind it.
        ends = {gap.partition: gap.end for gap in gaps} | ends
        whole = pa.concat_tables(tables) if tables else self._columns.empty()
        return Chunk(whole, {number: Position(end) for number, end in ends.items()}, gaps)

    def _take(self, records: int, wait: float, ends: dict[int, int]) -> list[pa.Table]:
        """Batches of what comes until `wait` is over; the new ends of partitions go to `ends`."""
        tables: list[pa.Table] = []
        until = time.monotonic() + wait
        while records > 0 and (messages := self._consume(min(records, self._most), until - time.monotonic())):
            good = self._sorted_out(messages, ends)
            if good:
                table, after = self._columns.table(good)
                tables.append(table)
                ends |= {number: max(end, ends.get(number, 0)) for number, end in after.items()}
                records -= len(good)
                self._most = max(1, min(_STEP, self._buffer * len(good) // max(1, table["payload"].nbytes)))
            # Many messages held at once cost more than each by itself: memory for them is taken anew.
            del messages, good
        self._flowing = records <= 0
        return tables

    def _consume(self, most: int, wait: float) -> Sequence[Any]:
        messages: Sequence[Any] = self._consumer.consume(most, wait) if wait > 0 else ()
        return messages

    def _sorted_out(self, messages: Sequence[Any], ends: dict[int, int]) -> Sequence[Any]:
        """The messages that are records; what others tell of ends of partitions goes to `ends`."""
        errors = list(map(self._error, messages))
        if not any(errors):
            return messages
        for message, error in zip(messages, errors, strict=True):
            if error and (reached := self._event(message, error)):
                ends |= dict([reached])
        return [message for message, error in zip(messages, errors, strict=True) if not error]

    def _event(self, message: Any, error: Any) -> tuple[int, int] | None:
        """Take what comes in the place of a message; the end of a partition, by its number, if it is that."""
        codes, place = self._kafka.KafkaError, (message.topic(), message.partition())
        known = place[0] is not None and self._numbering.knows(place)
        if error.code() == codes._PARTITION_EOF:
            return (self._numbering.number(place), message.offset()) if known else None
        if error.code() in (codes._AUTO_OFFSET_RESET, codes.OFFSET_OUT_OF_RANGE) and known:
            self._behind.add(self._numbering.number(place))
            self._since = time.monotonic()
        elif error.code() in (codes.UNKNOWN_TOPIC_OR_PART, codes._UNKNOWN_TOPIC, codes._UNKNOWN_PARTITION):
            self.doubtful = True
        elif error.code() == codes._LOG_TRUNCATION and known:
            raise self._beyond(place, self._next[self._numbering.number(place)], message.offset())
        elif error.fatal() or error.name().endswith("AUTHORIZATION_FAILED") or error.code() == codes._BAD_MSG:
            raise forbidden(self._cluster, f"topic {place[0]}" if place[0] else f"group {self._group}", error)
        return None

    def _catch_up(self) -> tuple[Gap, ...]:
        """Go on where the log begins, in partitions whose next offset it no longer has."""
        places = {place: number for number in self._behind if (place := self._numbering.place(number))}
        if not places:
            return ()
        try:
            lows = offsets(self._cluster, places, "earliest", committed=False, patience=0)
            highs = offsets(self._cluster, places, "latest", committed=False, patience=0)
        except StillwellError:
            # Brokers that are away come back; the answer is needed, and not at once.
            if time.monotonic() - self._since > _PATIENCE:
                raise
            return ()
        gaps = []
        for place, number in places.items():
            at = self._next.get(number, lows[place])
            if at > highs[place]:
                raise self._beyond(place, at, highs[place])
            if at < lows[place]:
                gaps.append(Gap(number, at, lows[place]))
                self._next[number] = lows[place]
        self._behind.clear()
        self._assign()
        return tuple(gaps)

    def _beyond(self, place: Place, at: int, end: int) -> StillwellError:
        topic, partition = place
        return fail(
            ConnectorError,
            "offset-beyond-end",
            f"Topic {topic}, partition {partition}: reading goes on at offset {at:,}, but the topic ends at {end:,}. "
            "It was cut, or brought back from an older copy.",
            "Bring the topic back as it was, or give the pipeline another name and other sinks to start anew.",
        )

    def _look_ahead(self) -> None:
        """See how many messages wait, by what the last fetches told; this one thread alone asks the consumer."""
        waiting, told = 0, False
        for number, at in self._next.items():
            place = self._numbering.place(number)
            if place is None:
                continue
            _, high = self._consumer.get_watermark_offsets(self._kafka.TopicPartition(*place), cached=True)
            if high >= 0:
                waiting, told = waiting + max(0, high - at), True
        self.lag = waiting if told else None
