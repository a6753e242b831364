"""Where the corpus lies, and its cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import cases

FUZZ = Path(__file__).parents[2] / "fuzz"


@pytest.fixture(scope="session")
def corpus() -> dict[str, cases.Case]:
    """The committed cases by name."""
    paths = sorted((FUZZ / "corpus").glob("*.json"))
    return {path.stem: cases.from_json(path.stem, path.read_text()) for path in paths}


@pytest.fixture(scope="session")
def fuzz() -> Path:
    return FUZZ
