"""Rows to a table of a DuckDB database file, with the marks in a table beside it and both in one transaction."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

import duckdb
import pyarrow as pa
from pydantic import BaseModel

from stillwell.connectors import base
from stillwell.connectors._schema import plain_schema, refuse_other
from stillwell.connectors.base import Place
from stillwell.delivery.durable import door, refusal, writing
from stillwell.delivery.folder_ledger import FolderLedger
from stillwell.delivery.mark import moved
from stillwell.delivery.slice import Marks
from stillwell.errors import ConnectorError, fail

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PAGE = 200_000
_INCOMING = "_stillwell_incoming"


class SinkOptions(base.Options):
    """`path`: the database file; `table`: the table in it."""

    path: str
    table: str = "rows"


class Sink:
    """Holds the database file open, which keeps other processes out of it while it runs."""

    Options: ClassVar[type[BaseModel]] = SinkOptions

    def __init__(self, options: SinkOptions, place: Place) -> None:
        self._options, self._place = options, place
        self._path = place.path(options.path)
        self._name = options.table
        self._table = _quoted(options.table)
        self._marks = _quoted(f"{options.table}__marks")
        self._con: DuckDBPyConnection | None = None
        self._lock = threading.Lock()

    def check(self, schema: pa.Schema) -> str:
        """Whether the file can be opened, and the table in it has these columns."""
        door(self._path)
        if self._path.exists():
            with self._connected() as con:
                self._refuse_other(con, schema)
        return f"DuckDB table {self._name} in {self._path}" + ("" if self._path.exists() else " (new)")

    def open(self, schema: pa.Schema) -> None:
        """Create the database and its two tables."""
        self.close()
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
        con = self._connected()
        try:
            self._refuse_other(con, schema)
            con.register(_INCOMING, plain_schema(schema).empty_table())
            con.execute("BEGIN")
            con.execute(f"CREATE TABLE IF NOT EXISTS {self._table} AS SELECT * FROM {_INCOMING}")
            con.execute(f"CREATE TABLE IF NOT EXISTS {self._marks} (name VARCHAR PRIMARY KEY, next BIGINT NOT NULL)")
            con.execute("COMMIT")
            con.unregister(_INCOMING)
        except duckdb.Error as error:
            con.close()
            raise refusal(self._path, error) from error
        except ConnectorError:
            con.close()
            raise
        self._con = con

    def marks(self) -> Mapping[str, int]:
        """The marks that the table beside the rows holds."""
        if not self._path.exists():
            return {}
        with self._lock, self._connected() as con:
            return self._stored(con) if self._exists(con, f"{self._name}__marks") else {}

    def write(self, rows: pa.Table, marks: Marks) -> None:
        """Insert rows and move marks in one transaction."""
        assert self._con is not None, "open comes first"
        rows = rows.cast(plain_schema(rows.schema))
        while not self._written(rows, marks):
            pass

    def _written(self, rows: pa.Table, marks: Marks) -> bool:
        with self._lock, self._connected() as con:
            con.execute("BEGIN")
            try:
                after = moved(self._stored(con), marks)
                steps = [[name, after[name]] for name in marks]
                con.executemany(f"INSERT OR REPLACE INTO {self._marks} VALUES (?, ?)", steps)
                con.register(_INCOMING, rows)
                con.execute(f"INSERT INTO {self._table} BY NAME SELECT * FROM {_INCOMING}")
                con.execute("COMMIT")
            except duckdb.Error as error:
                _roll_back(con)
                if "conflict" not in str(error).lower():
                    raise refusal(self._path, error) from error
                # Another connection of this process was faster: look at the marks again.
                return False
            except BaseException:
                _roll_back(con)
                raise
        return True

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """All rows of the table, in pages."""
        if not self._path.exists():
            return
        chosen = ", ".join(map(_quoted, columns)) if columns else "*"
        with self._connected() as con:
            if not self._exists(con, self._name):
                return
            ((last,),) = con.execute(f"SELECT coalesce(max(rowid), -1) FROM {self._table}").fetchall()
            for start in range(0, last + 1, _PAGE):
                page = f"SELECT {chosen} FROM {self._table} WHERE rowid >= {start} AND rowid < {start + _PAGE}"
                yield from con.sql(page).to_arrow_table().to_batches()

    def ledger(self) -> FolderLedger:
        """A folder beside the database file, one for each table in it."""
        return FolderLedger(self._path.with_name(f"{self._path.name}.{self._name}.ledger"))

    def beside(self, name: str) -> Sink:
        """Another table of the same file."""
        return Sink(self._options.model_copy(update={"table": f"{self._name}_{name}"}), self._place)

    def erase(self, places: pa.Table) -> None:
        """Remove rows in one transaction."""
        if not self._path.exists():
            return
        with self._lock, self._connected() as con:
            if self._exists(con, self._name):
                con.register(_INCOMING, places)
                try:
                    con.execute(
                        f'DELETE FROM {self._table} WHERE (_stillwell.partition, _stillwell."offset") IN '
                        f'(SELECT partition, "offset" FROM {_INCOMING})'
                    )
                except duckdb.Error as error:
                    raise refusal(self._path, error) from error

    def close(self) -> None:
        """Let go of the file."""
        if self._con is not None:
            self._con.close()
            self._con = None

    def _connected(self) -> DuckDBPyConnection:
        """A connection of its own: a cursor where the sink is open, else one to the file."""
        if self._con is not None:
            return self._con.cursor()
        try:
            con = duckdb.connect(str(self._path))
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise fail(
                    ConnectorError,
                    "in-use",
                    f"{self._path} is held open by another process.",
                    "Stop the other process, or write to another file.",
                ) from error
            raise refusal(self._path, error) from error
        # Else the type of a timestamp that is read back would depend on the zone of the process.
        con.execute("SET TimeZone = 'UTC'")
        return con

    def _stored(self, con: DuckDBPyConnection) -> dict[str, int]:
        return dict(con.execute(f"SELECT name, next FROM {self._marks}").fetchall())

    def _exists(self, con: DuckDBPyConnection, table: str) -> bool:
        return bool(con.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [table]).fetchall())

    def _refuse_other(self, con: DuckDBPyConnection, schema: pa.Schema) -> None:
        if self._exists(con, self._name):
            con.register(_INCOMING, plain_schema(schema).empty_table())
            stored = con.sql(f"SELECT * FROM {self._table} LIMIT 0").to_arrow_table().schema
            # Both as DuckDB gives them back, so that only what it tells apart is compared.
            wanted = con.sql(f"SELECT * FROM {_INCOMING}").to_arrow_table().schema
            con.unregister(_INCOMING)
            refuse_other(stored, wanted, f"{self._path}: {self._name}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _roll_back(con: DuckDBPyConnection) -> None:
    # A commit that found no room has ended the transaction already.
    with contextlib.suppress(duckdb.Error):
        con.execute("ROLLBACK")
