"""How columns are read."""

import datetime as dt

import pyarrow as pa
import pytest

from stillwell.suggest.column import column
from stillwell.suggest.reading import numbers, of_type, readings


def first(values, name="a", type=None):
    return readings(column(name, name, pa.chunked_array([pa.array(values, type)])))[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "30"] * 10, "integer"),
        (["1.0", "2.5", "30"] * 10, "double"),
        (["true", "False"] * 10, "boolean"),
        (["2024-01-02", "2024-02-29"] * 10, "date"),
        (["2024-01-02T10:00:00Z", "2024-01-02 11:00:00"] * 10, "timestamp"),
        (["10:30", "11:45:10"] * 10, "time"),
        (["one", "two"] * 10, "string"),
        (["01234", "99501"] * 10, "string"),
        (["2053258100", "3342938000"] * 10, "string"),
    ],
)
def test_the_type_is_what_the_values_look_like(values, kind):
    read = first(values)
    assert read.type == kind
    assert not read.fails.any()


def test_a_few_values_of_another_kind_are_not_of_the_type():
    read = first(["1", "2", "3"] * 10 + ["x"])
    assert read.type == "integer"
    assert read.fails.tolist() == [False] * 30 + [True]
    assert "30 of 31 values are whole numbers; not so `x`" in read.says


def test_fractions_among_whole_numbers_make_numbers():
    assert first([str(number) for number in range(1000)] + ["10.7", "3.5", "8.25"]).type == "double"


def test_times_are_read_in_the_way_that_explains_them():
    assert first(["31.12.2024", "01.02.2023"] * 10).forms == ("dd.MM.yyyy",)
    assert first(["12/31/2024", "01/02/2023"] * 10).keys == {"format": "MM/dd/yyyy"}
    mixed = first(["31.12.2024"] * 15 + ["2024-12-31"] * 15)
    assert mixed.forms == ("iso", "dd.MM.yyyy")
    assert not mixed.fails.any()


def test_where_day_and_month_could_be_either_the_confidence_is_low():
    either = first(["01/02/2023", "03/04/2024"] * 10)
    assert either.confidence < 0.7
    assert "the other way" in either.says


def test_seconds_since_1970_are_times_where_the_name_says_so():
    values = [str(1_700_000_000 + number) for number in range(30)]
    assert first(values, "created_at").keys == {"format": "epoch_s"}
    assert first([value + "000" for value in values], "event_time").keys == {"format": "epoch_ms"}
    assert first(values, "phone").type == "string"


def test_a_unit_behind_numbers_is_stripped_and_another_one_is_wrong():
    read = first(["12 kg", "3.5 kg", "7kg"] * 10 + ["9 lb"])
    assert (read.type, read.unit, read.keys["clean"]) == ("double", "kg", "[strip_unit]")
    assert read.fails.tolist() == [False] * 30 + [True]


def test_something_behind_a_part_of_the_numbers_is_wrong():
    read = first(["0.05"] * 20 + ["0.07%"] * 10)
    assert (read.type, read.unit) == ("double", "")
    assert read.fails.sum() == 10


def test_addresses_are_no_numbers_with_units():
    assert first([f"{number} {street} street" for number in range(9) for street in "abcdefgh"]).type == "string"


@pytest.mark.parametrize(
    ("array", "kind", "keys"),
    [
        (pa.array([1]), "integer", {}),
        (pa.array([True]), "boolean", {}),
        (pa.array([1.5]), "double", {}),
        (pa.array([dt.date(2024, 1, 1)]), "date", {}),
        (pa.array([dt.datetime(2024, 1, 1)]), "timestamp", {}),
        (pa.array([[1]]), "json", {}),
        (pa.array([b"a"]), "string", {}),
        (pa.array(["1.25"]).cast(pa.decimal128(5, 2)), "decimal", {"precision": "5", "scale": "2"}),
    ],
)
def test_a_typed_column_keeps_its_type(array, kind, keys):
    read = first(array, type=array.type)
    assert (read.type, read.keys, read.confidence) == (kind, keys, 1.0)


def test_without_values_there_is_text_and_hardly_any_confidence():
    read = first([None, ""], type=pa.string())
    assert read.type == "string"
    assert read.confidence <= 0.1


def test_numbers_and_of_type_go_by_the_reading():
    one = column("a", "a", pa.chunked_array([pa.array(["12 kg", "3 kg"] * 10)]))
    read = readings(one)[0]
    assert sorted(numbers(one, read).tolist()) == [3, 12]
    assert of_type(read, ["4 kg", "4 lb"]).tolist() == [True, False]
