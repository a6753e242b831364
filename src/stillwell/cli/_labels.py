"""Reads the cells that a person marked as wrong: a CSV file of records, fields and, where known, right values."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import typer

from stillwell.cli._sampled import Sampled
from stillwell.errors import Problem, StillwellError, Where, did_you_mean, fail
from stillwell.suggest import Labels

LabelsFile = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="CSV with columns row,field[,value]: cells you found wrong, and the right value. "
        "row counts records from 1; an empty field says: I looked at this record, it is all right.",
    ),
]
"""The parameter `labels` of verbs that suggest."""

_COLUMNS = ("row", "field", "value", "rule")
_COUNTED = "Count records from 1, without the header."
_TOLD = 20


@dataclass(frozen=True)
class _Line:
    """One line of the file: its number there, the record (from 1), the field, the right value (empty: not said)."""

    number: int
    row: int
    field: str
    value: str


def labels(path: Path, looked: Sampled, fields: Mapping[str, str]) -> Labels:
    """The labels in a file, with rows as those of the sample's table.

    `fields` are columns of that table by the names that a contract gives them; either name is understood. A cell whose
    right value is the one that is there is no wrong one.

    Raises:
        StillwellError: code `bad-labels`, with all problems of the file; `unreadable`.
    """
    wrong: dict[tuple[int, str], str] = {}
    rows: set[int] = set()
    problems: list[Problem] = []
    for line in _lines(path, problems):
        where = Where(str(path), line.number)
        at = int(np.searchsorted(looked.places, line.row - 1))
        if line.row > looked.read:
            what = f"There is no record {line.row:,} among the {looked.read:,} that were looked at."
            fix = "Look at more: --sample N." if looked.more else _COUNTED
            problems.append(Problem("bad-labels", what, fix, where, "row"))
            continue
        if at == len(looked.places) or looked.places[at] != line.row - 1:
            # A record that cannot be taken apart has no cells; that it is broken is known without a label.
            continue
        column = line.field if line.field in looked.table.column_names else fields.get(line.field)
        if line.field and column is None:
            what = f"There is no field `{line.field}`."
            fix = did_you_mean(line.field, {*looked.table.column_names, *fields})
            problems.append(Problem("bad-labels", what, fix, where, "field"))
            continue
        rows.add(at)
        if column is not None and (not line.value or line.value != _text(looked.table[column][at])):
            wrong[at, column] = line.value
    if problems:
        raise StillwellError(problems[:_TOLD])
    return Labels(frozenset(wrong), frozenset(rows), {cell: value for cell, value in wrong.items() if value})


def _text(value: pa.Scalar) -> str | None:
    return value.cast(pa.string()).as_py() if value.is_valid else None


def _lines(path: Path, problems: list[Problem]) -> Iterator[_Line]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is no UTF-8 text'}."
        fix = "Name a CSV file with the columns row and field."
        raise fail(StillwellError, "unreadable", what, fix, path="--labels") from error
    reader = csv.reader(text.splitlines(keepends=True))
    header = [name.strip().lower() for name in next(reader, [])]
    odd = next((name for name in header if name not in _COLUMNS), None)
    missing = next((name for name in ("row", "field") if name not in header), None)
    if odd is not None or missing:
        what = f"The column `{missing}` is missing." if missing else f"There is no column `{odd}` in labels."
        fix = (
            "Begin the file with the line row,field or row,field,value."
            if missing
            else did_you_mean(odd or "", _COLUMNS)
        )
        raise fail(StillwellError, "bad-labels", what, fix, where=Where(str(path), 1))
    for cells in reader:
        if not any(cells):
            continue
        told = dict(zip(header, cells, strict=False))
        number = told["row"].strip()
        if not (number.isascii() and number.isdigit() and 0 < len(number) < 16 and int(number)):
            what = f"`{number}` is not the number of a record."
            where = Where(str(path), reader.line_num)
            problems.append(Problem("bad-labels", what, _COUNTED, where, "row"))
            continue
        yield _Line(reader.line_num, int(number), told.get("field", "").strip(), told.get("value", ""))
