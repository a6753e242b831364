"""Holds sequence rules against the generator's truth: how many events were caught, how many clean records blamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.cli._score import Offsets, named, offsets_of
from stillwell.connectors.generator import HISTORY
from stillwell.connectors.generator.options import STUCK_LENGTH
from stillwell.contract.model import Contract
from stillwell.engines.base import Progress

CAUGHT_BY: Mapping[str, tuple[str, ...]] = {
    "duplicate": ("unique",),
    "late": ("late",),
    "stuck": ("unchanged",),
    "spike": ("spike", "jump"),
    "gap": ("gap",),
    "out_of_order": ("order",),
}
"""The kinds of rules that are right about a fault."""

_TRUTH = ("fault", "fault_field")
_OF_VALUES = ("stuck", "spike")
FIRST = 10
"""Readings of each sensor whose faults are not counted: too little came before that they could be told from."""


@dataclass
class _Stretch:
    """Readings of a sensor that are stuck: when the first and the last were taken in (µs), whether one was caught."""

    first: int
    last: int
    caught: bool = False


@dataclass(frozen=True)
class _Blame:
    """What a sequence rule has against a record: its row in the epoch, the rule's kind and field, what was seen."""

    row: int
    kind: str
    field: str
    seen: str | None


class Events:
    """Events by kind. One is a faulty record; the first after a silence; or a stretch in which a value is stuck.

    It is caught when a record of it was quarantined or warned of by a rule of the right kind, for the very field where
    the fault is in a value. A stretch counts once it has lasted as long as the contract lets a value stand still.

    Args:
        contract: whose sequence rules are judged.
        sensors: how many report in turn, in one partition.
    """

    def __init__(self, contract: Contract, sensors: int) -> None:
        self._kinds = {rule.name: rule.kind for rule in contract.sequence}
        stands = [rule.options["for"] for rule in contract.sequence if rule.kind == "unchanged"]
        self._stands = max((int(one.total_seconds() * 1e6) for one in stands), default=0)  # type: ignore[attr-defined]
        self._sensors = sensors
        self._injected: Counter[str] = Counter()
        self._caught: Counter[str] = Counter()
        self._stretches: dict[tuple[bytes, int], _Stretch] = {}
        self._still: dict[tuple[bytes, str], str | None] = {}
        self.clean_rejected = 0

    def see(self, progress: Progress) -> None:
        """Take in one epoch of generated records."""
        batch = progress.batch
        assert batch is not None, "the engine of the demo runs in this process"
        faults, fields = (np.asarray(batch[name].cast(pa.string()).to_pylist(), object) for name in _TRUTH)
        offsets, keys = batch["offset"].to_numpy(), batch["key"]
        counted = offsets >= FIRST * self._sensors
        stuck = (faults == "stuck") & counted
        self._injected.update(faults[(faults != None) & ~stuck & counted])  # noqa: E711 - by element
        stretches = {row: self._stretch(keys[row].as_py(), offsets[row]) for row in np.flatnonzero(stuck).tolist()}
        taken = batch["ingest_time"].cast(pa.int64()).to_numpy()
        for row, stretch in stretches.items():
            at = self._stretches.setdefault(stretch, _Stretch(taken[row], taken[row]))
            at.last = taken[row]
        found, blamed = set[int](), self._rejected_otherwise(progress, offsets)
        for one in self._blames(progress, offsets):
            fault, place = faults[one.row], (keys[one.row].as_py(), one.field)
            if fault is None:
                # The value that was stuck once more: nobody could tell that the sensor is sound again.
                if one.kind != "unchanged" or self._still.get(place) != one.seen:
                    blamed.add(one.row)
            elif one.kind in CAUGHT_BY.get(fault, ()) and (fault not in _OF_VALUES or one.field == fields[one.row]):
                found.add(one.row)
                if fault == "stuck":
                    self._still[place] = one.seen
        self.clean_rejected += sum(faults[row] is None for row in blamed)
        self._caught.update(faults[row] for row in found if counted[row] and not stuck[row])
        for row in found & stretches.keys():
            self._stretches[stretches[row]].caught = True

    @property
    def precision(self) -> float:
        """Of all events that sequence rules told of, the share that was none of a clean record."""
        caught = sum(caught for _, caught in self.by_fault().values())
        return 1.0 if not self.clean_rejected else caught / (caught + self.clean_rejected)

    @property
    def recall(self) -> float:
        """Of all events, the share that was caught."""
        injected, caught = (sum(pair[at] for pair in self.by_fault().values()) for at in (0, 1))
        return caught / injected if injected else 1.0

    def by_fault(self) -> dict[str, list[int]]:
        """Events injected and caught, for each kind of fault that only history shows."""
        found: dict[str, list[int]] = {kind: [self._injected[kind], self._caught[kind]] for kind in HISTORY}
        lasted = [one for one in self._stretches.values() if one.caught or one.last - one.first >= self._stands]
        return found | {"stuck": [len(lasted), sum(one.caught for one in lasted)]}

    def _stretch(self, key: bytes, offset: int) -> tuple[bytes, int]:
        return key, int(offset) // (self._sensors * STUCK_LENGTH)

    def _blames(self, progress: Progress, offsets: Offsets) -> Iterator[_Blame]:
        """What sequence rules have against the records of an epoch."""
        for of_rows, lists in named(progress.judged.accepted, progress.judged.quarantined):
            rows = np.searchsorted(offsets, of_rows)[pc.list_parent_indices(lists).to_numpy()]
            reasons = pc.list_flatten(lists)
            ours = pc.is_in(reasons.field("rule"), pa.array(self._kinds, pa.string()))
            told = reasons.filter(ours).to_pylist()
            for row, one in zip(rows[ours.to_numpy(zero_copy_only=False)].tolist(), told, strict=True):
                if "seen" in one:
                    yield _Blame(row, self._kinds[one["rule"]], one["field"], one["seen"])

    def _rejected_otherwise(self, progress: Progress, offsets: Offsets) -> set[int]:
        """The rows that were rejected by other rules than those of sequences."""
        quarantined = progress.judged.quarantined
        lists = quarantined["reasons"].combine_chunks()
        rows = np.searchsorted(offsets, offsets_of(quarantined["_stillwell"].combine_chunks()))
        ours = pc.is_in(pc.list_flatten(lists).field("rule"), pa.array(self._kinds, pa.string()))
        others = pc.list_parent_indices(lists).to_numpy()[~ours.to_numpy(zero_copy_only=False)]
        return set(rows[others].tolist())
