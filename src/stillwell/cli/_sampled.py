"""Looks at the first records of DATA: what a suggestion is made of, when no contract was named."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import typer

from stillwell.cli._columns import columns
from stillwell.cli._data import UNREADABLE, Data
from stillwell.connectors.files.content import COMPRESSIONS
from stillwell.errors import ConnectorError, StillwellError, fail

MOST_RECORDS, MOST_BYTES = 1_000_000, 256 << 20
"""What is looked at unless said otherwise: whichever comes first, so that memory is bounded."""

Most = Annotated[
    int, typer.Option("--sample", metavar="N", min=1, help="Look at so many records at most (and at 256 MiB).")
]
"""The parameter `sample` of verbs that suggest."""


@dataclass(frozen=True)
class Sampled:
    """The columns of the first `read` records of some inputs; whether there were `more`.

    Row i of the table is record `places[i]` (from 0, over all inputs): records that could not be taken apart have none.
    """

    table: pa.Table
    places: npt.NDArray[np.int64]
    read: int
    more: bool
    left_out: tuple[str, ...]


def sampled(inputs: list[Data], most: int, tell: Callable[[int], None], *, tolerant: bool = False) -> Sampled:
    """The first records of all inputs; a `tolerant` look takes what there is before a file breaks off.

    Raises:
        StillwellError: codes `no-records`, `no-columns`, `mixed-columns`, `too-many-columns`.
        ConnectorError: code `unreadable`, unless tolerant.
    """
    taking = _Taking(most, tell)
    tables: list[pa.Table] = []
    places: list[npt.NDArray[np.int64]] = []
    left_out: dict[str, None] = {}
    broken: list[ConnectorError] = []
    for one in inputs:
        start, batches = taking.read, list(_readable(taking.first(one), broken))
        found = columns(batches, one.format)
        left_out |= dict.fromkeys(found.left_out)
        if len(found.places):
            tables.append(found.table)
            places.append(start + found.places)
    if broken and not (tolerant and tables):
        raise broken[0]
    _refuse_nothing(inputs, taking.read, tables, list(left_out))
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        what = f"These files have columns of different types: {str(error).splitlines()[0].rstrip('.')}."
        raise fail(StillwellError, "mixed-columns", what, "Take files of one kind at a time.") from error
    return Sampled(table, np.concatenate(places), taking.read, taking.more, tuple(left_out))


class _Taking:
    """Takes batches as long as neither records nor bytes are too many."""

    def __init__(self, most: int, tell: Callable[[int], None]) -> None:
        self.read, self.more = 0, False
        self._most, self._bytes, self._tell = most, MOST_BYTES, tell

    def first(self, one: Data) -> Iterator[pa.Table]:
        if self._full():
            self.more = True
            return
        for batch in one.first():
            kept = batch.slice(0, self._most - self.read)
            self.read += len(kept)
            self._bytes -= kept.nbytes
            self._tell(self.read)
            yield kept
            if self._full():
                self.more |= len(kept) < len(batch) or not one.source.finished
                return

    def _full(self) -> bool:
        return self.read >= self._most or self._bytes <= 0


def _readable(batches: Iterator[pa.Table], broken: list[ConnectorError]) -> Iterator[pa.Table]:
    """The batches up to where they break off, which is noted."""
    try:
        yield from batches
    except ConnectorError as error:
        if any(problem.code != UNREADABLE for problem in error.problems):
            raise
        broken.append(error)


def _refuse_nothing(inputs: list[Data], read: int, tables: list[pa.Table], left_out: list[str]) -> None:
    named = inputs[0].name if len(inputs) == 1 else f"{len(inputs):,} files"
    if not read:
        what = f"There is no record in {named}."
        raise fail(StillwellError, "no-records", what, "A suggestion needs some: name data that has them.")
    if left_out and not any(table.num_columns for table in tables):
        what = f"The records of {named} have no plain values: {left_out[0]}."
        raise fail(StillwellError, "no-columns", what, "Write the contract by hand, or take these values apart before.")
    if not any(table.num_columns for table in tables):
        form = inputs[0].format.name
        what = f"None of {read:,} records of {named} could be taken apart as {form}."
        fix = {
            "json": "Each line must be one JSON object: write a document as lines first, for example by jq -c '.[]'.",
            "csv": "See whether the header and the --delimiter are right.",
        }.get(form, "See whether the table has columns of plain values.")
        raise fail(StillwellError, "no-columns", what, fix)


def name_for(named: list[str], inputs: list[Data]) -> str:
    """A name for a contract or a pipeline about this data, made of that of its file or folder."""
    path = Path(named[0]) if len(named) == 1 and Path(named[0]).exists() else inputs[0].path
    if path is None:
        return "data"
    path = path.resolve()
    if path.suffix in COMPRESSIONS:
        path = path.with_suffix("")
    return re.sub("[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "data"
