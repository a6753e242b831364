"""The JSON lines sink: what is true of it beyond what every sink must hold."""

from __future__ import annotations

import json

import pytest

from stillwell.connectors.jsonl import Sink
from stillwell.errors import ConnectorError
from tests.connectors.suite import SCHEMA, build, offsets, rows, step


def sink_options(folder):
    return {"path": "out/rows.jsonl"}


@pytest.fixture
def written(tmp_path):
    sink = build(Sink, sink_options(tmp_path), tmp_path)
    sink.open(SCHEMA)
    sink.write(rows(0, 8), step(0, 8))
    return tmp_path / "out/rows.jsonl"


def test_a_line_is_plain_json(written):
    first, second, *_ = map(json.loads, written.read_text().splitlines())
    assert first["at"] == "2026-01-01T00:00:00.000000Z"
    assert first["payload"] == '{"a": 1}'
    assert second["payload"] is None
    assert second["payload_base64"] == "//4B"
    assert first["_stillwell"]["warnings"][0]["seen"] == "“1”\n"


def test_what_a_killed_writer_left_is_not_read_and_cut_off(written, tmp_path):
    whole = written.read_bytes()
    written.with_name("rows.jsonl.unfinished").touch()
    written.write_bytes(whole + whole[:700])
    sink = build(Sink, sink_options(tmp_path), tmp_path)
    assert offsets(sink) == list(range(8))
    sink.open(SCHEMA)
    assert written.read_bytes() == whole


def test_a_file_that_lost_rows_is_refused_and_still_read(written, tmp_path):
    lines = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join(lines[:3] + lines[4:]))
    sink = build(Sink, sink_options(tmp_path), tmp_path)
    with pytest.raises(ConnectorError) as caught:
        sink.open(SCHEMA)
    assert caught.value.problems[0].code == "sink-damaged"
    assert offsets(sink) == [0, 1, 2, 4, 5, 6, 7]


def test_rows_that_somebody_doubled_are_read(written, tmp_path):
    lines = written.read_bytes().splitlines(keepends=True)
    written.write_bytes(b"".join([*lines, lines[2]]))
    assert offsets(build(Sink, sink_options(tmp_path), tmp_path)) == [0, 1, 2, 2, 3, 4, 5, 6, 7]


def test_lines_that_no_pipeline_wrote_are_left_alone(tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(ConnectorError) as caught:
        build(Sink, {"path": "mine.jsonl"}, tmp_path).open(SCHEMA)
    assert caught.value.problems[0].code == "sink-foreign"
    assert (tmp_path / "mine.jsonl").read_text() == '{"a": 1}\n'
