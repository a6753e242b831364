"""Summaries against the plain formula, and what merging them may and may not change."""

from __future__ import annotations

import datetime as dt
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel.sketch import (
    Moments,
    Sparse,
    bucket_value,
    buckets,
    count_pairs,
    distinct,
    histogram,
    number_hashes,
    quantile,
    registers,
)
from tests.kernel.odd import fixed

numbers = st.floats(-1e100, 1e100, allow_nan=False) | st.floats(-100, 100) | st.integers(-(10**6), 10**6).map(float)
columns = st.lists(st.tuples(st.integers(0, 3), numbers), max_size=40)


def arrays(pairs):
    cells = np.array([cell for cell, _ in pairs], np.int64)
    return np.array([value for _, value in pairs], np.float64), cells


def entries(sparse):
    return [part.tolist() for part in (sparse.cell, sparse.key, sparse.value)]


def assert_moments(moments, values, cells):
    for cell in range(len(moments.count)):
        here = values[cells == cell]
        assert moments.count[cell] == len(here)
        if not len(here):
            assert (moments.mean[cell], moments.min[cell], moments.max[cell]) == (0, np.inf, -np.inf)
            continue
        size = float(np.abs(here).max())
        assert (moments.min[cell], moments.max[cell]) == (here.min(), here.max())
        np.testing.assert_allclose(moments.mean[cell], here.mean(), rtol=1e-9, atol=1e-9 * size)
        np.testing.assert_allclose(moments.std[cell], here.std(), rtol=1e-9, atol=1e-9 * size)


@fixed
@given(columns)
def test_moments_are_those_of_numpy_in_each_cell(pairs):
    values, cells = arrays(pairs)
    assert_moments(Moments.of(values, cells, 4), values, cells)


@fixed
@given(columns, st.lists(st.integers(0, 40), max_size=4))
def test_moments_merge_to_those_of_the_whole(pairs, cuts):
    values, cells = arrays(pairs)
    edges = sorted({0, len(pairs), *(min(cut, len(pairs)) for cut in cuts)})
    parts = [
        (Moments.of(values[low:high], cells[low:high], 4), np.arange(4)) for low, high in itertools.pairwise(edges)
    ]
    if parts:
        assert_moments(Moments.merge(parts, 4), values, cells)


def test_a_small_spread_around_a_large_mean_is_kept():
    values = 1.7e15 + np.random.default_rng(7).normal(0, 1000, 100_000)
    cells = np.zeros(len(values), np.int64)
    exact = np.std(values - 1.7e15)
    assert Moments.of(values, cells, 1).std[0] == pytest.approx(exact, rel=1e-9)
    parts = [(Moments.of(part, cells[: len(part)], 1), cells[:1]) for part in np.array_split(values, 50)]
    # The means that are merged have been rounded to a quarter, as doubles of this size are.
    assert Moments.merge(parts, 1).std[0] == pytest.approx(exact, rel=1e-6)


def test_a_huge_value_does_not_disturb_the_other_cells():
    values, cells = np.array([1e300, 20.0, 22.0]), np.array([0, 1, 1])
    one = Moments.of(values, cells, 2)
    whole = Moments.merge([(one, np.array([0, 1])), (one, np.array([0, 1]))], 2)
    for moments in (one, whole):
        assert (moments.mean[1], moments.std[1]) == (21.0, 1.0)


def test_values_whose_squares_overflow_are_no_error():
    moments = Moments.of(np.array([1e308, -1e308, 5.0]), np.zeros(3, np.int64), 1)
    assert (moments.min[0], moments.max[0], moments.count[0]) == (-1e308, 1e308, 3)
    Moments.merge([(moments, np.zeros(1, np.int64))] * 2, 1)


@fixed
@given(st.lists(numbers, min_size=1, max_size=60))
def test_buckets_keep_the_order_of_values_and_are_narrow(values):
    array = np.sort(np.array(values))
    keys = buckets(array)
    assert (np.diff(keys) >= 0).all()
    for value, key in zip(array, keys, strict=True):
        # Half a bucket is 1/128 of its lower end. Below the normal numbers a bucket is all there is.
        assert abs(bucket_value(int(key)) - value) <= max(abs(value) / 64, 1e-305)


def test_zeros_of_both_signs_share_a_bucket():
    assert len(set(buckets(np.array([0.0, -0.0])).tolist())) == 1
    assert bucket_value(int(buckets(np.array([0.0]))[0])) == 0


@fixed
@given(st.lists(numbers, min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_off_by_less_than_a_64th(values, share):
    array = np.array(values)
    found = histogram(array, np.zeros(len(array), np.int64), 1)
    exact = np.sort(array)[max(int(np.ceil(share * len(array))) - 1, 0)]
    assert abs(quantile(*found.of(0), share) - exact) <= max(abs(exact) / 64, 1e-305)


def test_there_is_no_quantile_of_nothing():
    empty = np.zeros(0, np.int64)
    assert np.isnan(quantile(empty, empty, 0.5))


@fixed
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-(10**9), 10**9) | st.integers(0, 5)), max_size=60))
def test_pairs_are_counted_whether_they_lie_close_or_far(pairs):
    cells, keys = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    found = count_pairs(cells, keys, 4)
    counted = {(cell, key): pairs.count((cell, key)) for cell, key in pairs}
    assert list(zip(*entries(found), strict=True)) == sorted((*pair, count) for pair, count in counted.items())


@fixed
@given(columns, columns, columns)
def test_histograms_and_registers_merge_exactly_in_any_order(one, two, three):
    parts = [arrays(pairs) for pairs in (one, two, three)]
    whole = tuple(np.concatenate([part[side] for part in parts]) for side in (0, 1))
    for how, make in ((np.add, histogram), (np.maximum, lambda v, c, n: registers(number_hashes(v), c))):
        a, b, c = (make(*part, 4) for part in parts)
        expected = entries(make(*whole, 4))
        for order in ([a, b, c], [c, a, b], [Sparse.merge([b, c], how), a], [a, Sparse.merge([b], how), c]):
            assert entries(Sparse.merge(order, how)) == expected


def estimate(values):
    """The estimate of how many different doubles there are."""
    cells = np.zeros(len(values), np.int64)
    return distinct(registers(number_hashes(np.asarray(values, np.float64)), cells).of(0)[1])


@pytest.mark.parametrize("size", [0, 1, 2, 10, 100, 500, 1000, 5_000, 20_000, 200_000])
@pytest.mark.parametrize(
    "values",
    [
        np.arange,
        lambda size: np.arange(size) * 1024 + 7,
        lambda size: np.arange(size) / 100 - 40,
        lambda size: 1_717_243_200_000_000 + np.arange(size) * 1_000_000,
        lambda size: np.random.default_rng(size).normal(size=size),
        lambda size: np.random.default_rng(size).integers(-(2**53), 2**53, size),
    ],
    ids=["integers", "multiples", "cents", "seconds", "normal", "wide"],
)
def test_distinct_counts_are_near(values, size):
    # The standard error of 256 registers is 6.5 %; five of it never happen by chance.
    found = estimate(np.tile(values(size), 2))
    assert abs(found - size) <= 5 * 0.065 * size + 0.5


def test_the_standard_error_of_distinct_counts_is_what_it_says():
    draw = np.random.default_rng(1)
    errors = [estimate(draw.normal(size=5000)) / 5000 - 1 for _ in range(60)]
    assert np.std(errors) < 0.09
    assert abs(np.mean(errors)) < 0.04


def test_a_repeated_value_counts_once():
    assert round(estimate([5.0] * 1000 + [-0.0, 0.0])) == 2


def test_the_hash_of_numbers_never_changes():
    # Registers that were stored are merged with new ones.
    found = number_hashes(np.array([0.0, 1.0, -1.5, 1e300]))
    assert found.tolist() == [16294208416658607535, 9860564707913756141, 6650937253580682039, 18400163445926009254]


def test_entries_of_one_cell_are_found():
    sparse = Sparse(np.array([0, 0, 2]), np.array([1, 5, 3]), np.array([10, 20, 30]))
    assert [part.tolist() for part in sparse.of(0)] == [[1, 5], [10, 20]]
    assert [part.tolist() for part in sparse.of(1)] == [[], []]
    assert [part.tolist() for part in sparse.renumbered(np.array([7, 8, 9])).of(9)] == [[3], [30]]


def test_times_beyond_the_exact_integers_of_a_double_have_moments():
    moments = Moments.of(np.array([dt.datetime(9999, 1, 1, tzinfo=dt.UTC).timestamp() * 1e6]), np.zeros(1, np.int64), 1)
    assert moments.std[0] == 0


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_the_mean_of_the_largest_doubles_is_finite_and_the_same_however_they_are_cut(size):
    most = np.finfo(float).max
    values = np.array([most, most, -most, most, 1.5, -most, most, 0.0, 1e305, most, most] * 3)
    cells = np.zeros(len(values), np.int64)
    exact = sum(map(Fraction, values.tolist())) / len(values)
    parts = [(Moments.of(values[at : at + size], cells[at : at + size], 2), np.arange(2)) for at in range(0, 33, size)]
    whole = Moments.merge(parts, 2)
    assert whole.mean[0] == pytest.approx(float(exact), rel=1e-9)
    assert (whole.std[0], whole.mean[1], whole.squares[1]) == (np.inf, 0.0, 0.0)


def test_a_part_without_values_says_nothing_of_a_large_spread():
    values = np.array([1e200, 1e200])
    one, none = Moments.of(values, np.zeros(2, np.int64), 1), Moments.of(values[:0], np.zeros(0, np.int64), 1)
    whole = Moments.merge([(one, np.array([0])), (none, np.array([0]))], 1)
    assert (whole.mean[0], whole.std[0]) == (1e200, 0.0)
