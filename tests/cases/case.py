"""What a case is: contracts, timed arrivals and runs, and what must have become of every record; no engine is named.

A case is a file `tests/cases/NAME.yml`:

    what: one sentence
    contract: the text of a contract (or `contracts`: several, each deployed by a run)
    format: json                        # or {csv: {…}}
    keys: 100                           # how many are remembered of a partition, where it matters
    arrivals:                           # in the order in which they come; offsets of a partition count up
      - {at: '2026-01-01T00:00:00Z', payload: '{"id": 1}', partition: 0, offset: 0, key: a, hex: ff00}
    runs:                               # by default one, over all
      - {upto: 3, contract: 0}          # how many arrivals there are, by which contract they are judged
      - {upto: 5, dies: true}           # it dies between its first intent and its first accepted row
    expected:
      records: {'0:0': {accepted: {id: 1}}, '0:1': {quarantined: [id.type], by: 1.0.0}}
      stops: 0                          # how often a rule of severity fail stops a run; it is started again
      ledger: {'0': {end: 2}}
      tally: {read: 2, rules: {id.type: 1}}

`arrivals: {odd: N}` stands for the first N of `tests/parity/odd_records.py`, and their contract is `odd.yml` there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from stillwell.connectors._format import told_format
from stillwell.contract.load import parse
from stillwell.kernel.base import Format
from stillwell.kernel.sequence.history import MOST_KEYS
from tests.parity.odd_records import odd_records

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Run:
    """`upto` arrivals are there while it lasts; `contract` is the number of the one deployed."""

    upto: int
    contract: int = 0
    dies: bool = False


@dataclass(frozen=True)
class Case:
    """`arrivals` are a batch as sources give them, in the order in which they come; `texts` those of the contracts."""

    id: str
    texts: tuple[str, ...]
    arrivals: pa.Table
    runs: tuple[Run, ...]
    told: str = '"json"'
    keys: int = MOST_KEYS
    expected: dict[str, Any] = field(default_factory=dict)

    @property
    def format(self) -> Format:
        """How payloads are read."""
        return told_format(json.loads(self.told))

    def __repr__(self) -> str:
        return f"<Case {self.id}>"


def cases(*ids: str) -> list[Case]:
    """All cases, or those of these names."""
    found = [_load(path) for path in sorted(HERE.glob("*.yml"))]
    return [case for case in found if not ids or case.id in ids]


def remembers(case: Case) -> bool:
    """Whether any of its contracts has rules over a key's history."""
    return any(parse(text).sequence for text in case.texts)


def _load(path: Path) -> Case:
    told = yaml.safe_load(path.read_text())
    rows = told["arrivals"]
    if isinstance(rows, dict):
        arrivals = _dealt(odd_records()).slice(0, rows["odd"])
        texts = [(HERE.parent / "parity" / "odd.yml").read_text()]
    else:
        arrivals = _arrivals(rows)
        texts = told.get("contracts") or [told["contract"]]
    runs = [Run(**one) for one in told.get("runs", [{"upto": len(arrivals)}])]
    return Case(
        id=path.stem,
        texts=tuple(texts),
        arrivals=arrivals,
        runs=tuple(runs),
        told=json.dumps(told.get("format", "json")),
        keys=told.get("keys", MOST_KEYS),
        expected=told.get("expected", {}),
    )


def _arrivals(rows: list[dict[str, Any]]) -> pa.Table:
    following: dict[int, int] = {}
    found = []
    for row in rows:
        partition = row.get("partition", 0)
        offset = row.get("offset", following.get(partition, 0))
        following[partition] = offset + 1
        payload = bytes.fromhex(row["hex"]) if "hex" in row else row.get("payload")
        payload = payload.encode() if isinstance(payload, str) else payload
        key = row["key"].encode() if "key" in row else None
        found.append(
            {"partition": partition, "offset": offset, "ingest_time": row["at"], "payload": payload, "key": key}
        )
    table = pa.Table.from_pylist([{**row, "ingest_time": str(row["ingest_time"])} for row in found])
    return pa.table(
        {
            "partition": table["partition"].cast(pa.int32()),
            "offset": table["offset"].cast(pa.int64()),
            "ingest_time": table["ingest_time"].cast(pa.timestamp("us", tz="UTC")),
            "payload": table["payload"].cast(pa.binary()),
            "key": table["key"].cast(pa.binary()),
        }
    )


def _dealt(batch: pa.Table) -> pa.Table:
    """The partitions in turn, as records arrive."""
    return batch.append_column("key", pa.nulls(len(batch), pa.binary())).sort_by("offset")


def plain_runs(case: Case) -> list[dict[str, Any]]:
    """The runs as plain data."""
    return [asdict(run) for run in case.runs]
