"""From a table to a contract: looks at each column, then at columns together, and writes down what holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from stillwell.errors import StillwellError, fail
from stillwell.suggest.clause import Clause, Reading
from stillwell.suggest.clauses import clauses
from stillwell.suggest.column import Column, Mask, Sample, columns, sample, without
from stillwell.suggest.dependencies import AGREED, best, clause, codes_of, dependencies
from stillwell.suggest.features import features
from stillwell.suggest.identity import identity
from stillwell.suggest.learn import Marks, chosen_clauses, chosen_reading, marks
from stillwell.suggest.model import Labels, Suggestion
from stillwell.suggest.names import contract_name, field_names
from stillwell.suggest.ranges import sentinel
from stillwell.suggest.reading import numbers
from stillwell.suggest.reading import readings as readings_of
from stillwell.suggest.write import Draft, Drafted, written

_LOOSE = 0.5
"""The agreement from which a dependency is offered to labels."""

_SHORT = 12
"""Cases up to which a dependency is worth writing though everything it finds is found already."""


def suggest(table: pa.Table, *, name: str, labels: Labels | None = None) -> Suggestion:
    """The contract that a table suggests; `name` becomes its name.

    `table` has one row a record: columns of text (cells of CSV, scalars of JSON) or typed ones. With `labels` what
    explains the cells marked wrong is asked for, and what would accuse right ones is not. Of more than 200,000 rows a
    sample is looked at, always the same one; `identity` is told from all.

    Raises:
        StillwellError: code `not-data`, for a table without columns.
    """
    labels = labels or Labels(frozenset(), frozenset())
    # No path leads to a column without a name.
    table = table.select([place for place, column in enumerate(table.column_names) if column])
    if not table.column_names:
        raise fail(StillwellError, "not-data", "There is no column to suggest anything of.", "Give data with columns.")
    rows = sample(table, {row for row in labels.rows if row < len(table)})
    never = _values_after_all(rows, labels)
    found = [_known(one, never) for one in columns(rows.table, field_names(table.column_names), never)]
    marked = {one.name: marks(rows, one.name, labels) for one in found}
    readings = {one.name: _reading(one, marked[one.name], labels) for one in found}
    between = _between(found, readings, labels)
    drafted = [_drafted(one, readings[one.name], between[one.name], marked[one.name]) for one in found]
    roles = identity(table, rows, found, readings)
    text, evidence = written(Draft(contract_name(name), tuple(drafted), roles, rows, bool(labels.rows)))
    return Suggestion(text, evidence)


def _values_after_all(rows: Sample, labels: Labels) -> Mapping[str, set[str]]:
    """What was marked wrong and reads like a way to write no value: then it is a value, and a wrong one."""
    found: dict[str, set[str]] = defaultdict(set)
    place_of = {int(place): row for row, place in enumerate(rows.places)} if labels.wrong else {}
    for row, name in labels.wrong:
        if row in place_of and name in rows.table.column_names:
            value = rows.table[name][place_of[row]].as_py()
            if value is not None and str(value).strip():
                found[name].add(str(value))
    return found


def _known(column: Column, never: Mapping[str, set[str]]) -> Column:
    """The column without a number that stands for no value."""
    first = readings_of(column)[0]
    if first.type not in ("integer", "double"):
        return column
    number = numbers(column, first)
    order = np.argsort(number)
    order = order[np.isfinite(number[order])]
    value = sentinel(number[order], column.counts[order])
    absent = number == value if value is not None else np.zeros(len(number), bool)
    told = {column.values[place] for place in np.flatnonzero(absent)}
    return without(column, absent) if absent.any() and not told & never.get(column.name, set()) else column


def _reading(column: Column, marked: Marks, labels: Labels) -> Reading:
    right = [value for (_, name), value in labels.right.items() if name == column.name and value]
    return chosen_reading(column, readings_of(column), marked, right)


def _between(found: list[Column], readings: Mapping[str, Reading], labels: Labels) -> Mapping[str, list[Clause]]:
    """What could be asked of a column by what another one says, by dependent column, the most useful first."""
    sets = [codes_of(one, readings[one.name]) for one in found]
    by_right = best(list(dependencies(sets, _LOOSE if labels.wrong else AGREED)))
    return defaultdict(
        list,
        {
            found[right].name: [clause(one, found[one.left], found[right], readings) for one in several]
            for right, several in by_right.items()
        },
    )


def _drafted(column: Column, reading: Reading, between: list[Clause], marked: Marks) -> Drafted:
    alone = list(clauses(column, reading))
    taken = np.logical_or.reduce([reading.fails, *(one.fails for one in alone if one.suggested)])
    doubted = _doubted(column, between)
    if doubted.any():
        alone = list(clauses(column, reading, doubted))

    def more(left: Mask) -> Iterable[Clause]:
        return features(column, reading, left, marked.right)

    kept = chosen_clauses([*alone, *_telling(between, taken)], reading.fails, marked, more)
    # A list of values says all that a pattern says, and more.
    listed = any(one.slot == "allowed" for one in kept)
    return Drafted(column, reading, tuple(one for one in kept if not (listed and one.slot == "pattern")))


def _doubted(column: Column, between: list[Clause]) -> Mask:
    """The distinct values that stand nearly always where another column says something else."""
    sure = [one for one in between if one.suggested][:1]
    fails = [np.bincount(column.codes[one.fails & ~column.absent], minlength=len(column.values)) for one in sure]
    return fails[0] >= 0.9 * column.counts if fails else np.zeros(len(column.values), bool)


def _telling(between: list[Clause], taken: Mask) -> list[Clause]:
    """The dependencies to offer: of the sure ones the first, where it is short or finds what nothing else does."""
    offered = []
    sure = True
    for one in between:
        new = bool((one.fails & ~taken).any()) or one.keys["expect"].count("\n") <= _SHORT
        offered.append(replace(one, suggested=one.suggested and sure and new))
        sure = sure and not one.suggested
    return offered
