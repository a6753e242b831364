"""Removes rows from a Delta table: by a condition where a few ranges say which, else by writing what is left anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from stillwell.connectors._erase import Places, traced
from stillwell.connectors.delta.table import Table, library
from stillwell.delivery.durable import refusal

_RANGES = 40
"""More of them take longer to plan than to write the table anew."""

_TRIES = 50


def erase(table: Table, places: pa.Table, properties: Any) -> None:
    """One commit, which leaves the marks in the log as they are.

    Raises:
        ConnectorError: codes `disk-full` and `unwritable`.
    """
    deltalake, gone = library(), Places(places)
    for attempt in range(_TRIES):
        handle = deltalake.DeltaTable(str(table.path))
        ranges = _ranges(handle, gone)
        if not ranges:
            return
        try:
            if len(ranges) <= _RANGES:
                handle.delete(" OR ".join(map(_condition, ranges)), writer_properties=properties)
            else:
                schema = pa.schema(handle.schema().to_arrow())
                # Asked for now: while the library takes rows, it cannot be asked.
                dataset = handle.to_pyarrow_dataset()
                left = pa.RecordBatchReader.from_batches(schema, _left(dataset, gone, schema))
                deltalake.write_deltalake(handle, left, mode="overwrite", writer_properties=properties)
            return
        except deltalake.exceptions.CommitFailedError as error:
            # Somebody else wrote meanwhile: what is left is another thing now.
            if attempt == _TRIES - 1:
                raise refusal(table.path, error) from error
        except (deltalake.exceptions.DeltaError, OSError) as error:
            raise refusal(table.path, error) from error


def _ranges(handle: Any, gone: Places) -> list[tuple[int, int, int]]:
    """Partition, first and last offset of rows that go and have none between them that stays."""
    parts = [(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, bool))]
    for batch in handle.to_pyarrow_dataset().to_batches(columns=["_stillwell"]):
        rows = pa.Table.from_batches([batch])
        parts.append((*traced(rows), gone.among(rows)))
    partition, offset, goes = (np.concatenate([part[at] for part in parts]) for at in range(3))
    order = np.lexsort((offset, partition))
    partition, offset, goes = partition[order], offset[order], goes[order]
    same = np.zeros(len(goes), bool)
    same[1:] = goes[1:] & goes[:-1] & (np.diff(partition) == 0)
    first = np.flatnonzero(goes & ~same)
    last = np.flatnonzero(goes & ~np.append(same[1:], False)[: len(same)])
    return [(int(partition[low]), int(offset[low]), int(offset[high])) for low, high in zip(first, last, strict=True)]


def _condition(found: tuple[int, int, int]) -> str:
    partition, first, last = found
    return f"(_stillwell['partition'] = {partition} AND _stillwell['offset'] BETWEEN {first} AND {last})"


def _left(dataset: Any, gone: Places, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in dataset.to_batches():
        rows = pa.Table.from_batches([batch])
        yield from rows.filter(pa.array(~gone.among(rows))).select(schema.names).cast(schema).to_batches()
