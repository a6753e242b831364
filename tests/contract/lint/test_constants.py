"""Constants are judged by the same limits as records."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.contract.lint.constants import broken_rule, empty, outside
from stillwell.contract.model import Constraints, Limits, Now

SIDES = st.one_of(st.none(), st.integers(-5, 5))
LIMITS = st.builds(Limits, SIDES, SIDES, SIDES, SIDES)


@given(LIMITS)
def test_limits_are_empty_exactly_when_no_number_lies_within(limits: Limits) -> None:
    some = [number / 2 for number in range(-14, 15) if not outside(limits, number / 2)]
    assert (empty(limits) is None) == bool(some)


@given(LIMITS, st.integers(-6, 6))
def test_a_value_is_outside_as_the_signs_say(limits: Limits, value: int) -> None:
    inside = (
        (limits.min is None or value >= limits.min)
        and (limits.max is None or value <= limits.max)
        and (limits.above is None or value > limits.above)
        and (limits.below is None or value < limits.below)
    )
    assert outside(limits, value) is not inside


def test_what_depends_on_the_records_time_decides_nothing() -> None:
    later = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
    assert not outside(Limits(max=Now()), later)
    assert empty(Limits(min=later, max=Now())) is None


@pytest.mark.parametrize(
    ("asked", "value", "rule"),
    [
        (Constraints(pattern="[a-z]+"), "A", "pattern"),
        (Constraints(pattern="a"), "ab", "pattern"),
        (Constraints(min_length=2), "a", "length"),
        (Constraints(max_length=2), "abc", "length"),
        (Constraints(allowed=("a",)), "b", "allowed"),
        (Constraints(limits=Limits(max=1)), 2, "range"),
        (Constraints(limits=Limits(max=1)), 1, None),
        (Constraints(allowed=("a",)), None, None),
        (Constraints(pattern=r"\p{Lu}"), "x", None),
    ],
)
def test_the_first_broken_rule_is_named(asked: Constraints, value: object, rule: str | None) -> None:
    assert broken_rule(asked, value) == rule
