"""Expressions of record rules as small trees: grown at random, written as SQL, and computed slowly with three values.

A tree is plain data, a list of an operator and its operands, so that a case can be kept in a file.
"""

from __future__ import annotations

import math
import operator
import random
from collections.abc import Callable, Mapping
from typing import Any

Tree = list[Any]

NUMBERS = ("0", "1", "2", "3", "7", "-1", "12.5", "100", "0.25", "-40", "1000000")
WORDS = ("abc", "a", "", "NO", "no", "s_001", "12", "é", "😀", "%", "null", "true")

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


class Uncomputable(ArithmeticError):
    """A part of an expression that overflows.

    The kernel calls the whole not evaluated, unless its optimiser finds the answer without that part (`n + 3 <= 1` is
    `n <= -2`): a reference cannot say which.
    """


def sql(tree: Tree) -> str:
    """The tree as SQL."""
    head, *rest = tree
    if head == "field":
        return str(rest[0])
    if head == "number":
        return str(rest[0])
    if head == "word":
        return "'" + rest[0].replace("'", "''") + "'"
    if head == "now":
        return "now"
    if head in ("length", "abs", "starts_with", "contains", "coalesce"):
        return f"{head}({', '.join(map(sql, rest))})"
    if head in ("is null", "is not null"):
        return f"({sql(rest[0])} {head})"
    if head == "not":
        return f"(not {sql(rest[0])})"
    if head == "in":
        return f"({sql(rest[0])} in ({', '.join(map(sql, rest[1:]))}))"
    if head == "between":
        return f"({sql(rest[0])} between {sql(rest[1])} and {sql(rest[2])})"
    if head == "case":
        return f"(case when {sql(rest[0])} then {sql(rest[1])} else {sql(rest[2])} end)"
    return f"({sql(rest[0])} {head} {sql(rest[1])})"


def value(tree: Tree, values: Mapping[str, Any]) -> Any:
    """What the tree is for these values of fields; None for NULL; Uncomputable for what overflows."""
    head, *rest = tree
    if head == "field":
        return values[rest[0]]
    if head == "number":
        return float(rest[0]) if "." in rest[0] else int(rest[0])
    if head == "word":
        return rest[0]
    if head == "now":
        return values["now"]
    if head == "case":
        return value(rest[1] if value(rest[0], values) else rest[2], values)
    given = [value(one, values) for one in rest]
    if head in ("and", "or"):
        decides = head == "or"
        return decides if decides in given else None if None in given else not decides
    if head == "is null":
        return given[0] is None
    if head == "is not null":
        return given[0] is not None
    if head == "coalesce":
        return next((one for one in given if one is not None), None)
    if head == "in":
        return None if given[0] is None else any(_compared("=", given[0], one) for one in given[1:])
    if head == "between":
        sides = [_compared(">=", given[0], given[1]), _compared("<=", given[0], given[2])]
        return False if False in sides else None if None in sides else True
    if None in given:
        return None
    return _strict(head, given)


def _strict(head: str, given: list[Any]) -> Any:
    """Operators whose answer over NULL is NULL."""
    if head == "not":
        return not given[0]
    if head == "length":
        return len(given[0])
    if head == "abs":
        return _number(abs(given[0]))
    if head == "starts_with":
        return given[0].startswith(given[1])
    if head == "contains":
        return given[1] in given[0]
    if head in ARITHMETIC:
        one, other = _alike(*given)
        return _number(ARITHMETIC[head](one, other))
    return _compared(head, *given)


def _number(result: Any) -> Any:
    """An integer has 64 bits and a double is finite: anything else cannot be computed."""
    if isinstance(result, int) and not -(2**63) <= result < 2**63:
        raise Uncomputable
    if isinstance(result, float) and not math.isfinite(result):
        raise Uncomputable
    return result


def _alike(one: Any, other: Any) -> tuple[Any, Any]:
    """An integer beside a double becomes one."""
    numbers = {type(one), type(other)}
    return (float(one), float(other)) if numbers == {int, float} else (one, other)


def _compared(head: str, one: Any, other: Any) -> bool | None:
    if one is None or other is None:
        return None
    one, other = _alike(one, other)
    return COMPARE[head](one, other)


def grow(draw: random.Random, types: Mapping[str, str], depth: int = 2) -> Tree:
    """A condition over fields of these types, of which there is at least one."""
    kind = draw.randrange(6) if depth else 0
    if kind == 1:
        return [draw.choice(["and", "or"]), grow(draw, types, depth - 1), grow(draw, types, depth - 1)]
    if kind == 2:
        return ["not", grow(draw, types, depth - 1)]
    if kind == 3 and depth > 1:
        return ["case", *(grow(draw, types, 0) for _ in range(3))]
    name = draw.choice(sorted(types))
    return _about(draw, name, types)


def _about(draw: random.Random, name: str, types: Mapping[str, str]) -> Tree:
    """A condition on one field."""
    kind, here = types[name], ["field", name]
    if draw.random() < 0.15:
        return [draw.choice(["is null", "is not null"]), here]
    compare = draw.choice(sorted(COMPARE))
    if kind == "boolean":
        return here if draw.random() < 0.7 else ["coalesce", here, ["is null", here]]
    if kind == "timestamp":
        others = [["field", one] for one in sorted(types) if types[one] == "timestamp"] + [["now"]]
        return [compare, here, draw.choice(others)]
    if kind == "string":
        return _about_text(draw, here, compare, [one for one in sorted(types) if types[one] == "string"])
    return _about_number(draw, here, kind, compare, types)


def _about_text(draw: random.Random, here: Tree, compare: str, others: list[str]) -> Tree:
    form = draw.randrange(5)
    if form == 0:
        return [compare, ["length", here], ["number", draw.choice(["0", "1", "3", "5"])]]
    if form == 1:
        return [draw.choice(["starts_with", "contains"]), here, ["word", draw.choice(WORDS)]]
    if form == 2:
        return ["in", here, *(["word", draw.choice(WORDS)] for _ in range(draw.randint(1, 3)))]
    if form == 3:
        return [compare, here, ["field", draw.choice(others)]]
    return [compare, ["coalesce", here, ["word", ""]], ["word", draw.choice(WORDS)]]


def _about_number(draw: random.Random, here: Tree, kind: str, compare: str, types: Mapping[str, str]) -> Tree:
    def number() -> Tree:
        # A literal with a point is a decimal, which goes well with a double only.
        texts = NUMBERS if kind == "double" else [text for text in NUMBERS if "." not in text]
        return ["number", draw.choice(texts)]

    if kind == "decimal":
        return [compare, here, ["number", draw.choice(["0", "1", "-1", "100"])]]
    form = draw.randrange(6)
    if form == 0:
        low, high = sorted([number(), number()], key=lambda one: float(one[1]))
        return ["between", here, low, high]
    if form == 1:
        return ["in", here, *(number() for _ in range(draw.randint(1, 3)))]
    if form == 2:
        return [compare, ["coalesce", here, number()], number()]
    if form == 3:
        return [compare, ["abs", here], number()]
    numbers = [one for one in sorted(types) if types[one] in ("integer", "double")]
    other = ["field", draw.choice(numbers)] if draw.random() < 0.6 else number()
    if form == 4:
        return [compare, [draw.choice(sorted(ARITHMETIC)), here, other], number()]
    return [compare, here, other]
