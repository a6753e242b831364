"""A Parquet file that DuckDB reads by itself: only the columns that are asked for, by several threads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stillwell.kernel.sql import name, text

PLACE = "file_row_number"
"""The column by which DuckDB numbers the rows of a file, from 0."""


@dataclass(frozen=True)
class Scan:
    """The rows of one Parquet file, numbered from 0."""

    path: Path

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns, as Arrow has them."""
        return pq.read_schema(self.path)

    @property
    def record(self) -> pa.StructType:
        """A row as a typed record."""
        return pa.struct(list(self.schema))

    @property
    def relation(self) -> str:
        """SQL of the file with the column `PLACE`."""
        # Each sign of a glob stands for itself in brackets.
        path = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in str(self.path.absolute()))
        return f"read_parquet({text(path)}, file_row_number = true, hive_partitioning = false)"

    def same(self, database: duckdb.DuckDBPyConnection, columns: Iterable[str]) -> bool:
        """Whether DuckDB reads these columns as the types that they have in Arrow.

        Raises:
            duckdb.Error: for what DuckDB cannot read.
        """
        lower = [column.lower() for column in (*self.schema.names, PLACE)]
        if len(set(lower)) < len(lower):
            return False
        chosen = ", ".join(map(name, columns)) or "NULL"
        session = database.cursor()
        session.register("arrow", self.schema.empty_table())
        as_arrow, as_parquet = (
            session.execute(f"DESCRIBE SELECT {chosen} FROM {source}").fetchall() for source in ("arrow", self.relation)
        )
        session.close()
        return [one[:2] for one in as_arrow] == [one[:2] for one in as_parquet]

    def rows(self, places: Sequence[int]) -> pa.Table:
        """The rows at these places, which rise, as a batch of the kernel."""
        parts = []
        with pq.ParquetFile(self.path) as file:
            starts = np.cumsum([0, *(file.metadata.row_group(one).num_rows for one in range(file.num_row_groups))])
            groups = np.searchsorted(starts, places, side="right") - 1
            for group in np.unique(groups).tolist():
                here = np.asarray(places)[groups == group] - starts[group]
                parts.append(file.read_row_group(group).take(pa.array(here)))
        records = pa.concat_tables(parts).combine_chunks().to_batches()[0].to_struct_array()
        partition = pa.array(np.zeros(len(places), np.int32))
        return pa.table({"partition": partition, "offset": pa.array(places, pa.int64()), "record": records})

    def batches(self, rows: int) -> Iterator[tuple[int, pa.Table]]:
        """All rows as batches of the kernel, each with the place of its first."""
        begin = 0
        with pq.ParquetFile(self.path) as file:
            for part in file.iter_batches(rows):
                offset = pa.array(np.arange(begin, begin + len(part)))
                partition = pa.array(np.zeros(len(part), np.int32))
                yield begin, pa.table({"partition": partition, "offset": offset, "record": part.to_struct_array()})
                begin += len(part)
