"""The files source: what is a record, what is a file, and that reading again gives the same."""

from __future__ import annotations

import gzip
import itertools
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.connectors.files import Source
from stillwell.delivery.slice import Position
from stillwell.errors import ConnectorError
from stillwell.kernel.base import COLUMNS
from tests.connectors.suite import PAYLOADS, build, everything, goes_on_from_every_position, opened


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr("stillwell.connectors.files.source._PAUSE", 0.0)


def source_options(folder, payloads):
    (folder / "a.jsonl").write_bytes(b"\n".join(payloads[:500]))
    with gzip.open(folder / "b.jsonl.gz", "wb") as file:
        file.write(b"\r\n".join(payloads[500:]) + b"\r\n")
    return {"path": "*.jsonl*"}


def payloads(source, size=100):
    return [payload for _, _, payload in everything(source, size)]


def drain(source, size=1000):
    """What a followed source holds now: records and the position after them."""
    found, ends = [], None
    while (chunk := source.read(size)) is not None:
        found += chunk.table["payload"].to_pylist()
        ends = chunk.ends
    return found, ends


def write(path, *lines, mode="wb"):
    with path.open(mode) as file:
        file.write(b"".join(line + b"\n" for line in lines))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a\nb", [b"a", b"b"]),
        (b"a\r\n\r\nb\r\n", [b"a", b"", b"b"]),
        (b"\xef\xbb\xbfa\n", [b"a"]),
        (b"a\rb\n\xff\x00\n", [b"a\rb", b"\xff\x00"]),
    ],
)
def test_a_line_is_a_record_whatever_it_holds(tmp_path, content, expected):
    (tmp_path / "x.jsonl").write_bytes(content)
    assert payloads(opened(Source, {"path": "x.jsonl"}, tmp_path)) == expected


@pytest.mark.parametrize("ending", ["jsonl", "csv", "jsonl.gz", "jsonl.zst", "parquet"])
def test_every_format_goes_on_from_every_position(tmp_path, ending):
    lines = b"\n".join(PAYLOADS) + b"\n"
    if ending == "parquet":
        rows = pa.Table.from_pylist([json.loads(one) for one in PAYLOADS])
        pq.write_table(rows, tmp_path / "x.parquet", row_group_size=130)
    elif ending == "csv":
        quoted = [b'%d,"a\nb",""""' % number for number in range(len(PAYLOADS))]
        (tmp_path / "x.csv").write_bytes(b"n,text,quote\n" + b"\n".join(quoted))
        assert payloads(opened(Source, {"path": "x.csv"}, tmp_path)) == quoted
    else:
        compression = {"gz": "gzip", "zst": "zstd"}.get(ending.rpartition(".")[2])
        with pa.output_stream(str(tmp_path / f"x.{ending}"), compression=compression) as file:
            file.write(lines)
        assert payloads(opened(Source, {"path": f"x.{ending}"}, tmp_path)) == PAYLOADS
    goes_on_from_every_position(Source, {"path": f"x.{ending}"}, tmp_path)


def test_a_file_of_several_compressed_parts_is_read_to_its_end(tmp_path):
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(b"a\nb\n") + gzip.compress(b"c\n"))
    assert payloads(opened(Source, {"path": "x.jsonl.gz"}, tmp_path)) == [b"a", b"b", b"c"]


def test_a_cut_compressed_file_is_an_error_and_no_end(tmp_path):
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(b"\n".join(PAYLOADS))[:-20])
    with pytest.raises(ConnectorError) as caught:
        payloads(opened(Source, {"path": "x.jsonl.gz"}, tmp_path))
    assert caught.value.problems[0].code == "unreadable"


def test_headers_are_no_records_and_never_mixed_in_a_chunk(tmp_path):
    write(tmp_path / "a.csv", b"x,y", b"1,2", b"3,4")
    write(tmp_path / "b.csv", b"x,y", b"5,6")
    write(tmp_path / "c.csv", b'"y",x', b"7,8")
    source = opened(Source, {"path": "*.csv"}, tmp_path)
    chunks = list(iter(lambda: source.read(100), None))
    assert [json.loads(chunk.table.schema.metadata[COLUMNS]) for chunk in chunks] == [["x", "y"], ["y", "x"]]
    assert [chunk.table["payload"].to_pylist() for chunk in chunks] == [[b"1,2", b"3,4", b"5,6"], [b"7,8"]]
    assert chunks[0].table["topic"].to_pylist() == ["a.csv", "a.csv", "b.csv"]


def test_a_told_header_leaves_every_line_a_record(tmp_path):
    write(tmp_path / "a.txt", b"1 2", b"3 4")
    form = {"csv": {"delimiter": " ", "header": ["x", "y"]}}
    assert payloads(opened(Source, {"path": "a.txt", "format": form}, tmp_path)) == [b"1 2", b"3 4"]


def test_parquet_rows_are_records_as_they_are(tmp_path):
    rows = pa.table({"a": [1, None], "b": [["x"], []]})
    pq.write_table(rows, tmp_path / "x.parquet")
    source = opened(Source, {"path": "x.parquet"}, tmp_path)
    assert source.format.name == "arrow"
    assert source.read(10).table["record"].to_pylist() == rows.to_pylist()


def test_followed_only_terminated_lines_count(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"a\nhal")
    source = opened(Source, {"path": "x.jsonl", "follow": True}, tmp_path)
    assert drain(source)[0] == [b"a"]
    with path.open("ab") as file:
        file.write(b"f\nb\n")
    assert drain(source)[0] == [b"half", b"b"]
    assert not source.finished
    source.close()


def test_followed_globs_find_new_files_and_growing_ones(tmp_path):
    write(tmp_path / "b.jsonl", b"b1")
    source = opened(Source, {"path": "*.jsonl", "follow": True}, tmp_path)
    assert drain(source)[0] == [b"b1"]
    write(tmp_path / "a.jsonl", b"a1")
    write(tmp_path / "b.jsonl", b"b2", mode="ab")
    assert sorted(drain(source)[0]) == [b"a1", b"b2"]
    source.close()


def test_the_same_positions_give_the_same_records_though_several_files_grow(tmp_path):
    options = {"path": "*.jsonl", "follow": True}
    source = opened(Source, options, tmp_path)
    told, positions = [], [({}, 0)]
    for step in range(6):
        for name in "abc"[: 1 + step % 3]:
            write(tmp_path / f"{name}.jsonl", *(b"%s%d" % (name.encode(), step) for _ in range(3)), mode="ab")
        while (chunk := source.read(2)) is not None:
            told += chunk.table["payload"].to_pylist()
            positions.append((chunk.ends, len(told)))
    source.close()
    assert len(told) == sum(3 * (1 + step % 3) for step in range(6))
    for start, (position, before) in itertools.product(["same", "killed"], positions):
        if start == "killed":
            with next((tmp_path / "state").iterdir()).open("ab") as journal:
                journal.write(b'[99, "half a li')
        again = opened(Source, options, tmp_path, position)
        assert drain(again, 4)[0] == told[before:]
        again.close()


def test_a_grown_file_is_read_on_by_the_next_run(tmp_path):
    write(tmp_path / "x.jsonl", b"a", b"b")
    first = opened(Source, {"path": "x.jsonl"}, tmp_path)
    end = first.read(10).ends
    assert first.read(10) is None
    assert first.finished
    write(tmp_path / "x.jsonl", b"c", mode="ab")
    assert everything(opened(Source, {"path": "x.jsonl"}, tmp_path, end), 10) == [(0, 2, b"c")]


@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
def test_a_rotated_file_is_read_to_its_end_and_the_new_one_from_its_beginning(tmp_path, glob):
    log = tmp_path / "app.log"
    write(log, b"1", b"2")
    source = opened(Source, {"path": glob, "follow": True, "format": "json"}, tmp_path)
    assert drain(source)[0] == [b"1", b"2"]
    with log.open("ab") as file:
        log.rename(tmp_path / "app.log.1")
        write(log, b"4")
        file.write(b"3\n")
    assert sorted(drain(source)[0]) == [b"3", b"4"]
    source.close()


@pytest.mark.parametrize("follow", [True, False])
def test_a_file_cut_or_replaced_is_read_anew_and_said_so(tmp_path, caplog, follow):
    options = {"path": "x.jsonl", "follow": follow}
    write(tmp_path / "x.jsonl", b"a", b"b", b"c")
    source = opened(Source, options, tmp_path)
    _, end = drain(source)
    source.close()
    with (tmp_path / "x.jsonl").open("r+b") as file:
        file.truncate(0)
        file.write(b"new line, longer than before\n")
    again = opened(Source, options, tmp_path, end)
    found, _ = drain(again)
    assert found == [b"new line, longer than before"]
    assert "read from its beginning" in caplog.text
    again.close()


def test_cut_under_our_hands_it_is_read_anew(tmp_path, caplog):
    write(tmp_path / "x.jsonl", b"a", b"b", b"c")
    source = opened(Source, {"path": "x.jsonl", "follow": True}, tmp_path)
    assert source.read(1).table["payload"].to_pylist() == [b"a"]
    write(tmp_path / "x.jsonl", b"z")
    assert drain(source)[0] == [b"z"]
    assert "cut or replaced" in caplog.text
    source.close()


def test_records_that_were_read_and_are_gone_are_an_error(tmp_path):
    write(tmp_path / "a.jsonl", b"1", b"2")
    write(tmp_path / "b.jsonl", b"3")
    first = opened(Source, {"path": "*.jsonl"}, tmp_path)
    everything(first, 1)
    write(tmp_path / "a.jsonl", b"1")
    with pytest.raises(ConnectorError) as caught:
        everything(opened(Source, {"path": "*.jsonl"}, tmp_path), 10)
    assert caught.value.problems[0].code == "file-changed"


def test_lag_falls_to_nothing(tmp_path):
    (tmp_path / "x.jsonl").write_bytes(b"\n".join([b"x" * 100] * 1000))
    source = opened(Source, {"path": "x.jsonl"}, tmp_path)
    assert source.lag() is None
    source.read(400)
    assert source.lag() == pytest.approx(600, rel=0.05)
    everything(source, 400)
    assert source.lag() == 0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"path": "nothing.jsonl"}, "no-file"),
        ({"path": "x.dat"}, "unknown-format"),
        ({"path": ["x.dat", "y.csv"]}, "unknown-format"),
        ({"path": "x.dat", "format": "jsom"}, "unknown-format"),
        ({"path": "x.dat", "format": {"csv": {"delimeter": ";"}}}, "unknown-option"),
        ({"path": "x.dat", "format": "parquet"}, "unreadable"),
    ],
)
def test_bad_options_are_one_clear_error(tmp_path, options, code):
    (tmp_path / "x.dat").write_bytes(b"1\n")
    (tmp_path / "y.csv").write_bytes(b"1\n")
    with pytest.raises(ConnectorError) as caught:
        build(Source, options, tmp_path).check()
    assert caught.value.problems[0].code == code


def test_a_folder_means_its_files_of_known_formats(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder / "b.jsonl", b"2")
    write(folder / "a.jsonl", b"1")
    write(folder / "README", b"no record")
    assert payloads(opened(Source, {"path": "in"}, tmp_path)) == [b"1", b"2"]


def test_a_record_larger_than_a_block_is_whole(tmp_path):
    large = [b"x" * 300_000, b"y", b"z" * 100_000]
    write(tmp_path / "x.jsonl", *large)
    assert payloads(opened(Source, {"path": "x.jsonl"}, tmp_path), 1) == large


def test_seeking_starts_where_it_is_told(tmp_path):
    write(tmp_path / "x.jsonl", b"a", b"b")
    source = opened(Source, {"path": "x.jsonl"}, tmp_path)
    end = source.read(1).ends
    source.seek({0: Position()})
    assert payloads(source) == [b"a", b"b"]
    source.seek(end)
    assert payloads(source) == [b"b"]
