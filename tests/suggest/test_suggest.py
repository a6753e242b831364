"""Contracts from data: made-up tables, and the pairs whose errors are known."""

import csv
import gzip

import numpy as np
import pyarrow as pa
import pytest

from stillwell.api import as_batch
from stillwell.errors import StillwellError
from stillwell.kernel import Kernel
from stillwell.suggest import Labels, cells, suggest
from tests.real import datasets

DRAW = np.random.default_rng(5)


def accused(table, labels=None):
    """The cells that the suggestion accuses when the kernel judges by it."""
    suggestion = suggest(table, name="a", labels=labels)
    kernel = Kernel(suggestion.contract, threads=1)
    try:
        judged = kernel.judge(as_batch(table))
    finally:
        kernel.close()
    return {(cell.row, cell.field) for cell in cells(suggestion.contract, judged)}


def orders(rows=300):
    """A clean table of texts."""
    place = DRAW.integers(0, 6, rows)
    return {
        "id": [f"{number:05}" for number in range(rows)],
        "zip": [("0150", "5003", "7010", "4006", "9008", "0250")[one] for one in place],
        "city": [("oslo", "bergen", "trondheim", "stavanger", "tromsø", "oslo")[one] for one in place],
        "amount": [f"{number:.2f}" for number in DRAW.normal(100, 10, rows)],
        "day": [f"2024-01-{1 + number % 28:02}" for number in range(rows)],
    }


def test_a_clean_table_passes_its_own_suggestion():
    assert accused(pa.table(orders())) == set()


def test_faults_of_every_kind_are_found():
    table = orders()
    faults = {
        ("zip", 3): "O150",
        ("city", 7): "trxndheim" if table["city"][7] == "trondheim" else table["city"][7][:-1] + "x",
        ("amount", 11): "99999",
        ("amount", 12): "12,50 kr",
        ("day", 20): "20.01.2024",
        ("id", 30): "x0030",
        ("city", 40): "bergen" if table["city"][40] != "bergen" else "oslo",
    }
    for (column, row), value in faults.items():
        table[column][row] = value
    assert accused(pa.table(table)) == {(row, column) for column, row in faults}


def test_typed_tables_are_suggested_and_judged_alike():
    table = pa.table(
        {
            "id": range(300),
            "time": np.datetime64("2024-01-01", "s") + np.arange(300),
            "value": [*DRAW.normal(5, 1, 299), 5e6],
            "site": pa.array(["a", "b", "c"] * 100).dictionary_encode(),
            "tags": [["x"]] * 300,
            "place": [{"lat": 1.5}] * 300,
        }
    )
    assert accused(table) == {(299, "value")}


def test_a_marked_format_is_wrong_in_the_whole_column():
    table = pa.table({"ounces": ["12.0 oz", "16.0 oz", "12.0 ounce"] * 50, "name": [f"n {n}" for n in range(150)]})
    rows = frozenset({0, 1, 2, 3})
    labels = Labels(frozenset((row, "ounces") for row in rows), rows, {(0, "ounces"): "12"})
    assert accused(table, labels) == {(row, "ounces") for row in range(150)}


def test_a_marked_token_is_no_way_to_say_missing():
    table = pa.table({"ibu": ["20", "N/A", "35"] * 50})
    assert accused(table) == set()
    assert accused(table, Labels(frozenset({(1, "ibu")}), frozenset({0, 1}))) == {(n, "ibu") for n in range(1, 150, 3)}


def test_a_marked_hole_makes_a_field_required():
    table = pa.table({"a": ["x", "y", None, "z"] * 30})
    assert accused(table, Labels(frozenset({(2, "a")}), frozenset({0, 2}))) == {(n, "a") for n in range(2, 120, 4)}


def test_what_is_right_is_accused_no_more():
    values = ["green"] * 100 + ["red"] * 100 + ["grxen"] * 3
    assert accused(pa.table({"a": values})) == {(row, "a") for row in (200, 201, 202)}
    assert accused(pa.table({"a": values}), Labels(frozenset(), frozenset({200}))) == set()


def test_a_suggestion_is_the_same_each_time():
    table = pa.table(orders())
    assert suggest(table, name="a") == suggest(table, name="a")


def test_a_long_table_is_sampled_and_says_so():
    text = suggest(pa.table({"a": np.arange(300_000) % 7, "id": np.arange(300_000)}), name="a").text
    assert "Suggested from 100,000 of 300,000 rows" in text
    assert "No value of id comes twice in 300,000 rows." in text


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_tables_that_say_nothing_give_a_contract_all_the_same(rows):
    table = pa.table({"a": pa.array([None] * rows, pa.string()), "": ["x"] * rows, "b": ["1"] * rows})
    assert [field.name for field in suggest(table, name="a").contract.fields] == ["a", "b"]


def test_a_table_without_columns_is_refused():
    with pytest.raises(StillwellError, match="no column"):
        suggest(pa.table({}), name="a")


def pair(name):
    """A dirty table of texts and its wrong cells; skipped where there is no data."""
    data = datasets.folder()
    if data is None or not (folder := data / "pairs" / name).is_dir():
        pytest.skip(f"there is no table {name}: {datasets.VARIABLE} says where the data is")
    read = []
    for kind in ("dirty", "clean"):
        with gzip.open(folder / f"{kind}.csv.gz", "rt", encoding="utf-8-sig", newline="") as file:
            read.append(list(csv.reader(file)))
    (names, *dirty), (_, *clean) = read
    table = pa.table({column: [row[at] for row in dirty] for at, column in enumerate(names)})
    return table, {
        (row, names[at])
        for row, (one, other) in enumerate(zip(dirty, clean, strict=True))
        for at in range(len(names))
        if one[at] != other[at]
    }


def f1(found, wrong):
    return 2 * len(found & wrong) / (len(found) + len(wrong))


def test_misspellings_of_the_hospital_data_are_found_without_labels():
    table, wrong = pair("hospital")
    assert f1(accused(table), wrong) >= 0.95


@pytest.mark.parametrize(("name", "least"), [("hospital", 0.95), ("beers", 0.95), ("rayyan", 0.85)])
def test_twenty_marked_rows_are_enough(name, least):
    table, wrong = pair(name)
    scores = []
    for seed in range(3):
        rows = frozenset(np.random.default_rng(seed).choice(len(table), 20, replace=False).tolist())
        labels = Labels(frozenset(cell for cell in wrong if cell[0] in rows), rows)
        scores.append(f1(accused(table, labels), wrong))
    assert np.mean(scores) >= least
