"""A Delta table as sink and ledger use it: appends that carry marks and fail when somebody else moved one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillwell._need import need
from stillwell.delivery.durable import refusal
from stillwell.delivery.mark import moved
from stillwell.delivery.slice import Marks
from stillwell.errors import ConnectorError, fail

_RELOAD = 20
_TRIES = 50


def library() -> Any:
    """The optional library behind all this."""
    return need("deltalake", who="a Delta table", extra="delta")


def local(path: str) -> str:
    """The path, if it is one of this machine's file system.

    Raises:
        ConnectorError: code `not-supported`, for a URL.
    """
    if "://" in path:
        raise fail(ConnectorError, "not-supported", f"{path} is a URL; Delta tables are local.", "Name a folder.")
    return path


class Table:
    """An append checks and writes on one handle, never by path: only so does the log compare and swap.

    A handle grows slower with each of its commits, so it is loaded anew every 20. `prefix` tells names of transactions
    apart that share a table's log.
    """

    def __init__(self, path: Path, prefix: str = "") -> None:
        self.path = path
        self._prefix = prefix
        self._handle: Any = None
        self._commits = 0
        self._names: set[str] = set()
        self._scanned = -1

    def exists(self) -> bool:
        """Whether there is a table."""
        # The library, asked for a folder that is not there, may make it.
        return self.path.is_dir() and bool(library().DeltaTable.is_deltatable(str(self.path)))

    def create(self, schema: pa.Schema) -> None:
        """Create the table, if there is none."""
        deltalake = library()
        try:
            deltalake.DeltaTable.create(str(self.path), schema=deltalake.Schema.from_arrow(schema), mode="ignore")
        except (deltalake.exceptions.DeltaError, OSError) as error:
            raise refusal(self.path, error) from error

    def handle(self) -> Any:
        """The table as it is now."""
        if self._handle is None or self._commits >= _RELOAD:
            self._handle, self._commits = library().DeltaTable(str(self.path)), 0
        else:
            self._handle.update_incremental()
        return self._handle

    def schema(self) -> pa.Schema:
        """The columns as Arrow knows them."""
        return pa.schema(self.handle().schema().to_arrow())

    def marks(self) -> dict[str, int]:
        """All marks of the log: the library tells one by its name, the names are in the log alone."""
        if not self.exists():
            return {}
        handle = self.handle()
        self._find_names(handle.version())
        return {name: self._mark(handle, name) for name in self._names}

    def append(self, rows: pa.Table, marks: Marks, **options: Any) -> None:
        """Add rows and move marks in one commit.

        Raises:
            Fenced: when a mark is not the expected one.
            ConnectorError: codes `disk-full` and `unwritable`.
        """
        deltalake = library()
        for attempt in range(_TRIES):
            handle = self.handle()
            moved({name: self._mark(handle, name) for name in marks}, marks)
            steps = [deltalake.Transaction(self._prefix + name, step.next) for name, step in marks.items()]
            try:
                deltalake.write_deltalake(
                    handle,
                    rows,
                    mode="append",
                    commit_properties=deltalake.CommitProperties(app_transactions=steps),
                    **options,
                )
                self._commits += 1
                return
            except deltalake.exceptions.CommitFailedError as error:
                # Somebody else committed: if the marks still stand where they stood, it was no concern of ours.
                self._handle = None
                if attempt == _TRIES - 1:
                    raise refusal(self.path, error) from error
            except (deltalake.exceptions.DeltaError, OSError) as error:
                self._handle = None
                raise refusal(self.path, error) from error

    def _mark(self, handle: Any, name: str) -> int:
        return int(handle.transaction_version(self._prefix + name) or 0)

    def _find_names(self, version: int) -> None:
        """Read those parts of the log that were not read yet for names of transactions."""
        log = self.path / "_delta_log"
        checkpoints = {int(one.name[:20]) for one in log.glob("*.checkpoint*.parquet")}
        newest = max((one for one in checkpoints if self._scanned < one <= version), default=None)
        if newest is not None:
            for part in log.glob(f"{newest:020d}.checkpoint*.parquet"):
                self._add(pq.read_table(part, columns=["txn"]).column("txn").to_pylist())
            self._scanned = newest
        for number in range(self._scanned + 1, version + 1):
            actions = (log / f"{number:020d}.json").read_text().splitlines()
            self._add([json.loads(action).get("txn") for action in actions if action.startswith('{"txn"')])
        self._scanned = version

    def _add(self, actions: list[Mapping[str, Any] | None]) -> None:
        names = [str(action["appId"]) for action in actions if action]
        self._names.update(name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix))
