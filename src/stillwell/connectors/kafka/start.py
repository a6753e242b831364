"""Where partitions begin that were never read: what `start` meant once is kept, and stays the same.

Only so a process that starts again reads what came while nobody did, from a partition of which nothing was read before;
and what was read first is read again from the same place, whatever `start` says by then.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import xxhash

from stillwell.connectors.kafka.client import Cluster, library
from stillwell.connectors.kafka.options import FromOffsets, FromTime, SourceOptions
from stillwell.connectors.kafka.topics import Numbering, Place, forbidden, offsets
from stillwell.delivery.durable import make_folder, replace, writing
from stillwell.errors import ConnectorError, fail

_NOTE = re.compile(r"stillwell begins at (\d+)")


class Notes(Protocol):
    """Keeps where partitions begin, by number."""

    def load(self, numbering: Numbering) -> dict[int, int]: ...

    def save(self, begins: Mapping[int, int], numbering: Numbering) -> None: ...


class FileNotes:
    """In the state folder of the pipeline: for a process that has its partitions to itself."""

    def __init__(self, state: Path, identity: str) -> None:
        self._path = state / f"kafka-{xxhash.xxh3_64_hexdigest(identity.encode())}.json"

    def load(self, _numbering: Numbering) -> dict[int, int]:
        """What was kept; nothing before the first start."""
        try:
            told = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        return {int(number): int(offset) for number, offset in told.items()}

    def save(self, begins: Mapping[int, int], numbering: Numbering) -> None:
        """Keep these beside what is kept already."""
        with writing(self._path):
            make_folder(self._path.parent)
            replace(self._path, json.dumps(self.load(numbering) | dict(begins)).encode())


class GroupNotes:
    """With the committed offsets of the group: for processes that share partitions, on whichever machines."""

    def __init__(self, cluster: Cluster, consumer: Any, group: str) -> None:
        self._cluster, self._consumer, self._group = cluster, consumer, group

    def load(self, numbering: Numbering) -> dict[int, int]:
        """What the group's offsets say of all partitions there are."""
        kafka = library()
        asked = {numbering.place(number): number for number in numbering.all()}
        try:
            told = self._consumer.committed([kafka.TopicPartition(*place) for place in asked if place], timeout=10)
        except kafka.KafkaException as error:
            raise forbidden(self._cluster, f"offsets of group {self._group}", error.args[0]) from None
        notes = ((asked[one.topic, one.partition], _NOTE.search(one.metadata or "")) for one in told)
        return {number: int(note[1]) for number, note in notes if note}

    def save(self, begins: Mapping[int, int], numbering: Numbering) -> None:
        """Keep these. A member whose time is over by now keeps nothing: the next one finds out anew."""
        with contextlib.suppress(library().KafkaException):
            self._consumer.commit(offsets=noted(begins, begins, numbering), asynchronous=False)


def noted(ends: Mapping[int, int], begins: Mapping[int, int], numbering: Numbering) -> list[Any]:
    """Offsets to commit to a group, each with the note of where its partition began."""
    kafka, found = library(), []
    for number, end in ends.items():
        place = numbering.place(number)
        note = f"stillwell begins at {begins[number]}" if number in begins else ""
        if place:
            found.append(kafka.TopicPartition(*place, end, note))
    return found


class Start:
    """Finds where partitions begin."""

    def __init__(self, cluster: Cluster, options: SourceOptions, numbering: Numbering, state: Path) -> None:
        self._cluster, self._numbering, self._state = cluster, numbering, state
        self._told = options.start
        self._committed = options.isolation == "read_committed"

    @property
    def kept(self) -> bool:
        """Whether what was found once must be kept, because nobody could find it again."""
        return self._told != "earliest"

    def begins(self, numbers: set[int], notes: Notes) -> dict[int, int]:
        """The first offset to be read of these partitions, of which nothing was read before."""
        known = notes.load(self._numbering)
        if isinstance(self._told, FromOffsets):
            # Offsets that are written down count as they are; they are kept for when they are not there any more.
            known = {number: offset for number, offset in known.items() if number not in self._told.offsets}
        self._refuse_beyond(numbers)
        missing = numbers - known.keys()
        if not self.kept:
            known |= self._now(missing)
        elif missing:
            # What came to be after the first start is read from its very beginning.
            after = known and not isinstance(self._told, FromOffsets)
            found = dict.fromkeys(missing, 0) if after else self._now(set(self._numbering.all()))
            notes.save(found, self._numbering)
            known = found | known
        return {number: known[number] for number in numbers}

    def said(self, numbers: set[int], begins: Mapping[Place, int], ends: Mapping[Place, int]) -> str:
        """Where these partitions would begin that were never read, and how many records follow; nothing for all."""
        if not self.kept:
            return ""
        # Once something was read, the marks count: a topic that ends before `start` was cut, which reading tells.
        if not any(self._state.glob("kafka-*.json")):
            self._refuse_beyond(numbers)
        firsts = {place: at for number, at in self._now(numbers).items() if (place := self._numbering.place(number))}
        count = sum(max(0, ends[place] - max(at, begins[place])) for place, at in firsts.items())
        words = "the offsets of `start`" if isinstance(self._told, FromOffsets) else str(self._told)
        words = self._told.timestamp.isoformat() if isinstance(self._told, FromTime) else words
        return f"; where nothing was read yet, from {words}: about {count:,} of them"

    def _refuse_beyond(self, numbers: set[int]) -> None:
        """Refuse offsets that are not there: of partitions that there are none of, or beyond the end."""
        told = self._told.offsets if numbers and isinstance(self._told, FromOffsets) else {}
        every = self._numbering.all()
        for number in sorted(told.keys() - every):
            what = f"`start` names partition {number}, which the topic does not have."
            raise fail(ConnectorError, "bad-option", what, f"It has {len(every):,}, from 0 on.")
        asked = {place: told[number] for number in numbers & told.keys() if (place := self._numbering.place(number))}
        ends = offsets(self._cluster, asked, "latest", committed=False) if asked else {}
        for (topic, partition), at in asked.items():
            end = ends[topic, partition]
            if at > end:
                what = f"`start` asks for offset {at:,} of topic {topic}, partition {partition}, which ends at {end:,}."
                fix = f"Write an offset up to {end}, where only what comes is read, or another `start`."
                raise fail(ConnectorError, "bad-option", what, fix)

    def _now(self, numbers: set[int]) -> dict[int, int]:
        places = {place: number for number in numbers if (place := self._numbering.place(number))}
        told = self._told
        if isinstance(told, FromOffsets):
            named = {number: told.offsets[number] for number in numbers if number in told.offsets}
            rest = {place: number for place, number in places.items() if number not in named}
            return named | self._at(rest, "earliest")
        if isinstance(told, FromTime):
            found = self._at(places, int(told.timestamp.timestamp() * 1000))
            later = {place: number for place, number in places.items() if found[number] < 0}
            return found | self._at(later, "latest")
        return self._at(places, told)

    def _at(self, places: Mapping[Place, int], when: str | int) -> dict[int, int]:
        found = offsets(self._cluster, places, when, committed=self._committed)
        return {places[place]: offset for place, offset in found.items()}

    def ends(self, numbers: set[int]) -> dict[int, int]:
        """Where these partitions end now, for a reader of this isolation."""
        places = {place: number for number in numbers if (place := self._numbering.place(number))}
        return self._at(places, "latest")
