"""Great Expectations on pandas: unexpected counts of a suite; the index of all unexpected rows for splitting."""

from __future__ import annotations

from pathlib import Path

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from rules import ALLOWED, LEAST, MOST, NOT_NULL, PATTERN, RANGE, SHAPE, STATUSES, TWO


class Peer:
    """One suite in a context that keeps nothing."""

    def __init__(self, data: str, folder: Path) -> None:
        self._data, self._folder = data, folder
        context = gx.get_context(mode="ephemeral")
        asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("orders")
        self._batches = asset.add_batch_definition_whole_dataframe("all")
        self._rules = {
            NOT_NULL: gxe.ExpectColumnValuesToNotBeNull(column="ordered_at"),
            RANGE: gxe.ExpectColumnValuesToBeBetween(column="quantity", min_value=LEAST, max_value=MOST),
            ALLOWED: gxe.ExpectColumnValuesToBeInSet(column="status", value_set=list(STATUSES)),
            PATTERN: gxe.ExpectColumnValuesToMatchRegex(column="order_id", regex=f"^{SHAPE}$"),
            TWO: gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="price", column_B="discount", or_equal=True),
        }
        self._suite = context.suites.add(gx.ExpectationSuite("orders", expectations=list(self._rules.values())))

    def count(self) -> dict[str, int]:
        """How many records broke each rule."""
        done = self._results(pd.read_parquet(self._data), {"result_format": "BASIC", "partial_unexpected_count": 0})
        return {rule: result["unexpected_count"] for rule, result in done.items()}

    def split(self) -> dict[str, int]:
        """Two files: rows that are in no list of unexpected ones, and the others with the rules that list them."""
        rows = pd.read_parquet(self._data)
        done = self._results(rows, {"result_format": "COMPLETE"})
        lists = (pd.Series(rule, index=result["unexpected_index_list"]) for rule, result in done.items())
        reasons = pd.concat(list(lists)).groupby(level=0).agg(list)
        rows.drop(index=reasons.index).to_parquet(self._folder / "great_expectations_good.parquet")
        bad = rows.loc[reasons.index].assign(reasons=reasons)
        bad.to_parquet(self._folder / "great_expectations_bad.parquet")
        return {}

    def _results(self, rows: pd.DataFrame, form: dict[str, object]) -> dict[str, dict]:
        batch = self._batches.get_batch({"dataframe": rows})
        results = batch.validate(self._suite, result_format=form).results
        kinds = {type(expectation).__name__: rule for rule, expectation in self._rules.items()}
        named = {"".join(word.title() for word in one.expectation_config.type.split("_")): one for one in results}
        found = {kind.lower(): rule for kind, rule in kinds.items()}
        return {found[kind.lower()]: one.result for kind, one in named.items()}
