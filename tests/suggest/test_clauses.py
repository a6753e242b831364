"""What is asked of one column by itself."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from stillwell.suggest.clauses import clauses
from stillwell.suggest.column import column
from stillwell.suggest.reading import readings

DRAW = np.random.default_rng(3)


def asked(values, name="a", type=None, doubted=None):
    one = column(name, name, pa.chunked_array([pa.array(values, type)]))
    return {clause.rule: clause for clause in clauses(one, readings(one)[0], doubted)}


def test_a_column_without_holes_is_required_and_one_with_a_few_could_be():
    assert asked(["a"] * 50)["a.required"].suggested
    holes = asked(["a"] * 50 + [None])["a.required"]
    assert not holes.suggested
    assert np.flatnonzero(holes.fails).tolist() == [50]
    assert "a.required" not in asked(["a", None, None])


def test_a_closed_set_is_listed_without_its_misspellings():
    found = asked(["green"] * 50 + ["red"] * 50 + ["grxen"])["a.allowed"]
    assert found.keys == {"allowed": "[green, red]"}
    assert found.fails.sum() == 1
    assert "`grxen` for `green`" in found.says


def test_values_that_other_columns_speak_against_are_not_allowed():
    found = asked(["al"] * 50 + ["xl"] * 10, doubted=np.array([False, True]))["a.allowed"]
    assert found.keys == {"allowed": "[al]"}
    assert found.fails.sum() == 10


def test_misspellings_in_an_open_set_are_only_offered():
    values = ["birmingham"] * 50 + ["birminghxm"] + [f"w{chr(97 + n) * 6}" for n in range(26)]
    found = asked(values)["a_spelling"]
    assert found.keys == {"expect": "not (a = 'birminghxm')"}
    assert not found.suggested


@pytest.mark.parametrize(
    ("values", "form", "name"),
    [
        ([f"u{n}@example.org" for n in range(20)], "email", "a"),
        ([f"00000000-0000-0000-0000-{n:012}" for n in range(20)], "uuid", "a"),
        ([f"10.0.0.{n}" for n in range(20)], "ipv4", "a"),
        (["NO", "SE", "DK", "FI"] * 5, "iso-country", "country"),
        (["NOK", "SEK", "DKK", "EUR"] * 5, "iso-currency", "currency"),
    ],
)
def test_named_formats_are_told_by_values_and_where_that_could_be_chance_by_the_name(values, form, name):
    assert asked(values, name)[f"{name}.format"].keys["format"] == form


def test_two_letters_are_no_country_without_a_name_that_says_so():
    assert "a.format" not in asked(["NO", "SE", "DK", "FI"] * 5)


def test_what_is_sensitive_is_masked_and_not_shown():
    found = asked([f"u{n}@example.org" for n in range(20)] + ["secret"])["a.format"]
    assert found.keys["sensitive"] == "mask"
    assert "secret" not in found.says


def test_signs_of_a_text_decoded_wrongly_are_forbidden():
    found = asked(["José", "Jos� B", "Ann", "Bo"] * 10 + [f"name {n}" for n in range(60)])["a_undamaged"]
    assert found.fails.sum() == 10
    assert found.suggested


def test_accents_are_no_damage_even_when_they_stand_alone():
    assert "a_undamaged" not in asked(["José", "Jose\u0301", "Ann"] * 10)


def test_marks_of_other_scripts_are_no_damage():
    assert "a_undamaged" not in asked(["ที่นี่", "Ann", "Bo", "Eva"] * 10)


def test_marks_that_belong_to_no_letter_are_damage():
    found = asked(["J̩rez", "Ann", "Bo", "Eva"] * 10 + [f"name {n}" for n in range(60)])["a_undamaged"]
    assert found.fails.sum() == 10
    assert r"\p{Mn}" in found.keys["expect"]


def test_numbers_have_a_range_and_outliers_break_it():
    numbers = [*DRAW.normal(20, 3, 500).round(2).tolist(), 412.0]
    found = asked(numbers)["a.range"]
    assert np.flatnonzero(found.fails).tolist() == [500]
    assert float(found.keys["min"]) < 10 < 30 < float(found.keys["max"]) < 100


def test_identifiers_and_rising_numbers_have_no_upper_limit():
    assert "id.range" not in asked(DRAW.integers(0, 50, 500).tolist(), "id")
    assert "a.range" not in asked(list(range(500)))
    assert asked([n // 3 for n in range(500)])["a.range"].keys.keys() == {"min"}


def test_a_decimals_limits_fit_its_digits():
    values = [f"{n % 90}.5" for n in range(500)]
    found = asked(pa.array(values).cast(pa.decimal128(3, 1)), type=pa.decimal128(3, 1))
    assert "max" not in found["a.range"].keys or float(found["a.range"].keys["max"]) < 100


def test_times_are_limited_only_where_some_lie_decades_away():
    days = [dt.date(2024, 1, 1) + dt.timedelta(n) for n in range(300)]
    assert "a.range" not in asked(days)
    found = asked([*days, dt.date(9999, 12, 31), dt.date(1900, 1, 1)])["a.range"]
    assert np.flatnonzero(found.fails).tolist() == [300, 301]
