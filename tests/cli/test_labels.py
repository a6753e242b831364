"""The cells a person marked: what the lines of the file mean, and which of them are refused."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stillwell.cli._labels import labels
from stillwell.cli._sampled import Sampled
from stillwell.errors import StillwellError
from stillwell.suggest import Labels

TABLE = pa.table({"city": ["Oslo", "Brgen", None], "a b": pa.array([1.5, 2.5, None])})


def looked(places=(0, 1, 2), read=3, more=False):
    return Sampled(TABLE, np.array(places), read, more, ())


@pytest.fixture
def read(tmp_path):
    def run(text, **options):
        path = tmp_path / "marked.csv"
        path.write_text(text, encoding="utf-8")
        return labels(path, looked(**options), {"a_b": "a b"})

    return run


def test_a_line_marks_a_wrong_cell_and_may_say_what_is_right(read):
    assert read("row,field,value\n2,city,Bergen\n2,a b,\n") == Labels(
        frozenset({(1, "city"), (1, "a b")}), frozenset({1}), {(1, "city"): "Bergen"}
    )
    assert read("row,field\n1,city\n").right == {}


def test_a_line_without_a_field_says_that_the_record_is_all_right(read):
    assert read("row,field\n1,\n3,\n") == Labels(frozenset(), frozenset({0, 2}))


def test_a_value_that_is_there_already_marks_nothing_wrong(read):
    found = read("row,field,value\n1,city,Oslo\n1,a b,1.5\n2,city,Bergen\n3,city,Ås\n")
    assert found.wrong == {(1, "city"), (2, "city")}
    assert found.rows == {0, 1, 2}


def test_the_name_a_contract_gives_a_field_is_understood_too(read):
    assert read("row,field\n2,a_b\n").wrong == {(1, "a b")}


def test_cells_that_check_wrote_can_be_labels(read):
    assert read("row,field,rule\n2,city,city.allowed\n").wrong == {(1, "city")}


def test_rows_count_records_whether_or_not_they_could_be_taken_apart(read):
    found = read("row,field\n1,city\n2,city\n5,city\n", places=(0, 3, 4), read=5)
    assert found.wrong == {(0, "city"), (2, "city")}


def test_a_spreadsheet_may_have_written_it(read):
    assert read("\ufeffRow,Field\r\n2,city\r\n\r\n").wrong == {(1, "city")}


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("", "marked.csv:1", "`row` is missing"),
        ("row,value\n", "marked.csv:1", "`field` is missing"),
        ("row,field,valu\n", "marked.csv:1", "no column `valu`"),
        ("row,field\n1,city\n0,city\n", "marked.csv:3", "`0` is not the number of a record"),
        ("row,field\nx,\n", "marked.csv:2", "`x` is not the number"),
        ("row,field\n1,citi\n", "marked.csv:2", "no field `citi`"),
        ("row,field\n4,city\n", "marked.csv:2", "no record 4 among the 3"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(read, text, place, says):
    with pytest.raises(StillwellError) as caught:
        read(text)
    problem = caught.value.problems[0]
    assert problem.code == "bad-labels"
    assert str(problem.where).endswith(place)
    assert says in problem.what


def test_all_problems_are_told_at_once(read):
    with pytest.raises(StillwellError) as caught:
        read("row,field\nx,\n9,city\n1,nowhere\n")
    assert len(caught.value.problems) == 3


def test_a_record_beyond_the_sample_asks_for_a_larger_one(read):
    with pytest.raises(StillwellError) as caught:
        read("row,field\n4,city\n", more=True)
    assert "--sample" in caught.value.problems[0].fix


def test_a_file_that_is_no_text_is_unreadable(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    for name in ("x", "gone"):
        with pytest.raises(StillwellError) as caught:
            labels(tmp_path / name, looked(), {})
        assert caught.value.problems[0].code == "unreadable"
