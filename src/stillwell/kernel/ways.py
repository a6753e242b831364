"""The two ways of one compiled contract: the plain one for most records, the full one for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.kernel.base import Format
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.prepare import readable
from stillwell.kernel.program import Program
from stillwell.kernel.prove import Prover
from stillwell.kernel.query import Query
from stillwell.kernel.reasons import Explainer
from stillwell.kernel.rows import Odd, payload_seen
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

    def judge(self, rows: pa.Table, *, counted: bool = True) -> Both:
        """Judge rows; each is judged by itself. What only a tally reads is left out where nothing is `counted`."""
        plain, values = (self._counted if counted else self._lean).prove(rows)
        odd = self._judge_whole(rows, plain)
        passed = odd.result.slice(0, 0) if values is None else values.filter(pa.array(plain))
        return Both(passed, plain, odd)

    def explain(self, rows: pa.Table) -> Odd:
        """What the full way says of rows."""
        return self._judge_whole(rows, np.zeros(len(rows), bool))

    def _judge_whole(self, rows: pa.Table, plain: Mask) -> Odd:
        """The full way, for whatever is not plain."""
        # Few records lie in many chunks, each of which the database would take up by itself.
        odd = readable(rows.filter(pa.array(~plain)).combine_chunks() if plain.any() else rows, self._form)
        result = self._full.run(odd)
        flags = Flags.of(result, self.program.full.verdicts)
        return Odd(
            rows=np.flatnonzero(~plain),
            result=result,
            reasons=self.explainer.reasons(result, flags, partial(payload_seen, odd)),
            repairs=self.explainer.repairs(result, flags),
            flags=flags,
            rejected=flags.any_failed(self.program.named("reject", "fail")),
            noted=flags.any_failed(self.program.named("warn")) | flags.any_repaired(flags.repaired),
        )
