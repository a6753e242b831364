"""Runs one compiled query on batch after batch, prepared once, on parts of the batch in parallel."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import duckdb
import pyarrow as pa

LEAST_ROWS = 8_000
"""Fewer rows are not worth another thread."""


class Query:
    """SQL over one relation, row by row: each row in gives one row out, so that a batch may be cut anywhere.

    Planning takes longer than judging ten thousand records. So the query is prepared, once for each worker and each
    schema of rows. DuckDB collects the result of a prepared statement with one thread; hence workers of our own.
    """

    def __init__(
        self, database: duckdb.DuckDBPyConnection, relation: str, sql: str, pool: Executor, workers: int
    ) -> None:
        self._database = database
        self._relation = relation
        self._sql = sql
        self._pool = pool
        self._workers = workers
        self._sessions: dict[pa.Schema, list[_Session]] = {}

    def run(self, rows: pa.Table) -> pa.Table:
        """The result for these rows, in their order."""
        sessions = self._sessions.setdefault(rows.schema, [])
        parts = max(1, min(self._workers, len(rows) // LEAST_ROWS))
        while len(sessions) < parts:
            sessions.append(_Session(self._database.cursor(), self._relation, self._sql, rows))
        step = -(-len(rows) // parts)
        work = [
            self._pool.submit(session.run, rows.slice(number * step, step))
            for number, session in enumerate(sessions[1:parts], start=1)
        ]
        first = sessions[0].run(rows.slice(0, step) if work else rows)
        return pa.concat_tables([first, *(one.result() for one in work)])


class _Session:
    """The query prepared on a connection of its own, for rows of one schema."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, relation: str, sql: str, rows: pa.Table) -> None:
        self._connection = connection
        self._feed = _Feed(rows.slice(0, 0))
        connection.execute("SET TimeZone = 'UTC'")
        connection.register(relation, self._feed)
        connection.execute(f"PREPARE compiled AS {sql}")

    def run(self, rows: pa.Table) -> pa.Table:
        self._feed.rows = rows
        try:
            return self._connection.sql("EXECUTE compiled").to_arrow_table()
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
