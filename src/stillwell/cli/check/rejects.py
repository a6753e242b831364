"""Writes rejected records where `--quarantine` says: all of them or, when the check breaks off, none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from stillwell._need import need
from stillwell.connectors._codec import to_lines
from stillwell.connectors.parquet import DICTIONARY
from stillwell.delivery.durable import aside, door, writing
from stillwell.errors import ConnectorError, StillwellError, fail
from stillwell.kernel.program import quarantine_schema

_FIX = "Name a .jsonl or .parquet file, or a folder for a Delta table."


class Rejects(Protocol):
    """Takes rejected records as the kernel hands them out; `close` makes them complete."""

    def add(self, rows: pa.Table) -> None:
        """Write some records, perhaps none."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


@contextmanager
def rejects(out: Path | None, inputs: Iterable[Path]) -> Iterator[Rejects]:
    """Where rejects go: a new file or table takes the name `out` only once everything is written.

    Raises:
        ConnectorError: codes `unknown-format`, `same-file`, `exists`, `unwritable`, `disk-full`.
    """
    if out is None:
        yield _Nowhere()
        return
    kind = _KINDS.get(out.suffix)
    if kind is None:
        raise fail(
            ConnectorError, "unknown-format", f"Rejects cannot be written as `{out.suffix}`.", _FIX, path="--quarantine"
        )
    if any(_same(out, one) for one in inputs):
        raise fail(ConnectorError, "same-file", f"{out} is what is checked.", "Name another file.", path="--quarantine")
    if kind is _Delta and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise fail(ConnectorError, "exists", f"{out} is there already.", "Name a new folder.", path="--quarantine")
    path = out.absolute()
    door(path)
    written = aside(path)
    keeping = kind(written, path)
    try:
        yield keeping
        keeping.close()
        with writing(path):
            if kind is _Delta and path.exists():
                path.rmdir()
            written.replace(path)
    except BaseException:
        with suppress(StillwellError):
            keeping.close()
        raise
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(written) if written.is_dir() else written.unlink()


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


class _Nowhere:
    """Rejects are only counted."""

    def add(self, rows: pa.Table) -> None:
        """Forget them."""

    def close(self) -> None:
        """Nothing to complete."""


class _Lines:
    """JSON lines: bytes that are text as they are, others as base64 under `payload_base64`."""

    def __init__(self, written: Path, path: Path) -> None:
        self._path = path
        with writing(path):
            self._file = written.open("wb")

    def add(self, rows: pa.Table) -> None:
        """Write a line for each."""
        with writing(self._path):
            self._file.write(to_lines(rows))

    def close(self) -> None:
        """Close the file."""
        with writing(self._path):
            self._file.close()


class _Columns:
    """What Parquet and Delta share: all rows have the columns of the first ones."""

    def __init__(self, written: Path, path: Path) -> None:
        self._written, self._path = written, path
        self._schema: pa.Schema | None = None

    def add(self, rows: pa.Table) -> None:
        """Write the rows, if they have the columns of those before."""
        if self._schema is None:
            with writing(self._path):
                self._begin(rows.schema)
            self._schema = rows.schema
        if not rows.schema.equals(self._schema):
            fix = "Check them one by one, or write rejects as .jsonl."
            raise fail(ConnectorError, "sink-schema", "These files have different columns.", fix, path="--quarantine")
        if len(rows):
            with writing(self._path):
                self._write(rows)

    def close(self) -> None:
        """Complete the table; without any record there still is an empty one."""
        if self._schema is None:
            self.add(quarantine_schema(None).empty_table())
        with writing(self._path):
            self._end()

    def _begin(self, schema: pa.Schema) -> None:
        raise NotImplementedError

    def _write(self, rows: pa.Table) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        """Nothing to complete."""


class _Rows(_Columns):
    """A Parquet file."""

    def _begin(self, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(self._written, schema, compression="zstd", dictionary_pagesize_limit=DICTIONARY)

    def _write(self, rows: pa.Table) -> None:
        self._writer.write_table(rows)

    def _end(self) -> None:
        self._writer.close()


class _Delta(_Columns):
    """A new Delta table."""

    def __init__(self, written: Path, path: Path) -> None:
        super().__init__(written, path)
        self._library: Any = need("deltalake", who="A quarantine in a folder", extra="delta")

    def _begin(self, schema: pa.Schema) -> None:
        self._library.DeltaTable.create(str(self._written), schema=self._library.Schema.from_arrow(schema))

    def _write(self, rows: pa.Table) -> None:
        self._library.write_deltalake(str(self._written), rows, mode="append")


_KINDS: dict[str, Callable[[Path, Path], Rejects]] = {
    ".jsonl": _Lines,
    ".ndjson": _Lines,
    ".parquet": _Rows,
    "": _Delta,
}
"""How rejects are written, by the end of the name; made of the name to write under and the name to speak of."""
