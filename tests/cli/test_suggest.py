"""`stillwell suggest`: the contract it writes, where it goes, and what is said beside it."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.contract.load import load, parse

CITIES = "city,zip,temp\n" + "".join(
    f"{('Oslo', 'Bergen')[n % 2]},{(1001, 5003)[n % 2]:05d},{n % 30}.5\n" for n in range(400)
)


@pytest.fixture
def folder(here):
    (here / "contract.yml").unlink()
    (here / "day.csv").write_text(CITIES)
    return here


def test_the_contract_goes_to_stdout_and_all_else_to_stderr(folder, stillwell):
    result = stillwell("suggest", "day.csv")
    assert result.exit_code == 0
    contract = parse(result.stdout)
    assert contract.name == "day"
    assert [field.name for field in contract.fields] == ["city", "zip", "temp"]
    assert contract.fields[2].type == "double"
    assert "400 records, 3 columns: " in result.stderr


def test_a_suggestion_passes_what_it_was_made_of_and_finds_what_is_odd(folder, stillwell, said):
    stillwell("suggest", "day.csv", "--out", "contract.yml")
    assert stillwell("lint", "contract.yml").exit_code in (0, 2)
    assert stillwell("check", "day.csv").exit_code in (0, 2)
    (folder / "next.csv").write_text("city,zip,temp\nOslo,01001,3.5\nOslo,01001,warm\n")
    found = said(stillwell("check", "next.csv", "--json").stdout, "check")
    assert [one["rule"] for one in found["rules"] if one["failed"]] == ["temp.type"]


def test_a_file_that_is_there_is_kept_unless_forced(folder, stillwell):
    (folder / "mine.yml").write_text("mine")
    refused = stillwell("suggest", "day.csv", "--out", "mine.yml")
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert "error[exists]" in refused.stderr
    assert (folder / "mine.yml").read_text() == "mine"
    result = stillwell("suggest", "day.csv", "--out", "mine.yml", "--force")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "stillwell check day.csv --contract mine.yml" in result.stderr
    assert load("mine.yml").name == "day"


def test_the_data_is_never_written_over(folder, stillwell):
    result = stillwell("suggest", "day.csv", "--out", "day.csv", "--force")
    assert "error[same-file] --out" in result.stderr
    assert (folder / "day.csv").read_text() == CITIES


def test_the_object_has_the_text_and_the_evidence(folder, stillwell, said):
    result = stillwell("suggest", "day.csv", "--json", "--sample", 300)
    found = said(result.stdout, "suggest")
    assert parse(found["contract"]["text"]).name == found["contract"]["name"] == "day"
    assert (found["records"], found["more"], found["unread"], found["data"]) == (300, True, 0, ["day.csv"])
    rules = {one["rule"] for one in found["evidence"]}
    assert "temp.type" in rules
    assert all(one["says"] for one in found["evidence"])
    assert found["labels"] is None
    assert "the first 300 records" in result.stderr


def test_labels_are_taken_and_counted(folder, stillwell, said):
    (folder / "marked.csv").write_text("row,field,value\n3,city,Lillehammer\n7,,\n8,temp,\n")
    found = said(stillwell("suggest", "day.csv", "--labels", "marked.csv", "--json").stdout, "suggest")
    assert found["labels"] == {"rows": 3, "cells": 2}
    refused = stillwell("suggest", "day.csv", "day.csv", "--labels", "marked.csv")
    assert "error[usage] --labels" in refused.stderr


def test_labels_of_what_is_not_there_are_refused(folder, stillwell):
    (folder / "marked.csv").write_text("row,field\n401,city\n1,citi\n")
    result = stillwell("suggest", "day.csv", "--labels", "marked.csv")
    assert result.exit_code == 3
    assert "error[bad-labels] marked.csv:2" in result.stderr
    assert "Did you mean `city`?" in result.stderr


def test_every_format_gives_a_contract_that_reads_it(folder, stillwell):
    rows = [dict(zip(("city", "zip", "temp"), line.split(","), strict=True)) for line in CITIES.splitlines()[1:]]
    typed = [row | {"temp": float(row["temp"])} for row in rows]
    (folder / "day.tsv").write_text(CITIES.replace(",", "\t"))
    (folder / "day.txt").write_text("".join(line.replace(",", ";") + "\n" for line in CITIES.splitlines()[1:]))
    (folder / "day.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, typed)).encode()))
    (folder / "deep.jsonl").write_text(
        "\n".join(json.dumps({"at": {"city": row["city"]}, "t.emp": row["temp"]}) for row in typed)
    )
    pq.write_table(pa.Table.from_pylist(typed), "day.parquet")
    pq.write_table(
        pa.Table.from_pylist([{"at": {"city": row["city"]}, "t.emp": row["temp"]} for row in typed]), "deep.parquet"
    )
    names = {"day.tsv": (), "day.txt": ("--delimiter", ";", "--header", "city,zip,temp"), "day.jsonl.gz": ()}
    names |= {"deep.jsonl": (), "day.parquet": (), "deep.parquet": ()}
    for name, options in names.items():
        assert stillwell("suggest", name, *options, "--out", "c.yml", "--force").exit_code == 0
        result = stillwell("check", name, *options, "--contract", "c.yml")
        assert result.exit_code in (0, 2), name
        assert "not evaluated" not in result.stdout, name
        assert "No record has any field" not in result.stdout, name
        assert "temp.type" in load("c.yml").text or {one.type for one in load("c.yml").fields} >= {"double"}, name


def test_a_delta_table_gives_a_contract(folder, stillwell):
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake("lake", pa.table({"a": [1, 2, 3]}))
    result = stillwell("suggest", "lake")
    assert parse(result.stdout).name == "lake"


def test_names_and_values_of_every_kind_give_a_contract_that_holds(folder, stillwell):
    names = [
        "PM2.5",
        "a b",
        "select",
        "größe",
        "A B",
        "$key",
        "x[0]",
        "b\\c",
        "'",
        '"',
        "no",
        "1st",
        "_stillwell_x",
        "#",
        "ключ",
    ]
    record = {name: f"x{n}" for n, name in enumerate(names)} | {
        "nul": "a\0b",
        "ctl": "\x1b[1m\t\x85\u2028",
        "emoji": "🌊",
    }
    (folder / "odd.jsonl").write_text("\n".join(json.dumps(record) for _ in range(50)))
    cells = ['"' + name.replace('"', '""') + '"' for name in record]
    (folder / "odd.csv").write_text(",".join(cells) + "\n" + (",".join(f"v{n}" for n in range(len(cells))) + "\n") * 50)
    for name in ("odd.jsonl", "odd.csv"):
        result = stillwell("suggest", name, "--out", "c.yml", "--force")
        assert result.exit_code == 0, result.stderr
        assert len(load("c.yml").fields) == len(record)
        checked = stillwell("check", name, "--contract", "c.yml")
        assert checked.exit_code in (0, 2), checked.stdout
        assert "not evaluated" not in checked.stdout


def test_columns_that_come_twice_are_named(folder, stillwell):
    (folder / "twice.csv").write_text("a,b,a\n" + "1,2,3\n" * 30)
    result = stillwell("suggest", "twice.csv")
    assert result.exit_code == 0
    assert "left out: `a`, which comes 2 times" in result.stderr
    assert [field.name for field in parse(result.stdout).fields] == ["b"]
    assert stillwell("check", "twice.csv").exit_code == 0


def test_a_single_record_is_enough(folder, stillwell):
    (folder / "one.csv").write_text("a,b\n1,x\n")
    assert parse(stillwell("suggest", "one.csv").stdout).name == "one"


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "no-records"), (b"a,b\n", "no-records"), (bytes(range(256)) * 20, "no-columns")]
)
def test_from_nothing_nothing_is_suggested(folder, stillwell, content, code):
    (folder / "a.csv").write_bytes(content)
    result = stillwell("suggest", "a.csv", "--out", "c.yml")
    assert (result.exit_code, result.stdout) == (3, "")
    assert f"error[{code}]" in result.stderr
    assert not (folder / "c.yml").exists()


def test_a_full_disk_is_told(folder):
    command = f"{sys.executable} -c 'from stillwell.cli import main; main()' suggest day.csv > /dev/full"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (result.returncode, "error[disk-full]" in result.stderr) == (3, True)


def test_nobody_may_listen(folder):
    command = f"{sys.executable} -c 'from stillwell.cli import main; main()' suggest day.csv"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{command} | true"], capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, "Traceback" in result.stderr) == (0, False)


def test_the_contract_is_utf8_in_every_locale(folder, process):
    (folder / "units.csv").write_text("größe\n" + "1,5\n" * 0 + "3\n" * 30, encoding="utf-8")
    environment = os.environ | {
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONIOENCODING": "ascii",
    }
    result = process("suggest", "units.csv", env=environment, text=False)
    assert result.returncode == 0
    assert "größe" in result.stdout.decode("utf-8")
