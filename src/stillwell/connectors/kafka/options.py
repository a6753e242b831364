"""What can be asked of the Kafka source: its keys in pipeline.yml."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import AwareDatetime, ByteSize, Field, NonNegativeInt, field_validator, model_validator

from stillwell.connectors.base import Options
from stillwell.connectors.kafka.access import Access


class FromTime(Options):
    """Start at the first record whose timestamp is this instant or later."""

    timestamp: AwareDatetime


class FromOffsets(Options):
    """Start at these offsets, by partition; a partition that is not named starts at its earliest."""

    offsets: dict[NonNegativeInt, NonNegativeInt]


class SourceOptions(Access):
    """Which topics, which part of them, and from where on.

    Attributes:
        topic: a name, a list of names, or a pattern that begins with `^`.
        group: share the partitions with the other processes of this consumer group.
        partitions: without a group: read only these partitions of one topic, instead of all.
        start: where a partition begins that was never read before: earliest, latest, {timestamp: …} or {offsets: …}.
        until: `end` stops at what was the end when reading began; otherwise records are followed for ever.
        isolation: whether records of transactions that are still open or were aborted are read.
        format: json, or csv with its header told.
        buffer: bytes of records that are fetched ahead.
        refresh: seconds between two looks for new topics and partitions.
    """

    topic: str | list[str]
    group: str | None = Field(None, min_length=1)
    partitions: list[NonNegativeInt] | None = Field(None, min_length=1)
    start: Literal["earliest", "latest"] | FromTime | FromOffsets = "earliest"
    until: Literal["end"] | None = None
    isolation: Literal["read_committed", "read_uncommitted"] = "read_committed"
    format: str | dict[str, object] = "json"
    buffer: ByteSize = Field(ByteSize(16 << 20), ge=1 << 20, le=2 << 30)
    refresh: float = Field(10.0, gt=0)

    @field_validator("topic")
    @classmethod
    def _readable(cls, topic: str | list[str]) -> str | list[str]:
        told = [topic] if isinstance(topic, str) else topic
        if not all(told) or not told:
            raise ValueError("name a topic")
        for one in told:
            if one.startswith("^"):
                try:
                    re.compile(one)
                except re.error as error:
                    raise ValueError(f"`{one}` is no pattern: {error}") from None
        return topic

    @model_validator(mode="after")
    def _one_way(self) -> SourceOptions:
        one = isinstance(self.topic, str) and not self.topic.startswith("^")
        if self.partitions is not None and (self.group or not one):
            raise ValueError("partitions are told for one topic and without a group, which shares all of them")
        if isinstance(self.start, FromOffsets) and not one:
            raise ValueError("start at offsets is for one topic, whose partitions they name")
        return self
