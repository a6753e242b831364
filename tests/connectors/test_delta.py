"""Delta tables: what is true of them beyond what every sink and source must hold."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from stillwell.connectors.delta import Sink, Source
from stillwell.delivery.slice import Advance
from stillwell.errors import ConnectorError
from tests.connectors.suite import NAME, SCHEMA, build, everything, offsets, opened, rows, step


def sink_options(folder):
    return {"path": "out/rows"}


def source_options(folder, payloads):
    table = pa.Table.from_pylist([json.loads(one) for one in payloads])
    for start in range(0, 1000, 300):
        write_deltalake(folder / "table", table.slice(start, 300), mode="append")
    return {"path": "table"}


def test_marks_outlive_checkpoints_compaction_and_the_commits_of_others(tmp_path):
    sink = build(Sink, sink_options(tmp_path), tmp_path)
    sink.open(SCHEMA)
    for epoch in range(25):
        sink.write(rows(epoch, 1), {**step(epoch, epoch + 1), f"{NAME}{epoch}": Advance(0, 7)})
    handle = DeltaTable(tmp_path / "out/rows")
    handle.optimize.compact()
    handle.create_checkpoint()
    write_deltalake(handle, rows(100, 1), mode="append")
    sink.write(rows(25, 1), step(25, 26))
    again = build(Sink, sink_options(tmp_path), tmp_path)
    for found in (sink, again):
        assert found.marks() == {NAME: 26, **{f"{NAME}{epoch}": 7 for epoch in range(25)}}
    assert offsets(again) == [*range(26), 100]
    assert sum(file.name.endswith(".checkpoint.parquet") for file in (tmp_path / "out/rows/_delta_log").iterdir()) == 1


def test_a_type_that_delta_lacks_is_refused_by_the_column_before_anything_is_made(tmp_path):
    with pytest.raises(ConnectorError, match="`clock`") as caught:
        build(Sink, sink_options(tmp_path), tmp_path).open(pa.schema([("a", pa.int64()), ("clock", pa.time64("us"))]))
    assert caught.value.problems[0].code == "sink-schema"
    assert "\n" not in caught.value.problems[0].what
    assert not (tmp_path / "out").exists()


def test_a_source_stays_at_its_version_though_the_table_goes_on(tmp_path):
    source_options(tmp_path, [json.dumps({"n": n}).encode() for n in range(1000)])
    source = opened(Source, {"path": "table"}, tmp_path)
    end = source.read(100).ends
    write_deltalake(tmp_path / "table", pa.table({"n": [5000]}), mode="append")
    DeltaTable(tmp_path / "table").optimize.compact()
    rest = everything(opened(Source, {"path": "table"}, tmp_path, end), 1000)
    assert [record["n"] for _, _, record in rest] == list(range(100, 1000))
    assert len(everything(opened(Source, {"path": "table"}, tmp_path), 1000)) == 1001


@pytest.mark.parametrize("at", [1, "1"])
def test_an_older_version_can_be_asked_for(tmp_path, at):
    source_options(tmp_path, [json.dumps({"n": n}).encode() for n in range(1000)])
    source = opened(Source, {"path": "table", "at": at}, tmp_path)
    assert len(everything(source, 1000)) == 600
    assert source.identity.endswith("@1")


def test_an_instant_names_the_version_of_that_time(tmp_path):
    source_options(tmp_path, [json.dumps({"n": n}).encode() for n in range(1000)])
    assert len(everything(opened(Source, {"path": "table", "at": "2999-01-01T00:00:00Z"}, tmp_path), 1000)) == 1000


def test_rows_of_before_a_column_was_added_have_null_there(tmp_path):
    write_deltalake(tmp_path / "table", pa.table({"a": [1]}))
    write_deltalake(tmp_path / "table", pa.table({"a": [2], "b": ["x"]}), mode="append", schema_mode="merge")
    found = everything(opened(Source, {"path": "table"}, tmp_path), 10)
    assert [record for _, _, record in found] == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"path": "nothing"}, "no-table"),
        ({"path": "table", "at": 17}, "no-version"),
        ({"path": "table", "at": "yesterday"}, "no-version"),
        ({"path": "split"}, "not-supported"),
    ],
)
def test_bad_options_are_one_clear_error(tmp_path, options, code):
    write_deltalake(tmp_path / "table", pa.table({"a": [1]}))
    write_deltalake(tmp_path / "split", pa.table({"a": [1], "b": ["x"]}), partition_by=["b"])
    with pytest.raises(ConnectorError) as caught:
        build(Source, options, tmp_path).check()
    assert caught.value.problems[0].code == code


def test_a_url_is_refused(tmp_path):
    with pytest.raises(ConnectorError, match="URL"):
        build(Sink, {"path": "s3://bucket/table"}, tmp_path)
