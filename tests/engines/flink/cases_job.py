"""All cases in ONE job of Flink, by their ids: the SQL, the UDF and the messages of the engine, from a table in memory.

The clock of an arrival is its own, as if a broker had stamped it. A job has no moment at which a run could die between
its intent and its rows, because both are in one transaction: what such a run read is judged as that run would.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyflink.table import DataTypes, TableEnvironment
from pyflink.table.udf import ScalarFunction, udf

from stillwell.connectors.kafka.letters import NAMES, Letters
from stillwell.connectors.kafka.rows import HEADER, Rows
from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.delivery.intent import Intent
from stillwell.delivery.saves import newest
from stillwell.engines.flink.job import series_of
from stillwell.engines.flink.judging import Judging
from stillwell.engines.flink.packed import EXTRA, OWN, unpacking
from stillwell.engines.flink.tidings import parsed
from stillwell.engines.flink.writes import Remembering, Topics, Writes
from stillwell.kernel.base import INGEST
from stillwell.kernel.program import accepted_schema, quarantine_schema
from stillwell.kernel.tally import merge
from tests.cases.case import Case, remembers
from tests.cases.outcome import Outcome, outcome

SPLITS = 4
COLUMNS = ("part", "partition", "offset", "ingested", "payload", "key")


@dataclass(frozen=True)
class Part:
    """What one run of a case reads: arrivals from `begin` up to `end`, judged by one contract."""

    case: Case
    begin: int
    end: int
    contract: int

    def writes(self, folder: Path, begins: Mapping[int, tuple[int, str]]) -> Writes:
        """What a task must know; `begins` is where the run before it ended."""
        contract = parse(self.case.texts[self.contract])
        names = ("good", "good.marks", "bad", "bad.marks", "ledger", "tallies")
        return Writes(
            self.case.id, "arrivals", "arrivals", contract.text, digest(contract), {},
            Topics(*(f"{self.case.id}/{name}" for name in names)), {}, self.case.format, dt.timedelta(minutes=1),
            remembering=Remembering(folder / self.case.id, str(self.begin), self.case.keys, begins)
            if contract.sequence else None,
        )  # fmt: skip


def parts_of(cases: list[Case]) -> list[Part]:
    """The runs of all cases."""
    found = []
    for case in cases:
        begin = 0
        for run in case.runs:
            found.append(Part(case, begin, run.upto, run.contract))
            begin = max(begin, run.upto)
    return [part for part in found if part.begin < part.end]


class Judge(ScalarFunction):
    """The engine's own judging, once for each part; one that remembers begins where the one before it ended."""

    def __init__(self, parts: list[Part], folder: Path) -> None:
        self._parts, self._folder = parts, folder

    def is_deterministic(self) -> bool:
        return False

    def open(self, _context: Any) -> None:
        self._judging: dict[int, Judging] = {}
        self._said: dict[str, list[Intent]] = defaultdict(list)

    def _of(self, number: int) -> Judging:
        if number not in self._judging:
            part = self._parts[number]
            self._judging[number] = Judging(part.writes(self._folder, newest(self._said[part.case.id])))
        return self._judging[number]

    def eval(self, part, partition, offset, ingested, payload, key):
        lists = []
        for one in np.unique(part):
            here = (part == one).to_numpy()
            batch = {
                "partition": pa.array(partition[here], pa.int32()),
                "offset": pa.array(offset[here], pa.int64()),
                "ingest_time": pa.array(ingested[here], pa.int64()).cast(INGEST),
                "payload": pa.array(payload[here], pa.binary()),
                "key": pa.array(key[here], pa.binary()),
            }
            lists.append(self._of(one)(pa.table(batch)))
            self._said[self._parts[one].case.id] += _told(lists[-1])
        return series_of(pa.concat_arrays(lists))


def _told(lists: pa.Array) -> Iterator[Intent]:
    """The lines of the ledger among messages."""
    for one in lists.to_pylist():
        for at in range(OWN, len(one), EXTRA):
            if one[at].endswith(b"/tallies"):
                yield parsed(one[at + 2]).intent


def arrivals(parts: list[Part]) -> pd.DataFrame:
    """What all parts read."""
    tables = [
        part.case.arrivals.slice(part.begin, part.end - part.begin).add_column(
            0, "part", pa.array([number] * (part.end - part.begin), pa.int32())
        )
        for number, part in enumerate(parts)
    ]
    table = pa.concat_tables(
        [one.select(["part", "partition", "offset", "ingest_time", "payload", "key"]) for one in tables]
    )
    ingested = table["ingest_time"].cast(pa.int64())
    return table.set_column(3, "ingested", ingested).to_pandas()


@dataclass(frozen=True)
class Message:
    """A message as the client library gives it, as far as rows and letters read it."""

    row: Any

    def key(self) -> bytes | None:
        return self.row[0]

    def value(self) -> bytes | None:
        return self.row[1]

    def headers(self) -> list[tuple[str, bytes]]:
        pairs = zip((HEADER, *NAMES), list(self.row)[3:], strict=True)
        return [(name, value) for name, value in pairs if value is not None]


def outcomes(flink: TableEnvironment, cases: list[Case], folder: Path) -> dict[str, Outcome]:
    """What becomes of all cases in one job of two tasks; those that remember come first, where one task has them."""
    parts = sorted(parts_of(cases), key=lambda part: not remembers(part.case))
    records = arrivals(parts)
    assert sum(part.end - part.begin for part in parts if remembers(part.case)) <= len(records) // SPLITS
    kinds = [
        DataTypes.INT(),
        DataTypes.INT(),
        DataTypes.BIGINT(),
        DataTypes.BIGINT(),
        DataTypes.BYTES(),
        DataTypes.BYTES(),
    ]
    row = DataTypes.ROW([DataTypes.FIELD(name, kind) for name, kind in zip(COLUMNS, kinds, strict=True)])
    flink.create_temporary_view("arrivals", flink.from_pandas(records, row, splits_num=SPLITS))
    kind = DataTypes.ARRAY(DataTypes.BYTES())
    function = udf(Judge(parts, folder), result_type=kind, func_type="pandas", deterministic=False)
    flink.create_temporary_system_function("judge_cases", function)
    columns = ", ".join(f"`{name}`" for name in COLUMNS)
    # PyFlink cannot collect maps that hold nulls.
    names = ", ".join(f"headers['{name}']" for name in (HEADER, *NAMES))
    judged = unpacking(f"SELECT judge_cases({columns}) AS p FROM arrivals")
    query = flink.sql_query(f"SELECT message_key, message_value, topic, {names} FROM ({judged})")
    messages: dict[str, list[Message]] = defaultdict(list)
    with query.execute().collect() as rows:
        for one in rows:
            messages[one[2]].append(Message(one))
    return {case.id: _outcome(case, messages) for case in cases}


def _outcome(case: Case, messages: dict[str, list[Message]]) -> Outcome:
    schema = accepted_schema(parse(case.texts[-1]))
    good = Rows(schema).table(messages[f"{case.id}/good"], schema.names).to_pylist()
    wanted = quarantine_schema(None)
    bad = Letters(wanted).table(messages[f"{case.id}/bad"], wanted.names).to_pylist()
    told = sorted((parsed(one.value()) for one in messages[f"{case.id}/tallies"]), key=lambda one: _last(one.intent))
    stops = [one.stop.rule for one in told if one.stop]
    return outcome(good, bad, [one.intent for one in told], merge([one.tally for one in told]), stops)


def _last(intent: Any) -> list[int]:
    return [part.end.offset for part in intent.slices]


def lines(found: dict[str, Outcome]) -> Iterator[str]:
    """How many records there were of each case."""
    for name, one in found.items():
        yield f"{name}: {len(one['records']):,}"
