"""Holds verdicts against the generator's truth: how many faults were caught, how many clean records rejected."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.connectors.generator import VISIBLE
from stillwell.engines.base import Progress

Offsets = npt.NDArray[np.int64]


@dataclass
class Score:
    """Faults by kind. A fault is caught when its record was quarantined, warned of or repaired for the very field."""

    injected: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    clean_rejected: int = 0

    def see(self, progress: Progress) -> None:
        """Take in one epoch of generated records."""
        batch, judged = progress.batch, progress.judged
        assert batch is not None, "the engine of the demo runs in this process"
        faults = np.asarray(batch["fault"].cast(pa.string()).to_pylist(), object)
        fields = np.asarray(batch["fault_field"].cast(pa.string()).to_pylist(), object)
        visible = np.isin(faults, VISIBLE)
        offsets = batch["offset"].to_numpy()
        caught = np.zeros(len(faults), bool)
        for of_rows, lists in named(judged.accepted, judged.quarantined):
            rows = np.searchsorted(offsets, of_rows)[pc.list_parent_indices(lists).to_numpy()]
            for row, one in zip(rows, pc.list_flatten(lists).field("field").to_pylist(), strict=True):
                caught[row] |= fields[row] is None or fields[row] in one.split(",")
        rejected = np.searchsorted(offsets, offsets_of(judged.quarantined["_stillwell"].combine_chunks()))
        self.injected.update(fault for fault in faults if fault is not None)
        self.caught.update(faults[caught & visible])
        self.rejected += len(rejected)
        self.clean_rejected += int(np.count_nonzero(~visible[rejected]))

    @property
    def precision(self) -> float:
        """Of all rejected records, the share that had a fault which a rule over one record can see."""
        return 1.0 if not self.rejected else 1 - self.clean_rejected / self.rejected

    @property
    def recall(self) -> float:
        """Of all such faults, the share that was caught."""
        injected = sum(self.injected[kind] for kind in VISIBLE)
        return 1.0 if not injected else sum(self.caught[kind] for kind in VISIBLE) / injected

    def by_fault(self) -> dict[str, list[int]]:
        """Injected and caught, for each kind that a rule over one record can see."""
        return {kind: [self.injected[kind], self.caught[kind]] for kind in VISIBLE}


def named(accepted: pa.Table, quarantined: pa.Table) -> list[tuple[Offsets, pa.ListArray]]:
    """For rejected, warned and repaired rows: their offsets, and the lists that name fields."""
    found = [(offsets_of(quarantined["_stillwell"].combine_chunks()), quarantined["reasons"].combine_chunks())]
    trace = accepted["_stillwell"].combine_chunks()
    for lists in ("warnings", "repairs"):
        noted = trace.filter(trace.field(lists).is_valid())
        found.append((offsets_of(noted), noted.field(lists)))
    return found


def offsets_of(trace: pa.StructArray) -> Offsets:
    """The offsets of rows, by what they carry in `_stillwell`."""
    offsets: Offsets = trace.field("offset").to_numpy()
    return offsets
