"""What can be asked of the Kafka source: its keys in pipeline.yml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    ByteSize,
    Discriminator,
    Field,
    NonNegativeInt,
    Tag,
    field_validator,
    model_validator,
)

from stillwell.connectors.base import Options
from stillwell.connectors.kafka.access import Access
from stillwell.errors import BadOption


class FromTime(Options):
    """Start at the first record whose timestamp is this instant or later."""

    timestamp: AwareDatetime

    @field_validator("timestamp")
    @classmethod
    def _been(cls, timestamp: datetime) -> datetime:
        # Brokers have no record of that time and so would answer as for `latest`, whose records are of before it.
        if timestamp > datetime.now(UTC):
            what = f"{timestamp.isoformat()} lies in the future: no record could be found by it"
            raise BadOption(what, "Write an instant that has been, or `start: latest`.")
        return timestamp


class FromOffsets(Options):
    """Start at these offsets, by partition; a partition that is not named starts at its earliest."""

    offsets: dict[NonNegativeInt, NonNegativeInt]


def _kind(told: object) -> str | None:
    """Which way to start this is, such that only what is wrong with that one is told; None for none."""
    if isinstance(told, str):
        return "word" if told in ("earliest", "latest") else None
    for name, kind in (("timestamp", FromTime), ("offsets", FromOffsets)):
        if isinstance(told, kind) or (isinstance(told, Mapping) and name in told):
            return f"from {name}"
    return None


Start = Annotated[
    Annotated[Literal["earliest", "latest"], Tag("word")]
    | Annotated[FromTime, Tag("from timestamp")]
    | Annotated[FromOffsets, Tag("from offsets")],
    Discriminator(
        _kind,
        custom_error_type="literal_error",
        custom_error_context={"expected": "'earliest', 'latest', '{timestamp: …}' or '{offsets: …}'"},
    ),
]
"""Where a partition begins that was never read."""


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
    start: Start = "earliest"
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
            raise BadOption("no topic is named", "Name a topic, a list of them, or a pattern that begins with ^.")
        for one in told:
            if one.startswith("^"):
                try:
                    re.compile(one)
                except re.error as error:
                    fix = "Write a regular expression, such as ^sensor-.*"
                    raise BadOption(f"`{one}` is no pattern: {error}", fix) from None
        return topic

    @model_validator(mode="after")
    def _one_way(self) -> SourceOptions:
        one = isinstance(self.topic, str) and not self.topic.startswith("^")
        if self.partitions is not None and (self.group or not one):
            what = "partitions are told for one topic and without a group, which shares all of them"
            raise BadOption(what, "Leave `group` out, and name one topic; or leave `partitions` out.")
        if isinstance(self.start, FromOffsets) and not one:
            what = "start at offsets is for one topic, whose partitions they name"
            raise BadOption(what, "Name one topic, or start at a timestamp.")
        return self
