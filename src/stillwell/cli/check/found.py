"""What was found in all records so far: counts that fit in memory however many there are, and the first examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.cli._data import Data, Part
from stillwell.cli.check.whole import TableFound, Whole
from stillwell.contract.model import Contract
from stillwell.kernel.base import QUARANTINED, Judged
from stillwell.kernel.counts import Counts, RuleCount
from stillwell.kernel.tally import Tally


@dataclass(frozen=True)
class Sample:
    """One record that broke or mended a rule: where it is, and what was seen and expected there."""

    data: str
    place: Mapping[str, int]
    field: str
    seen: str | None
    expected: str | None


class Found:
    """Adds up verdicts or counts; `samples` says how many examples of each rule are kept.

    `tally` is there only where records were judged, `rules` in any case; `table` says what holds of all together. What
    must be looked up for that lies in `folder`.
    """

    def __init__(self, contract: Contract, samples: int, folder: Path) -> None:
        self.contract = contract
        self.read = self.accepted = self.quarantined = 0
        self.several = self.warned = self.repaired = 0
        self.rules: dict[str, RuleCount] = {}
        self.conserved = True
        self.failed = False
        self.formats: set[str] = set()
        self.tally: Tally | None = None
        self.samples: dict[str, list[Sample]] = defaultdict(list)
        self.repairs: dict[str, list[Sample]] = defaultdict(list)
        self.most = samples
        self.table: tuple[TableFound, ...] = ()
        self._whole = Whole(contract, folder)

    def add(self, data: Data, part: Part, judged: Judged) -> None:
        """Add the verdict on one part of one source."""
        self.read += judged.read
        self.formats.add(data.format.name)
        self.accepted += len(judged.accepted)
        self.quarantined += len(judged.quarantined)
        self.conserved &= all(facts.conserved for facts in judged.facts.values())
        # A `fail` rule is never tolerated.
        self.failed |= judged.stop is not None
        self._whole.add(judged)
        whole = judged.tally.total()
        self.tally = self.tally.merge(whole).total() if self.tally else whole
        self.warned += whole.count("warned")
        self.repaired += whole.count("repaired")
        self._count(
            {
                name: RuleCount(*(int(one.sum()) for one in (rule.failed, rule.repaired, rule.not_evaluated)))
                for name, rule in whole.rules.items()
            }
        )
        rejected = judged.verdicts.to_numpy() == QUARANTINED
        reasons = _whole(judged.quarantined["reasons"])
        self.several += pc.sum(pc.greater(pc.list_value_length(reasons), 1)).as_py() or 0
        trace = _whole(judged.accepted["_stillwell"])
        warnings, repairs = pc.struct_field(trace, "warnings"), pc.struct_field(trace, "repairs")
        bad, good = np.flatnonzero(rejected), np.flatnonzero(~rejected)
        self._keep(self.samples, data, part, [(reasons, bad), (warnings, good)])
        self._keep(self.repairs, data, part, [(repairs, good)])

    def finish(self) -> None:
        """Say what holds of all records together; nothing is added after this."""
        self.table = self._whole.found(self.tally)

    def add_counts(self, data: Data, counts: Counts, part: Part | None) -> None:
        """Add what was counted in these records; None for a whole file of rows, counted from 1."""
        self.read += counts.read
        self.formats.add(data.format.name)
        self.accepted += counts.accepted
        self.quarantined += counts.quarantined
        self.failed |= counts.stop
        self.several += counts.several
        self.warned += counts.warned
        self.repaired += counts.repaired
        self._count(counts.rules)
        for kept, examples in ((self.samples, counts.samples), (self.repairs, counts.repairs)):
            for rule, some in examples.items():
                for one in some[: self.most - len(kept[rule])]:
                    place = {data.unit: one.place + 1} if part is None else part.place(one.place)
                    kept[rule].append(Sample(data.name, place, one.field, one.seen, one.expected))

    def _count(self, rules: Mapping[str, RuleCount]) -> None:
        self.rules |= {name: self.rules.get(name, RuleCount()) + count for name, count in rules.items()}

    def _keep(self, kept: dict[str, list[Sample]], data: Data, part: Part, lists: list[_Lists]) -> None:
        """Keep the first entries of each rule, which are lists of structs, one list a record."""
        found: dict[str, list[tuple[int, Sample]]] = defaultdict(list)
        for one, rows in lists:
            entries, records = one.flatten(), pc.list_parent_indices(one).to_numpy()
            rules = pc.struct_field(entries, "rule").dictionary_encode()
            codes = rules.indices.to_numpy()
            for code, rule in enumerate(rules.dictionary.to_pylist()):
                missing = max(0, self.most - len(kept[rule]))
                for at in np.flatnonzero(codes == code)[:missing]:
                    row = int(rows[records[at]])
                    found[rule].append((row, _sample(data, part.place(row), entries[int(at)].as_py())))
        for rule, samples in found.items():
            first = sorted(samples, key=itemgetter(0))[: self.most - len(kept[rule])]
            kept[rule] += [sample for _, sample in first]


_Lists: TypeAlias = tuple[pa.ListArray, npt.NDArray[np.int64]]


def _sample(data: Data, place: Mapping[str, int], entry: Mapping[str, str | None]) -> Sample:
    seen = entry["seen"] if "seen" in entry else entry["before"]
    return Sample(data.name, place, entry["field"] or "", seen, entry.get("expected"))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
