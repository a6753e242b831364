"""The listed functions are pure in DuckDB's own eyes."""

from __future__ import annotations

import duckdb

from stillwell.contract.functions import FUNCTIONS, VOLATILE

SYNTAX = {"cast", "coalesce", "extract", "if", "ifnull", "position", "try_cast"}
"""What DuckDB's grammar knows and its catalogue does not."""


def test_every_function_is_scalar_and_gives_the_same_answer_each_time() -> None:
    query = "SELECT function_name, function_type, stability FROM duckdb_functions()"
    found = [row for row in duckdb.execute(query).fetchall() if row[0] in FUNCTIONS]
    assert FUNCTIONS - {name for name, *_ in found} <= SYNTAX
    assert {(kind, stability) for _, kind, stability in found} <= {("scalar", "CONSISTENT"), ("macro", None)}


def test_what_reads_a_clock_is_not_listed() -> None:
    assert not FUNCTIONS & VOLATILE
