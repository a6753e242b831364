"""Choosing by what a person marked."""

import numpy as np
import pyarrow as pa

from stillwell.suggest.clause import Clause
from stillwell.suggest.column import column, columns, sample
from stillwell.suggest.learn import Marks, chosen_clauses, chosen_reading, marks
from stillwell.suggest.model import Labels
from stillwell.suggest.reading import readings

ROWS = 100


def mask(*rows):
    return np.isin(np.arange(ROWS), rows)


def clause(name, rows, *, suggested=True, rank=0):
    return Clause("rule", name, {"expect": "true"}, mask(*rows), "It is so.", 0.9, suggested, rank)


def names(found, wrong, right, more=()):
    marked = Marks(mask(*wrong), mask(*right))
    return [one.rule for one in chosen_clauses(found, mask(), marked, lambda _: more)]


def test_marks_are_by_row_of_the_sample_and_unmarked_cells_of_marked_rows_are_right():
    table = pa.table({"a": ["x"] * 4, "b": ["y"] * 4})
    marked = marks(sample(table), "a", Labels(frozenset({(1, "a"), (2, "b")}), frozenset({1, 2})))
    assert marked.wrong.tolist() == [False, True, False, False]
    assert marked.right.tolist() == [False, False, True, False]


def test_without_marks_what_is_suggested_stays():
    found = [clause("a", [1]), clause("b", [2], suggested=False)]
    assert names(found, [], []) == ["a"]


def test_what_accuses_a_right_cell_goes_unless_it_finds_three_times_as_many_wrong_ones():
    found = [clause("a", [1, 2]), clause("b", [1, 2, 3, 4])]
    assert names(found, [2, 3, 4], [1]) == ["b"]


def test_what_explains_a_wrong_cell_is_taken_from_the_spare_and_then_from_features():
    found = [clause("a", [1]), clause("b", [2], suggested=False), clause("c", [9], suggested=False)]
    assert names(found, [1, 2], [5]) == ["a", "b"]
    assert names(found, [1, 3], [5], [clause("f", [3], suggested=False)]) == ["a", "f"]


def test_of_equal_explanations_the_plainest_is_taken_then_the_narrowest():
    more = [clause("wide", [1, 2, 3], rank=1), clause("narrow", [1, 2], rank=1), clause("odd", [1], rank=2)]
    assert names([], [1], [5], more) == ["narrow"]


def test_one_cell_does_not_condemn_a_large_part_of_a_column():
    assert names([], [1], [5], [clause("wide", range(30))]) == []
    assert names([], [1, 2], [50], [clause("wide", range(30))]) == ["wide"]


def test_evidence_says_what_the_marks_say():
    marked = Marks(mask(1, 2), mask(5))
    (one,) = chosen_clauses([clause("a", [1, 2], suggested=False)], mask(), marked, lambda _: ())
    assert one.says.endswith("It finds 2 of 2 cells marked wrong, and 0 right ones.")


def reading(values, wrong, right=()):
    one = column("a", "a", pa.chunked_array([pa.array(values)]))
    rows = np.arange(len(values))
    return chosen_reading(one, readings(one), Marks(np.isin(rows, wrong), np.isin(rows, [3])), right)


def test_a_reading_gives_way_to_one_that_finds_more_wrong_cells():
    values = ["12 oz", "12 oz", "16 oz", "16 oz"] * 10
    assert reading(values, []).unit == "oz"
    assert reading([*values[:3], "12", *values], [0, 1, 2]).unit == ""


def test_what_a_person_wrote_instead_must_be_of_the_type():
    values = ["1", "2", "x", "3"] + ["4"] * 40
    assert reading(values, [2]).type == "integer"
    assert reading(values, [2], ["y"]).type == "string"


def test_columns_of_a_sample_and_its_marks_have_the_same_rows():
    table = pa.table({"a": np.arange(300_000)})
    rows = sample(table, {299_999})
    (one,) = columns(rows.table, ["a"], {})
    marked = marks(rows, "a", Labels(frozenset({(299_999, "a")}), frozenset({299_999})))
    assert len(marked.wrong) == one.rows
    assert marked.wrong.sum() == 1
