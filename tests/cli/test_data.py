"""What DATA on a command line means, and how its records are numbered."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.cli import _data
from stillwell.cli._data import DataFormat, Reading, opened
from stillwell.errors import StillwellError

TABLE = pa.table({"a": [1, 2, 3]})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def numbers(*named, **reading):
    """Name and unit of each input with the numbers of its records."""
    with opened(list(named), Reading(**reading), Path("state")) as data:
        return [(one.name, one.unit, [int(n) for part in one.parts() for n in part.numbers]) for one in data]


def refused(*named, **reading):
    with pytest.raises(StillwellError) as caught:
        numbers(*named, **reading)
    return [(one.code, str(one.where)) for one in caught.value.problems]


def test_files_globs_and_folders_are_taken_file_by_file(folder):
    for name in ("b.jsonl", "a.jsonl", "c.ndjson"):
        (folder / name).write_text('{"a":1}\n{"a":2}\n')
    (folder / "notes.txt").write_text("no data")
    both = [("a.jsonl", "line", [1, 2]), ("b.jsonl", "line", [1, 2])]
    assert numbers("*.jsonl") == both
    assert numbers(".") == [*both, ("c.ndjson", "line", [1, 2])]
    assert numbers("b.jsonl", "c.ndjson")[1][0] == "c.ndjson"


def test_lines_of_delimited_text_are_counted_as_an_editor_does(folder):
    (folder / "a.csv").write_text('a,b\n1,2\n"x\ny",3\n4,5\n')
    assert numbers("a.csv") == [("a.csv", "line", [2, 3, 5])]
    assert numbers("a.csv", header=("a", "b")) == [("a.csv", "line", [1, 2, 3, 5])]


def test_rows_of_tables_are_counted_from_one(folder):
    pq.write_table(TABLE, "a.parquet")
    assert numbers("a.parquet") == [("a.parquet", "row", [1, 2, 3])]


def test_a_compressed_file_is_numbered_by_its_text(folder):
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(b'{"a":1}\n\n{"a":2}'))
    assert numbers("a.jsonl.gz") == [("a.jsonl.gz", "line", [1, 2, 3])]


def test_numbers_go_on_from_part_to_part(folder, monkeypatch):
    monkeypatch.setattr(_data, "_MOST_RECORDS", 700)
    (folder / "a.jsonl").write_text('{"a":1}\n' * 12_000)
    with opened(["a.jsonl"], Reading(), Path("state")) as (data,):
        parts = list(data.parts())
    assert len(parts) > 2
    assert [int(n) for part in parts for n in part.numbers] == list(range(1, 12_001))


def test_large_records_come_in_smaller_parts(folder, monkeypatch):
    monkeypatch.setattr(_data, "_MOST_BYTES", 100_000)
    (folder / "a.jsonl").write_text(('{"a":"' + "x" * 1000 + '"}\n') * 11_000)
    with opened(["a.jsonl"], Reading(), Path("state")) as (data,):
        sizes = [len(part.batch) for part in data.parts()]
    assert sum(sizes) == 11_000
    assert max(sizes[1:]) <= 100


def test_a_delta_table_is_read_at_the_version_that_is_asked_for(folder):
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake("lake", TABLE)
    deltalake.write_deltalake("lake", TABLE, mode="append")
    assert numbers("lake") == [("lake", "row", [1, 2, 3, 4, 5, 6])]
    assert numbers("lake", at="0") == [("lake", "row", [1, 2, 3])]
    assert refused("lake", at="7") == [("no-version", "lake")]


def test_only_a_delta_table_has_versions(folder):
    pq.write_table(TABLE, "a.parquet")
    assert refused("a.parquet", at="1") == [("usage", "")]


def test_every_name_that_means_nothing_is_told_at_once(folder):
    (folder / "empty").mkdir()
    (folder / "a.txt").write_text("x")
    found = refused("gone.jsonl", "no*.csv", "empty", "a.txt")
    assert sorted(found) == [
        ("no-file", "empty"),
        ("no-file", "gone.jsonl"),
        ("no-file", "no*.csv"),
        ("unknown-format", "a.txt"),
    ]


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl.gz", "a.jsonl.zst"])
def test_junk_in_a_format_that_can_tell_is_unreadable(folder, name):
    (folder / name).write_bytes(bytes(range(256)) * 20)
    assert refused(name) == [("unreadable", name)]


def test_a_file_that_breaks_off_is_unreadable_and_not_short(folder):
    whole = gzip.compress(b"".join(b'{"a":%d}\n' % n for n in range(200_000)))
    (folder / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    assert refused("a.jsonl.gz") == [("unreadable", "a.jsonl.gz")]


def test_a_file_that_may_not_be_read_is_unreadable(folder):
    (folder / "a.jsonl").write_text("{}\n")
    (folder / "a.jsonl").chmod(0)
    try:
        (folder / "a.jsonl").read_text()
    except PermissionError:
        assert refused("a.jsonl") == [("unreadable", "a.jsonl")]
    else:
        pytest.skip("this user may read everything")


def test_the_format_is_told_where_no_name_tells_it(folder):
    (folder / "a.txt").write_text("1;2\n3;4\n")
    assert numbers("a.txt", format=DataFormat.JSON) == [("a.txt", "line", [1, 2])]
    assert numbers("a.txt", delimiter=";") == [("a.txt", "line", [2])]
    assert numbers("a.txt", delimiter=";", header=("a", "b")) == [("a.txt", "line", [1, 2])]


def test_only_delimited_text_has_a_delimiter(folder):
    (folder / "a.jsonl").write_text("{}\n")
    assert refused("a.jsonl", format=DataFormat.JSON, delimiter=";") == [("usage", "")]


def test_standard_input_has_no_rows():
    assert refused("-", format=DataFormat.PARQUET) == [("unknown-format", "-")]
