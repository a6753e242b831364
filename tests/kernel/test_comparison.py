"""Comparisons of whole arrays are what DuckDB makes of them, unknowns included."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pytest

from stillwell.kernel.comparison import comparison
from tests.kernel.records import contract

VALUES = [None, -2.0, 0.0, 1.5, 7.0]
ROWS = list(itertools.product(VALUES, VALUES))


@dataclass
class Column:
    numbers: Any
    there: Any


def column(values, kind=float):
    there = np.array([value is not None for value in values])
    numbers = np.array([kind(value or 0) for value in values])
    return Column(numbers, None if there.all() else there)


def rule(expect, a="double", b="double"):
    text = f"fields: {{a: {{type: {a}}}, b: {{type: {b}}}}}\nrules: {{r: {{expect: '{expect}'}}}}"
    return comparison(contract(text).rules[0].expect, {"a": a, "b": b})


@pytest.mark.parametrize(
    "expect",
    [
        "a < b", "a <= b", "a > b", "a >= b", "a > 1.5", "-2 >= a", "not a < b", "a < b and b > 0", "a < b or b > 0",
        "not (a > 1 and b > 1)", "not (a > 1 or not b > 1)", "(a < 0 or b < 0) and (a > -5)", "a between 0 and 5 or a > b",
    ],
)  # fmt: skip
def test_each_row_is_broken_where_duckdb_says_false_and_unknown_where_it_says_null(expect):
    found = rule(expect)
    if "between" in expect:
        assert found is None
        return
    broken, unknown = found.broken({"a": column([a for a, _ in ROWS]), "b": column([b for _, b in ROWS])})
    database = duckdb.connect()
    database.execute("CREATE TABLE t (a DOUBLE, b DOUBLE)")
    database.executemany("INSERT INTO t VALUES (?, ?)", ROWS)
    expected = [one for (one,) in database.execute(f"SELECT {expect} FROM t").fetchall()]
    assert broken.tolist() == [one is False for one in expected]
    assert unknown.tolist() == [one is None for one in expected]


def test_nothing_is_unknown_where_every_value_is_there():
    broken, unknown = rule("a < b").broken({"a": column([1, 2]), "b": column([2, 1])})
    assert (broken.tolist(), unknown) == ([False, True], None)


def test_integers_are_compared_exactly():
    large = [2**53 + 1, 2**53]
    found = rule("a <= b", "integer", "integer")
    broken, _ = found.broken({"a": Column(np.array(large), None), "b": Column(np.array(large[::-1]), None)})
    assert broken.tolist() == [True, False]


@pytest.mark.parametrize(
    "expect", ["a + 1 > b", "abs(a) > 1", "a = b", "a is null or a > 1", "a > b + 0", "a > 1234567890.1234567"]
)
def test_what_is_more_than_a_comparison_is_left_to_the_query(expect):
    assert rule(expect) is None


def test_numbers_of_two_kinds_are_left_to_the_query():
    assert rule("a > b", "integer", "double") is None
    assert rule("a > 1.5", "integer") is None
