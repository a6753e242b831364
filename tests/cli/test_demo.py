"""`stillwell demo`: it needs nothing, finds every fault, keeps to a folder of its own, and is drawn on a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from stillwell.cli.demo import MARKER
from stillwell.connectors.generator import HISTORY, VISIBLE

RUN = [sys.executable, "-c", "from stillwell.cli import main; main()"]


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def state(folder):
    return {str(path.relative_to(folder)): path.is_dir() or path.read_bytes() for path in folder.rglob("*")}


def test_a_script_reads_the_score_on_the_last_line(stillwell, said):
    result = stillwell("demo", "--rows", 20_000, "--quiet", "--json")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    found = said(result.stdout, "run")
    assert found["read"] == found["accepted"] + found["quarantined"] == 20_000
    assert (found["conserved"], found["precision"], found["recall"]) == (True, 1.0, 1.0)
    assert set(found["by_fault"]) == set(VISIBLE)
    assert len(VISIBLE) == 8
    assert all(injected == caught > 0 for injected, caught in found["by_fault"].values())


def test_the_scenario_of_history_finds_every_event_and_blames_no_clean_record(stillwell, said):
    result = stillwell("demo", "--scenario", "history", "--rows", 40_000, "--quiet", "--json")
    assert result.exit_code == 0
    found = said(result.stdout, "run")
    assert (found["conserved"], found["precision"], found["recall"]) == (True, 1.0, 1.0)
    assert set(found["by_fault"]) == set(HISTORY)
    assert all(injected == caught > 0 for injected, caught in found["by_fault"].values())
    assert "out_of_order" in result.stderr


def test_people_read_what_was_found_where_it_lies_and_what_to_try(stillwell, tmp_path):
    result = stillwell("demo", "shown", "--rows", 2000, "--quiet")
    assert result.exit_code == 0
    assert "conserved ✓" in result.stdout
    assert "clean records rejected 0\n" in result.stdout
    assert "accepted shown/accepted (Delta)   quarantine shown/quarantine (Delta)" in result.stdout
    tries = re.findall(r"^next  .*?((?:audit|explain|check) .*)$", result.stdout, re.MULTILINE)
    assert len(tries) == 3
    (tmp_path / "yours.csv").write_text("sensor_id,timestamp,temperature,humidity,pressure\n")
    codes = [stillwell(*one.split()).exit_code for one in tries]
    assert codes[:2] == [0, 0]
    assert codes[2] != 3


def test_a_run_goes_on_with_the_files_it_left(stillwell, said):
    assert stillwell("demo", "--rows", 1000, "-q").exit_code == 0
    result = stillwell("run", "demo", "--set", "source.generator.rows=1500", "-q", "--json")
    assert said(result.stdout, "run")["read"] == 500


def test_what_an_earlier_demo_left_is_replaced(stillwell, said, tmp_path):
    for rows in (1000, 500):
        assert said(stillwell("demo", "--rows", rows, "-q", "--json").stdout, "run")["read"] == rows
    assert said(stillwell("audit", "demo", "--json").stdout, "audit")["proved"] == 500
    assert (tmp_path / "demo" / MARKER).exists()


def test_an_empty_folder_will_do_even_the_one_here(stillwell, tmp_path):
    assert stillwell("demo", ".", "--rows", 100, "-q").exit_code == 0
    assert (tmp_path / "accepted" / "_delta_log").is_dir()
    assert stillwell("demo", ".", "--rows", 100, "-q").exit_code == 0


def test_a_folder_that_is_not_its_own_is_refused_untouched(stillwell, tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("ten years")
    before = state(tmp_path)
    result = stillwell("demo", "--rows", 10)
    assert result.exit_code == 3
    assert "error[not-empty]" in result.stderr
    assert state(tmp_path) == before


def test_a_file_of_that_name_is_refused_untouched(stillwell, tmp_path):
    (tmp_path / "demo").write_text("mine")
    result = stillwell("demo", "--rows", 10)
    assert (result.exit_code, "error[not-empty]" in result.stderr) == (3, True)
    assert state(tmp_path) == {"demo": b"mine"}


def test_a_fault_that_slips_through_is_a_no(stillwell, monkeypatch, tmp_path, said):
    lax = tmp_path / "examples" / "sensors"
    lax.mkdir(parents=True)
    (lax / "contract.yml").write_text("contract: lax\nversion: 1.0.0\nfields:\n  sensor_id: {type: string}\n")
    monkeypatch.setattr("stillwell.cli.demo.example", lambda _: lax)
    result = stillwell("demo", "--rows", 2000, "-q", "--json")
    assert result.exit_code == 1
    found = said(result.stdout, "run")
    assert found["conserved"]
    assert found["recall"] < 1.0
    assert found["by_fault"]["malformed"][0] == found["by_fault"]["malformed"][1] > found["by_fault"]["bad_id"][1]


@pytest.mark.parametrize("options", [("--rows", "0"), ("--rows", "x"), ("--seconds", "0"), ("--rate", "-1")])
def test_options_that_cannot_be_are_refused_before_anything_is_written(stillwell, tmp_path, options):
    result = stillwell("demo", *options)
    assert (result.exit_code, "error[usage]" in result.stderr) == (3, True)
    assert not list(tmp_path.iterdir())


def test_a_demo_that_runs_is_not_cleared_away_by_another(stillwell, tmp_path):
    command = [*RUN, "demo", "--rate", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as first:
        try:
            assert "rec/s" in first.stdout.readline()
            second = stillwell("demo", "--rows", 10)
            assert (second.exit_code, "error[already-running]" in second.stderr) == (3, True)
            first.send_signal(signal.SIGINT)
            told = first.stdout.read()
            assert (first.wait(20), "conserved ✓" in told, "rejected 0\n" in told) == (0, True, True)
        finally:
            first.kill()
    assert (tmp_path / "demo" / "accepted" / "_delta_log").is_dir()


def test_on_a_terminal_it_is_a_live_picture_of_80_columns():
    pty = pytest.importorskip("pty")
    reading, writing = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    command = [*RUN, "demo", "--seconds", "1.3", "--rate", "4000"]
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.DEVNULL, env=environment) as process:
        os.close(writing)
        text = "".join(iter(lambda: _read(reading), ""))
        assert process.wait(20) == 0
    os.close(reading)
    frames = re.split(r"\x1b\[\d+A", text)
    assert len(frames) >= 3
    last = re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", frames[-1]).replace("\r", "").partition("─")[0].splitlines()
    assert max(map(len, last)) <= 80
    assert "demo/pipeline.yml · embedded" in last[0]
    assert "read 5,200" in last[1]
    assert last[2].split() == ["failing", "rules", "most", "rejected"]
    assert any(line.startswith("  just rejected") for line in last)
    assert "conserved ✓" in text


def _read(terminal):
    try:
        return os.read(terminal, 65536).decode("utf-8", "replace")
    except OSError:  # the other side is gone
        return ""


def test_without_a_terminal_it_is_plain_lines(process):
    result = process("demo", "--seconds", "1.3", "--rate", "4000", "--json")
    assert result.returncode == 0
    assert json.loads(result.stdout)["read"] == 5200
    assert re.match(r" +1\.0 s  read [\d,]+ ", result.stderr)
    assert "\x1b" not in result.stderr
