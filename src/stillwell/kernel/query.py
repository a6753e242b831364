"""Runs one compiled query on batch after batch without planning it anew each time."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

PARALLEL_ROWS = 40_000
"""From so many rows on it pays to plan anew: a prepared statement's result is collected by one thread only."""


class Query:
    """SQL over one relation; the rows given for it may have different schemas from run to run."""

    def __init__(self, database: duckdb.DuckDBPyConnection, relation: str, sql: str) -> None:
        self._database = database
        self._relation = relation
        self._sql = sql
        self._prepared: dict[pa.Schema, _Prepared] = {}

    def run(self, rows: pa.Table) -> pa.Table:
        """The result for these rows, in their order."""
        if rows.schema not in self._prepared:
            self._prepared[rows.schema] = _Prepared(self._database.cursor(), self._relation, self._sql, rows)
        return self._prepared[rows.schema].run(rows)


class _Prepared:
    """The query for one schema, on a connection of its own, whose relation is a feed."""

    def __init__(self, session: duckdb.DuckDBPyConnection, relation: str, sql: str, rows: pa.Table) -> None:
        self._session = session
        self._sql = sql
        self._feed = _Feed(rows)
        session.execute("SET TimeZone = 'UTC'")
        session.register(relation, self._feed)
        session.execute(f"PREPARE compiled AS {sql}")

    def run(self, rows: pa.Table) -> pa.Table:
        self._feed.rows = rows
        try:
            prepared = len(rows) < PARALLEL_ROWS
            return self._session.sql("EXECUTE compiled" if prepared else self._sql).to_arrow_table()
        finally:
            self._feed.rows = rows.slice(0, 0)


class _Feed:
    """Gives DuckDB whatever rows it holds at the moment of scanning."""

    def __init__(self, rows: pa.Table) -> None:
        self.rows = rows

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.rows.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> Any:
        return self.rows.schema.__arrow_c_schema__()
