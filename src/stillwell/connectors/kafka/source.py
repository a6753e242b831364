"""Records from Kafka: all partitions of topics, or those that are told, in this process alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self, cast

from pydantic import BaseModel

from stillwell.connectors._format import told_format
from stillwell.connectors.base import Chunk, Place
from stillwell.connectors.kafka.client import Cluster
from stillwell.connectors.kafka.columns import ENVELOPE, Columns
from stillwell.connectors.kafka.native import NativeSource
from stillwell.connectors.kafka.options import SourceOptions
from stillwell.connectors.kafka.reading import Reading
from stillwell.connectors.kafka.start import FileNotes, Notes, Start
from stillwell.connectors.kafka.survey import Survey
from stillwell.connectors.kafka.topics import Selection, offsets
from stillwell.delivery.slice import Gap, Position
from stillwell.errors import ConnectorError, fail
from stillwell.kernel.base import Format

_CLOSING = 10.0

REFUSED = 30.0
"""Seconds of silence after which brokers that let us in before, and refuse us now, are an error."""


class Source:
    """Each partition of a topic is one; offsets are Kafka's. With `group` in its options it is a `Member`."""

    Options: ClassVar[type[BaseModel]] = SourceOptions
    replayable = True
    keyed = True

    def __new__(cls, options: SourceOptions, _place: Place) -> Self:
        """A member of a group is of a class of its own: only that shares partitions."""
        from stillwell.connectors.kafka.member import Member

        return cast("Self", super().__new__(Member if options.group else cls))

    def __init__(self, options: SourceOptions, place: Place) -> None:
        self._options, self._place = options, place
        self._format = _format(options)
        self._cluster = Cluster(options, place)
        self._selection = Selection.of(options.topic)
        self._survey = Survey(self._cluster, self._selection, options.refresh)
        self._numbering = self._survey.numbering
        self._start = Start(self._cluster, options, self._numbering, place.state)
        self._wanted: Collection[str] = ENVELOPE
        self._identity = ""
        self._begins: dict[int, int] = {}
        self._ends: dict[int, int] | None = None
        self._sought = self._only = False
        self._refused_since: float | None = None
        self._consumer: Any = None
        self._reading: Reading
        self._closed = threading.Event()
        self._busy = threading.Lock()

    @property
    def identity(self) -> str:
        """The cluster's id, and the topic's, or the names and patterns of several as they are written."""
        assert self._identity, "open comes first"
        return self._identity

    @property
    def format(self) -> Format:
        """As told."""
        return self._format

    def ask(self, columns: Collection[str]) -> None:
        """Before `open`: which columns of the envelope somebody needs, of `key`, `topic`, and `header.NAME`."""
        self._wanted = frozenset(columns)

    def check(self) -> str:
        """How much there is of which topics."""
        cluster = self._cluster.id()
        self._survey.begin()
        places = [place for number in self._ours() if (place := self._numbering.place(number))]
        ends = offsets(self._cluster, places, "latest", committed=False)
        begins = offsets(self._cluster, places, "earliest", committed=False)
        count = sum(ends[place] - begins[place] for place in places)
        start = self._start.said(set(self._ours()), begins, ends)
        topics = ", ".join(self._selection.told)
        partitions = f"{len(places):,} partition{'s' * (len(places) != 1)}"
        group = f", shared in group {self._options.group}" if self._options.group else ""
        return (
            f"{self._format.name} from Kafka topic {topics} ({partitions}, about {count:,} records{start}) "
            f"of cluster {cluster} at {self._cluster.brokers}{group}"
        )

    def open(self) -> None:
        """Connect, and see which topics there are."""
        cluster = self._cluster.id()
        self._survey.begin()
        one = None if self._selection.several else self._survey.topics[self._selection.told[0]]
        self._identity = f"kafka:{cluster}/{one.id if one else ','.join(self._selection.told)}"
        columns = Columns(self._numbering, one.name if one else None)
        columns.wanted = self._wanted
        columns.stamped = self._survey.stamped
        self._consumer = self._cluster.consumer(self._keys())
        told = self._options.buffer, self._options.group or ""
        self._reading = Reading(self._cluster, self._consumer, self._numbering, columns, *told)
        self._cluster.trouble.forget()
        self._cluster.trouble.running = True

    def _keys(self) -> dict[str, Any]:
        """The keys of the consumer; those that are here only for speed give way to the pipeline's own."""
        options, fetched = self._options, min(self._options.buffer, 100 << 20)
        tuned = {
            "queued.max.messages.kbytes": options.buffer >> 10,
            "queued.min.messages": 1_000_000,
            "fetch.max.bytes": fetched,
            "max.partition.fetch.bytes": min(fetched, 16 << 20),
            "receive.message.max.bytes": max(fetched + 512, 100_000_000),
            "fetch.wait.max.ms": 100,
            "fetch.queue.backoff.ms": 5,
            "session.timeout.ms": 15_000,
        }
        return {
            **{key: value for key, value in tuned.items() if key not in options.config},
            "group.id": options.group or f"stillwell-{self._place.pipeline}",
            "partition.assignment.strategy": "range",
            "topic.metadata.refresh.interval.ms": max(10, int(options.refresh * 1000)),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": options.isolation,
        }

    def _ours(self) -> frozenset[int]:
        """The partitions to be read."""
        every = self._numbering.all()
        if self._options.partitions is None:
            return every
        told = frozenset(self._options.partitions)
        if not told <= every:
            what = f"Topic {self._options.topic} has no partition {min(told - every)}."
            raise fail(ConnectorError, "bad-option", what, f"It has {len(every):,}, from 0 on.")
        return told

    def partitions_there(self) -> frozenset[int]:
        """The partitions to be read, new ones included."""
        self._survey.grown(at_once=False)
        return self._ours()

    def _notes(self) -> Notes:
        """Where it is kept how partitions began."""
        return FileNotes(self._place.state, self.identity)

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Go on at these offsets; a partition that is absent, or at 0, begins where `start` says."""
        self._only = False
        self._seek(positions, self._ours())

    def seek_only(self, positions: Mapping[int, Position]) -> None:
        """As `seek`, and of other partitions nothing is read."""
        self._only = True
        self._seek(positions, self._ours() & positions.keys())

    def _seek(self, positions: Mapping[int, Position], numbers: frozenset[int]) -> None:
        fresh = {number for number in numbers if positions.get(number, Position()).offset == 0}
        with self._busy:
            self._begins |= self._start.begins(fresh, self._notes())
            if self._options.until:
                self._ends = self._start.ends(set(numbers))
            self._reading.start(
                {number: self._begins[number] if number in fresh else positions[number].offset for number in numbers}
            )
            self._sought = True

    @property
    def partial(self) -> bool:
        """Whether this is not all of one topic, but some of its partitions, or several topics."""
        return self._selection.several or self._options.partitions is not None

    def native(self, positions: Mapping[int, Position]) -> NativeSource:
        """For an engine that reads the topic by itself: where its partitions go on, after `open`. Reads nothing.

        Only for all of one topic, and without a group.
        """
        options = self._options
        assert not self.partial, "a plan refuses this"
        numbers = self._ours()
        fresh = {number for number in numbers if positions.get(number, Position()).offset == 0}
        begun = self._start.begins(fresh, self._notes())
        begins = {number: begun[number] if number in fresh else positions[number].offset for number in numbers}
        places = {place: number for number in numbers if (place := self._numbering.place(number))}
        lows = offsets(self._cluster, places, "earliest", committed=False)
        gaps = [Gap(number, begins[number], lows[place]) for place, number in places.items()]
        return NativeSource(
            topic := self._selection.told[0],
            {number: begins[number] for number in sorted(begins)},
            self._start.ends(set(numbers)) if options.until else None,
            topic in self._survey.stamped,
            options.isolation,
            options.refresh,
            options,
            self._place,
            tuple(gap for gap in gaps if gap.start < gap.end and gap.partition not in fresh),
        )

    def read(self, records: int) -> Chunk | None:
        """What came within a twentieth of a second, at most so many records."""
        with self._busy:
            if self._closed.is_set():
                return None
            if new := self._survey.grown(at_once=self._reading.doubtful):
                self._grow(new)
            self._reading.doubtful = False
            chunk = self._reading.read(records)
            self._heed(silent=chunk is None)
            return chunk

    def _heed(self, *, silent: bool) -> None:
        """Brokers that are away come back; those that refuse us for good are an error, after a while of silence."""
        trouble = self._cluster.trouble
        if not silent:
            trouble.forget()
            trouble.back()
        if not (silent and trouble.certain):
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = time.monotonic()
        elif time.monotonic() - self._refused_since > REFUSED:
            raise trouble.refused(self._refused_since)

    def _grow(self, new: frozenset[int]) -> None:
        """Read partitions that came to be while we read, from their beginning."""
        begins = dict.fromkeys(new & self._ours(), 0)
        if not begins or not self._sought or self._only:
            # The next `seek` names them.
            return
        if self._start.kept:
            self._notes().save(begins, self._numbering)
        self._begins |= begins
        self._reading.start({**self._reading.positions, **begins})

    @property
    def finished(self) -> bool:
        """With `until: end`: whether all that was there when reading began was read."""
        if self._ends is None or not self._sought:
            return False
        at = self._reading.positions
        return all(at.get(number, end) >= end for number, end in self._ends.items())

    @property
    def left(self) -> Mapping[int, int]:
        """With `until: end`: the offsets that are left of each partition that is read."""
        at = self._reading.positions if self._ends and self._sought else {}
        ends = self._ends or {}
        return {number: ends[number] - here for number, here in at.items() if ends.get(number, 0) > here}

    @property
    def waits(self) -> str:
        """Whether brokers are away."""
        return f"none of the brokers {self._cluster.brokers} answers" if self._cluster.trouble.away else ""

    def lag(self) -> int | None:
        """Messages that wait in our partitions, by what the last fetches told; None while brokers are away."""
        return None if self._cluster.trouble.away else self._reading.lag

    def close(self) -> None:
        """Leave the cluster; what is read in this moment is waited for."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._survey.close()
        held = self._busy.acquire(timeout=_CLOSING)
        try:
            if self._consumer is not None:
                self._leave()
        finally:
            if held:
                self._busy.release()

    def _leave(self) -> None:
        self._consumer.close()


def _format(options: SourceOptions) -> Format:
    """The format, of those in which one message is one record.

    Raises:
        ConnectorError: code `unknown-format`.
    """
    told = told_format(options.format)
    if told.name == "arrow" or (told.name == "csv" and not told.options.get("header")):
        raise fail(
            ConnectorError,
            "unknown-format",
            "A message of Kafka is one record: in JSON, or delimited text whose columns are named beforehand.",
            "Say json, or for example {csv: {delimiter: ';', header: [a, b]}}.",
        )
    return told
