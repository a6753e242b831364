"""What must hold of all records of a check together: how many there are, how often values come, what they are like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.contract.model import Contract, WindowRule
from stillwell.kernel import Judged
from stillwell.kernel.tally import Tally
from stillwell.monitor.windows.measure import measured, split, within

COUNTED = "duplicates"
"""The one measure that no tally has: of how many accepted records the value came before."""


@dataclass(frozen=True)
class TableFound:
    """A rule over the whole, what was observed (None: there was nothing to measure), and whether it holds."""

    rule: WindowRule
    observed: float | None
    holds: bool


class Whole:
    """Counts what rules over the whole ask for and tallies do not have; DuckDB spills into `folder`."""

    def __init__(self, contract: Contract, folder: Path) -> None:
        self._rules = contract.table
        self._fields = sorted({name for rule in contract.table for name in _counted(rule)})
        self._database = duckdb.connect(str(folder / "whole.duckdb"), config={"threads": 1}) if self._fields else None
        self._begun = False

    def add(self, judged: Judged) -> None:
        """Take in the verdict on some records."""
        if self._database is None:
            return
        rows = judged.accepted.select(self._fields)
        self._database.register("incoming", pa.table(rows.columns, names=[f"c{at}" for at in range(len(self._fields))]))
        verb = "INSERT INTO seen" if self._begun else "CREATE TABLE seen AS"
        self._database.execute(f"{verb} SELECT * FROM incoming")
        self._begun = True

    def found(self, tally: Tally | None) -> tuple[TableFound, ...]:
        """What holds, by the tally of all records as one cell; nothing is counted after this."""
        found = tuple(self._found(rule, tally) for rule in self._rules)
        if self._database is not None:
            self._database.close()
        return found

    def _found(self, rule: WindowRule, tally: Tally | None) -> TableFound:
        if split(rule.measure)[0] == COUNTED:
            values = np.array([self._duplicates(split(rule.measure)[1])])
        elif tally is None or not tally.cells:
            # Of no records, there still are none.
            values = np.array([0.0 if rule.measure in ("count", "read", "rejected") else np.nan])
        else:
            nothing = np.full(1, np.nan)
            values = measured(rule.measure, tally, nothing, nothing)
        observed = None if np.isnan(values[0]) else float(values[0])
        return TableFound(rule, observed, bool(within(values, rule.limits)[0]))

    def _duplicates(self, field: str) -> float:
        if self._database is None or not self._begun:
            return 0.0
        column = f"c{self._fields.index(field)}"
        found = self._database.execute(f"SELECT count({column}) - count(DISTINCT {column}) FROM seen").fetchone()
        assert found is not None
        return float(found[0])


def _counted(rule: WindowRule) -> Iterator[str]:
    name, argument = split(rule.measure)
    if name == COUNTED:
        yield argument
