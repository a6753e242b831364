"""Approximate functional dependencies: which column tells another, and the rows that break what most rows say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwell.suggest.clause import Clause, Reading
from stillwell.suggest.column import Column, Mask, counted, shown
from stillwell.suggest.sql import name, one_of, text

AGREED = 0.85
"""The share of the rows that must have the value which the others of their group have."""

LEARNT = 0.3
"""How much of what the commonest value gets wrong the dependency must get right (Goodman and Kruskal's lambda)."""

MOST_GROUPS = 1_000
"""A longer list of cases is not written."""

SCREENED = 10_000
"""Rows in which pairs of columns are tried first."""

_LITERAL: Mapping[str, Callable[[str], str]] = {"string": text, "integer": str.strip}
"""How a value of each type that is compared is written in an expression."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dependency:
    """`left` tells `right` (places of columns): `says` maps a code of one to the code of the other where it is sure.

    `agreed` is the share of rows whose value is that of the majority of the *other* rows of their group, `learnt` is
    lambda of the same, `covered` the share of rows in groups of two or more.
    """

    left: int
    right: int
    says: Mapping[int, int]
    agreed: float
    learnt: float
    covered: float

    @property
    def worth(self) -> float:
        """What to prefer among several that tell the same column: right, of use for many rows, and short."""
        return self.covered - 3 * (1 - self.agreed) - 0.0002 * len(self.says)


def dependencies(sets: Sequence[Codes], least: float = AGREED) -> Iterator[Dependency]:
    """Every dependency between columns given as codes (-1 for no value); an agreement below `least` is none."""
    rows = len(sets[0]) if sets else 0
    step = max(1, rows // SCREENED)
    some = [codes[::step] for codes in sets]
    sizes = [int(codes.max(initial=-1)) + 1 for codes in sets]
    telling = [place for place, codes in enumerate(some) if _repeats(codes)]
    told = [place for place, codes in enumerate(some) if sizes[place] > 1 and _repeats(codes)]
    for right in told:
        for left in telling:
            if left == right or (step > 1 and _dependency(some, left, right, least - 0.05) is None):
                continue
            found = _dependency(sets, left, right, least)
            if found:
                yield found


def _repeats(codes: Codes) -> bool:
    """Whether at least half of the rows share their value with another."""
    counts = np.bincount(codes[codes >= 0]) if len(codes) else np.zeros(0, np.int64)
    return bool(len(counts)) and int(counts[counts > 1].sum()) >= len(codes) / 2


def _dependency(sets: Sequence[Codes], left: int, right: int, least: float) -> Dependency | None:
    a, b = sets[left], sets[right]
    both = (a >= 0) & (b >= 0)
    width = int(b.max(initial=0)) + 1
    pairs, often = np.unique(a[both] * width + b[both], return_counts=True)
    group, value = pairs // width, pairs % width
    order = np.lexsort((value, -often, group))
    group, value, often = group[order], value[order], often[order]
    first = np.flatnonzero(np.diff(group, prepend=-1))
    size = np.add.reduceat(often, first) if len(first) else often
    most = often[first]
    kinds = np.diff(np.append(first, len(group)))
    second = np.where(kinds > 1, often[np.minimum(first + 1, len(often) - 1)], 0)
    of_group = np.repeat(np.arange(len(first)), kinds)
    several = size >= 2
    total = int(size[several].sum())
    if total < max(10, len(a) / 2):
        return None
    # Without the row itself the majority must still be one.
    agree = int(most[several & ((most - 1 > second) | (second == 0))].sum())
    commonest = int(np.bincount(value, weights=often * several[of_group]).max())
    agreed = agree / total
    learnt = 1 - (total - agree) / max(1, total - commonest)
    if agreed < least or learnt < LEARNT or agree - commonest < max(10, 0.01 * len(a)):
        return None
    # Where a second value comes again and again, both are right: Portland lies in Oregon and in Maine.
    sure = (most >= 2) & (most >= 2 * (size - most)) & ~((second >= 3) & (second >= 0.05 * size))
    # So they are where the second value occurs with nothing else: two breweries of one name, with a number each.
    totals = np.bincount(value, weights=often)
    own = (often >= 2) & (3 * often >= 2 * totals[value]) & (often >= 0.1 * size[of_group])
    own[first] = False
    sure[of_group[own]] = False
    # A group that is tiny among large ones is a misspelt value of the left column.
    sure &= size >= 0.15 * np.median(size[several])
    says = dict(zip(group[first][sure].tolist(), value[first][sure].tolist(), strict=True))
    return Dependency(left, right, says, agreed, learnt, total / len(a)) if len(says) <= MOST_GROUPS else None


def codes_of(column: Column, reading: Reading) -> Codes:
    """The codes of a column for comparing: what is not of the type is no value, other types are not compared."""
    if reading.type not in _LITERAL or column.opaque:
        return np.full(column.rows, -1, np.int64)
    return np.where(reading.fails, -1, column.codes)


def clause(found: Dependency, left: Column, right: Column, readings: Mapping[str, Reading]) -> Clause:
    """The dependency as a record rule that accuses the dependent field."""
    literal_left, literal_right = (_LITERAL[readings[one.name].type] for one in (left, right))
    told = np.full(len(left.values) + 1, -1, np.int64)
    told[list(found.says)] = list(found.says.values())
    expected = told[left.codes]
    missed = right.absent.mean()
    # A hole in a column that has hardly any is as wrong as another value.
    holes = 0 < missed <= 0.1 and readings[right.name].type == "string"
    fails: Mask = (expected >= 0) & (right.codes != expected) & (holes | ~right.absent)
    by_value: dict[int, list[int]] = defaultdict(list)
    for key, value in found.says.items():
        by_value[value].append(key)
    subject = f"coalesce({name(right.field)}, '')" if holes else name(right.field)
    cases = []
    for value, members in sorted(by_value.items(), key=lambda item: (-len(item[1]), item[0])):
        given = one_of(left.field, (literal_left(left.values[key]) for key in sorted(members)))
        cases.append(f"  when {given} then {subject} = {literal_right(right.values[value])}")
    says = f"{left.field} tells {right.field} for {counted(len(found.says), 'value')} of {left.field}"
    says += f": rows that share one agree in {found.agreed:.1%}"
    says += (
        f"; {counted(int(fails.sum()), 'row')} would break this{_example(fails, left, right)}." if fails.any() else "."
    )
    keys = {"expect": "\n".join(["case", *cases, "end"]), "severity": "warn"}
    trust = found.agreed * min(1.0, 0.5 + found.learnt / 2)
    return Clause("rule", f"{right.field}_by_{left.field}", keys, fails, says, trust, found.agreed >= AGREED, rank=3)


def _example(fails: Mask, left: Column, right: Column) -> str:
    rows = np.flatnonzero(fails)[:1]
    if not len(rows):
        return ""
    code, key = right.codes[rows[0]], left.values[left.codes[rows[0]]]
    return f", such as {shown(right.values[code]) if code >= 0 else 'none'} with {shown(key)}"


def best(found: Sequence[Dependency]) -> dict[int, list[Dependency]]:
    """The dependencies of each dependent column, the most useful first."""
    by_right: dict[int, list[Dependency]] = defaultdict(list)
    for one in sorted(found, key=lambda one: -one.worth):
        by_right[one.right].append(one)
    return by_right
