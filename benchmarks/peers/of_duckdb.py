"""What a person who knows DuckDB writes by hand: one scan with five counts; a table with reasons, into two files."""

from __future__ import annotations

from pathlib import Path

import duckdb
from rules import ALLOWED, LEAST, MOST, NOT_NULL, PATTERN, RANGE, RULES, SHAPE, STATUSES, TWO

BROKEN = {
    NOT_NULL: "ordered_at IS NULL",
    RANGE: f"quantity NOT BETWEEN {LEAST} AND {MOST}",
    ALLOWED: f"status NOT IN {STATUSES}",
    PATTERN: f"NOT regexp_full_match(order_id, '{SHAPE}')",
    TWO: "discount > price",
}


class Peer:
    """Both jobs as SQL."""

    def __init__(self, data: str, folder: Path) -> None:
        self._data, self._folder = data, folder
        self._database = duckdb.connect(config={"threads": 2})

    def count(self) -> dict[str, int]:
        """How many records broke each rule."""
        counts = ", ".join(f"count(*) FILTER ({broken})" for broken in BROKEN.values())
        found = self._database.execute(f"SELECT {counts} FROM '{self._data}'").fetchone()
        return dict(zip(RULES, found, strict=True))

    def split(self) -> dict[str, int]:
        """Two files: records that broke no rule, and the others with the names of those they broke."""
        reasons = ", ".join(f"CASE WHEN {broken} THEN '{rule}' END" for rule, broken in BROKEN.items())
        self._database.execute(
            f"CREATE OR REPLACE TEMP TABLE judged AS SELECT *, "
            f"list_filter([{reasons}], lambda reason: reason IS NOT NULL) AS reasons FROM '{self._data}'"
        )
        good, bad = self._folder / "duckdb_good.parquet", self._folder / "duckdb_bad.parquet"
        self._database.execute(f"COPY (SELECT * EXCLUDE (reasons) FROM judged WHERE len(reasons) = 0) TO '{good}'")
        self._database.execute(f"COPY (SELECT * FROM judged WHERE len(reasons) > 0) TO '{bad}'")
        return {}
