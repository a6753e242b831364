"""Which records a suggestion looks at, and when there is nothing to look at."""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.cli import _sampled
from stillwell.cli._data import Reading, opened
from stillwell.cli._sampled import name_for, sampled
from stillwell.errors import StillwellError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def look(*named, most=1_000_000, tolerant=False, **reading):
    with opened(list(named), Reading(**reading), Path("state")) as inputs:
        return sampled(inputs, most, lambda read: None, tolerant=tolerant)


def refused(*named, **options):
    with pytest.raises(StillwellError) as caught:
        look(*named, **options)
    return caught.value.problems[0].code


def test_no_more_records_are_looked_at_than_asked_for(folder):
    (folder / "a.csv").write_text("n\n" + "".join(f"{n}\n" for n in range(30_000)))
    found = look("a.csv", most=12_345)
    assert (found.read, found.more, len(found.table)) == (12_345, True, 12_345)
    assert found.table["n"][-1].as_py() == "12344"
    whole = look("a.csv")
    assert (whole.read, whole.more) == (30_000, False)
    assert not look("a.csv", most=30_000).more


def test_memory_is_bounded_by_bytes_too(folder, monkeypatch):
    monkeypatch.setattr(_sampled, "MOST_BYTES", 100_000)
    (folder / "a.jsonl").write_text(('{"a":"' + "x" * 1_000 + '"}\n') * 50_000)
    found = look("a.jsonl")
    assert found.read < 20_000
    assert found.more


def test_files_are_looked_at_in_their_order_and_places_go_on(folder):
    (folder / "a.csv").write_text("n,m\n1,x\nbroken\n2,y\n")
    (folder / "b.jsonl").write_text('{"n":3}\n')
    (folder / "c.csv").write_text("n,m\n")
    found = look("a.csv", "b.jsonl", "c.csv")
    assert found.table.to_pydict() == {"n": ["1", "2", "3"], "m": ["x", "y", None]}
    assert found.places.tolist() == [0, 2, 3]
    assert (found.read, found.more) == (4, False)
    assert look("a.csv", "b.jsonl", most=3).more


def test_all_of_a_delta_table_is_looked_at(folder):
    deltalake = pytest.importorskip("deltalake")
    for _ in range(2):
        deltalake.write_deltalake("lake", pa.table({"a": [1, 2]}), mode="append")
    assert look("lake").table["a"].to_pylist() == [1, 2, 1, 2]
    assert look("lake", at="0").read == 2


def test_what_is_looked_at_is_judged_too_even_where_it_cannot_be_read_again(folder, monkeypatch):
    (folder / "a.jsonl").write_text('{"a":1}\n' * 30_000)
    for name in ("a.jsonl", "-"):
        with (folder / "a.jsonl").open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            with opened([name], Reading(), Path("state")) as inputs:
                assert sampled(inputs, 11_000, lambda read: None).read == 11_000
                numbers = [int(n) for part in inputs[0].parts() for n in part.numbers]
        assert numbers == list(range(1, 30_001))


def test_two_thousand_columns_are_as_good_as_two(folder):
    record = {f"c{n}": str(n) for n in range(2_000)}
    (folder / "wide.csv").write_text(",".join(record) + "\n" + (",".join(record.values()) + "\n") * 20)
    (folder / "wide.jsonl").write_text((json.dumps(record) + "\n") * 20)
    for name in ("wide.csv", "wide.jsonl"):
        assert look(name).table.to_pylist() == [record] * 20


def test_how_far_it_is_is_told(folder):
    (folder / "a.csv").write_text("n\n" + "1\n" * 25_000)
    told = []
    with opened(["a.csv"], Reading(), Path("state")) as inputs:
        sampled(inputs, 1_000_000, told.append)
    assert told[-1] == 25_000
    assert len(told) > 1


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"", "no-records"),
        ("a.csv", b"a,b\n", "no-records"),
        ("a.jsonl", b"", "no-records"),
        ("a.jsonl", bytes(range(256)) * 20, "no-columns"),
        ("a.jsonl", b"[1]\n[2]\n", "no-columns"),
        ("a.csv", b"a,b\n1\n2\n", "no-columns"),
        ("a.csv", b",\n1,2\n", "no-columns"),
        ("a.jsonl", b'{"x":{}}\n{}\n', "no-columns"),
        ("a.jsonl", b"{}\n", "no-columns"),
        ("a.jsonl", b'{"l":[1]}\n', "no-columns"),
    ],
)
def test_where_there_is_nothing_to_look_at_that_is_said(folder, name, content, code):
    (folder / name).write_bytes(content)
    assert refused(name) == code


def test_columns_of_types_that_do_not_go_together_are_refused(folder):
    pq.write_table(pa.table({"a": [1]}), "a.parquet")
    pq.write_table(pa.table({"a": ["x"]}), "b.parquet")
    assert refused("a.parquet", "b.parquet") == "mixed-columns"


def test_a_file_that_breaks_off_is_refused_or_taken_as_far_as_it_goes(folder):
    whole = gzip.compress(b"".join(b'{"a":"%s"}\n' % os.urandom(50).hex().encode() for _ in range(100_000)))
    (folder / "a.jsonl.gz").write_bytes(whole[: len(whole) * 2 // 3])
    assert refused("a.jsonl.gz") == "unreadable"
    assert 0 < look("a.jsonl.gz", tolerant=True).read < 100_000
    (folder / "a.jsonl.gz").write_bytes(whole[:1000])
    assert refused("a.jsonl.gz", tolerant=True) == "unreadable"


@pytest.mark.parametrize(
    ("named", "name"),
    [
        (["Day 1.csv.gz"], "day-1"),
        (["lake/"], "lake"),
        (["."], "here"),
        (["a.jsonl", "b.jsonl"], "a"),
        (["*.jsonl"], "a"),
        (["ÄÖ.csv"], "data"),
    ],
)
def test_a_name_is_made_of_that_of_the_data(folder, monkeypatch, named, name):
    here = folder / "here"
    (here / "lake").mkdir(parents=True)
    monkeypatch.chdir(here)
    for file in ("a.jsonl", "b.jsonl", "lake/c.jsonl"):
        (here / file).write_text('{"a":1}\n')
    (here / "ÄÖ.csv").write_text("a\n1\n")
    (here / "Day 1.csv.gz").write_bytes(gzip.compress(b"a\n1\n"))
    with opened(named, Reading(), Path("state")) as inputs:
        assert name_for(named, inputs) == name
