"""Pandera on polars: failure cases of a lazy validation, counted by check or gathered by row."""

from __future__ import annotations

from pathlib import Path

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors
from rules import ALLOWED, LEAST, MOST, NOT_NULL, PATTERN, RANGE, SHAPE, STATUSES, TWO

SCHEMA = pa.DataFrameSchema(
    {
        "order_id": pa.Column(pl.String, pa.Check.str_matches(f"^{SHAPE}$", error=PATTERN), nullable=True),
        "status": pa.Column(pl.String, pa.Check.isin(list(STATUSES), error=ALLOWED), nullable=True),
        "ordered_at": pa.Column(pl.Datetime("us", "UTC"), nullable=False),
        "price": pa.Column(pl.Float64, nullable=True),
        "discount": pa.Column(pl.Float64, nullable=True),
        "quantity": pa.Column(pl.Int64, pa.Check.in_range(LEAST, MOST, error=RANGE), nullable=True),
    },
    checks=pa.Check(lambda data: data.lazyframe.select(pl.col("discount") <= pl.col("price")), error=TWO),
)


class Peer:
    """One schema."""

    def __init__(self, data: str, folder: Path) -> None:
        self._data, self._folder = data, folder

    def count(self) -> dict[str, int]:
        """How many records broke each rule."""
        return dict(self._cases(pl.read_parquet(self._data))["check"].value_counts().iter_rows())

    def split(self) -> dict[str, int]:
        """Two files: records without a failure case, and the others with the names of their checks."""
        rows = pl.read_parquet(self._data).with_row_index("index")
        cases = self._cases(rows.drop("index")).group_by("index").agg(pl.col("check").alias("reasons"))
        rows.join(cases, "index", "anti").drop("index").write_parquet(self._folder / "pandera_good.parquet")
        rows.join(cases, "index").drop("index").write_parquet(self._folder / "pandera_bad.parquet")
        return {}

    @staticmethod
    def _cases(rows: pl.DataFrame) -> pl.DataFrame:
        try:
            SCHEMA.validate(rows, lazy=True)
        except SchemaErrors as errors:
            return errors.failure_cases.select(
                pl.col("check").replace("not_nullable", NOT_NULL), pl.col("index").cast(pl.UInt32)
            )
        raise AssertionError("nothing was found")
