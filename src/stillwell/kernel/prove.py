"""Walks the plain way: which rows are proved good, and what they hold.

JSON is read into typed columns by the compiled reader where that serves, else by DuckDB; both prove the same way after.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.contract.model import Contract
from stillwell.kernel.base import Format
from stillwell.kernel.decode import RECORD
from stillwell.kernel.flags import Mask
from stillwell.kernel.native import native
from stillwell.kernel.plain import PLAIN, Plain
from stillwell.kernel.prepare import readable
from stillwell.kernel.program import Program
from stillwell.kernel.query import Query
from stillwell.kernel.reader import MOST_BYTES
from stillwell.kernel.sql import OWN, name

_PAUSE = 16
"""So many pieces the reader leaves alone after one of which it could read less than half."""


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
            return _Walk(plain, record, program.contract, database, columns, values=values) if plain else None

        self._form = form
        self._reader = program.reader
        self._read = walk(program.read, program.reader.type) if program.reader else None
        self._walk = walk(program.plain, record)
        self._pause = 0

    def prove(self, rows: pa.Table) -> tuple[Mask, pa.Table | None]:
        """Which rows are plain, and the columns asked for, of all rows; none where the way cannot be walked at all."""
        found = self._by_reader(rows) if self._reader and self._read and len(rows) else None
        if found is not None:
            return found
        values = self._walk.run(readable(rows, self._form)) if self._walk and len(rows) else None
        return (np.zeros(len(rows), bool), None) if values is None else (_proved(values), values)

    def _by_reader(self, rows: pa.Table) -> tuple[Mask, pa.Table] | None:
        payload = rows[OWN + "payload"]
        if self._pause or payload.nbytes > MOST_BYTES:
            self._pause = max(self._pause - 1, 0)
            return None
        assert self._reader is not None
        assert self._read is not None
        records, read = self._reader.read(payload)
        if np.count_nonzero(read) * 2 < len(read) and self._walk:
            self._pause = _PAUSE
        values = self._read.run(rows.append_column(RECORD.strip('"'), records))
        return None if values is None else (_proved(values) & read, values)


def _proved(values: pa.Table) -> Mask:
    plain: Mask = values[PLAIN.strip('"')].to_numpy()
    return plain


class _Walk:
    """The plain way's query over rows of one kind."""

    def __init__(
        self,
        plain: Plain,
        record: pa.StructType | None,
        contract: Contract,
        database: duckdb.DuckDBPyConnection,
        columns: Sequence[str],
        *,
        values: bool,
    ) -> None:
        self._same = _same(contract, record) if values and record is not None else {}
        fields = [name(one.name) for one in contract.fields if one.name not in self._same] if values else []
        self._query = Query(database, "batch", f"SELECT {', '.join([PLAIN, *fields, *columns])} FROM ({plain.sql})")

    def run(self, rows: pa.Table) -> pa.Table | None:
        try:
            found = self._query.run(rows)
        except duckdb.Error:
            # Some record cannot even be read so (bytes that are not UTF-8, say): the full way takes all.
            return None
        # There and back through the database they would be copied.
        for field, steps in self._same.items():
            found = found.append_column(field, pc.struct_field(rows[RECORD.strip('"')], steps))
        return found


def _same(contract: Contract, record: pa.StructType) -> dict[str, list[str]]:
    """The fields whose values are what stands in a column of typed records, for all that is plain; where it stands."""
    found = ((field, native(field, record)) for field in contract.fields)
    return {
        field.name: [str(step) for step in field.paths[0].steps]
        for field, one in found
        if one and one.hoped().value == one.column
    }
