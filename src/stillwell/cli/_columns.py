"""Takes records apart into columns: the cells of delimited text, the scalars of JSON objects, the columns of tables."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwell.errors import StillwellError, fail
from stillwell.kernel.base import Format
from stillwell.kernel.decode import pointer
from stillwell.kernel.prepare import one_array, readable, relation, source_columns
from stillwell.kernel.sql import OWN
from stillwell.suggest.names import FROM
from stillwell.suggest.names import path as step_written

_MOST_COLUMNS, _MOST_KEYS, _DEEPEST = 10_000, 1_000, 16

_Steps: TypeAlias = tuple[str, ...]

_NULL = pa.scalar(None, pa.string())


@dataclass(frozen=True)
class Columns:
    """A row for each record that could be taken apart; `places` are their places among all records, from 0.

    Columns of text hold what the kernel would see there: null for an empty cell and for what is absent. `left_out`
    says which parts of the records no column can hold, and why.
    """

    table: pa.Table
    places: npt.NDArray[np.int64]
    left_out: tuple[str, ...] = ()


def columns(batches: Sequence[pa.Table], form: Format) -> Columns:
    """The columns of all batches of one source.

    Raises:
        StillwellError: code `too-many-columns`.
    """
    if not batches:
        return Columns(pa.table({}), np.zeros(0, np.int64))
    if form.name == "csv":
        return _cells(batches, form)
    return _scalars(batches) if form.name == "json" else _typed(batches)


def _cells(batches: Sequence[pa.Table], form: Format) -> Columns:
    names = source_columns(batches[0], form)
    times = Counter(names)
    # A contract that reads a column which comes twice would be refused.
    once = {name: at for at, name in enumerate(names) if name and times[name] == 1}
    left_out = ["a column without a name" for name in names if not name]
    left_out += [f"`{name}`, which comes {count} times" for name, count in times.items() if name and count > 1]
    schema = _schema([(name,) for name in once])
    parts, places, start = [], [], 0
    for batch in batches:
        cells = one_array(_readable(batch, form)[OWN + "cells"])
        whole = pc.equal(pc.list_value_length(cells), len(names)).fill_null(False)
        places.append(start + np.flatnonzero(whole.to_numpy(zero_copy_only=False)))
        start += len(batch)
        flat = cells.filter(whole).flatten()
        texts = (flat[at :: len(names)] for at in once.values())
        parts.append(pa.Table.from_arrays([pc.if_else(pc.equal(one, ""), _NULL, one) for one in texts], schema=schema))
    return Columns(pa.concat_tables(parts), np.concatenate(places), tuple(left_out))


def _readable(batch: pa.Table, form: Format) -> pa.Table:
    return readable(relation(batch, pa.nulls(len(batch), pa.timestamp("us", tz="UTC"))), form)


def _scalars(batches: Sequence[pa.Table]) -> Columns:
    """Every scalar of the objects by its path; what is an object or an array in some records only is left out."""
    database = duckdb.connect(config={"threads": 2})
    texts, places, start = [], [], 0
    kinds: Any = {}
    for batch in batches:
        rows = pa.table({"t": _readable(batch, Format())[OWN + "text"], "n": np.arange(start, start + len(batch))})
        start += len(batch)
        database.register("rows", rows)
        kept = database.sql(_OBJECTS).to_arrow_table()
        texts.append(kept.select(["t"]))
        places.append(kept["n"].to_numpy())
        for structure in kept["structure"].unique().to_pylist():
            kinds = _joined(kinds, json.loads(structure))
    left_out: list[str] = []
    paths = list(_leaves(kinds, (), left_out))
    if len(paths) > _MOST_COLUMNS:
        what = f"The records have {len(paths):,} different keys, more than {_MOST_COLUMNS:,}."
        raise fail(StillwellError, "too-many-columns", what, "See whether their keys are values; write the contract.")
    tables = [_extracted(database, rows, paths) for rows in texts]
    return Columns(pa.concat_tables(tables), np.concatenate(places), tuple(left_out))


# Where a record could break the query, it must be proved first that it does not: an error would take the whole batch.
_OBJECTS = """
SELECT * FROM (
    SELECT t, n, CASE WHEN starts_with(ltrim(t, ' ' || chr(9) || chr(10) || chr(13)), '{') AND json_valid(t)
        THEN TRY(json_structure(t)) END AS structure
    FROM rows
) WHERE structure IS NOT NULL ORDER BY n
"""


def _extracted(database: duckdb.DuckDBPyConnection, rows: pa.Table, paths: Sequence[_Steps]) -> pa.Table:
    if not paths:
        return pa.table({})
    database.register("rows", rows)
    pointers = [pointer(path) for path in paths]
    values = database.sql("SELECT json_extract_string(t, $1) FROM rows", params=[pointers]).to_arrow_table()
    flat = one_array(values.column(0)).flatten()
    return pa.Table.from_arrays([flat[at :: len(paths)] for at in range(len(paths))], schema=_schema(paths))


def _joined(one: Any, other: Any) -> Any:
    """What two structures say together: maps by key, a list, the name of a scalar, or MIXED for what is several kinds.

    DuckDB calls an empty object JSON; NULL goes with anything.
    """
    one, other = ({} if kind == "JSON" else kind for kind in (one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: _joined(one.get(key, "NULL"), other.get(key, "NULL")) for key in {**one, **other}}
    if "NULL" in (one, other):
        return other if one == "NULL" else one
    if isinstance(one, list) and isinstance(other, list):
        return one
    return one if isinstance(one, str) and isinstance(other, str) else "MIXED"


def _leaves(kinds: Mapping[str, Any], above: _Steps, left_out: list[str]) -> Iterator[_Steps]:
    for key, kind in kinds.items():
        path = (*above, key)
        if not key:
            left_out.append(f"a key without a name in {written(above) or 'the records'}")
        elif isinstance(kind, dict) and kind and len(kind) <= _MOST_KEYS and len(path) < _DEEPEST:
            yield from _leaves(kind, path, left_out)
        elif isinstance(kind, str) and kind != "MIXED":
            yield path
        else:
            what = (
                "an array" if isinstance(kind, list) else "an object" if isinstance(kind, dict) else "of several kinds"
            )
            left_out.append(f"`{written(path)}`, which is {what}")


def _typed(batches: Sequence[pa.Table]) -> Columns:
    """The columns of tables, those of structs by their path; what has other values inside is left out."""
    record = pa.chunked_array([chunk for batch in batches for chunk in batch["record"].chunks])
    places = np.flatnonzero(pc.is_valid(record).to_numpy())
    left_out: list[str] = []
    found = dict(_flat(one_array(record.drop_null()), (), left_out))
    table = pa.Table.from_arrays(
        list(found.values()), schema=_schema(list(found), [one.type for one in found.values()])
    )
    return Columns(table, places, tuple(left_out))


_NO_PLAIN_VALUE = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_duration,
    pa.types.is_interval,
)


def _flat(record: pa.StructArray, above: _Steps, left_out: list[str]) -> Iterator[tuple[_Steps, pa.Array]]:
    for field, values in zip(record.type, record.flatten(), strict=True):
        path, kind = (*above, field.name), field.type
        if pa.types.is_struct(kind):
            yield from _flat(values, path, left_out)
        elif pa.types.is_nested(kind) or any(test(kind) for test in _NO_PLAIN_VALUE):
            left_out.append(f"`{written(path)}`, which is {kind}")
        elif pa.types.is_dictionary(kind):
            yield path, values.cast(kind.value_type)
        else:
            yield path, values


def _schema(paths: Sequence[_Steps], types: Sequence[pa.DataType] | None = None) -> pa.Schema:
    """A column for each path, named by its steps with dots between (and, where two are the same then, with `_`)."""
    kinds = types or [pa.string()] * len(paths)
    named: dict[str, pa.Field] = {}
    for path, kind in zip(paths, kinds, strict=True):
        name = ".".join(path)
        while name in named:
            name += "_"
        named[name] = pa.field(name, kind, metadata={FROM: written(path).encode()})
    return pa.schema(list(named.values()))


def written(path: _Steps) -> str:
    """A path as a contract writes it: a backslash before what has a meaning there."""
    return ".".join(map(step_written, path))
