"""An intent: what one epoch is about to write, declared before the first sink sees a row."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass

from stillwell.delivery.slice import Advance, Position, Slice, mark_name
from stillwell.kernel.digest import Facts


@dataclass(frozen=True)
class Intent:
    """Ranges, contract, versions and clock of one epoch: all that judging it again must hold on to.

    `clock` is the ingest time of records whose envelope has none. `contract` is the digest of the contract,
    whose text the ledger keeps. `versions` are those of the libraries that a verdict may depend on.
    """

    pipeline: str
    source: str
    slices: tuple[Slice, ...]
    contract: str
    versions: Mapping[str, str]
    clock: dt.datetime

    def advances(self) -> dict[str, Advance]:
        """How every sink's marks move when this epoch is written."""
        return {
            mark_name(self.pipeline, self.source, part.partition): Advance(part.start.offset, part.end.offset)
            for part in self.slices
        }

    def to_json(self) -> str:
        """One line of plain JSON, the form in which ledgers keep it."""
        plain = dataclasses.asdict(self)
        plain["clock"] = self.clock.isoformat()
        return json.dumps(plain, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Intent:
        """The intent that `to_json` wrote."""
        plain = json.loads(text)
        slices = tuple(
            Slice(one["partition"], Position(**one["start"]), Position(**one["end"]), Facts(**one["facts"]))
            for one in plain.pop("slices")
        )
        clock = dt.datetime.fromisoformat(plain.pop("clock"))
        return Intent(slices=slices, clock=clock, **plain)
