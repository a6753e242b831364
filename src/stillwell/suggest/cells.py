"""Which cells of a batch the broken rules accuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp

from stillwell.contract.model import Contract
from stillwell.contract.rules import rule_list
from stillwell.kernel.base import QUARANTINED, Judged


class Cell(NamedTuple):
    """A cell that a rule accuses: the record's place in the batch from 0, the field, the rule.

    The field is empty for a rule that is about the whole record: a payload that cannot be read, undeclared fields.
    """

    row: int
    field: str
    rule: str


def cells(contract: Contract, judged: Judged) -> list[Cell]:
    """The cells that broken rules accuse, by row, then in the order of judging; warnings and rejections alike.

    A field's own rule accuses that field. A record rule accuses the fields that its outcome is about, without those
    that only decide when it applies (`where`, the conditions of a `case`): in `case when zip = '1' then city = 'a' end`
    that is `city`. Where nothing is left, it accuses all its fields.
    """
    accused = accused_fields(contract)
    verdicts = judged.verdicts.to_numpy()
    rejected = verdicts == QUARANTINED
    parts = (
        (np.flatnonzero(~rejected), pc.struct_field(_whole(judged.accepted["_stillwell"]), "warnings")),
        (np.flatnonzero(rejected), _whole(judged.quarantined["reasons"])),
    )
    found = []
    for rows, reasons in parts:
        places = pc.list_parent_indices(reasons).to_numpy()
        names = pc.struct_field(pc.list_flatten(reasons), "rule").to_pylist()
        for place, rule in zip(places, names, strict=True):
            found += [Cell(int(rows[place]), field, rule) for field in accused[rule]]
    return sorted(found, key=lambda cell: cell.row)


def accused_fields(contract: Contract) -> Mapping[str, tuple[str, ...]]:
    """For every rule of a contract the fields that it accuses when it is broken."""
    accused = {rule.name: rule.fields or ("",) for rule in rule_list(contract)}
    for rule in contract.rules:
        given = set(rule.where.fields) if rule.where else set()
        tree = sqlglot.parse_one(rule.expect.sql, dialect="duckdb")
        given |= set(_conditions(tree))
        blamed = tuple(field for field in rule.expect.fields if field not in given)
        accused[rule.name] = blamed or accused[rule.name]
    return accused


def _conditions(tree: exp.Expr) -> Iterator[str]:
    """The fields that decide which branch of a `case` is taken."""
    for case in tree.find_all(exp.Case):
        deciding = [case.this] if case.this is not None else []
        for branch in [*deciding, *(one.this for one in case.args["ifs"])]:
            for column in branch.find_all(exp.Column):
                yield column.parts[0].name


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)
