"""An intent: what one epoch is about to write, declared before the first sink sees a row."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from stillwell.delivery.slice import Advance, Gap, Position, Slice, mark_name
from stillwell.kernel.digest import Facts


@dataclass(frozen=True)
class Intent:
    """Ranges, contract, versions and clock of one epoch: all that judging it again must hold on to.

    `clock` is the ingest time of records whose envelope has none. `contract` is the digest of the contract,
    whose text the ledger keeps. `versions` are those of the libraries that a verdict may depend on. `gaps` are what the
    source had forgotten within the slices. `columns` are those of delimited text, as JSON: quarantined lines do not
    tell them. `history` is the word under which it was saved what sequence rules remember at its end; `forgotten` says
    how many keys of a partition had to be forgotten meanwhile, where there were more than a run may remember.
    """

    pipeline: str
    source: str
    slices: tuple[Slice, ...]
    contract: str
    versions: Mapping[str, str]
    clock: dt.datetime
    gaps: tuple[Gap, ...] = ()
    columns: str = ""
    history: str = ""
    forgotten: Mapping[int, int] = field(default_factory=dict)

    def advances(self) -> dict[str, Advance]:
        """How every sink's marks move when this epoch is written."""
        return {
            mark_name(self.pipeline, self.source, part.partition): Advance(part.start.offset, part.end.offset)
            for part in self.slices
        }

    def within(self, partitions: Collection[int]) -> Intent:
        """The same intent of these partitions alone."""
        return dataclasses.replace(
            self,
            slices=tuple(part for part in self.slices if part.partition in partitions),
            gaps=tuple(gap for gap in self.gaps if gap.partition in partitions),
            forgotten={partition: keys for partition, keys in self.forgotten.items() if partition in partitions},
        )

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
        gaps = tuple(Gap(**one) for one in plain.pop("gaps", ()))
        forgotten = {int(partition): keys for partition, keys in plain.pop("forgotten", {}).items()}
        return Intent(slices=slices, clock=clock, gaps=gaps, forgotten=forgotten, **plain)
