"""The Python API: a `Judge` takes data in the form that is at hand and gives the kernel's verdict on it."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from stillwell.contract import load as contract_file
from stillwell.contract.model import Contract
from stillwell.errors import StillwellError, fail
from stillwell.kernel import Format, Judged, Kernel

ENVELOPE = ("partition", "offset")


class Judge:
    """A contract, ready to judge.

    Args:
        contract: what good data is.
        format: how bytes and texts are to be read: `json`, or a `stillwell.kernel.Format`.
        options: the others of `stillwell.kernel.Kernel`: window, group, hash_key, threads, memory.

    Raises:
        StillwellError: for parts of the contract that cannot be judged yet.
    """

    def __init__(self, contract: Contract, *, format: str | Format = "json", **options: Any) -> None:
        self.contract = contract
        self._kernel = Kernel(contract, format=Format(format) if isinstance(format, str) else format, **options)

    def judge(self, data: Any, *, clock: dt.datetime | None = None) -> Judged:
        """Judge data: accepted rows, quarantined records with reasons, and the tally.

        `data` is a table (of Arrow, or anything that hands out an Arrow stream, such as a data frame of pandas or
        polars or a relation of DuckDB), or records one by one (bytes, texts, or mappings, which are judged as JSON).
        A table with columns `partition`, `offset` and `payload` or `record` is taken as a batch of a source is
        (`stillwell.kernel.base`). `clock` is what `now` means for records without ingest time; it is now unless said.

        Raises:
            StillwellError: code `not-data`, for anything else. Bad data is no error: it is quarantined.
        """
        return self._kernel.judge(as_batch(data), clock)

    def __repr__(self) -> str:
        """Which contract it judges by."""
        return f"<Judge {self.contract.name} {self.contract.version}>"


def load(path: str | Path, **options: Any) -> Judge:
    """The judge of the contract in a file.

    Raises:
        StillwellError: with all problems of the file, each with line and column.
    """
    return Judge(contract_file.load(path), **options)


def as_batch(data: Any) -> pa.Table:
    """Data in any of the forms that `Judge.judge` takes, as the kernel's batch: partition 0, offsets from 0.

    Raises:
        StillwellError: code `not-data`.
    """
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    elif not isinstance(data, pa.Table) and hasattr(data, "__arrow_c_stream__"):
        data = pa.table(data)
    if isinstance(data, pa.Table):
        if {*ENVELOPE} < {*data.column_names} and {"payload", "record"} & {*data.column_names}:
            return data
        return _numbered("record", pa.chunked_array([_rows(data)]))
    if isinstance(data, str | bytes | bytearray | Mapping) or not isinstance(data, Iterable):
        raise fail(
            StillwellError,
            "not-data",
            f"A {type(data).__name__} cannot be judged.",
            "Give a table, or a list of records; files are judged by `stillwell check`.",
        )
    payloads = [_payload(record, number) for number, record in enumerate(data)]
    return _numbered("payload", pa.chunked_array([pa.array(payloads, pa.large_binary())]))


def _numbered(name: str, column: pa.ChunkedArray) -> pa.Table:
    columns = {"partition": pa.array(np.zeros(len(column), np.int32)), "offset": pa.array(np.arange(len(column)))}
    return pa.table({**columns, name: column})


def _rows(table: pa.Table) -> pa.StructArray:
    """The rows of a table as one array of structs."""
    columns = [pa.concat_arrays(one.chunks) if one.num_chunks else pa.array([], one.type) for one in table.columns]
    if not columns:
        return pa.array([{}] * len(table), pa.struct([]))
    return pa.StructArray.from_arrays(columns, fields=list(table.schema))


def _payload(record: Any, number: int) -> bytes | None:
    """One record as the bytes that a source would have brought."""
    if record is None or isinstance(record, bytes):
        return record
    if isinstance(record, bytearray | memoryview):
        return bytes(record)
    if isinstance(record, Mapping):
        record = json.dumps(_plain(record), ensure_ascii=False)
    if isinstance(record, str):
        # A lone surrogate is no valid text: it becomes bytes that the judge rejects, not an exception.
        return record.encode(errors="surrogatepass")
    raise fail(
        StillwellError,
        "not-data",
        f"Record {number} is a {type(record).__name__}.",
        "A record is bytes, a text, a mapping, or None.",
    )


def _plain(value: Any) -> Any:
    """A value in the types of JSON; what JSON has no type for becomes text, as it would in a file."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
