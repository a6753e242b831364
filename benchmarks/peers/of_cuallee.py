"""cuallee on polars: violations of each check; it has no rows to give."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from cuallee import Check, CheckLevel
from rules import LEAST, MOST, RULES, SHAPE, STATUSES


class Peer:
    """One check of five rules."""

    def __init__(self, data: str, folder: Path) -> None:
        self._data = data

    def count(self) -> dict[str, int]:
        """How many records broke each rule."""
        check = Check(CheckLevel.WARNING, "orders")
        check.is_complete("ordered_at").is_between("quantity", (LEAST, MOST))
        check.is_contained_in("status", STATUSES).has_pattern("order_id", f"^{SHAPE}$")
        check.satisfies("discount", "discount <= price")
        found = check.validate(pl.read_parquet(self._data))
        return dict(zip(RULES, found["violations"].to_list(), strict=True))
