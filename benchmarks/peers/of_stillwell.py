"""Stillwell: counting as `check` does it; splitting as the kernel does it for an engine, written as two files."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rules import ALLOWED, BAD, LEAST, MOST, NOT_NULL, PATTERN, RANGE, SHAPE, STATUSES, TWO

from stillwell.connectors.parquet import DICTIONARY
from stillwell.contract.load import parse
from stillwell.kernel import Kernel
from stillwell.kernel.program import TRACE_COLUMN, accepted_schema, quarantine_schema
from stillwell.kernel.scan import Scan

CONTRACT = f"""
contract: orders
version: 1.0.0
fields:
  order_id:   {{type: string, pattern: '{SHAPE}'}}
  status:     {{type: string, allowed: [{", ".join(STATUSES)}]}}
  ordered_at: {{type: timestamp, required: true}}
  price:      {{type: double}}
  discount:   {{type: double}}
  quantity:   {{type: integer, min: {LEAST}, max: {MOST}}}
rules:
  {TWO}: {{expect: discount <= price}}
"""
NAMES = {
    NOT_NULL: "ordered_at.required",
    RANGE: "quantity.range",
    ALLOWED: "status.allowed",
    PATTERN: "order_id.pattern",
    TWO: TWO,
}
ROWS = 500_000
"""Records that are judged at a time, while those before them are written."""


class Peer:
    """Both jobs by one contract, which also says the type of every field: those rules are judged and counted too."""

    def __init__(self, data: str, folder: Path) -> None:
        self._scan, self._folder = Scan(Path(data)), folder
        self._contract = parse(CONTRACT)
        self._kernel = Kernel(self._contract, threads=2)

    def count(self) -> dict[str, int]:
        """How many records broke each rule, and how many any; no examples, which nobody else gives."""
        found = self._kernel.count(self._scan, samples=0)
        return {rule: found.rules[name].failed for rule, name in NAMES.items()} | {BAD: found.quarantined}

    def split(self) -> dict[str, int]:
        """Two files: accepted records, and rejected ones with reasons (rule, seen, expected) and their origin.

        While records are judged, those before them are written and those after them are read.
        """
        accepted = accepted_schema(self._contract)
        accepted = accepted.remove(accepted.get_field_index(TRACE_COLUMN))
        quarantined = quarantine_schema(self._scan.record)
        batches, written = self._scan.batches(ROWS), list[Future[None]]()
        with (
            self._file("good", accepted) as good,
            self._file("bad", quarantined) as bad,
            ThreadPoolExecutor(3) as pool,
        ):
            ahead = pool.submit(next, batches, None)
            while (found := ahead.result()) is not None:
                ahead = pool.submit(next, batches, None)
                part = self._kernel.part(found[1])
                for one in written:
                    one.result()
                written = [
                    pool.submit(good.write_table, part.accepted.drop_columns([TRACE_COLUMN])),
                    pool.submit(bad.write_table, part.quarantined),
                ]
            for one in written:
                one.result()
        return {}

    def _file(self, name: str, schema: pa.Schema) -> pq.ParquetWriter:
        path = self._folder / f"stillwell_{name}.parquet"
        return pq.ParquetWriter(path, schema, dictionary_pagesize_limit=DICTIONARY)
