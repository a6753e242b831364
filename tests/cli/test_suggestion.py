"""What a suggestion of DATA is made of, and what is said beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillwell.cli._data import Reading, opened
from stillwell.cli._suggestion import remarks, suggested
from stillwell.cli.base import Output
from stillwell.errors import StillwellError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def of(*named, most=1_000_000, **options):
    with opened(list(named), Reading(), Path("state")) as inputs:
        return suggested(list(named), inputs, most, Output(), **options)


def test_the_contract_is_named_after_the_data_and_lies_in_no_file(folder):
    (folder / "Day 7.csv").write_text("a,b\n" + "1,x\n" * 50)
    found = of("Day 7.csv")
    assert (found.contract.name, found.contract.file) == ("day-7", "")
    assert [field.name for field in found.contract.fields] == ["a", "b"]


def test_deep_values_are_read_from_their_path(folder):
    (folder / "a.jsonl").write_text('{"s":{"PM2.5":1.5},"PM2.5":"x","$k":1}\n' * 50)
    paths = {field.name: field.paths[0].steps for field in of("a.jsonl").contract.fields}
    assert sorted(paths.values()) == [("$k",), ("PM2.5",), ("s", "PM2.5")]


def test_labels_name_cells_by_column_or_by_field(folder):
    (folder / "a.csv").write_text("a b,c\n" + "1,x\n" * 50)
    (folder / "marked.csv").write_text("row,field\n3,a b\n4,a_b\n9,\n")
    found = of("a.csv", labels=Path("marked.csv"))
    assert found.labels.wrong == {(2, "a b"), (3, "a b")}
    assert found.labels.rows == {2, 3, 8}


def test_labels_of_several_files_are_refused(folder):
    for name in ("a.csv", "b.csv"):
        (folder / name).write_text("a\n" + "1\n" * 50)
    (folder / "marked.csv").write_text("row,field\n3,a\n")
    with pytest.raises(StillwellError) as caught:
        of("a.csv", "b.csv", labels=Path("marked.csv"))
    assert caught.value.problems[0].code == "usage"


def test_what_was_looked_at_and_what_was_not_is_said(folder):
    columns = {f"l{n}": [1] for n in range(7)} | {"a": 1}
    (folder / "a.jsonl").write_text((str(columns).replace("'", '"') + "\n") * 30 + "bad\n" + '{"a":1}\n' * 10)
    told = list(remarks(of("a.jsonl", most=35), Output()))
    assert told[0].startswith("the first 35 records, 1 column: ")
    assert told[1] == "! 1 could not be taken apart, and say nothing here"
    assert told[2] == "! left out: `l0`, which is an array"
    assert told[-1] == "! left out: 2 more"
