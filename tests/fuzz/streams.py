"""The same batch in other shapes: cut, chunked, in another order, by several threads; the verdicts must stay the same."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pyarrow as pa

from stillwell.kernel import Judged, Kernel
from tests.fuzz.cases import Case, judged, places
from tests.kernel.records import CLOCK

ENOUGH_FOR_THREADS = 20_000


def lines(said: Judged, table: pa.Table) -> list[str]:
    """All that was said of each record as one line of JSON, in the order of the batch, the same in every version."""
    rows = {
        (row["_stillwell"]["partition"], row["_stillwell"]["offset"]): row
        for part in (said.accepted, said.quarantined)
        for row in part.to_pylist()
    }
    return [
        json.dumps({"verdict": verdict, **rows[place]}, default=_text, sort_keys=True)
        for place, verdict in zip(places(table), said.verdicts.to_pylist(), strict=True)
    ]


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        # Versions of Arrow give different objects for the same zone.
        return value.astimezone(dt.UTC).isoformat()
    return value.isoformat() if isinstance(value, dt.date | dt.time) else str(value)


def unequal(case: Case, said: Judged, draw: random.Random) -> Iterator[str]:
    """Shapes of the batch, of some that are drawn, in which another thing is said of a record."""
    whole = lines(said, case.table)
    chosen = draw.choice([_cut, _chunked, _turned, _large])
    found = chosen(case, draw)
    if found != whole:
        first = next((place for place, pair in enumerate(zip(whole, found, strict=False)) if pair[0] != pair[1]), -1)
        yield f"{case.name}, {chosen.__name__.strip('_')}, record {first}: {whole[first]} but {found[first]}"


def _cut(case: Case, draw: random.Random) -> list[str]:
    """Cut into batches, one of them empty and one of a single record."""
    size = len(case.table)
    cuts = sorted([0, 0, min(1, size), *(draw.randint(0, size) for _ in range(3)), size])
    kernel = Kernel(case.contract, format=case.form, threads=1)
    parts = [case.table.slice(start, end - start) for start, end in pairwise(cuts)]
    try:
        return [line for part in parts for line in lines(kernel.judge(part, CLOCK), part)]
    finally:
        kernel.close()


def _chunked(case: Case, draw: random.Random) -> list[str]:
    """One batch of several chunks, which begin in the middle of their buffers."""
    size = len(case.table)
    cuts = sorted([0, *(draw.randint(0, size) for _ in range(4)), size])
    parts = [case.table.slice(start, end - start) for start, end in pairwise(cuts)]
    table = pa.concat_tables(parts)
    return lines(judged(replace(case, table=table)), table)


def _turned(case: Case, draw: random.Random) -> list[str]:
    """In another order."""
    order = list(range(len(case.table)))
    draw.shuffle(order)
    table = case.table.take(order)
    found = dict(zip(order, lines(judged(replace(case, table=table)), table), strict=True))
    return [found[place] for place in range(len(order))]


def _large(case: Case, _: random.Random) -> list[str]:
    """With the payloads as large binaries, whose offsets have 64 bits."""
    table = case.table
    if "payload" in table.column_names:
        at = table.schema.get_field_index("payload")
        table = table.set_column(at, "payload", table["payload"].cast(pa.large_binary()))
    return lines(judged(replace(case, table=table)), table)


def threaded(case: Case) -> bool:
    """Whether two threads say what one says, of enough records that both have work."""
    times = -(-ENOUGH_FOR_THREADS // max(len(case.table), 1))
    table = pa.concat_tables([case.table] * times)
    table = table.set_column(table.schema.get_field_index("offset"), "offset", pa.array(range(len(table)), pa.int64()))
    many = replace(case, table=table)
    one, two = judged(many), judged(many, threads=2)
    return one.verdicts.equals(two.verdicts) and lines(one, table) == lines(two, table)
