"""How a contract is judged: which way its records go, what cannot be judged yet, and the SQL behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlglot
from sqlglot.errors import SqlglotError

from stillwell.contract.model import Contract
from stillwell.errors import ContractError, Problem
from stillwell.kernel import Format
from stillwell.kernel.program import Program, compile_program, unsupported
from stillwell.kernel.sequence.cost import Cost, costs
from stillwell.monitor.store import StoreOptions
from stillwell.monitor.windows import unjudged


@dataclass(frozen=True)
class Way:
    """Whether good records are proved good at once, `why_not` otherwise, and what cannot be judged yet."""

    plain_way: bool
    why_not: str | None
    unsupported: tuple[Problem, ...]

    def plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "plain_way": self.plain_way,
            "why_not": self.why_not,
            "not_supported": [problem.as_dict() for problem in self.unsupported],
        }


def way(contract: Contract) -> Way:
    """Which way the records of a contract go, when they are JSON."""
    problems = (*unsupported(contract), *unjudged(contract, StoreOptions()))
    supported = _supported(contract)
    try:
        program = _program(supported)
    except ContractError as error:
        return Way(False, "something in it cannot be compiled", (*problems, *error.problems))
    if program.plain is not None:
        return Way(True, None, problems)
    if contract.other_fields != "ignore":
        return Way(False, f"fields nobody declared must be found (other_fields: {contract.other_fields})", problems)
    # A contract of one field tells whether it is this field that has no quick proof.
    alone = (replace(supported, fields=(field,), rules=()) for field in supported.fields)
    slow = [one.fields[0].name for one in alone if _program(one).plain is None]
    return Way(
        False, f"there is no quick proof for {', '.join(slow)}" if slow else "there is no quick proof for it", problems
    )


def lines(way: Way) -> Iterator[str]:
    """The same as people read it."""
    yield ""
    if way.plain_way:
        yield "plain way: one cheap query proves most good records good; only the others are judged rule by rule"
    else:
        yield f"full way: every record is judged rule by rule, because {way.why_not}"
    for problem in way.unsupported:
        yield f"not judged yet: {problem.path}, line {problem.where.line}"


def remembered(contract: Contract) -> tuple[Cost, ...]:
    """What is remembered of each key, by the sequence rules that can be judged."""
    refused = {problem.path for problem in unsupported(contract)}
    judged = (one for one in contract.sequence if f"sequence.{one.name}" not in refused)
    return costs(replace(contract, sequence=tuple(judged)))


def plain_costs(contract: Contract) -> list[dict[str, Any]]:
    """The same as plain data."""
    found = remembered(contract)
    return [{"key": list(cost.key), "bytes": cost.bytes, "rules": dict(cost.rules)} for cost in found]


def told(contract: Contract) -> Iterator[str]:
    """The same as people read it."""
    for cost in remembered(contract):
        yield f"history: {cost.bytes} bytes are remembered of each {', '.join(cost.key)}"


def queries(contract: Contract) -> dict[str, str]:
    """The SQL for JSON records, laid out for people: of the plain way, where there is one, and of the full way."""
    program = _program(_supported(contract))
    found = {"plain": program.plain.sql if program.plain else None, "full": program.full.sql}
    return {name: _laid_out(sql) for name, sql in found.items() if sql is not None}


def _program(contract: Contract) -> Program:
    return compile_program(contract, Format("json"))


def _supported(contract: Contract) -> Contract:
    """The part of the contract that can be judged."""
    known = (
        replace(field, repair={name: fix for name, fix in field.repair.items() if fix.kind not in ("fill", "cap")})
        for field in contract.fields
    )
    return replace(contract, fields=tuple(known), sequence=(), windows=(), lookups=())


def _laid_out(sql: str) -> str:
    try:
        return sqlglot.transpile(sql, read="duckdb", write="duckdb", pretty=True)[0]
    except SqlglotError:
        return sql
