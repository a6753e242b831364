"""What an engine that has its own way to Kafka must know of a source or a sink, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stillwell.connectors.base import Place
from stillwell.connectors.kafka.access import Access
from stillwell.delivery.slice import Gap


@dataclass(frozen=True)
class NativeSource:
    """One topic, and from where to where it is read: offsets by partition, `ends` None where it is followed for ever.

    `stamped`: whether brokers may stamp its messages; `gaps` are offsets that were due and are gone.
    """

    topic: str
    begins: Mapping[int, int]
    ends: Mapping[int, int] | None
    stamped: bool
    isolation: str
    refresh: float
    access: Access
    place: Place
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class NativeSink:
    """The topics of one sink: rows, their marks, and the ledger beside; `key` is the field that becomes the key."""

    topic: str
    marks: str
    ledger: str
    key: str | None
    compression: str
    access: Access
    place: Place


def mark_key(topic: str, mark: str) -> bytes:
    """The key of the message that moves a mark of the sink whose rows are in this topic."""
    return f"{topic}/{mark}".encode()
