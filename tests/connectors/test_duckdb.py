"""The DuckDB sink: what is true of it beyond what every sink must hold."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest

from stillwell.connectors.duckdb import Sink
from stillwell.errors import ConnectorError
from tests.connectors.suite import NAME, SCHEMA, build, offsets, rows, step


def sink_options(folder):
    return {"path": "out/rows.duckdb"}


def test_two_tables_of_one_file_keep_their_own_rows_and_marks(tmp_path):
    good = build(Sink, {"path": "x.duckdb", "table": "good"}, tmp_path)
    bad = build(Sink, {"path": "x.duckdb", "table": 'bad; drop "good"'}, tmp_path)
    for number, sink in enumerate((good, bad)):
        sink.open(SCHEMA)
        sink.write(rows(number, 2), step(0, 2 + number))
    assert (offsets(good), offsets(bad)) == ([0, 1], [1, 2])
    assert (good.marks(), bad.marks()) == ({NAME: 2}, {NAME: 3})
    good.close()
    bad.close()


def test_a_file_that_another_process_holds_is_one_clear_error(tmp_path):
    path = tmp_path / "x.duckdb"
    duckdb.connect(str(path)).close()
    program = f"import duckdb, sys; con = duckdb.connect({str(path)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConnectorError) as caught:
            build(Sink, {"path": "x.duckdb"}, tmp_path).open(SCHEMA)
        holder.communicate()
    assert caught.value.problems[0].code == "in-use"


def test_a_file_that_is_no_database_is_one_clear_error(tmp_path):
    (tmp_path / "x.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(ConnectorError):
        build(Sink, {"path": "x.duckdb"}, tmp_path).check(SCHEMA)


def test_all_rows_are_read_though_they_are_read_in_pages(tmp_path, monkeypatch):
    monkeypatch.setattr("stillwell.connectors.duckdb._PAGE", 7)
    sink = build(Sink, sink_options(tmp_path), tmp_path)
    sink.open(SCHEMA)
    sink.write(rows(0, 40), step(0, 40))
    assert offsets(sink) == list(range(40))
    sink.close()
