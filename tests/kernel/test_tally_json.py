"""A tally goes through JSON and comes back the same, to the last bit."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import numpy as np
import pyarrow as pa
import pytest

from stillwell.contract.load import parse
from stillwell.kernel import Kernel
from stillwell.kernel.tally_json import from_json, to_json

CONTRACT = """\
contract: odd
version: 1.0.0
time: at
fields:
  at: {type: timestamp, required: true}
  name: {type: string}
  value: {type: double, max: 100}
"""


def tally(*records, group=()):
    payloads = [json.dumps(one).encode() for one in records]
    batch = {
        "partition": pa.array([0] * len(records), pa.int32()),
        "offset": pa.array(range(len(records)), pa.int64()),
        "payload": pa.array(payloads, pa.binary()),
    }
    kernel = Kernel(parse(CONTRACT), group=group, threads=1)
    return kernel.judge(pa.table(batch), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).tally


def equal(one, other):
    if dataclasses.is_dataclass(one):
        return type(one) is type(other) and all(
            equal(getattr(one, field.name), getattr(other, field.name)) for field in dataclasses.fields(one)
        )
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return one == other


RECORDS = [
    {"at": "2026-01-01T00:00:10Z", "name": "a", "value": 0.1},
    {"at": "2026-01-01T00:01:10Z", "name": "ü", "value": 1e-300},
    {"at": "2026-01-01T00:01:20Z", "name": None, "value": 101},
    {"at": "nothing", "value": None},
]


@pytest.mark.parametrize("group", [(), ("name",)])
@pytest.mark.parametrize("records", [RECORDS, RECORDS[:1], []])
def test_it_comes_back_the_same(records, group):
    there = tally(*records, group=group)
    assert equal(there, from_json(to_json(there)))


def test_what_comes_back_merges_with_what_stayed():
    one, other = tally(*RECORDS), tally(*RECORDS[:2])
    assert equal(one.merge(other), from_json(to_json(one)).merge(from_json(to_json(other))))
