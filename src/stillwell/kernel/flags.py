"""What the full way said of each odd record and rule, as NumPy masks, taken out of its result once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.kernel.chain import Verdicts
from stillwell.kernel.sql import OWN

Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Flags:
    """By rule name a mask over the odd records: whether it failed, was not evaluated, made a repair."""

    size: int
    failed: Mapping[str, Mask]
    unjudged: Mapping[str, Mask]
    repaired: Mapping[str, Mask]

    @staticmethod
    def of(result: pa.Table, verdicts: Verdicts) -> Flags:
        """Read the columns of the full way's result."""
        failed, unjudged = {}, {}
        for rule in verdicts.failed:
            failed[rule], unjudged[rule] = _split(result[f"{OWN}failed_{rule}"])
        repaired = {rule: _split(result[f"{OWN}repaired_{rule}"])[0] for rule in verdicts.repaired}
        return Flags(len(result), failed, unjudged, repaired)

    def any_failed(self, rules: Iterable[str]) -> Mask:
        """Which records failed at least one of the rules."""
        return self._any(self.failed, rules)

    def any_repaired(self, rules: Iterable[str]) -> Mask:
        """Which records were repaired under at least one of the rules."""
        return self._any(self.repaired, rules)

    def _any(self, masks: Mapping[str, Mask], rules: Iterable[str]) -> Mask:
        found = np.zeros(self.size, bool)
        for rule in rules:
            if rule in masks:
                found |= masks[rule]
        return found


def _split(column: pa.ChunkedArray) -> tuple[Mask, Mask]:
    """Where a boolean column is true, and where it is null."""
    if not column.null_count:
        return column.to_numpy(), np.zeros(len(column), bool)
    return column.fill_null(False).to_numpy(), column.is_null().to_numpy()
