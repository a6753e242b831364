"""Which column tells another."""

import numpy as np
import pyarrow as pa
import pytest

from stillwell.suggest.column import column
from stillwell.suggest.dependencies import best, clause, codes_of, dependencies
from stillwell.suggest.reading import readings


def table(**columns):
    """Columns, their readings, and the dependencies by the pair of names."""
    found = [column(name, name, pa.chunked_array([pa.array(values)])) for name, values in columns.items()]
    read = {one.name: readings(one)[0] for one in found}
    several = dependencies([codes_of(one, read[one.name]) for one in found])
    return found, read, {(found[one.left].name, found[one.right].name): one for one in several}


ZIPS = ["z1"] * 20 + ["z2"] * 20 + ["z3"] * 20
CITIES = ["oslo"] * 20 + ["bergen"] * 20 + ["oslo"] * 20


def rule(columns, pair):
    found, read, several = table(**columns)
    by_name = {one.name: one for one in found}
    return clause(several[pair], by_name[pair[0]], by_name[pair[1]], read)


def test_one_column_tells_another_and_not_the_other_way_round():
    assert set(table(zip=ZIPS, city=CITIES)[2]) == {("zip", "city")}


def test_the_rows_that_say_otherwise_break_the_rule_and_the_cases_are_grouped():
    made = rule({"zip": ZIPS, "city": ["bergen", *CITIES[1:]]}, ("zip", "city"))
    assert np.flatnonzero(made.fails).tolist() == [0]
    assert made.rule == "city_by_zip"
    assert made.keys["expect"].splitlines() == [
        "case",
        "  when zip in ('z1', 'z3') then city = 'oslo'",
        "  when zip = 'z2' then city = 'bergen'",
        "end",
    ]
    assert "1 row would break this, such as `bergen` with `z1`" in made.says


def test_a_hole_where_others_have_a_value_breaks_the_rule():
    made = rule({"zip": ZIPS, "city": [None, *CITIES[1:]]}, ("zip", "city"))
    assert np.flatnonzero(made.fails).tolist() == [0]
    assert "coalesce(city, '') = 'oslo'" in made.keys["expect"]


def test_a_second_value_that_comes_again_is_right_too():
    made = rule({"zip": ZIPS, "city": ["lund"] * 3 + CITIES[3:]}, ("zip", "city"))
    assert not made.fails.any()
    assert "'z1'" not in made.keys["expect"]


def test_a_misspelt_value_on_the_left_is_no_case():
    made = rule({"zip": ["x1", "x1", *ZIPS[2:]], "city": CITIES}, ("zip", "city"))
    assert "x1" not in made.keys["expect"]


def test_whole_numbers_are_compared_as_numbers():
    made = rule({"zip": [1] * 20 + [2] * 20 + [3] * 20, "city": CITIES}, ("zip", "city"))
    assert "when zip in (1, 3) then" in made.keys["expect"]


@pytest.mark.parametrize(
    "other",
    [
        ["oslo"] * 58 + ["bergen", "lund"],  # nearly constant: nothing is learnt
        [f"c{number}" for number in range(60)],  # all different
        ["oslo", "bergen", "lund"] * 20,  # independent
    ],
)
def test_chance_is_no_dependency(other):
    assert ("zip", "city") not in table(zip=ZIPS, city=other)[2]


def test_an_identifier_tells_nothing_worth_saying():
    assert not table(id=[f"i{number}" for number in range(60)], city=CITIES)[2]


def test_agreement_is_counted_without_the_row_itself():
    # In pairs a row agrees only if the other one does.
    pairs = [f"p{number // 2}" for number in range(60)]
    same = [f"v{number // 2 % 7}" for number in range(60)]
    assert table(pair=pairs, value=same)[2][("pair", "value")].agreed == 1.0
    split = [f"v{number % 7}" for number in range(60)]
    assert ("pair", "value") not in table(pair=pairs, value=split)[2]


def test_the_surest_of_several_comes_first():
    worse = ["z2", "z2", *ZIPS[2:]]
    found, _, several = table(worse=worse, zip=ZIPS, city=CITIES)
    assert [found[one.left].name for one in best(list(several.values()))[2]] == ["zip", "worse"]
