"""Every odd value has the fate that the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernel.values import CELLS, KEYS, PARSINGS, SECTIONS, fate, page

CASES = [case for _, cases in SECTIONS.values() for case in cases]


@pytest.mark.parametrize("parsing", PARSINGS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.keys} {case.shown or case.written!r}"[:70])
def test_an_odd_value_has_its_fate(case, parsing):
    assert fate(case, parsing) == getattr(case, parsing)


@pytest.mark.parametrize("parsing", PARSINGS)
@pytest.mark.parametrize("case", CELLS, ids=lambda case: f"{case.keys} {case.written!r}")
def test_an_odd_cell_has_its_fate(case, parsing):
    assert fate(case, parsing, cell=True) == getattr(case, parsing)


@pytest.mark.parametrize("parsing", PARSINGS)
@pytest.mark.parametrize("case", KEYS, ids=lambda case: f"{case.keys} {case.shown or case.written!r}")
def test_an_odd_key_has_its_fate(case, parsing):
    assert fate(case, parsing, key=True) == getattr(case, parsing)


def test_the_page_is_made_of_the_cases():
    committed = Path(__file__).parents[2] / "docs/reference/values.md"
    assert committed.read_text(encoding="utf-8") == page(), "run `make docs`"
