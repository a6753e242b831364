"""Rows to one growing file of JSON lines; a small file beside it says how much of it is committed, with the marks."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

import pyarrow as pa
from pydantic import BaseModel

from stillwell.connectors import base
from stillwell.connectors._codec import from_lines, to_lines
from stillwell.connectors._lines import split, whole_lines
from stillwell.connectors._schema import fitted, plain_schema, refuse_other
from stillwell.connectors.base import Place
from stillwell.delivery.durable import door, replace, sync_folder, writing
from stillwell.delivery.folder_ledger import FolderLedger
from stillwell.delivery.mark import moved
from stillwell.delivery.slice import Marks
from stillwell.errors import ConnectorError, fail

_BLOCK = 8 << 20


class SinkOptions(base.Options):
    """`path`: the file."""

    path: str


@dataclass(frozen=True)
class _Said:
    """What the file beside the data says: committed length in bytes, marks, schema of the rows."""

    schema: pa.Schema
    size: int = 0
    marks: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> bytes:
        schema = base64.b64encode(self.schema.serialize().to_pybytes()).decode()
        return json.dumps({"bytes": self.size, "marks": dict(self.marks), "schema": schema}, sort_keys=True).encode()

    @staticmethod
    def from_json(text: bytes) -> _Said:
        plain = json.loads(text)
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(plain["schema"])))
        return _Said(schema, plain["bytes"], plain["marks"])


class Sink:
    """An announcement precedes every write: while it lies there, what exceeds the committed length is unfinished."""

    Options: ClassVar[type[BaseModel]] = SinkOptions

    def __init__(self, options: SinkOptions, place: Place) -> None:
        self._place = place
        self._path = place.path(options.path)
        self._beside = self._path.with_name(self._path.name + ".marks")
        self._announced = self._path.with_name(self._path.name + ".unfinished")

    def check(self, schema: pa.Schema) -> str:
        """Whether the file can be written, and its rows have these columns."""
        door(self._path)
        said = self._said()
        if said is None and self._path.exists() and self._path.stat().st_size:
            raise fail(
                ConnectorError,
                "sink-foreign",
                f"{self._path} holds lines that no pipeline wrote.",
                "Write to another file.",
            )
        if said:
            refuse_other(said.schema, schema, str(self._path))
        return f"JSON lines in {self._path}" + (f" ({said.size:,} bytes there)" if said else " (new)")

    def open(self, schema: pa.Schema) -> None:
        """Create the file, or cut it back to what is committed."""
        self.check(schema)
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked() as file:
                said = self._said()
                if said is None:
                    sync_folder(self._path.parent)
                    replace(self._beside, _Said(plain_schema(schema)).to_json())
                else:
                    self._cut_back(file, said)

    def marks(self) -> Mapping[str, int]:
        """The marks that the file beside the data says."""
        said = self._said()
        return said.marks if said else {}

    def write(self, rows: pa.Table, marks: Marks) -> None:
        """Append rows, then replace the file beside them; the second step is the commit."""
        with writing(self._path), self._locked() as file:
            said = self._said()
            assert said is not None, "open comes first"
            after = moved(said.marks, marks)
            self._cut_back(file, said)
            lines = to_lines(fitted(rows, said.schema))
            self._announced.touch()
            try:
                _write_all(file, lines, said.size)
                os.fsync(file.fileno())
                replace(self._beside, _Said(said.schema, said.size + len(lines), after).to_json())
            except OSError:
                file.truncate(said.size)
                raise
            finally:
                self._announced.unlink()

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Every row in the file, but not those of an unfinished write."""
        said = self._said()
        if said is None:
            return
        schema = said.schema if columns is None else pa.schema([said.schema.field(name) for name in columns])
        limit = said.size if self._announced.exists() else self._path.stat().st_size
        for block in _blocks(self._path, limit):
            yield from from_lines(split(block, len(block)), schema).to_batches()

    def ledger(self) -> FolderLedger:
        """A folder beside the file."""
        return FolderLedger(self._path.with_name(self._path.name + ".ledger"))

    def beside(self, name: str) -> Sink:
        """A file beside this one."""
        return Sink(
            SinkOptions(path=str(self._path.with_name(f"{self._path.stem}_{name}{self._path.suffix}"))), self._place
        )

    def close(self) -> None:
        """Nothing is held open."""

    def _said(self) -> _Said | None:
        try:
            return _Said.from_json(self._beside.read_bytes())
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        """The data file, for one writer at a time; a killed one lets go of it."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(handle, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _cut_back(self, file: IO[bytes], said: _Said) -> None:
        """Take away the rows of an unfinished write; refuse a file that somebody else changed."""
        size = os.fstat(file.fileno()).st_size
        ends = not said.size or os.pread(file.fileno(), 1, said.size - 1) == b"\n"
        if size < said.size or not ends:
            raise fail(
                ConnectorError,
                "sink-damaged",
                f"{self._path} was changed: {said.size:,} bytes were committed to it, {size:,} are there.",
                "Put the file back, or write to another one; `stillwell audit` names what is missing.",
            )
        if size > said.size:
            file.truncate(said.size)
        self._announced.unlink(missing_ok=True)


def _blocks(path: Path, limit: int) -> Iterator[bytes]:
    """The first `limit` bytes of a file in blocks of whole lines; the last may lack its newline."""
    place = 0
    size = _BLOCK
    with path.open("rb") as file:
        while place < limit:
            block = os.pread(file.fileno(), min(size, limit - place), place)
            if not block:
                return
            taken = len(block) if place + len(block) >= limit else whole_lines(block)
            if taken:
                yield block[:taken]
            size = _BLOCK if taken else size * 2
            place += taken


def _write_all(file: IO[bytes], content: bytes, place: int) -> None:
    """Write to `place`; a disk that is nearly full takes a part first and says so at the next."""
    left = memoryview(content)
    while left:
        written = os.pwrite(file.fileno(), left, place)
        left, place = left[written:], place + written
