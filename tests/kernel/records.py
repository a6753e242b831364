"""Batches to judge, and what became of each record as plain data."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import duckdb
import numpy as np
import pyarrow as pa

from stillwell.contract.load import parse
from stillwell.contract.model import Contract
from stillwell.kernel import Format, Judged, Kernel
from stillwell.kernel import program as compiled
from stillwell.kernel.base import QUARANTINED
from stillwell.kernel.plain import PLAIN
from stillwell.kernel.prepare import ingest_times, readable, relation, source_columns
from stillwell.kernel.tally import COUNTS, Tally, merge

CLOCK = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)


def contract(rest: str) -> Contract:
    """The contract of the lines that follow its name and version."""
    return parse("contract: a\nversion: 1.0.0\n" + rest)


def batch(payloads: Sequence[bytes | None], **columns: Any) -> pa.Table:
    """Payloads at the offsets 0, 1, … of partition 0, unless `columns` say otherwise."""
    return pa.table({**_places(len(payloads), columns), "payload": pa.array(payloads, pa.binary()), **columns})


def typed(records: pa.Array, **columns: Any) -> pa.Table:
    """The same for records that are typed already."""
    return pa.table({**_places(len(records), columns), "record": records, **columns})


def _places(length: int, columns: dict[str, Any]) -> dict[str, pa.Array]:
    places = {"partition": pa.array([0] * length, pa.int32()), "offset": pa.array(range(length), pa.int64())}
    return {name: array for name, array in places.items() if name not in columns}


def judge(rest: str | Contract, records: Sequence[bytes | None] | pa.Table, **options: Any) -> Judged:
    """What the kernel says, in one call."""
    table = records if isinstance(records, pa.Table) else batch(records)
    one = contract(rest) if isinstance(rest, str) else rest
    kernel = Kernel(one, threads=options.pop("threads", 1), **options)
    try:
        return kernel.judge(table, CLOCK)
    finally:
        kernel.close()


@contextmanager
def full_way_only() -> Iterator[None]:
    """Kernels that are built and first used here have no plain way."""
    with mock.patch.object(compiled, "plain_query", lambda *_: None):
        yield


@contextmanager
def no_reader() -> Iterator[None]:
    """Kernels that are built and first used here read JSON by DuckDB alone."""
    with mock.patch.object(compiled, "reader", lambda _: None):
        yield


def plain_rows(rest: str | Contract, table: pa.Table, form: Format | None = None) -> list[bool]:
    """Which records the plain way proves plain; fails where it cannot be run."""
    record = table.schema.field("record").type if "record" in table.column_names else None
    form = form or Format()
    columns = () if record is not None else source_columns(table, form)
    one = contract(rest) if isinstance(rest, str) else rest
    plain = compiled.compile_program(one, form, columns, record).plain
    assert plain is not None, "this contract has no plain way"
    rows = readable(relation(table, ingest_times(table, CLOCK)), form)
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.register("batch", rows)
    return database.sql(plain.sql).to_arrow_table()[PLAIN.strip('"')].to_pylist()


@dataclass
class Outcome:
    """What became of one record; `values` are None for a quarantined one, repairs are (rule, value before)."""

    verdict: int
    values: dict[str, Any] | None
    rules: set[str] = field(default_factory=set)
    repairs: set[tuple[str, Any]] = field(default_factory=set)


def outcomes(judged: Judged) -> list[Outcome]:
    """One for each record, in the order of the batch."""
    accepted, quarantined = iter(judged.accepted.to_pylist()), iter(judged.quarantined.to_pylist())
    found = []
    for verdict in judged.verdicts.to_pylist():
        if verdict == QUARANTINED:
            found.append(Outcome(verdict, None, {reason["rule"] for reason in next(quarantined)["reasons"]}))
            continue
        row = next(accepted)
        trace = row.pop("_stillwell")
        repairs = {(one["rule"], one["before"]) for one in trace["repairs"] or []}
        found.append(Outcome(verdict, row, {one["rule"] for one in trace["warnings"] or []}, repairs))
    return found


def values(rest: str, payloads: Sequence[bytes | None] | pa.Table, name: str, **options: Any) -> list[Any]:
    """The values of one field: `...` where the record was quarantined."""
    return [... if one.values is None else one.values[name] for one in outcomes(judge(rest, payloads, **options))]


def broken(rest: str, payloads: Sequence[bytes | None] | pa.Table, **options: Any) -> list[set[str]]:
    """The rules that each record broke."""
    return [one.rules for one in outcomes(judge(rest, payloads, **options))]


def reasons(judged: Judged) -> list[dict[str, Any]]:
    """Every reason of every quarantined record, in order."""
    return [reason for row in judged.quarantined["reasons"].to_pylist() for reason in row]


def assert_same(one: Judged, other: Judged) -> None:
    """Two judgements of the same records agree in everything they say."""
    assert one.verdicts.to_pylist() == other.verdicts.to_pylist()
    assert not differences(one.accepted, other.accepted)
    assert not differences(one.quarantined, other.quarantined)
    assert one.facts == other.facts
    assert one.stop == other.stop
    assert_same_tally(one.tally, other.tally)


def differences(one: pa.Table, other: pa.Table) -> list[tuple[Any, Any]]:
    """The first rows (or else the schemas) that differ; NaN equals itself."""
    if one.schema != other.schema or len(one) != len(other):
        return [(one.schema, other.schema), (len(one), len(other))]
    if one.equals(other):
        return []
    pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
    return [pair for pair in pairs if repr(pair[0]) != repr(pair[1])][:3]


def assert_same_tally(one: Tally, other: Tally) -> None:
    """Counts, histograms and registers are equal; moments to 1e-9. The order of cells means nothing."""
    one, other = merge([one]), merge([other])
    assert (one.window, one.group, one.cells) == (other.window, other.group, other.cells)
    for name in COUNTS:
        assert one.counts[name].tolist() == other.counts[name].tolist(), name
    assert one.rules.keys() == other.rules.keys()
    for rule in one.rules:
        for part in ("failed", "repaired", "not_evaluated"):
            counts = [getattr(tally.rules[rule], part).tolist() for tally in (one, other)]
            assert counts[0] == counts[1], (rule, part)
    assert one.fields.keys() == other.fields.keys()
    for name in one.fields:
        mine, theirs = one.fields[name], other.fields[name]
        assert mine.null.tolist() == theirs.null.tolist(), name
        assert mine.invalid.tolist() == theirs.invalid.tolist(), name
        for part in ("histogram", "registers"):
            assert _entries(getattr(mine, part)) == _entries(getattr(theirs, part)), (name, part)
        assert (mine.moments is None) == (theirs.moments is None)
        if mine.moments is not None:
            assert mine.moments.count.tolist() == theirs.moments.count.tolist()
            # The square of what is greater than this is no double.
            for part in ("min", "max", "mean", "std") if _scale(mine.moments) < 1e150 else ("min", "max"):
                pair = getattr(mine.moments, part), getattr(theirs.moments, part)
                np.testing.assert_allclose(*pair, rtol=1e-9, atol=1e-9 * _scale(mine.moments), err_msg=f"{name} {part}")


def _scale(moments: Any) -> float:
    """The size of the values: rounding is relative to it, not to a mean or a deviation that happens to be small."""
    sizes = [abs(one) for one in (*moments.min, *moments.max) if math.isfinite(one)]
    return max(sizes, default=1.0)


def _entries(sparse: Any) -> Any:
    return sparse and [part.tolist() for part in (sparse.cell, sparse.key, sparse.value)]


def joined(parts: Iterable[Judged]) -> tuple[pa.Table, pa.Table, list[int]]:
    """The accepted rows, quarantined rows and verdicts of several judgements, one after the other."""
    parts = list(parts)
    return (
        pa.concat_tables(one.accepted for one in parts),
        pa.concat_tables(one.quarantined for one in parts),
        [verdict for one in parts for verdict in one.verdicts.to_pylist()],
    )
