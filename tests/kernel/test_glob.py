"""Simple patterns as GLOB."""

from __future__ import annotations

import re

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel.glob import glob, sets
from stillwell.kernel.sql import text
from tests.kernel.odd import fixed

SIMPLE = ["sensor_[0-9]{3}", "[A-Z][a-z_0-9]{2}-\\d{4}", "a", "", "[0-9]{0}x", "[a-c1]{2}:[x]"]


@pytest.mark.parametrize(
    "pattern",
    [
        "a|b",
        "(a)",
        "a?",
        "a+",
        "a*",
        ".",
        "a.b",
        "[^a]",
        "[a-]",
        "\\w",
        "é",
        "[é]",
        "a{2,3}",
        "a{1}{2}",
        "[[:alpha:]]",
        "]",
    ],
)
def test_what_is_not_simple_has_no_glob(pattern):
    assert glob(pattern) is None


@pytest.mark.parametrize("pattern", SIMPLE)
@fixed
@given(data=st.data())
def test_a_glob_matches_what_the_pattern_matches(pattern, data):
    shape = re.compile(pattern, re.ASCII)
    near = st.from_regex(shape, fullmatch=True).flatmap(
        lambda good: st.sampled_from([good, good + "\n", good[:-1], good.upper(), good + good, " " + good, good + "é"])
    )
    value = data.draw(near | st.text(max_size=8))
    found = duckdb.sql(f"SELECT {text(value)} GLOB {text(glob(pattern))}").fetchall()[0][0]
    assert found == (shape.fullmatch(value) is not None)


def test_a_simple_pattern_is_a_set_of_bytes_for_each_place():
    assert sets("o_[0-9]{2}") == [{111}, {95}, set(range(48, 58)), set(range(48, 58))]
    assert sets("[a-cX]") == [{97, 98, 99, 88}]
    assert sets("a+") is None
