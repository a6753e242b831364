"""Quoting is safe for every text, and levels hand on just what is read."""

from __future__ import annotations

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from stillwell.kernel.sql import Levels, every, name, own, text, texts
from tests.kernel.odd import TEXTS, fixed

DATABASE = duckdb.connect()


def one(expression):
    return DATABASE.execute(f"SELECT {expression}").fetchone()[0]


@fixed
@given(st.text(max_size=20) | st.sampled_from(TEXTS))
def test_a_text_literal_is_that_text(value):
    assert one(text(value)) == value
    assert one(f"{text(value)} IN {texts(['', value])}")


@fixed
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20))
def test_a_quoted_name_is_that_name(value):
    DATABASE.execute(f"SELECT 1 AS {name(value)}")
    assert DATABASE.description[0][0] == value


def test_a_conjunction_of_nothing_is_true():
    assert one(every([])) is True
    assert one(every(["1 = 1 OR false", "1 = 2 OR true"])) is True
    assert one(every(["true", "false OR false"])) is False


def rows(levels, *columns):
    return DATABASE.execute(levels.select(columns)).fetchall()


def test_each_level_may_read_what_the_levels_before_it_added():
    levels = Levels("(VALUES (1), (2)) AS source(x)")
    levels.add(0, '"a"', '"x" + 1')
    levels.add(2, '"c"', '"b" * "a"')
    levels.add(1, '"b"', '"a" * 10')
    assert levels.depth == 3
    assert rows(levels, '"c"', '"x"') == [(40, 1), (90, 2)]


def test_what_is_not_read_is_not_computed():
    levels = Levels("(VALUES (1)) AS source(x)")
    levels.add(0, '"a"', '"x" + 1')
    levels.add(1, own("unused"), "error('computed for nothing')")
    assert own("unused") not in levels.select(['"a"'])
    assert rows(levels, '"a"') == [(2,)]


def test_texts_members_and_given_names_are_no_columns():
    levels = Levels("(VALUES ({'b': 5})) AS source(x)")
    levels.add(0, '"a"', """struct_pack("m" := "x"."b", "n" := '"no column"')""")
    assert rows(levels, '"a"."m" + 1 AS "result"') == [(6,)]
