"""Columns as distinct texts, and what means no value."""

import numpy as np
import pyarrow as pa
import pytest

from stillwell.suggest.column import SAMPLE, column, columns, sample, shown, without


def of(values, type=None, **options):
    return column("a", "a", pa.chunked_array([pa.array(values, type)]), **options)


def test_values_stand_by_frequency_and_rows_point_to_them():
    one = of(["b", "a", "b", None])
    assert one.values == ("b", "a")
    assert one.counts.tolist() == [2, 1]
    assert one.codes.tolist() == [0, 1, 0, -1]
    assert one.on_rows([False, True]).tolist() == [False, True, False, False]
    assert one.share([True, False]) == pytest.approx(2 / 3)


@pytest.mark.parametrize("token", ["", "  ", "N/A", "null", "{NULL}", "-", "Unknown"])
def test_what_people_write_for_no_value_is_none(token):
    one = of(["12", token, "13"])
    assert one.values == ("12", "13")
    assert one.tokens == {token: 1}
    assert one.absent.tolist() == [False, True, False]


def test_among_codes_of_two_letters_na_is_one():
    assert of(["NA", "SE", "NO", "DK"]).tokens == {}


def test_a_token_that_is_known_to_be_wrong_stays_a_value():
    assert of(["12", "N/A"], never={"N/A"}).tokens == {}


def test_typed_values_are_seen_as_texts_and_bytes_are_not_looked_into():
    assert of([1, 2, 2]).values == ("2", "1")
    assert of([1.5, float("nan")]).tokens == {}
    assert of([b"\xff", None], pa.binary()).codes.tolist() == [0, -1]
    assert of([[1], None], pa.list_(pa.int64())).opaque


def test_a_value_can_be_taken_out():
    one = without(of(["1", "1", "-200", "3"]), np.array([False, True, False]))
    assert one.values == ("1", "3")
    assert one.codes.tolist() == [0, 0, -1, 1]
    assert one.tokens == {"-200": 1}


def test_of_a_long_table_the_same_rows_are_drawn_each_time_and_the_wanted_ones_are_among_them():
    table = pa.table({"a": np.arange(2 * SAMPLE + 1)})
    drawn = sample(table, {7, 2 * SAMPLE})
    assert SAMPLE <= len(drawn.table) <= SAMPLE + 2
    assert {7, 2 * SAMPLE} <= set(drawn.places.tolist())
    assert drawn.table["a"].to_numpy().tolist() == drawn.places.tolist()
    assert drawn.places.tolist() == sample(table, {7, 2 * SAMPLE}).places.tolist()
    assert "drawn at random" in drawn.told
    assert sample(table.slice(0, 10)).told == "10 rows"


def test_columns_know_where_they_lie():
    first, second = columns(pa.table({"PM2.5": ["1"], "b": ["2"]}), ["PM2_5", "b"], {"b": {"2"}})
    assert (first.name, first.field, first.path) == ("PM2.5", "PM2_5", r"PM2\.5")
    assert second.path == "b"


def test_a_value_in_a_sentence_is_short_and_on_one_line():
    assert shown("a\nb") == "`a�b`"
    assert len(shown("x" * 100)) == 42
