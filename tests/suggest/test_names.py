"""Names that a contract accepts."""

import pyarrow as pa

from stillwell.contract.path import path as read_path
from stillwell.suggest.names import FROM, contract_name, field_names, free, located, path


def test_a_field_has_its_columns_name_where_that_is_one():
    assert field_names(["a", "PM2.5", "1x", "A", "a b", "a_b", "_stillwell_x", "é"]) == [
        "a", "PM2_5", "f_1x", "A_2", "a_b", "a_b_2", "stillwell_x", "f_",
    ]  # fmt: skip


def test_a_path_leads_to_the_column_whatever_is_in_its_name():
    for column in ("a", "PM2.5", "x[0]", "$key", "a\\b", "a b"):
        assert read_path(path(column)).steps == (column,)


def test_a_column_may_say_itself_where_it_lies():
    assert located(pa.field("a.b", pa.string())) == r"a\.b"
    assert located(pa.field("a.b", pa.string(), metadata={FROM: b"a.b"})) == "a.b"


def test_names_are_free_whatever_the_case():
    taken = {"a"}
    assert [free("A", taken), free("a", taken), free("b", taken)] == ["A_2", "a_3", "b"]


def test_a_contracts_name_is_made_of_small_letters():
    assert contract_name("My Data_2024.csv") == "my-data-2024-csv"
    assert contract_name("…") == "data"
