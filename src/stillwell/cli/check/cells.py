"""Writes the cells that broken rules accuse, where `--cells` says: a line of row, field and rule for each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stillwell.cli._data import Data
from stillwell.cli._file import Lines, complete, refuse_same
from stillwell.contract.model import Contract
from stillwell.errors import StillwellError, fail
from stillwell.kernel.base import Judged
from stillwell.suggest import cells as accused

OPTION = "--cells"


class Cells:
    """Takes verdicts in the order of records, and counts the cells; without a file they are not even looked for."""

    def __init__(self, contract: Contract, file: Lines | None) -> None:
        self.count = 0
        self._contract, self._file, self._row = contract, file, 0
        self._write([("row", "field", "rule")])

    def add(self, judged: Judged) -> None:
        """Write the cells of the next records; a row is the number of its record, from 1."""
        if self._file is not None:
            found = sorted((self._row + row + 1, field, rule) for row, field, rule in accused(self._contract, judged))
            self._write(found)
            self.count += len(found)
        self._row += judged.read

    def _write(self, lines: Sequence[tuple[int | str, str, str]]) -> None:
        if self._file is not None:
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(lines)
            self._file.write(text.getvalue())


@contextmanager
def cells(out: Path | None, contract: Contract, inputs: list[Data], beside: Path | None) -> Iterator[Cells]:
    """Where the cells go: a file that is there once all is judged; `beside` is what else is written.

    Raises:
        StillwellError: code `usage`, where rows would not say of which file they are; `same-file`, `unwritable`.
    """
    if out is None:
        yield Cells(contract, None)
        return
    if len(inputs) > 1:
        what = f"The rows of {len(inputs):,} files cannot be told apart in one file of cells."
        raise fail(StillwellError, "usage", what, "Check them one by one.", path=OPTION)
    refuse_same(out, [one.path for one in inputs if one.path], OPTION)
    if beside is not None and beside.absolute() == out.absolute():
        raise fail(StillwellError, "same-file", f"{out} is where rejects go.", "Name another file.", path=OPTION)
    with complete(out) as file:
        yield Cells(contract, file)
