"""Rows to a folder of Parquet files, one per epoch; each file says all marks in its metadata."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from stillwell.connectors import base
from stillwell.connectors._erase import Places
from stillwell.connectors._schema import fitted, plain_schema, refuse_other
from stillwell.connectors.base import Place
from stillwell.delivery.durable import aside, door, link_new, make_folder, sync_file, sync_folder, writing
from stillwell.delivery.folder_ledger import FolderLedger
from stillwell.delivery.mark import moved
from stillwell.delivery.slice import Marks

DICTIONARY = 1 << 18
"""The most bytes that a column's dictionary may have: a larger one takes more time and more room than it saves."""

_MARKS = b"stillwell.marks"


class SinkOptions(base.Options):
    """`path`: the folder; `compression` of its files."""

    path: str
    compression: Literal["zstd", "snappy", "lz4", "none"] = "zstd"


class Sink:
    """The number of the next file is taken by compare-and-swap; a half-written file never has a number."""

    Options: ClassVar[type[BaseModel]] = SinkOptions

    def __init__(self, options: SinkOptions, place: Place) -> None:
        self._options, self._place = options, place
        self._folder = place.path(options.path)
        self._compression = options.compression
        self._schema: pa.Schema | None = None
        self._newest = 0

    def check(self, schema: pa.Schema) -> str:
        """Whether the folder can be written, and the files in it have these columns."""
        if last := self._last():
            refuse_other(pq.read_schema(self._file(last)), schema, str(self._folder))
        door(self._folder / "part")
        return f"Parquet files in {self._folder}" + (f" ({last:,} there)" if last else " (new)")

    def open(self, schema: pa.Schema) -> None:
        """Create the folder."""
        self.check(schema)
        with writing(self._folder):
            make_folder(self._folder)
        last = self._last()
        self._schema = plain_schema(pq.read_schema(self._file(last)) if last else schema)

    def marks(self) -> Mapping[str, int]:
        """The marks that the newest file says."""
        last = self._last()
        if not last:
            return {}
        said = pq.read_metadata(self._file(last)).metadata or {}
        return dict(json.loads(said.get(_MARKS, b"{}")))

    def write(self, rows: pa.Table, marks: Marks) -> None:
        """Write a file with rows and marks under a free number."""
        assert self._schema is not None, "open comes first"
        rows = fitted(rows, self._schema)
        with writing(self._folder):
            while True:
                last = self._last()
                said = json.dumps(moved(self.marks(), marks), sort_keys=True).encode()
                if self._put(rows.replace_schema_metadata({_MARKS: said}), self._file(last + 1)):
                    return

    def _put(self, rows: pa.Table, path: Path) -> bool:
        return link_new(self._written(rows, path), path)

    def _written(self, rows: pa.Table, path: Path) -> Path:
        """The rows in a file that has no name yet."""
        written = aside(path)
        try:
            pq.write_table(rows, written, compression=self._compression, dictionary_pagesize_limit=DICTIONARY)
            sync_file(written)
        except OSError:
            written.unlink(missing_ok=True)
            raise
        return written

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows of every Parquet file in the folder, by name."""
        for path in sorted(self._folder.glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(columns=columns)

    def ledger(self) -> FolderLedger:
        """A folder beside this one."""
        return FolderLedger(self._folder.with_name(self._folder.name + ".ledger"))

    def beside(self, name: str) -> Sink:
        """A folder beside this one."""
        path = str(self._folder.with_name(f"{self._folder.name}_{name}"))
        return Sink(self._options.model_copy(update={"path": path}), self._place)

    def erase(self, places: pa.Table) -> None:
        """Put files without the rows in the place of those that hold any, each in one step and with its marks."""
        gone = Places(places)
        with writing(self._folder):
            for path in sorted(self._folder.glob("*.parquet")):
                with pq.ParquetFile(path) as file:
                    rows = file.read()
                if (found := gone.among(rows)).any():
                    written = self._written(rows.filter(pa.array(~found)), path)
                    written.replace(path)
                    sync_folder(self._folder)

    def close(self) -> None:
        """Nothing is held open."""

    def _last(self) -> int:
        # Our files are never removed while a run goes on: only what came after the newest one known is looked for.
        if not self._newest:
            named = (path.stem.removeprefix("part-") for path in self._folder.glob("part-*.parquet"))
            self._newest = max((int(number) for number in named if number.isdigit()), default=0)
        while self._file(self._newest + 1).exists():
            self._newest += 1
        return self._newest

    def _file(self, number: int) -> Path:
        return self._folder / f"part-{number:012d}.parquet"
