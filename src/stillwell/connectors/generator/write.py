"""Hands on what the generator makes, and writes the truth about each record beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from stillwell.connectors.base import Source

_TRUTH = ("partition", "offset", "ingest_time", "fault", "fault_field")
_RECORDS = 100_000


def write_records(source: Source, take: Callable[[pa.Table], None], truth: BinaryIO | None = None) -> int:
    """Give every batch of an open source to `take`, until it is finished; gives the number of records.

    `truth` gets CSV with a header and one line for each record, in the same order: partition, offset, ingest_time,
    fault, fault_field (both empty for a clean record).
    """
    written = 0
    while not source.finished:
        chunk = source.read(_RECORDS)
        if chunk is None:
            continue
        take(chunk.table)
        if truth is not None:
            _write_truth(chunk.table, truth, header=not written)
        written += chunk.table.num_rows
    return written


def _write_truth(table: pa.Table, truth: BinaryIO, *, header: bool) -> None:
    plain = table.select(list(_TRUTH))
    for label in ("fault", "fault_field"):
        plain = plain.set_column(plain.column_names.index(label), label, plain.column(label).cast(pa.string()))
    pyarrow.csv.write_csv(plain, truth, pyarrow.csv.WriteOptions(include_header=header, quoting_style="needed"))
