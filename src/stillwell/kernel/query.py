"""Runs one compiled query on batch after batch without planning it anew each time."""

from __future__ import annotations

from threading import get_ident
from typing import Any

import duckdb
import pyarrow as pa

from stillwell.kernel.sql import name


class Query:
    """SQL over one relation.

    Planning takes longer than judging ten thousand records. So the query is prepared, once for each schema of rows and
    each thread: DuckDB collects the result of a prepared statement with one thread, hence workers of our own.
    """

    def __init__(self, database: duckdb.DuckDBPyConnection, relation: str, sql: str) -> None:
        self._database = database
        self._relation = relation
        self._sql = sql
        self._sessions: dict[tuple[pa.Schema, int], _Session] = {}

    def read(self, rows: pa.Table) -> pa.Table:
        """The columns that the query reads, and not nothing: DuckDB converts whatever is there."""
        read = [column for column in rows.column_names if name(column) in self._sql]
        return rows.select(read or rows.column_names[:1])

    def run(self, rows: pa.Table) -> pa.Table:
        """The result for these rows, in their order."""
        rows = self.read(rows)
        key = (rows.schema, get_ident())
        if key not in self._sessions:
            self._sessions[key] = _Session(self._database.cursor(), self._relation, self._sql, rows)
        return self._sessions[key].run(rows)


class _Session:
    """The query prepared on a connection of its own, for rows of one schema."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, relation: str, sql: str, rows: pa.Table) -> None:
        self._connection = connection
        self._feed = _Feed(rows.slice(0, 0))
        connection.execute("SET TimeZone = 'UTC'")
        # It makes a join of IN with several constants, and a join does not keep the order of rows.
        connection.execute("SET disabled_optimizers = 'in_clause'")
        connection.register(relation, self._feed)
        connection.execute(f"PREPARE compiled AS {sql}")

    def run(self, rows: pa.Table) -> pa.Table:
        self._feed.rows = _unsliced(rows)
        try:
            return self._connection.sql("EXECUTE compiled").to_arrow_table()
        finally:
            self._feed.rows = rows.slice(0, 0)


def _unsliced(rows: pa.Table) -> pa.Table:
    """The rows as copies where they hold a struct in a struct: DuckDB cannot scan those in a slice."""
    structs = (field.type for field in rows.schema if pa.types.is_struct(field.type))
    if not any(pa.types.is_nested(member.type) for struct in structs for member in struct):
        return rows
    copies = [part.take(pa.array(range(len(part)), pa.int64())) for part in rows.to_batches()]
    return pa.Table.from_batches(copies, rows.schema)


class _Feed:
    """Gives DuckDB whatever rows it holds at the moment of scanning."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.rows.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        return self.rows.schema.__arrow_c_schema__()
