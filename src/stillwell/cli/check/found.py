"""What was found in all records so far: counts that fit in memory however many there are, and the first examples."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.cli._data import Data, Part
from stillwell.contract.model import Contract
from stillwell.kernel.base import QUARANTINED, Judged
from stillwell.kernel.tally import Tally


@dataclass(frozen=True)
class Sample:
    """One record that broke or mended a rule: where it is, and what was seen and expected there."""

    data: str
    unit: str
    number: int
    field: str
    seen: str | None
    expected: str | None


class Found:
    """Adds up verdicts; `samples` says how many examples of each rule are kept."""

    def __init__(self, contract: Contract, samples: int) -> None:
        self.contract = contract
        self.read = self.accepted = self.quarantined = 0
        self.several = 0
        self.conserved = True
        self.failed = False
        self.formats: set[str] = set()
        self.tally: Tally | None = None
        self.samples: dict[str, list[Sample]] = defaultdict(list)
        self.repairs: dict[str, list[Sample]] = defaultdict(list)
        self._most = samples

    def add(self, data: Data, part: Part, judged: Judged) -> None:
        """Add the verdict on one part of one source."""
        self.read += judged.read
        self.formats.add(data.format.name)
        self.accepted += len(judged.accepted)
        self.quarantined += len(judged.quarantined)
        self.conserved &= all(facts.conserved for facts in judged.facts.values())
        # A `fail` rule is never tolerated.
        self.failed |= judged.stop is not None
        whole = judged.tally.total()
        self.tally = self.tally.merge(whole).total() if self.tally else whole
        rejected = judged.verdicts.to_numpy() == QUARANTINED
        reasons = _whole(judged.quarantined["reasons"])
        self.several += pc.sum(pc.greater(pc.list_value_length(reasons), 1)).as_py() or 0
        trace = _whole(judged.accepted["_stillwell"])
        self._keep(self.samples, data, reasons, part.numbers[rejected])
        self._keep(self.samples, data, pc.struct_field(trace, "warnings"), part.numbers[~rejected])
        self._keep(self.repairs, data, pc.struct_field(trace, "repairs"), part.numbers[~rejected])

    def _keep(
        self, kept: dict[str, list[Sample]], data: Data, lists: pa.ListArray, numbers: npt.NDArray[np.int64]
    ) -> None:
        """Keep the first entries of each rule, which are lists of structs, one list a record."""
        entries, records = lists.flatten(), pc.list_parent_indices(lists).to_numpy()
        rules = pc.struct_field(entries, "rule").dictionary_encode()
        codes = rules.indices.to_numpy()
        for code, rule in enumerate(rules.dictionary.to_pylist()):
            missing = self._most - len(kept[rule])
            for at in np.flatnonzero(codes == code)[:missing] if missing > 0 else ():
                entry = entries[int(at)].as_py()
                seen = entry["seen"] if "seen" in entry else entry["before"]
                number = int(numbers[records[at]])
                kept[rule].append(Sample(data.name, data.unit, number, entry["field"], seen, entry.get("expected")))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
