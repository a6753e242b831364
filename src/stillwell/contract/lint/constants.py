"""Judges the constants of a contract (defaults, repairs, allowed values, limits) by its own constraints."""

from __future__ import annotations

import re
from typing import Any

from stillwell.contract.model import Constraints, Limits, Literal_, Now
from stillwell.contract.pattern import as_python


def broken_rule(constraints: Constraints, value: Literal_) -> str | None:
    """The first rule that a constant breaks, or None; what depends on the record's time is left out."""
    if value is None:
        return None
    if isinstance(value, str):
        if constraints.pattern is not None and not re.fullmatch(as_python(constraints.pattern), value, re.ASCII):
            # Classes of Unicode are only approximated in Python's terms, so they decide nothing here.
            return None if re.search(r"\\[pP]|\[:", constraints.pattern) else "pattern"
        if len(value) < (constraints.min_length or 0):
            return "length"
        if constraints.max_length is not None and len(value) > constraints.max_length:
            return "length"
    if constraints.allowed and value not in constraints.allowed:
        return "allowed"
    return "range" if outside(constraints.limits, value) else None


def outside(limits: Limits, value: Any) -> bool:
    """Whether a value lies outside of limits."""
    sides = ((limits.min, _less), (limits.above, _at_most))
    if any(side is not None and beyond(value, side) for side, beyond in sides):
        return True
    return any(
        side is not None and beyond(side, value) for side, beyond in ((limits.max, _less), (limits.below, _at_most))
    )


def empty(limits: Limits) -> tuple[str, str] | None:
    """The names of a lower and an upper limit between which no value lies, or None."""
    for lower, upper in (("min", "max"), ("min", "below"), ("above", "max"), ("above", "below")):
        low, high = getattr(limits, lower), getattr(limits, upper)
        if low is None or high is None:
            continue
        if _less(high, low) or ((lower, upper) != ("min", "max") and _at_most(high, low)):
            return lower, upper
    return None


def _less(one: Any, other: Any) -> bool:
    if isinstance(one, Now) and isinstance(other, Now):
        return one.offset < other.offset
    return type(one) is not Now and type(other) is not Now and bool(one < other)


def _at_most(one: Any, other: Any) -> bool:
    return _less(one, other) or (one == other and not (isinstance(one, Now) ^ isinstance(other, Now)))
