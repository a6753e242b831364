"""Record rules that only compare numbers, as operations on whole arrays with what is unknown kept apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import sqlglot
from sqlglot import expressions as sql

from stillwell.contract.model import Expression
from stillwell.kernel.flags import Mask

_COMPARE: Mapping[type, Callable[[Any, Any], Mask]] = {
    sql.GT: np.greater,
    sql.GTE: np.greater_equal,
    sql.LT: np.less,
    sql.LTE: np.less_equal,
}


class Column(Protocol):
    """A column of numbers, and where one is there (None: everywhere)."""

    @property
    def numbers(self) -> npt.NDArray[Any] | None: ...

    @property
    def there(self) -> Mask | None: ...


Truth = tuple[Mask, Mask | None]
"""What is true, and what is known (None: all); of what is not known the first says false."""

_Evaluate = Callable[[Mapping[str, Column]], Truth]


@dataclass(frozen=True)
class Comparison:
    """One rule: `broken` gives where it is false, and where it is unknown (None: nowhere)."""

    evaluate: _Evaluate

    def broken(self, columns: Mapping[str, Column]) -> tuple[Mask, Mask | None]:
        """Over columns by name."""
        true, known = self.evaluate(columns)
        return (~true, None) if known is None else (known & ~true, ~known)


def comparison(expression: Expression, numeric: Mapping[str, str]) -> Comparison | None:
    """The rule, if it compares fields of numbers (by name their types) and constants, by AND, OR and NOT; else None."""
    evaluate = _boolean(sqlglot.parse_one(expression.sql, dialect="duckdb"), numeric)
    return evaluate and Comparison(evaluate)


def _boolean(node: sql.Expr, numeric: Mapping[str, str]) -> _Evaluate | None:
    if isinstance(node, sql.Paren):
        return _boolean(node.this, numeric)
    if isinstance(node, sql.Not):
        inner = _boolean(node.this, numeric)
        return inner and _negated(inner)
    if isinstance(node, sql.And | sql.Or):
        left, right = _boolean(node.left, numeric), _boolean(node.right, numeric)
        return _joined(left, right, both=isinstance(node, sql.And)) if left and right else None
    compare = _COMPARE.get(type(node))
    return _compared(compare, node.left, node.right, numeric) if compare and isinstance(node, sql.Binary) else None


def _negated(inner: _Evaluate) -> _Evaluate:
    def evaluate(columns: Mapping[str, Column]) -> Truth:
        true, known = inner(columns)
        return (~true, None) if known is None else (known & ~true, known)

    return evaluate


def _joined(left: _Evaluate, right: _Evaluate, *, both: bool) -> _Evaluate:
    def evaluate(columns: Mapping[str, Column]) -> Truth:
        (one, one_known), (other, other_known) = left(columns), right(columns)
        true = one & other if both else one | other
        if one_known is None and other_known is None:
            return true, None
        one_known = np.ones(len(one), bool) if one_known is None else one_known
        other_known = np.ones(len(other), bool) if other_known is None else other_known
        # One side decides alone where it is false (AND) or true (OR).
        decided = (one_known & ~one) | (other_known & ~other) if both else one | other
        return true, (one_known & other_known) | decided

    return evaluate


def _compared(
    compare: Callable[[Any, Any], Mask], left: sql.Expr, right: sql.Expr, numeric: Mapping[str, str]
) -> _Evaluate | None:
    names = [_column(side, numeric) for side in (left, right)]
    constants = [_constant(side) for side in (left, right)]
    kinds = {numeric[name] for name in names if name is not None}
    whole = all(isinstance(one, int) for one in constants if one is not None)
    if any(name is None and one is None for name, one in zip(names, constants, strict=True)) or len(kinds) != 1:
        return None
    if kinds == {"integer"} and not whole:
        return None

    def evaluate(columns: Mapping[str, Column]) -> Truth:
        sides = [columns[name].numbers if name is not None else one for name, one in zip(names, constants, strict=True)]
        true = compare(*sides)
        known: Mask | None = None
        for there in (columns[name].there for name in names if name is not None):
            known = there if known is None else known if there is None else known & there
        return (true, None) if known is None else (true & known, known)

    return evaluate


def _column(node: sql.Expr, numeric: Mapping[str, str]) -> str | None:
    return node.name if isinstance(node, sql.Column) and not node.table and node.name in numeric else None


def _constant(node: sql.Expr) -> float | None:
    if isinstance(node, sql.Neg):
        inner = _constant(node.this)
        return None if inner is None else -inner
    if not isinstance(node, sql.Literal) or node.is_string:
        return None
    # More digits than a double holds are more than an array can be compared with.
    if len(node.name) > 15:
        return None
    return int(node.name) if node.name.isdigit() else float(node.name)
