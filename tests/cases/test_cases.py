"""Every case on the embedded engine: what its file expects holds, in epochs of any size."""

from __future__ import annotations

import pytest

from stillwell.engines.base import EpochLimits
from stillwell.engines.embedded import Engine, EngineOptions
from tests.cases.case import Case, cases
from tests.cases.check import unmet
from tests.cases.outcome import differences
from tests.cases.play import played


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_case_ends_as_it_must(case: Case, tmp_path) -> None:
    assert not unmet(case, played(case, Engine(EngineOptions(threads=1)), tmp_path / "case"))


@pytest.mark.parametrize(
    "case",
    [case for case in cases() if not any(run.dies or run.contract for run in case.runs)],
    ids=lambda case: case.id,
)
def test_the_cut_of_epochs_changes_nothing(case: Case, tmp_path) -> None:
    """But for what a run that dies had declared by then."""
    small = EpochLimits(records=3 if len(case.arrivals) < 100 else 333)
    whole = played(case, Engine(EngineOptions(threads=1)), tmp_path / "whole")
    parts = played(case, Engine(EngineOptions(threads=2)), tmp_path / "parts", small)
    assert not differences(whole, parts)
