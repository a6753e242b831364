"""`stillwell lint`: every problem of every file, and the exit code."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CONTRACT

PIPELINE = """\
pipeline: p
contract: contract.yml
source: {files: {path: day.jsonl}}
accepted: {parquet: {path: out/good}}
quarantine: {parquet: {path: out/bad}}
"""


def test_a_clean_contract_exits_0(here, stillwell):
    result = stillwell("lint")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "✓ contract.yml  readings 1.2.0: 5 fields, 17 rules, nothing wrong\n"


def test_a_doubt_exits_2(here, stillwell, said):
    (here / "contract.yml").write_text(CONTRACT.replace("time: at\n", ""))
    result = stillwell("lint", "contract.yml")
    assert result.exit_code == 2
    assert "warning[no-time] contract.yml" in result.stdout
    assert result.stdout.splitlines()[-1].endswith("17 rules, 1 warning")
    (file,) = said(stillwell("lint", "--json").stdout, "lint")["files"]
    assert ([one["code"] for one in file["warnings"]], file["problems"]) == (["no-time"], [])


def test_all_problems_are_told_with_their_places_and_exit_1(here, stillwell, said):
    (here / "contract.yml").write_text(CONTRACT.replace("min: -40", "min: 400").replace("sensitive", "sensitve"))
    result = stillwell("lint")
    assert result.exit_code == 1
    assert "error[contradiction] contract.yml:7:" in result.stdout
    assert "error[unknown-key] contract.yml:9:" in result.stdout
    found = said(stillwell("lint", "--json").stdout, "lint")
    assert (found["exit"], [one["line"] for one in found["files"][0]["problems"]]) == (1, [7, 9])


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", "folder"])
def test_what_cannot_be_read_exits_3(here, stillwell, content):
    path = here / "it.yml"
    if content == "folder":
        path.mkdir()
    elif content:
        path.write_bytes(content)
    result = stillwell("lint", "contract.yml", path)
    assert result.exit_code == 3
    assert "error[unreadable]" in result.stdout
    assert "✓ contract.yml" in result.stdout


@pytest.mark.parametrize("text", ["", "a", "- x\n", "contract: {", "contract: a\ncontract: b\n"])
def test_what_is_no_contract_exits_1(here, stillwell, text):
    (here / "contract.yml").write_text(text)
    assert stillwell("lint").exit_code == 1


def test_a_pipeline_is_linted_with_its_contract(here, stillwell, said):
    (here / "pipeline.yml").write_text(PIPELINE)
    result = stillwell("lint")
    assert result.exit_code == 0
    assert "✓ contract.yml" in result.stdout
    assert "✓ pipeline.yml  p: files judged by contract.yml, nothing wrong" in result.stdout
    (here / "pipeline.yml").write_text(PIPELINE.replace("parquet: {path: out/bad}", "parqet: {path: out/bad}"))
    (here / "contract.yml").write_text(CONTRACT.replace("required", "requird"))
    broken = said(stillwell("lint", "pipeline.yml", "--json").stdout, "lint")
    assert broken["exit"] == 1
    assert {(one["file"], one["code"]) for one in broken["files"][0]["problems"]} == {
        ("contract.yml", "unknown-key"),
        ("pipeline.yml", "unknown-plugin"),
    }


def test_without_any_file_it_says_what_is_looked_for(tmp_path, monkeypatch, stillwell):
    monkeypatch.chdir(tmp_path)
    result = stillwell("lint")
    assert result.exit_code == 3
    assert "neither contract.yml nor pipeline.yml" in result.stderr
