"""Texts as the numbers that the kernel would read."""

import math

import pyarrow as pa
import pytest

from stillwell.suggest.parsed import parsed, query, stripped


def test_numbers_are_read_by_the_kernels_grammar():
    found = parsed([" 12 ", "1e3", "0x10", "NaN", "1,5"], "double")
    assert found[:2].tolist() == [12, 1000]
    assert all(math.isnan(number) for number in found[2:])
    assert math.isnan(parsed(["1.5"], "integer")[0])


def test_times_are_microseconds():
    assert parsed(["1970-01-02"], "date")[0] == 86400e6
    assert parsed(["02.01.1970 00:00"], "timestamp", parse_formats=("dd.MM.yyyy HH:mm",))[0] == 86400e6
    assert math.isnan(parsed(["2024-02-30"], "date")[0])


def test_truth_is_one_or_zero():
    assert parsed(["true", "FALSE"], "boolean").tolist() == [1, 0]


def test_a_unit_is_taken_off_as_strip_unit_does():
    assert stripped(["12 oz", " 7oz ", "oz", "12 lb"], "oz") == ["12", "7", "", "12 lb"]


def test_a_query_sees_the_tables_it_is_given_and_no_others():
    assert query("SELECT sum(a) AS s FROM t", t=pa.table({"a": [1, 2]}))["s"].to_pylist() == [3]
    with pytest.raises(Exception, match="t"):
        query("SELECT * FROM t")
