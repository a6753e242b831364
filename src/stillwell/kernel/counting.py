"""Counts batches of one shape without building a row: by one query where no text is parsed, else by both ways."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.kernel.base import Format
from stillwell.kernel.census import PLACE, Groups, census
from stillwell.kernel.count import OF_VALUES
from stillwell.kernel.counts import Counts, Judgement, Places, examples
from stillwell.kernel.decode import Typed
from stillwell.kernel.flags import Flags, Mask
from stillwell.kernel.native import native
from stillwell.kernel.prepare import readable
from stillwell.kernel.program import Program
from stillwell.kernel.prove import Prover
from stillwell.kernel.query import Query
from stillwell.kernel.sql import name, own
from stillwell.kernel.ways import Ways


class Counting:
    """Counts rows as the queries know them (`prepare.relation`); `samples` is how many examples of a rule are kept."""

    def __init__(
        self,
        ways: Ways,
        form: Format,
        database: duckdb.DuckDBPyConnection,
        record: pa.StructType | None,
        samples: int,
    ) -> None:
        self._ways = ways
        self._program = ways.program
        self._form = form
        self._samples = samples
        self._skipped = _skipped(self._program)
        contract, rules, full = ways.program.contract, ways.program.rules, ways.program.full
        self._census = None
        if record is not None:
            read = partial(native, record=record)
            self._census = census(contract, rules, Typed(contract, record), read, samples)
        self._grouped = Query(database, "source", self._census.sql) if self._census else None
        skipped = [f"{skipped} AS {own(f'skipped_{rule}')}" for rule, skipped in self._skipped.items()]
        self._plain = Prover(ways.program, form, database, record, skipped, values=False)
        parts = (("failed", full.verdicts.failed), ("repaired", full.verdicts.repaired))
        flags = [own(f"{part}_{rule}") for part, columns in parts for rule in columns]
        self._full = Query(database, "odd", f"SELECT {', '.join(flags)} FROM ({full.sql})")

    def count(self, rows: pa.Table) -> Counts:
        """Count rows; each is judged by itself."""
        if self._census and self._grouped:
            numbered = rows.append_column(PLACE.strip('"'), pa.array(np.arange(len(rows))))
            groups = Groups.of(self._grouped.run(numbered), self._census)
            judgement = Judgement(self._program.rules, groups.flags, groups.counts)
            counts = judgement.counts(0, groups.not_evaluated)
            return self._with_examples(counts, rows, *judgement.wanted(partial(groups.first_of, samples=self._samples)))
        plain, skipped = self._prove(rows)
        places = np.flatnonzero(~plain)
        odd = readable(rows.filter(pa.array(~plain)), self._form)
        flags = Flags.of(self._full.run(odd), self._program.full.verdicts)
        judgement = Judgement(self._program.rules, flags, np.ones(len(places), np.int64))
        skipped = {rule: int(mask.sum()) + skipped.get(rule, 0) for rule, mask in flags.unjudged.items()}
        counts = judgement.counts(int(plain.sum()), skipped)
        wanted = judgement.wanted(lambda mask: places[np.flatnonzero(mask)[: self._samples]].tolist())
        return self._with_examples(counts, rows, *wanted)

    def _prove(self, rows: pa.Table) -> tuple[Mask, dict[str, int]]:
        """Which rows are plain, and for how many of them each rule was not evaluated."""
        proof = self._plain.prove(rows)
        plain, found = proof.plain, proof.values
        if found is None:
            return plain, {}
        masks = {rule: found[own(f"skipped_{rule}").strip('"')].to_numpy() for rule in self._skipped}
        return plain, {rule: int((plain & mask).sum()) for rule, mask in masks.items()}

    def _with_examples(self, counts: Counts, rows: pa.Table, samples: Places, repairs: Places) -> Counts:
        shown = sorted({place for wanted in (samples, repairs) for some in wanted.values() for place in some})
        if not shown:
            return counts
        odd = self._ways.explain(rows.take(pa.array(shown)))
        return replace(
            counts, samples=examples(odd.reasons, shown, samples), repairs=examples(odd.repairs, shown, repairs)
        )


def _skipped(program: Program) -> dict[str, str]:
    """SQL over the plain way's result that is true where a rule was not evaluated, for the rules where that can be."""
    optional = {field.name for field in program.contract.fields if not field.required}
    skipped = {}
    for rule in program.rules:
        evaluated = own("evaluated_" + rule.name)
        if f"evaluated_{rule.name}" in program.counted:
            skipped[rule.name] = f"NOT {evaluated}"
        elif rule.kind in OF_VALUES and rule.fields[0] in optional:
            skipped[rule.name] = f"{name(rule.fields[0])} IS NULL"
    return skipped
