"""Standard input as a source: records as they come, whole, and an end."""

from __future__ import annotations

import json
import os
import time

import pytest

from stillwell.connectors.stdin import Source
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError
from stillwell.kernel.base import COLUMNS
from tests.connectors.suite import build, chunks, opened


@pytest.fixture
def pipe(monkeypatch):
    """The writing end of a pipe that is standard input; closed by the test, or after it."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin, os.fdopen(writing, "wb", buffering=0) as feed:
        monkeypatch.setattr("sys.stdin", stdin)
        yield feed


def payloads(source, size=100):
    return [payload for chunk in chunks(source, size) for payload in chunk.table["payload"].to_pylist()]


def test_lines_are_records_and_the_last_may_lack_its_end(pipe, tmp_path):
    source = opened(Source, {}, tmp_path)
    pipe.write(b"a\n\r\nb")
    pipe.close()
    assert payloads(source, 2) == [b"a", b"", b"b"]
    assert source.finished
    assert not source.replayable


def test_half_a_record_waits_for_its_rest_and_nobody_waits_long(pipe, tmp_path):
    source = opened(Source, {}, tmp_path)
    pipe.write(b"a\nhal")
    assert source.read(10).table["payload"].to_pylist() == [b"a"]
    began = time.monotonic()
    assert source.read(10) is None
    assert time.monotonic() - began < 1
    assert not source.finished
    pipe.write(b"f\n")
    assert source.read(10).table["payload"].to_pylist() == [b"half"]


def test_the_header_of_csv_names_the_columns(pipe, tmp_path):
    source = opened(Source, {"format": "csv"}, tmp_path)
    pipe.write(b'x,"y y"\n1,"2\n3"\n')
    pipe.close()
    (chunk,) = chunks(source, 10)
    assert json.loads(chunk.table.schema.metadata[COLUMNS]) == ["x", "y y"]
    assert chunk.table["payload"].to_pylist() == [b'1,"2\n3"']


def test_offsets_count_on_from_where_another_process_ended(pipe, tmp_path):
    source = opened(Source, {}, tmp_path, {0: Position(40)})
    pipe.write(b"a\nb\n")
    pipe.close()
    assert [chunk.ends[0].offset for chunk in chunks(source, 1)] == [41, 42]


def test_much_input_in_odd_pieces_is_all_there(pipe, tmp_path):
    source = opened(Source, {}, tmp_path)
    lines = [b"%d" % number for number in range(10_000)]
    content, found = b"\n".join(lines), []
    for start in range(0, len(content), 7_777):
        pipe.write(content[start : start + 7_777])
        chunk = source.read(500)
        found += chunk.table["payload"].to_pylist() if chunk else []
    pipe.close()
    assert found + payloads(source) == lines


def test_typed_records_do_not_come_this_way(tmp_path):
    with pytest.raises(ConnectorError, match="by lines"):
        build(Source, {"format": "parquet"}, tmp_path)
