"""`stillwell generate`: records, their truth, and options that cannot be."""

from __future__ import annotations

import csv
import gzip
import json
import re

import pytest


def test_records_go_to_stdout_and_what_was_made_to_stderr(stillwell):
    result = stillwell("generate", "--rows", 20, "--faults", "none")
    assert result.exit_code == 0
    assert [json.loads(line)["sensor_id"] for line in result.stdout.splitlines()][:2] == ["sensor_001", "sensor_002"]
    assert len(result.stdout.splitlines()) == 20
    assert result.stderr == "20 records, 0 of them faulty, seed 7\n"


def test_the_same_options_give_the_same_records_and_another_seed_others(stillwell):
    first, second = (stillwell("generate", "--rows", 50, "--seed", 3).stdout for _ in range(2))
    assert first == second
    assert stillwell("generate", "--rows", 50, "--seed", 4).stdout != first


def test_the_truth_names_every_fault(tmp_path, stillwell, said):
    out, truth = tmp_path / "a.jsonl.gz", tmp_path / "truth.csv"
    faults = "--faults", "null=5%,bad_id=2.5%"
    result = stillwell("generate", "--rows", "2e3", "--out", out, "--truth", truth, *faults, "--json")
    found = said(result.stdout, "generate")
    told = [row["fault"] for row in csv.DictReader(truth.read_text().splitlines())]
    assert found["rows"] == len(told) == len(gzip.decompress(out.read_bytes()).splitlines()) == 2000
    assert found["faults"] == {kind: told.count(kind) for kind in ("null", "bad_id")}
    assert set(told) == {"", "null", "bad_id"}
    assert 50 < found["faults"]["null"] < 150


def test_a_start_and_a_number_of_sensors_are_kept_to(stillwell):
    result = stillwell("generate", "--rows", 4, "--start", "2020-02-29", "--sensors", 2, "--faults", "none")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert {one["sensor_id"] for one in records} == {"sensor_001", "sensor_002"}
    assert all(one["timestamp"].startswith("2020-02-29T") for one in records)


def test_seconds_at_a_rate_are_a_number_of_records(stillwell):
    assert len(stillwell("generate", "--rate", 2000, "--seconds", 0.1).stdout.splitlines()) == 200


def test_without_a_terminal_a_line_a_while_says_how_far_it_is(stillwell, monkeypatch):
    told = "generate", "--rate", 2000, "--seconds", 0.1, "--faults", "none"
    assert stillwell(*told).stderr == (ended := "200 records, 0 of them faulty, seed 7\n")
    monkeypatch.setattr("stillwell.cli.generate.EVERY_LINE", 0.0)
    result = stillwell(*told)
    *lines, last = result.stderr.splitlines(keepends=True)
    assert re.fullmatch(r"[\d,]+ records, [\d,]+ a second\n", lines[-1])
    assert (last, len(result.stdout.splitlines())) == (ended, 200)
    assert stillwell(*told, "--quiet").stderr == ended


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sensors", "0"], "error[usage] --sensors"),
        (["--rows", "-1"], "error[usage] --rows"),
        (["--rows", "1.5"], "error[usage] --rows"),
        (["--faults", "nul=1%"], "There is no fault `nul`.\n  → Did you mean `null`?"),
        (["--faults", "null"], "Write it like null=2%"),
        (["--faults", "null=0.1"], "Write it like null=2%"),
        (["--faults", "null=60%,missing=60%"], "must stay within 100%"),
        (["--start", "soon"], "error[usage] --start"),
        (["--json"], "Name a file: --out FILE."),
        (["--out", "/nowhere/a.jsonl"], "error[unwritable]"),
    ],
)
def test_options_that_cannot_be_are_refused(stillwell, options, told):
    result = stillwell("generate", *options)
    assert result.exit_code == 3
    assert told in result.stderr
