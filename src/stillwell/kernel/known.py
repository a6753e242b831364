"""Odd records told from what is known of them: the values that were read, and which rules they broke.

The full way would say the same after parsing each of them again; a property test holds the two to each other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.kernel.count import OF_VALUES
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.prepare import one_array
from stillwell.kernel.program import Program
from stillwell.kernel.prove import Proof
from stillwell.kernel.reasons import Explainer
from stillwell.kernel.rows import Odd
from stillwell.kernel.sql import OWN

_ONE_TEXT = ("string", "integer", "boolean")
"""Types whose values are written in one way only; of others it has to be seen how."""


class Known:
    """Tells of records of one program that broke nothing but what is asked of single values."""

    def __init__(self, program: Program, explainer: Explainer) -> None:
        self._program = program
        self._explainer = explainer
        self._written = program.reader.as_written() if program.reader else None
        shown = {one.name for one in program.contract.fields if self._written or one.type in _ONE_TEXT}
        of_values = [rule for rule in program.rules if rule.kind in OF_VALUES and rule.kind != "type"]
        self._shown = {rule.name: rule.fields[0] for rule in of_values if rule.fields[0] in shown}
        self._can_tell = {*self._shown, *(rule.name for rule in program.rules if rule.kind == "required")}

    def tell(self, rows: pa.Table, proof: Proof) -> Odd | None:
        """What can be told of the rows that are not plain; None where that is nothing."""
        if proof.broken is None or proof.values is None:
            return None
        chosen = ~proof.plain if proof.read is None else proof.read & ~proof.plain
        for rule, mask in proof.broken.masks.items():
            if rule not in self._can_tell:
                chosen &= ~mask
        places = np.flatnonzero(chosen)
        seen = self._seen(rows, proof.values, places)
        told = np.ones(len(places), bool)
        for rule, field in self._shown.items():
            if (mask := proof.broken.masks[rule]).any():
                told &= ~(mask[places] & np.asarray(seen[field].is_null()))
        if not told.all():
            places, seen = places[told], {field: texts.filter(pa.array(told)) for field, texts in seen.items()}
        if not len(places):
            return None
        failed = {rule: mask[places] for rule, mask in proof.broken.masks.items()}
        unknown = {rule: mask[places] for rule, mask in proof.broken.unknown.items()}
        return self._odd(places, proof.values.take(pa.array(places)), failed, unknown, seen)

    def good(self, places: npt.NDArray[np.int64], values: pa.Table) -> Odd:
        """Of rows that are plain, with what the plain way found: they broke nothing that one record can tell."""
        asked = f"{OWN}evaluated_"
        unknown = {
            name.removeprefix(asked): ~np.asarray(one_array(values[name]))
            for name in values.column_names
            if name.startswith(asked)
        }
        return self._odd(places, values, {}, unknown, {})

    def _odd(
        self,
        places: npt.NDArray[np.int64],
        values: pa.Table,
        failed: Mapping[str, Mask],
        unknown: Mapping[str, Mask],
        seen: Mapping[str, pa.Array],
    ) -> Odd:
        """What the full way says of n records at these places of a batch.

        They hold `values`, broke the rules `failed` and could not be asked the record rules `unknown`; `seen` is by
        field how its values are written.
        """
        none, verdicts = np.zeros(len(places), bool), self._program.full.verdicts
        absent = {one.name: np.asarray(one_array(values[one.name]).is_null()) for one in self._program.contract.fields}
        of_values = {rule.name: absent[rule.fields[0]] for rule in self._program.rules if rule.kind in OF_VALUES}
        unjudged = {**of_values, **unknown}
        flags = Flags(
            len(places),
            {rule: failed.get(rule, none) for rule in verdicts.failed},
            {rule: unjudged.get(rule, none) for rule in verdicts.failed},
            dict.fromkeys(verdicts.repaired, none),
        )
        shown = {f"{OWN}seen_{field}.": texts for field, texts in seen.items()}
        return Odd.of(self._explainer, places, values, pa.table(shown), flags)

    def _seen(self, rows: pa.Table, values: pa.Table, places: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
        """By field how its values are written in some rows; null where that is not known, or there is no value."""
        fields, taken = self._program.contract.fields, pa.array(places)
        if self._written is None:
            found = values.select([one.name for one in fields if one.type in _ONE_TEXT]).take(taken)
            none = pa.nulls(len(places), pa.string())
            return {one.name: none for one in fields} | {
                name: one_array(found[name].cast(pa.string())) for name in found.column_names
            }
        records, _ = self._written.read(rows[OWN + "payload"].take(taken))
        return {one.name: records.field(str(one.paths[0].steps[0])) for one in fields}
