"""Every kind of rule has the outcome over NULL that the page says."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from stillwell.contract.rules import RuleKind
from tests.kernel.nulls import NOT, SECTIONS, outcome, page
from tests.kernel.records import full_way_only, judge

CASES = [case for cases in SECTIONS.values() for case in cases]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_a_rule_over_null_has_its_outcome(case):
    assert outcome(case) == case.outcome
    with full_way_only():
        assert outcome(case) == case.outcome


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.outcome == NOT and case.record], ids=lambda case: case.says
)
def test_what_is_not_evaluated_rejects_nothing(case):
    judged = judge(case.rest, [case.record.encode()])
    broken = {reason["rule"] for row in judged.quarantined["reasons"].to_pylist() for reason in row}
    assert case.rule not in broken


def test_every_kind_of_rule_is_among_the_cases():
    # `in` compares with a lookup, and is refused until there are lookups.
    assert {case.kind for case in CASES} == set(get_args(RuleKind)) - {"in"}


def test_the_page_is_made_of_the_cases():
    committed = Path(__file__).parents[2] / "docs/reference/nulls.md"
    assert committed.read_text(encoding="utf-8") == page(), "run `make docs`"
