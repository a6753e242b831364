"""What makes a record one record."""

import pyarrow as pa

from stillwell.suggest.column import columns, sample
from stillwell.suggest.identity import Identity, identity
from stillwell.suggest.reading import readings


def roles(**values):
    table = pa.table(values)
    found = columns(table, table.column_names, {})
    return identity(table, sample(table), found, {one.name: readings(one)[0] for one in found})


TIMES = [f"2024-01-01 00:{minute:02}:00" for minute in range(60)]


def test_a_field_whose_values_all_differ_is_the_identity_first_one_that_is_called_so():
    found = roles(name=[f"n{n}" for n in range(60)], order_id=list(range(60)), time=TIMES)
    assert (found.identity, found.time) == (("order_id",), "time")


def test_without_one_a_key_and_the_time_are():
    found = roles(sensor=["a", "b", "c"] * 40, time=[time for time in TIMES for _ in range(2)], value=[1.5] * 120)
    assert found == Identity(
        ("sensor", "time"), ("sensor",), "time", "No sensor and time comes twice in 120 rows."
    ) or found.identity == ("sensor", "time")


def test_times_that_all_differ_are_enough():
    assert roles(value=[1, 2] * 30, time=TIMES).identity == ("time",)


def test_what_comes_twice_or_is_missing_is_no_identity():
    assert roles(id=[*range(59), 0]).identity == ()
    assert roles(id=[*range(59), None]).identity == ()


def test_few_rows_say_nothing():
    assert roles(id=[1, 2, 3]) == Identity()
