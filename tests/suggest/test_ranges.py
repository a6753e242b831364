"""Ranges that ordinary tails stay within, and numbers that mean no value."""

import numpy as np
import pytest

from stillwell.suggest.ranges import fence, limits, sentinel, written

DRAW = np.random.default_rng(7)


@pytest.mark.parametrize(
    "numbers",
    [
        DRAW.normal(20, 3, 100_000),
        DRAW.exponential(5, 100_000),
        DRAW.lognormal(0, 1.5, 100_000),
        DRAW.uniform(-1, 1, 10_000),
        DRAW.poisson(4, 100_000).astype(float),
    ],
)
def test_ordinary_tails_pass(numbers):
    low, high = fence(np.sort(numbers))
    assert ((numbers < low) | (numbers > high)).sum() == 0


def test_a_few_values_far_out_do_not_pass():
    numbers = np.sort(np.concatenate([DRAW.normal(20, 3, 10_000), [-999, 412.0]]))
    low, high = limits(numbers, whole=False)
    assert -10 < low < 10
    assert 30 < high < 50


def test_values_far_out_that_are_common_belong_to_the_data():
    numbers = np.sort(np.concatenate([DRAW.normal(20, 3, 900), np.full(100, 412.0)]))
    assert limits(numbers, whole=False)[1] >= 412


def test_limits_are_round_and_not_below_zero_where_nothing_is():
    low, high = limits(np.sort(DRAW.exponential(5, 10_000)), whole=False)
    assert low == 0
    assert high == float(f"{high:.2g}")


def test_shares_and_percentages_end_at_one_and_at_a_hundred():
    assert limits(np.sort(DRAW.uniform(0, 1, 1_000)), whole=False) == (0, 1)
    assert limits(np.sort(DRAW.uniform(0, 100, 1_000)), whole=False) == (0, 100)


def test_whole_numbers_that_fill_their_range_keep_it():
    assert limits(np.sort(DRAW.integers(1, 32, 2_000)).astype(float), whole=True) == (1, 31)
    assert limits(np.repeat([0.0, 1.0], 500), whole=True) == (0, 1)


def test_constant_few_or_monstrous_numbers_have_no_limits():
    assert limits(np.full(100, 3.0), whole=False) == (None, None)
    assert limits(np.arange(5.0), whole=False) == (None, None)
    assert limits(np.linspace(-1e307, 1e307, 100), whole=False) == (None, None)


@pytest.mark.parametrize(("value", "found"), [(-200.0, True), (99_999.0, True), (-0.5, False), (25.0, False)])
def test_a_frequent_number_far_from_all_others_means_no_value(value, found):
    numbers = np.append(np.linspace(0, 30, 300), value)
    order = np.argsort(numbers)
    counts = np.append(np.full(300, 10), 200)[order]
    assert sentinel(numbers[order], counts) == (value if found else None)


def test_a_number_that_is_rare_is_an_outlier_and_no_sentinel():
    numbers, counts = np.append(-200.0, np.linspace(0, 30, 300)), np.append(1, np.full(300, 10))
    assert sentinel(numbers, counts) is None


def test_numbers_are_written_as_people_do():
    assert [written(one) for one in (3.0, -0.25, 1e300)] == ["3", "-0.25", "1e+300"]
