"""Pointblank on polars: failing units of each step; sundered tables, and reasons from the extract of each step."""

from __future__ import annotations

from pathlib import Path

import pointblank as pb
import polars as pl
from rules import ALLOWED, LEAST, MOST, NOT_NULL, PATTERN, RANGE, RULES, SHAPE, STATUSES, TWO


class Peer:
    """Five steps; a missing value passes all but the first."""

    def __init__(self, data: str, folder: Path) -> None:
        self._data, self._folder = data, folder

    def _steps(self) -> pb.Validate:
        steps = {
            NOT_NULL: lambda plan: plan.col_vals_not_null("ordered_at"),
            RANGE: lambda plan: plan.col_vals_between("quantity", LEAST, MOST, na_pass=True),
            ALLOWED: lambda plan: plan.col_vals_in_set("status", list(STATUSES)),
            PATTERN: lambda plan: plan.col_vals_regex("order_id", f"^{SHAPE}$", na_pass=True),
            TWO: lambda plan: plan.col_vals_le("discount", pb.col("price"), na_pass=True),
        }
        plan = pb.Validate(pl.read_parquet(self._data))
        for rule in RULES:
            plan = steps[rule](plan)
        return plan

    def count(self) -> dict[str, int]:
        """How many records broke each rule."""
        done = self._steps().interrogate(collect_extracts=False, collect_tbl_checked=False)
        failed = done.n_failed()
        return {rule: failed[step] for step, rule in enumerate(RULES, 1)}

    def split(self) -> dict[str, int]:
        """Two files: what passed all steps, and the rest with the steps whose extracts hold it."""
        done = self._steps().interrogate(extract_limit=10**9)
        done.get_sundered_data(type="pass").write_parquet(self._folder / "pointblank_good.parquet")
        extracts = [
            done.get_data_extracts(step, frame=True).with_columns(reasons=pl.lit(rule))
            for step, rule in enumerate(RULES, 1)
        ]
        rows = pl.concat(extracts).group_by("_row_num_", maintain_order=True)
        named = rows.agg(pl.exclude("reasons").first(), "reasons").drop("_row_num_")
        named.write_parquet(self._folder / "pointblank_bad.parquet")
        return {}
