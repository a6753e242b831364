"""Walks the plain way: which rows are proved good, and what they hold.

JSON is read into typed columns by the compiled reader where that serves, else by DuckDB; both prove the same way after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Contract
from stillwell.kernel.base import Format
from stillwell.kernel.checks import Broken, Checks
from stillwell.kernel.decode import RECORD
from stillwell.kernel.flags import Mask
from stillwell.kernel.native import native
from stillwell.kernel.plain import PLAIN, Plain
from stillwell.kernel.prepare import one_array, readable
from stillwell.kernel.program import Program
from stillwell.kernel.query import Query
from stillwell.kernel.reader import MOST_BYTES
from stillwell.kernel.sql import NOW, OWN, name

_PAUSE = 16
"""So many pieces the reader leaves alone after one of which it could read less than half."""


@dataclass(frozen=True)
class Proof:
    """Which rows are `plain`, and the `values` asked for, of all rows; None where the way cannot be walked at all.

    Where checks were asked, `broken` is what they say, of `read` rows only (None: of all).
    """

    plain: Mask
    values: pa.Table | None = None
    broken: Broken | None = None
    read: Mask | None = None


class Prover:
    """Proves rows as the queries know them (`prepare.relation`), for one worker or several side by side.

    Args:
        program: the compiled contract.
        form: how payloads are to be read.
        database: where the queries run.
        record: the type of typed records, None for payloads.
        columns: SQL of what is wanted of the plain way's result, beside the proof.
        values: whether the values of all fields are wanted too.
    """

    def __init__(
        self,
        program: Program,
        form: Format,
        database: duckdb.DuckDBPyConnection,
        record: pa.StructType | None,
        columns: Sequence[str],
        *,
        values: bool,
    ) -> None:
        def walk(plain: Plain | None, record: pa.StructType | None) -> _Walk | None:
            return _Walk(program, plain, record, database, columns, values=values) if plain else None

        self._form = form
        self._reader = program.reader
        self._read = walk(program.read, program.reader.type) if program.reader else None
        self._walk = walk(program.plain, record)
        self._pause = 0

    def prove(self, rows: pa.Table) -> Proof:
        """Which rows are plain, and what they hold."""
        found = self._by_reader(rows) if self._reader and self._read and len(rows) else None
        if found is not None:
            return found
        found = self._walk.run(readable(rows, self._form)) if self._walk and len(rows) else None
        return found or Proof(np.zeros(len(rows), bool))

    def _by_reader(self, rows: pa.Table) -> Proof | None:
        payload = rows[OWN + "payload"]
        if self._pause or payload.nbytes > MOST_BYTES:
            self._pause = max(self._pause - 1, 0)
            return None
        assert self._reader is not None
        assert self._read is not None
        records, read = self._reader.read(payload)
        if np.count_nonzero(read) * 2 < len(read) and self._walk:
            self._pause = _PAUSE
        found = self._read.run(rows.append_column(RECORD.strip('"'), records))
        return None if found is None else replace(found, plain=found.plain & read, read=read)


class _Walk:
    """The plain way over rows of one kind: by checks of whole columns where they say all, else by its query."""

    def __init__(
        self,
        program: Program,
        plain: Plain,
        record: pa.StructType | None,
        database: duckdb.DuckDBPyConnection,
        columns: Sequence[str],
        *,
        values: bool,
    ) -> None:
        contract = program.contract
        self._checks = program.checks if record is not None else None
        self._same = _same(contract, record) if values and record is not None else {}
        fields = [name(one.name) for one in contract.fields if one.name not in self._same] if values else []
        # What checks prove, no query has to.
        asked = [*([] if self._checks else [PLAIN]), *fields, *columns]
        self._query = Query(database, "batch", f"SELECT {', '.join(asked)} FROM ({plain.sql})") if asked else None

    def run(self, rows: pa.Table) -> Proof | None:
        """None where the query cannot read some record."""
        try:
            found = self._query.run(rows) if self._query else pa.table({PLAIN: np.zeros(len(rows), bool)})
        except duckdb.Error:
            # Bytes that are not UTF-8, say: the full way takes all.
            return None
        # There and back through the database they would be copied.
        for field, steps in self._same.items():
            found = found.append_column(field, pc.struct_field(rows[RECORD.strip('"')], steps))
        return (
            self._checked(self._checks, rows, found)
            if self._checks
            else Proof(found[PLAIN.strip('"')].to_numpy(), found)
        )

    def _checked(self, checks: Checks, rows: pa.Table, values: pa.Table) -> Proof:
        records = one_array(rows[RECORD.strip('"')])
        ingest = one_array(rows[NOW]).cast(pa.int64()).to_numpy()
        broken = checks.broken(records.field, ingest)
        good = ~broken.any(len(records))
        read = np.asarray(records.is_valid()) if records.null_count else None
        return Proof(good if read is None else good & read, values, broken, read)


def _same(contract: Contract, record: pa.StructType) -> dict[str, list[str]]:
    """The fields whose values are what stands in a column of typed records, for all that is plain; where it stands."""
    found = ((field, native(field, record)) for field in contract.fields)
    return {
        field.name: [str(step) for step in field.paths[0].steps]
        for field, one in found
        if one and one.hoped().value == one.column
    }
