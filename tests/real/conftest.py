"""Real data for tests: where it is, the verdict on each data set, judged once; without the data, tests are skipped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.datasets import DATASETS, VARIABLE, Verdict, folder, judged, kernel, verdict


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data."""
    found = folder()
    if found is None:
        pytest.skip(f"there is no real data: {VARIABLE} names no folder, and none lies beside the checkout")
    return found


@pytest.fixture(scope="session")
def paths(data) -> Callable[[str], list[Path]]:
    """The files of a data set."""

    def of(name: str) -> list[Path]:
        there = DATASETS[name].files(data)
        if not there:
            pytest.skip(f"there is no {DATASETS[name].path} in the real data")
        return there

    return of


@pytest.fixture(scope="module")
def verdict_on(data, paths, tmp_path_factory) -> Callable[[str], Verdict]:
    """The verdict on a data set by its contract, from its files as they are."""
    known: dict[str, Verdict] = {}

    def of(name: str) -> Verdict:
        if name not in known:
            paths(name)
            judge = kernel(DATASETS[name])
            known[name] = verdict(judged(DATASETS[name], data, tmp_path_factory.mktemp(name), judge))
            judge.close()
        return known[name]

    return of
