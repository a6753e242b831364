"""Reads texts exactly as the kernel would: the numbers behind them, NaN where they are not of the type."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwell.contract.model import Field
from stillwell.kernel.parse import parse

_AS_NUMBER = {
    "boolean": "CAST({} AS INTEGER)",
    "timestamp": "epoch_us({})",
    "date": "epoch_us(CAST({} AS TIMESTAMP))",
    "time": "epoch_us({})",
}


def parsed(texts: Sequence[str], type: str, **options: Any) -> npt.NDArray[np.float64]:
    """The number that each text is for a field of `type`; times in microseconds, instants since 1970 (UTC).

    `options` are others of `Field`, for example `parse_formats`.
    """
    field = Field("value", type, **options)
    value = _AS_NUMBER.get(type, "{}").format(parse(field, "text"))
    table = pa.table({"place": np.arange(len(texts)), "text": pa.array(texts, pa.string())})
    found = query(f"SELECT CAST({value} AS DOUBLE) AS number FROM texts ORDER BY place", texts=table)["number"]
    return np.asarray(found.fill_null(float("nan")).to_numpy(), np.float64)


def query(sql: str, **tables: pa.Table) -> pa.Table:
    """The answer of a database in memory to a query over tables."""
    with _database().cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'")
        for name, table in tables.items():
            cursor.register(name, table)
        return cursor.sql(sql).to_arrow_table()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Opened once: opening takes longer than most of what is asked here."""
    return duckdb.connect()


def stripped(texts: Sequence[str], unit: str) -> list[str]:
    """The texts without a unit at their end, as the cleaning step `strip_unit` leaves them."""
    bare = (text.strip(" ") for text in texts)
    return [text[: len(text) - len(unit)].rstrip(" ") if text.endswith(unit) else text for text in bare]
