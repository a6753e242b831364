"""Memory as source and sink: what is true of it beyond what every connector must hold."""

from __future__ import annotations

import pyarrow as pa

from stillwell.connectors.memory import Source
from tests.connectors.suite import build, everything, opened


def sink_options(folder):
    return {"name": str(folder)}


def source_options(folder, payloads):
    return {"records": {0: payloads[:400], 3: payloads[400:]}}


def test_each_row_of_a_table_is_a_record(tmp_path):
    table = pa.table({"a": [1, None], "b": ["x", "y"]})
    source = opened(Source, {"records": table}, tmp_path)
    assert source.format.name == "arrow"
    assert everything(source, 1) == [(0, 0, {"a": 1, "b": "x"}), (0, 1, {"a": None, "b": "y"})]


def test_a_batch_keeps_its_envelope(tmp_path):
    batch = pa.table({"payload": [b"a", None], "offset": [7, 9], "topic": ["t", "t"]})
    chunk = opened(Source, {"records": batch}, tmp_path).read(10)
    assert chunk.table["topic"].to_pylist() == ["t", "t"]
    assert chunk.table["offset"].to_pylist() == [7, 9]
    assert chunk.ends[0].offset == 10


def test_an_empty_partition_is_finished(tmp_path):
    assert everything(opened(Source, {"records": []}, tmp_path), 10) == []


def test_the_columns_of_typed_rows_are_known_before_they_are_read(tmp_path):
    rows = pa.table({"sensor": ["a"], "value": [1.0]})
    assert build(Source, {"records": rows}, tmp_path).record_type == pa.struct(list(rows.schema))
    assert build(Source, {"records": [b"{}"]}, tmp_path).record_type is None
