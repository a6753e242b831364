"""Records of the files of a path, a folder or a glob, one file after the other, as one partition."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from pydantic import BaseModel

from stillwell.connectors import base
from stillwell.connectors._format import Told, told_format
from stillwell.connectors.base import Chunk, Place
from stillwell.connectors.files.found import found, guessed, several
from stillwell.connectors.files.journal import Journal
from stillwell.connectors.files.records import Records, records
from stillwell.connectors.files.visits import Folder, Taken, Visits
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError, fail
from stillwell.kernel.base import Format

_PAUSE = 0.2


class SourceOptions(base.Options):
    """`path`: a file, a folder, a glob, or a list of these; `format`: where the names do not tell it.

    `follow`: go on reading what is added to files and which files are added; only terminated lines count then.
    """

    path: str | list[str]
    format: Told | None = None
    follow: bool = False


class Source:
    """One partition, 0; the offset is the number of the record over all files in the order they are read."""

    Options: ClassVar[type[BaseModel]] = SourceOptions
    replayable = True

    def __init__(self, options: SourceOptions, place: Place) -> None:
        self._patterns = [options.path] if isinstance(options.path, str) else list(options.path)
        self._place = place
        self._follow = options.follow
        self._several = several(self._patterns, place)
        self._format = told_format(options.format) if options.format else guessed(self._patterns, self._found())
        self._closed = threading.Event()
        self._journal: Journal | None = None
        self._visits: Visits | None = None
        self._offset = 0
        self._bytes, self._counted = 0, 0

    @property
    def identity(self) -> str:
        """The paths as they are written in the pipeline."""
        return "files:" + "|".join(self._patterns)

    @property
    def format(self) -> Format:
        """As told, or as the names of the files tell."""
        return self._format

    @property
    def record_type(self) -> pa.StructType | None:
        """The columns of Parquet files, which must all have the same; None for text, and before there is a file.

        Raises:
            ConnectorError: code `mixed-columns`.
        """
        if self._format.name != "arrow":
            return None
        types = [(path, pa.struct(list(pq.read_schema(path)))) for path in self._found()]
        for path, kind in types:
            if kind != types[0][1]:
                raise fail(
                    ConnectorError,
                    "mixed-columns",
                    f"{path} has other columns than {types[0][0]}.",
                    "Read files of one kind by one pipeline: make the path narrower.",
                )
        return types[0][1] if types else None

    def check(self) -> str:
        """How many files there are, each of which can be opened."""
        paths = self._found()
        if not paths and not (self._follow and self._several):
            what = f"There is no file {', '.join(self._patterns)}."
            raise fail(ConnectorError, "no-file", what, "Check the path of the source.")
        for path in paths:
            self._reader(path, path.stat().st_size).close()
        size = sum(path.stat().st_size for path in paths)
        return f"{len(paths):,} {self._format.name} file{'s' * (len(paths) != 1)}, {size:,} bytes"

    def open(self) -> None:
        """See that there is something to read, and in which order it was read before."""
        self.check()
        name = xxhash.xxh3_64_hexdigest(self.identity.encode())
        self._journal = Journal(self._place.state / f"files-{name}.jsonl")
        self.seek({})

    def seek(self, positions: Mapping[int, Position]) -> None:
        """Go on after a position, without reading what is before it."""
        assert self._journal is not None, "open comes first"
        if self._visits is not None:
            self._visits.close()
        position = positions.get(0, Position())
        folder = Folder(
            found=self._found,
            path=self._place.path,
            name=self._name,
            reader=self._reader,
            several=self._several,
            follow=self._follow,
            whole=self._format.name == "arrow",
        )
        self._visits, self._offset = Visits(folder, self._journal, position.cursor), position.offset

    def read(self, records: int) -> Chunk | None:
        """The next records of one or several files, of the same columns."""
        if self._visits is None or self._closed.is_set():
            return None
        batches: list[pa.Table] = []
        until = time.monotonic() + 1
        while records > 0 and time.monotonic() < until and (taken := self._taken(records)) is not None:
            batch = self._batch(taken)
            if batches and not batch.schema.equals(batches[0].schema, check_metadata=True):
                break
            batches.append(batch)
            records -= len(batch)
            self._offset += len(batch)
            if self._format.name != "arrow":
                self._bytes, self._counted = self._bytes + taken.place - taken.file.place, self._counted + len(batch)
            self._visits.give(taken, self._offset)
        if batches:
            return Chunk(pa.concat_tables(batches), {0: Position(self._offset, self._visits.cursor)})
        if self._follow:
            self._closed.wait(_PAUSE)
        return None

    @property
    def finished(self) -> bool:
        """True once every file was visited, if files are not followed."""
        return self._visits is not None and self._visits.over

    def lag(self) -> int | None:
        """About how many records are left in the files known of, at the size of those read; None before any was."""
        if self._visits is None or not self._counted:
            return None
        now, waiting = self._visits.left()
        return now + waiting * self._counted // max(1, self._bytes)

    def close(self) -> None:
        """Give the files back, and wake who waits for more."""
        self._closed.set()
        if self._visits is not None:
            self._visits.close()

    def _taken(self, wanted: int) -> Taken | None:
        assert self._visits is not None
        try:
            return self._visits.take(self._offset, wanted)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(", ".join(self._patterns), error) from error

    def _reader(self, path: Path, limit: int) -> Records:
        try:
            return records(path, self._format, limit, growing=self._follow)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(str(path), error) from error

    def _batch(self, taken: Taken) -> pa.Table:
        count = len(taken.records)
        columns = {
            "partition": pa.array(np.zeros(count, np.int32)),
            "offset": pa.array(np.arange(self._offset, self._offset + count)),
            taken.reader.column: taken.records,
        }
        if self._several:
            columns["topic"] = pa.repeat(pa.scalar(taken.file.path, pa.string()), count)
        return pa.table(columns).replace_schema_metadata(dict(taken.reader.metadata) or None)

    def _found(self) -> list[Path]:
        return found(self._patterns, self._place)

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._place.folder)) if path.is_relative_to(self._place.folder) else str(path)


def _unreadable(what: str, error: Exception) -> ConnectorError:
    problem = fail(
        ConnectorError,
        "unreadable",
        f"{what} cannot be read: {str(error).splitlines()[0]}",
        "See whether the file is whole, and yours to read.",
    )
    assert isinstance(problem, ConnectorError)
    return problem
