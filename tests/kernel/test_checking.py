"""A file of several row groups is counted by checks as it is judged, with the first examples of each rule."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from stillwell.kernel import Kernel
from stillwell.kernel.checking import Checking
from stillwell.kernel.scan import Scan
from tests.kernel.columns import records, table
from tests.kernel.records import CLOCK, contract, typed
from tests.kernel.test_checks import CONTRACTS


@pytest.mark.parametrize("name", CONTRACTS)
def test_counts_are_those_of_judging_the_rows(tmp_path, name, monkeypatch):
    rows = table(1000)
    pq.write_table(rows, tmp_path / "rows.parquet", row_group_size=170)
    kernel = Kernel(contract(CONTRACTS[name]), threads=2)
    found = kernel.count(Scan(tmp_path / "rows.parquet"), CLOCK, samples=3)
    monkeypatch.setattr(Checking, "count", lambda *_: None)
    assert found == kernel.count(Scan(tmp_path / "rows.parquet"), CLOCK, samples=3)
    judged = kernel.judge(typed(records(rows)), CLOCK)
    assert (found.read, found.quarantined) == (1000, len(judged.quarantined))
    assert found.failures() == judged.tally.failures()


def test_a_file_of_too_few_row_groups_is_left_to_others(tmp_path):
    pq.write_table(table(100), tmp_path / "rows.parquet")
    kernel = Kernel(contract(CONTRACTS["types"]), threads=2)
    checking = Checking(kernel.contract, kernel._pool, 2)
    assert checking.count(Scan(tmp_path / "rows.parquet"), CLOCK, 1, lambda _: None) is None
