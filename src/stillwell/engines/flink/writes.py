"""What a task of Flink must know to judge and to say what is to be written: plain data that travels to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stillwell.delivery.slice import mark_name
from stillwell.kernel.base import Format


@dataclass(frozen=True)
class Topics:
    """Where messages go: rows and letters, the marks beside each, ledger and tallies."""

    accepted: str
    accepted_marks: str
    quarantine: str
    quarantine_marks: str
    ledger: str
    tallies: str

    def all(self) -> tuple[str, ...]:
        """Each once."""
        names = (self.accepted, self.accepted_marks, self.quarantine, self.quarantine_marks, self.ledger, self.tallies)
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Remembering:
    """Where tasks save what sequence rules remember. `folder` is the pipeline's state, under one path on every machine.

    `run` names the run among those of the folder; of each partition so many `keys` are remembered. `begins` says by
    partition at which offset the run goes on, and the word under which it was saved what is remembered there.
    """

    folder: Path
    run: str
    keys: int
    begins: Mapping[int, tuple[int, str]]


@dataclass(frozen=True)
class Writes:
    """A job as its tasks see it. `positions`: below these offsets everything is written; nothing is written again.

    `key` is the field that becomes the key of accepted rows, `topic` the one that is read; `remembering` is None for
    contracts without sequence rules.
    """

    pipeline: str
    source: str
    topic: str
    contract_text: str
    contract: str
    versions: Mapping[str, str]
    topics: Topics
    positions: Mapping[int, int]
    format: Format
    window: dt.timedelta
    group: tuple[str, ...] = ()
    key: str | None = None
    memory: str | None = None
    hash_key: bytes | None = field(default=None, repr=False)
    remembering: Remembering | None = None

    def mark(self, partition: int) -> str:
        """The name of the mark of a partition."""
        return mark_name(self.pipeline, self.source, partition)
