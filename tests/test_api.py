"""The Python API: three lines, whatever form the data is in."""

from __future__ import annotations

import datetime as dt
import json
import math
import subprocess
import sys
from decimal import Decimal

import duckdb
import numpy as np
import pyarrow as pa
import pytest

import stillwell
from stillwell.kernel import Format

CONTRACT = """\
contract: readings
version: 1.0.0
time: at
fields:
  id: {type: string, required: true}
  at: {type: timestamp, max: now + 1m}
  t:  {type: double, required: true, max: 85}
"""
GOOD = {"id": "s1", "at": "2026-01-01T00:00:00Z", "t": 20.5}
BAD = {"id": "s2", "at": "2026-01-01T00:00:00Z", "t": 99.0}


@pytest.fixture
def contract(tmp_path):
    path = tmp_path / "contract.yml"
    path.write_text(CONTRACT)
    return path


@pytest.fixture
def judge(contract):
    return stillwell.load(contract).judge


def test_load_judge_look(contract):
    judged = stillwell.load(contract).judge([GOOD, BAD])
    assert judged.accepted["t"].to_pylist() == [20.5]
    assert judged.quarantined["reasons"][0].as_py()[0]["rule"] == "t.range"
    assert judged.tally.failures() == {"t.range": 1}
    assert repr(judged) == "read 2 = accepted 1 + quarantined 1\n  t.range  1"


def test_importing_it_loads_no_engine():
    program = "import stillwell, sys; print({'duckdb', 'pyarrow', 'numpy', 'sqlglot'} & set(sys.modules) or 'light')"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert result.stdout == "light\n"


class Frame:
    """A data frame of a library that this one does not know: it hands out an Arrow stream."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


TABLE = pa.Table.from_pylist([GOOD, BAD])
FORMS = {
    "mappings": [GOOD, BAD],
    "a generator": (one for one in [GOOD, BAD]),
    "texts": [json.dumps(GOOD), json.dumps(BAD)],
    "bytes": [json.dumps(GOOD).encode(), bytearray(json.dumps(BAD).encode())],
    "a table": TABLE,
    "a record batch": TABLE.to_batches()[0],
    "a table in pieces": pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]),
    "a reader": TABLE.to_reader(),
    "a frame": Frame(TABLE),
    "a relation": duckdb.sql('SELECT * FROM "TABLE"'),
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_every_form_of_data_gets_the_same_verdicts(judge, data):
    judged = judge(data)
    assert judged.verdicts.to_pylist() == [0, 2]
    assert judged.accepted["id"].to_pylist() == ["s1"]
    assert judged.quarantined["_stillwell"][0].as_py()["offset"] == 1


def test_a_batch_of_a_source_keeps_its_envelope(judge):
    batch = pa.table(
        {
            "partition": pa.array([4, 4], pa.int32()),
            "offset": [70, 90],
            "payload": [json.dumps(one).encode() for one in (GOOD, BAD)],
            "ingest_time": pa.array([dt.datetime(2020, 1, 1, tzinfo=dt.UTC)] * 2, pa.timestamp("us", "UTC")),
        }
    )
    judged = judge(batch)
    assert judged.verdicts.to_pylist() == [2, 2]
    assert [one["offset"] for one in judged.quarantined["_stillwell"].to_pylist()] == [70, 90]
    assert set(judged.facts) == {4}


@pytest.mark.parametrize("data", [[], TABLE.slice(0, 0), pa.table({})], ids=["list", "table", "no column"])
def test_no_data_is_judged_too(judge, data):
    judged = judge(data)
    assert (judged.read, len(judged.accepted), len(judged.quarantined)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (None, "payload.empty"),
        (b"", "payload.empty"),
        (b"\xff", "payload.encoding"),
        ("\ud800", "payload.encoding"),
        ("[1]", "payload.format"),
        (GOOD | {"t": math.nan}, "t.type"),
        (GOOD | {"t": np.float64("inf")}, "t.type"),
        ({}, "id.required"),
    ],
)
def test_bad_data_is_a_verdict_and_never_an_exception(judge, record, rule):
    judged = judge([record])
    assert judged.quarantined["reasons"][0].as_py()[0]["rule"] == rule


def test_values_of_python_are_judged_as_json_would_hold_them(judge):
    instant = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    judged = judge([{"id": "ä", "at": instant, "t": Decimal("1.50")}, {"id": b"x", "at": instant, "t": np.int64(3)}])
    assert judged.accepted.select(["id", "at", "t"]).to_pylist() == [
        {"id": "ä", "at": instant, "t": 1.5},
        {"id": "x", "at": instant, "t": 3.0},
    ]


def test_a_table_keeps_what_json_could_not(judge):
    table = pa.table(
        {"id": ["a"], "at": pa.array(["2026-01-01"]).cast(pa.timestamp("ns")), "t": pa.array([99], pa.int8())}
    )
    assert judge(table).quarantined["record"].to_pylist()[0]["t"] == 99
    assert judge(table).quarantined["record"].type.field("t").type == pa.int8()


@pytest.mark.parametrize("data", ["day.csv", b"{}", {"id": "s1"}, 7, None, [7], [["a"]]])
def test_what_is_no_data_is_refused_with_a_way_out(judge, data):
    with pytest.raises(stillwell.StillwellError, match=r"Give a table|A record is"):
        judge(data)


def test_now_is_the_clock_that_is_told(judge):
    clock = dt.datetime(2025, 12, 31, tzinfo=dt.UTC)
    assert judge([GOOD], clock=clock).tally.failures() == {"at.range": 1}
    assert judge([GOOD], clock=clock + dt.timedelta(days=1)).tally.failures() == {}


def test_options_are_those_of_the_kernel(contract):
    csv = Format("csv", {"header": ["id", "at", "t"], "delimiter": ";"})
    judged = stillwell.load(contract, format=csv, group=("id",), window=dt.timedelta(hours=1)).judge(
        ["s1;2026-01-01T00:00:00Z;1"]
    )
    assert judged.accepted["t"].to_pylist() == [1.0]
    assert [cell[1] for cell in judged.tally.cells] == [("s1",)]
    with pytest.raises(TypeError, match="widow"):
        stillwell.load(contract, widow=1)


def test_a_contract_that_cannot_be_read_is_refused_with_all_its_problems(tmp_path):
    path = tmp_path / "contract.yml"
    path.write_text(CONTRACT.replace("type: double", "type: dubble").replace("required: true}", "requird: true}"))
    with pytest.raises(stillwell.StillwellError) as caught:
        stillwell.load(path)
    assert [problem.where.line for problem in caught.value.problems] == [5, 7]


def test_a_judge_says_its_contract(contract):
    assert repr(stillwell.load(contract)) == "<Judge readings 1.0.0>"


def test_rows_of_a_table_may_be_structures_in_structures(tmp_path):
    path = tmp_path / "contract.yml"
    path.write_text("contract: n\nversion: 1.0.0\nfields:\n  a: {type: integer, from: m.s.a, max: 3}\n")
    judged = stillwell.load(path).judge(pa.table({"m": [{"s": {"a": number}, "b": "x"} for number in range(6)]}))
    assert judged.accepted["a"].to_pylist() == [0, 1, 2, 3]
    assert [row["m"]["s"]["a"] for row in judged.quarantined["record"].to_pylist()] == [4, 5]
