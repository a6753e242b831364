"""The Parquet sink: what is true of it beyond what every sink must hold."""

from __future__ import annotations

import json

import pyarrow.parquet as pq

from stillwell.connectors.parquet import Sink
from tests.connectors.suite import NAME, SCHEMA, build, offsets, rows, step


def sink_options(folder):
    return {"path": "out/rows"}


def test_each_epoch_is_a_file_that_says_all_marks(tmp_path):
    sink = build(Sink, sink_options(tmp_path), tmp_path)
    sink.open(SCHEMA)
    sink.write(rows(0, 3), step(0, 3))
    sink.write(rows(3, 2), step(0, 2, "stillwell/test/source/1"))
    first, second = sorted((tmp_path / "out/rows").iterdir())
    assert pq.read_metadata(first).num_rows == 3
    assert json.loads(pq.read_metadata(second).metadata[b"stillwell.marks"]) == {NAME: 3, "stillwell/test/source/1": 2}


def test_what_a_killed_writer_left_is_neither_row_nor_mark(tmp_path):
    sink = build(Sink, sink_options(tmp_path), tmp_path)
    sink.open(SCHEMA)
    sink.write(rows(0, 3), step(0, 3))
    (tmp_path / "out/rows" / ".part-000000000002.parquet.0.aside").write_bytes(b"PAR1 half")
    again = build(Sink, sink_options(tmp_path), tmp_path)
    again.open(SCHEMA)
    assert offsets(again) == [0, 1, 2]
    again.write(rows(3, 1), step(3, 4))
    assert again.marks() == {NAME: 4}
