"""The two ways of one compiled contract: the plain one for most records, the full one for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.kernel.base import Format
from stillwell.kernel.decode import RECORD
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.native import native
from stillwell.kernel.plain import PLAIN
from stillwell.kernel.prepare import readable
from stillwell.kernel.program import Program
from stillwell.kernel.query import Query
from stillwell.kernel.reasons import Explainer
from stillwell.kernel.rows import Odd, payload_seen
from stillwell.kernel.sql import OWN, name


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
        self._plain = Query(database, "batch", program.plain.sql) if program.plain else None
        self._same = _same(program, record) if record is not None else {}
        parts = [PLAIN, *(name(one.name) for one in program.contract.fields if one.name not in self._same)]
        lean = f"SELECT {', '.join(parts)} FROM ({program.plain.sql})" if program.plain else ""
        self._lean = Query(database, "batch", lean) if program.plain else None
        self._full = Query(database, "odd", program.full.sql)
        self._explainer = Explainer(program.contract, program.rules, program.full.verdicts, hash_key)

    def judge(self, rows: pa.Table, *, counted: bool = True) -> Both:
        """Judge rows; each is judged by itself. What only a tally reads is left out where nothing is `counted`."""
        rows = readable(rows, self._form)
        values = self._prove(rows, self._plain) if counted else self._with_same(self._prove(rows, self._lean), rows)
        plain = np.zeros(len(rows), bool) if values is None else values[OWN + "plain"].to_numpy()
        odd = self._judge_whole(rows, plain)
        passed = odd.result.slice(0, 0) if values is None else values.filter(pa.array(plain))
        return Both(passed, plain, odd)

    def explain(self, rows: pa.Table) -> Odd:
        """What the full way says of rows that are ready to be read (`prepare.readable`)."""
        return self._judge_whole(rows, np.zeros(len(rows), bool))

    def _prove(self, rows: pa.Table, query: Query | None) -> pa.Table | None:
        """The plain way's values; None where it cannot be walked at all."""
        if query is None or not len(rows):
            return None
        try:
            return query.run(rows)
        except duckdb.Error:
            # Some record cannot even be read so (bytes that are not UTF-8, say): the full way takes all.
            return None

    def _with_same(self, values: pa.Table | None, rows: pa.Table) -> pa.Table | None:
        """Add the values that are what the records hold: there and back through a database they would be copied."""
        if values is not None:
            for field, steps in self._same.items():
                values = values.append_column(field, pc.struct_field(rows[RECORD.strip('"')], steps))
        return values

    def _judge_whole(self, rows: pa.Table, plain: Mask) -> Odd:
        """The full way, for whatever is not plain."""
        places = np.flatnonzero(~plain)
        odd = self._full.read(rows)
        result = self._full.run(odd.filter(pa.array(~plain)) if plain.any() else odd)
        flags = Flags.of(result, self.program.full.verdicts)
        return Odd(
            rows=places,
            result=result,
            reasons=self._explainer.reasons(result, flags, partial(payload_seen, rows, places)),
            repairs=self._explainer.repairs(result, flags),
            flags=flags,
            rejected=flags.any_failed(self.program.named("reject", "fail")),
            noted=flags.any_failed(self.program.named("warn")) | flags.any_repaired(flags.repaired),
        )


def _same(program: Program, record: pa.StructType) -> dict[str, list[str]]:
    """The fields whose values are what stands in a column of typed records, for all that is plain; where it stands."""
    found = ((field, native(field, record)) for field in program.contract.fields)
    return {
        field.name: [str(step) for step in field.paths[0].steps]
        for field, one in found
        if one and one.hoped().value == one.column
    }
