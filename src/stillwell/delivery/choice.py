"""Which rows of a quarantine are meant: a selection, held against the rows and against what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.delivery.outcomes import EXPIRED, FAILING, PASSED
from stillwell.delivery.selection import Selection


class Rows(Protocol):
    """A sink, as far as its rows are read."""

    def rows(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]: ...


class Choice:
    """Tells which quarantined rows a selection means; knows the outcomes but for those of the runs `without`."""

    def __init__(
        self,
        selection: Selection,
        outcomes: Rows,
        upto: Mapping[int, int] | None = None,
        without: Sequence[str] = (),
    ) -> None:
        self._upto = upto
        self._condition, self._given = selection.sql()
        self._database = duckdb.connect(":memory:", config={"threads": 1})
        self._database.execute("SET TimeZone = 'UTC'")
        self._database.execute("CREATE TABLE told (p INTEGER, o BIGINT, outcome VARCHAR)")
        for batch in outcomes.rows(["outcome", "run", "_stillwell"]):
            self._database.register("batch", pa.Table.from_batches([batch]))
            self._database.execute(
                'INSERT INTO told SELECT _stillwell.partition, _stillwell."offset", outcome FROM batch '
                "WHERE NOT list_contains(?, run)",
                [list(without)],
            )
        self._database.execute(
            "CREATE TABLE became AS SELECT p, o, "
            + ", ".join(f"bool_or(outcome = '{one}') AS {one}" for one in (PASSED, FAILING, EXPIRED))
            + " FROM told GROUP BY p, o"
        )
        self._database.execute("DROP TABLE told")

    def of(self, rows: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """For each row whether it is chosen, and whether a place is known of it."""
        mask = np.zeros(len(rows), bool)
        mask[[number for (number,) in self.query(rows, "SELECT n FROM chosen")]] = True
        return mask & self._within(rows.column("_stillwell"))

    def query(self, rows: pa.RecordBatch, text: str) -> list[tuple[Any, ...]]:
        """What a query says of `chosen`: reasons, _stillwell, n (the number of the row), passed, failing, expired."""
        names = [name for name in ("reasons", "key", "_stillwell") if name in rows.schema.names]
        table = pa.Table.from_batches([rows.select(names)])
        self._database.register("batch", table.append_column("n", pa.array(np.arange(len(rows)))))
        columns = ["batch.*", *(f"coalesce(became.{one}, false) AS {one}" for one in (PASSED, FAILING, EXPIRED))]
        columns += ["NULL::BLOB AS key"] * ("key" not in names)
        joined = 'p = batch._stillwell.partition AND o = batch._stillwell."offset"'
        whole = f"SELECT {', '.join(columns)} FROM batch LEFT JOIN became ON {joined}"
        chosen = f"WITH chosen AS (SELECT * FROM ({whole}) WHERE {self._condition}) {text}"
        return self._database.execute(chosen, self._given).fetchall()

    def close(self) -> None:
        """Give the memory back."""
        self._database.close()

    def _within(self, trace: pa.StructArray) -> npt.NDArray[np.bool_]:
        partition, offset = places(trace)
        if self._upto is None:
            return offset >= 0
        known = np.zeros(len(offset), bool)
        for one, end in self._upto.items():
            known |= (partition == one) & (offset >= 0) & (offset < end)
        return known


def places(trace: pa.StructArray) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Partition and offset of each row; -1 where somebody took them away."""
    partition, offset = (pc.struct_field(trace, name).fill_null(-1).to_numpy() for name in ("partition", "offset"))
    return partition, offset
