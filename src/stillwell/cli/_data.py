"""Opens what a person names as DATA: files, globs, folders, Delta tables, standard input; and numbers their records."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import typer

from stillwell._find import find
from stillwell.cli._share import shares
from stillwell.connectors.base import Chunk, Parted, Place, Source
from stillwell.connectors.files.found import found
from stillwell.errors import ConnectorError, Problem, StillwellError, Where, fail
from stillwell.kernel.base import Format
from stillwell.pipeline.url import built

STDIN = "standard input"
"""What `-` is called."""

MESSAGE = "message"
"""The unit of what transports carry."""

UNREADABLE = "unreadable"
"""The code of problems with what is there and cannot be read."""

_MOST_RECORDS, _MOST_BYTES = 100_000, 64 << 20


class DataFormat(StrEnum):
    """How DATA is written, where its name does not tell."""

    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


Names = Annotated[
    list[str], typer.Argument(metavar="DATA", help="Files, globs, folders, a Delta table, kafka://…, or - for stdin.")
]
FormatTold = Annotated[DataFormat | None, typer.Option("--format", help="Where names do not tell it.")]
Delimiter = Annotated[str | None, typer.Option(metavar="TEXT", help="Between the cells of delimited text.")]
Header = Annotated[str | None, typer.Option(metavar="A,B,…", help="Column names, where no line has them.")]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="Read so many records of each at most.")]
At = Annotated[str | None, typer.Option(metavar="VERSION", help="Version or time of a Delta table; the newest.")]
"""The parameters of every verb that reads DATA, of which `Reading.asked` makes a reading."""


@dataclass(frozen=True)
class Reading:
    """How DATA is to be read: its format and delimiter, the names of columns that have no header, a Delta version.

    Of each source, `limit` records at most.
    """

    format: DataFormat | None = None
    delimiter: str | None = None
    header: tuple[str, ...] = ()
    at: str | None = None
    limit: int | None = None

    @staticmethod
    def asked(
        format: DataFormat | None, delimiter: str | None, header: str | None, at: str | None, limit: int | None = None
    ) -> Reading:
        """As the options of a command line say."""
        names = tuple(header.split(",")) if header else ()
        return Reading(format, delimiter and delimiter.replace("\\t", "\t"), names, at, limit)

    def told(self) -> Any:
        """The format as connectors want it told; None where the name of a file tells."""
        options: dict[str, Any] = {"delimiter": self.delimiter} if self.delimiter else {}
        options |= {"header": list(self.header)} if self.header else {}
        form = self.format or (DataFormat.CSV if options else None)
        if options and form is not DataFormat.CSV:
            what = f"{form} has neither a delimiter nor a header."
            raise fail(StillwellError, "usage", what, "Say --format csv, or leave them out.")
        return {str(form): options} if options else form and str(form)


@dataclass(frozen=True)
class Part:
    """Some records of one source, and the number of each: its line, or its row where there are no lines.

    `unit` is what they are counted in.
    """

    batch: pa.Table
    numbers: npt.NDArray[np.int64]
    unit: str

    def place(self, row: int) -> dict[str, int]:
        """Where a record of the batch is, as a person finds it: its line or row; of a message, partition and offset."""
        if self.unit != MESSAGE:
            return {self.unit: int(self.numbers[row])}
        return {name: self.batch[name][row].as_py() for name in ("partition", "offset")}


def placed(place: Mapping[str, int]) -> str:
    """The place of a record in words: `line 7`, or `partition 2 offset 78`."""
    return " ".join(f"{name} {number}" for name, number in place.items())


@dataclass(frozen=True)
class Data:
    """One file, table or stream; `unit` is what its records are counted in: line, row or message.

    Delta is `versioned`. No more than `limit` records are read.
    """

    name: str
    source: Source
    unit: str
    path: Path | None = None
    versioned: bool = False
    limit: int | None = None
    again: Callable[[], Source] | None = field(default=None, repr=False, compare=False)
    """Makes the same source once more, in another process; None for what can be read here alone."""
    _held: list[pa.Table] = field(default_factory=list, repr=False, compare=False)

    @property
    def format(self) -> Format:
        """How the kernel must decode its records."""
        return self.source.format

    def first(self) -> Iterator[pa.Table]:
        """The first batches, which `parts` will give again: what cannot be read again is held until then."""
        for batch in self._batches():
            if not self.source.replayable:
                self._held.append(batch)
            yield batch

    def parts(self) -> Iterator[Part]:
        """All records, in parts that fit in memory.

        Raises:
            ConnectorError: code `unreadable`, also in the middle of a file that is broken there.
        """
        # The first line of delimited text is its header, unless that was told.
        number = 2 if self.format.name == "csv" and not self.format.options.get("header") else 1
        held = (self._held.pop(0) for _ in range(len(self._held)))
        for batch in chain(held, self._batches()):
            taken = self._lines(batch)
            ends = number + np.cumsum(taken)
            yield Part(batch, ends - taken, self.unit)
            number = int(ends[-1])

    def _batches(self) -> Iterator[pa.Table]:
        wanted = 10_000
        with legible(self.name):
            self.source.open()
        if self.limit is not None and isinstance(self.source, Parted):
            with legible(self.name):
                yield from shares(self.source, self.limit, self._read)
            return
        with legible(self.name):
            if self.source.replayable:
                self.source.seek({})
        left = sys.maxsize if self.limit is None else self.limit
        while left and not self.source.finished:
            chunk = self._read(min(wanted, left))
            if chunk is not None and len(chunk.table):
                table = chunk.table.slice(0, left)
                left -= len(table)
                yield table
                wanted = max(1, min(_MOST_RECORDS, _MOST_BYTES * len(table) // max(1, table.nbytes)))

    def _read(self, records: int) -> Chunk | None:
        with legible(self.name):
            return self.source.read(records)

    def _lines(self, batch: pa.Table) -> npt.NDArray[np.int64]:
        """How many lines each record takes: a quoted cell may hold line ends."""
        taken = np.ones(len(batch), np.int64)
        if self.format.name == "csv":
            taken += pc.count_substring(batch["payload"], pattern="\n").fill_null(0).to_numpy()
        return taken


@contextmanager
def opened(
    named: list[str], reading: Reading, state: Path, broken: list[Problem] | None = None
) -> Iterator[list[Data]]:
    """Everything that the names mean, a `Data` for each file; `state` is an empty folder for what sources keep.

    What is there and cannot be read is added to `broken`, where that is given and something else is left.

    Raises:
        StillwellError: with a problem for each name that means nothing that can be read.
    """
    place = Place("stdin", Path.cwd(), state)
    told = reading.told()
    data: list[Data] = []
    problems: list[Problem] = []
    for name in named:
        with _noted(name, problems):
            meant = _meant(name, reading, told, place, problems)
            data += (replace(one, limit=reading.limit) for one in meant)
    if reading.at is not None and not problems and not any(one.versioned for one in data):
        problems.append(Problem("usage", "Only a Delta table has versions.", "Leave --at out.", path="--at"))
    if problems and (broken is None or not data or any(one.code != UNREADABLE for one in problems)):
        raise StillwellError(problems)
    if broken is not None:
        broken += problems
    try:
        yield data
    finally:
        for one in data:
            one.source.close()


def _meant(name: str, reading: Reading, told: Any, place: Place, problems: list[Problem]) -> Iterator[Data]:
    if name == "-":
        yield Data(STDIN, _maker("stdin", place, format=told or "json")(), "line")
        return
    if "://" in name:
        # What comes while it is looked at would never end.
        stream, _ = built(name, "Source", place, until="end", **({"format": told} if told else {}))
        stream.check()
        yield Data(name, stream, MESSAGE)
        return
    path = place.path(name)
    if (path / "_delta_log").is_dir():
        make = _maker("delta", place, path=str(path), at=reading.at)
        source = make()
        source.check()
        yield Data(name, source, "row", path, versioned=True, again=make)
        return
    files = found([name], place)
    if not files:
        what = "has no file whose name tells its format" if path.is_dir() else "does not exist"
        raise fail(ConnectorError, "no-file", f"{name} {what}.", "Check the path.")
    for file in files:
        shown = str(file.relative_to(place.folder) if file.is_relative_to(place.folder) else file)
        with _noted(shown, problems):
            make = _maker("files", place, path=str(file), format=told)
            source = make()
            source.check()
            yield Data(shown, source, "row" if source.format.name == "arrow" else "line", file, again=make)


def _maker(connector: str, place: Place, **options: Any) -> Callable[[], Source]:
    kind = find("connectors", connector, "Source")
    return partial(kind, kind.Options(**options), place)


@contextmanager
def _noted(name: str, problems: list[Problem]) -> Iterator[None]:
    """Add what is wrong with the thing of this name to the problems, and go on."""
    try:
        with legible(name):
            yield
    except StillwellError as error:
        problems += error.problems


@contextmanager
def legible(name: str) -> Iterator[None]:
    """Say in one shape, with the name as the place, that something cannot be read."""
    try:
        yield
    except StillwellError as error:
        raise type(error)(_on_the_command_line(problem, name) for problem in error.problems) from error
    except (OSError, pa.ArrowException) as error:
        what = f"{name} cannot be read: {(getattr(error, 'strerror', None) or str(error)).splitlines()[0]}."
        fix = "See whether it is whole and yours to read."
        raise fail(ConnectorError, UNREADABLE, what, fix, where=Where(name)) from error


def _on_the_command_line(problem: Problem, name: str) -> Problem:
    """The problem, with the name as its place and options as they are written here."""
    fix = "Say it: --format json, csv or parquet." if problem.code == "unknown-format" else problem.fix
    return replace(problem, fix=fix, where=problem.where if problem.where.file else Where(name))
