"""What a person who knows polars writes by hand: one lazy scan with five sums; a column of reasons and two files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rules import ALLOWED, LEAST, MOST, NOT_NULL, PATTERN, RANGE, SHAPE, STATUSES, TWO

BROKEN = {
    NOT_NULL: pl.col("ordered_at").is_null(),
    RANGE: ~pl.col("quantity").is_between(LEAST, MOST),
    ALLOWED: ~pl.col("status").is_in(STATUSES),
    PATTERN: ~pl.col("order_id").str.contains(f"^{SHAPE}$"),
    TWO: pl.col("discount") > pl.col("price"),
}


class Peer:
    """Both jobs as lazy expressions."""

    def __init__(self, data: str, folder: Path) -> None:
        self._data, self._folder = data, folder

    def count(self) -> dict[str, int]:
        """How many records broke each rule."""
        sums = [broken.sum().alias(rule) for rule, broken in BROKEN.items()]
        return pl.scan_parquet(self._data).select(sums).collect(engine="streaming").row(0, named=True)

    def split(self) -> dict[str, int]:
        """Two files: records that broke no rule, and the others with the names of those they broke."""
        broken = [pl.when(one).then(pl.lit(rule)) for rule, one in BROKEN.items()]
        rows = pl.read_parquet(self._data).with_columns(is_bad=pl.any_horizontal(*BROKEN.values()).fill_null(False))
        rows.filter(~pl.col("is_bad")).drop("is_bad").write_parquet(self._folder / "polars_good.parquet")
        bad = rows.filter("is_bad").drop("is_bad")
        bad.with_columns(reasons=pl.concat_list(broken).list.drop_nulls()).write_parquet(
            self._folder / "polars_bad.parquet"
        )
        return {}
