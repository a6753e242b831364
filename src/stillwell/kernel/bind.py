"""Refuses, before any record is read, expressions that read as SQL and that DuckDB cannot compute for these types."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from stillwell.contract.model import Contract, Expression
from stillwell.errors import ContractError, Problem
from stillwell.kernel.base import INGEST
from stillwell.kernel.program import arrow_type
from stillwell.kernel.sql import NOW


def bind(contract: Contract, database: duckdb.DuckDBPyConnection) -> None:
    """Try every expression on no rows at all.

    Raises:
        ContractError: code `bad-expression`, for each that compares or calls what does not fit.
    """
    expressions = list(_expressions(contract))
    if not expressions:
        return
    nothing = pa.schema([*(pa.field(one.name, arrow_type(one)) for one in contract.fields), pa.field(NOW, INGEST)])
    session, problems = database.cursor(), []
    session.execute("SET TimeZone = 'UTC'")
    session.register("nothing", nothing.empty_table())
    for path, expression in expressions:
        try:
            session.execute(f"SELECT {expression.sql} FROM nothing")
        except duckdb.Error as error:
            what = str(error).split("\n", maxsplit=1)[0]
            fix = "Compare like with like; `try_cast(… as …)` makes another type of a value."
            problems.append(Problem("bad-expression", what, fix, contract.where(path), path))
    session.close()
    if problems:
        raise ContractError(problems)


def _expressions(contract: Contract) -> Iterator[tuple[str, Expression]]:
    for field in contract.fields:
        if field.value is not None:
            yield f"fields.{field.name}.value", field.value
    for rule in contract.rules:
        yield f"rules.{rule.name}.expect", rule.expect
        if rule.where is not None:
            yield f"rules.{rule.name}.where", rule.where
