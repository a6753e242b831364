"""The two ways of one compiled contract: the plain one for most records, the full one for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.kernel.base import Format
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.known import Known
from stillwell.kernel.prepare import readable
from stillwell.kernel.program import Program
from stillwell.kernel.prove import Proof, Prover
from stillwell.kernel.query import Query
from stillwell.kernel.reasons import Explainer
from stillwell.kernel.rows import Odd, payload_seen, together
from stillwell.kernel.sql import own


@dataclass(frozen=True)
class Both:
    """What the two ways said: `passed` are the values of the rows under the mask `plain`, `odd` is all the rest."""

    passed: pa.Table
    plain: Mask
    odd: Odd


class Ways:
    """Judges rows as the queries know them (`prepare.relation`), for one worker or several side by side."""

    def __init__(
        self,
        program: Program,
        form: Format,
        database: duckdb.DuckDBPyConnection,
        hash_key: bytes | None,
        record: pa.StructType | None = None,
    ) -> None:
        self.program = program
        self._form = form
        counted = [own(one) for one in program.counted]
        self._counted = Prover(program, form, database, record, counted, values=True)
        self._lean = Prover(program, form, database, record, (), values=True)
        self._full = Query(database, "odd", program.full.sql)
        self.explainer = Explainer(program.contract, program.rules, program.full.verdicts, hash_key)
        self.known = Known(program, self.explainer)

    def judge(self, rows: pa.Table, *, counted: bool = True) -> Both:
        """Judge rows; each is judged by itself. What only a tally reads is left out where nothing is `counted`."""
        proof = (self._counted if counted else self._lean).prove(rows)
        odd = self._odd(rows, proof)
        passed = odd.result.slice(0, 0) if proof.values is None else proof.values.filter(pa.array(proof.plain))
        return Both(passed, proof.plain, odd)

    def _odd(self, rows: pa.Table, proof: Proof) -> Odd:
        """What is said of the rows that are not plain: known of most, of the rest by the full way."""
        known = self.known.tell(rows, proof)
        if known is None:
            return self._judge_whole(rows, proof.plain)
        said = proof.plain.copy()
        said[known.rows] = True
        return known if said.all() else together(self._judge_whole(rows, said), known)

    def explain(self, rows: pa.Table) -> Odd:
        """What the full way says of rows."""
        return self._judge_whole(rows, np.zeros(len(rows), bool))

    def _judge_whole(self, rows: pa.Table, said: Mask) -> Odd:
        """The full way, for all of which nothing is said yet."""
        # Few records lie in many chunks, each of which the database would take up by itself.
        odd = readable(rows.filter(pa.array(~said)).combine_chunks() if said.any() else rows, self._form)
        result = self._full.run(odd)
        flags = Flags.of(result, self.program.full.verdicts)
        return Odd.of(self.explainer, np.flatnonzero(~said), result, result, flags, partial(payload_seen, odd))
