"""A run tells what was found of windows: a line each, in JSON, and by its exit code."""

from __future__ import annotations

import json
import re
import sqlite3

import duckdb
import pytest

from stillwell.cli._windows import line
from stillwell.monitor.base import Finding
from tests.cli import watch
from tests.cli.second_chance import timeless
from tests.cli.watch import PAGE, page


@pytest.fixture
def watched(here):
    """Writes the pipeline, whose generator lets sensors fall silent."""

    def write(severity: str = "") -> None:
        watch.write(here)
        path = here / "contract.yml"
        path.write_text(path.read_text().replace("min: 1", f"min: 1{severity}"))

    return write


def test_a_run_tells_which_sensor_fell_silent_and_when(watched, stillwell):
    watched()
    result = stillwell("run", "--quiet")
    assert result.exit_code == 0
    assert "windows judged 2" in result.stdout
    assert "sensor.silent [sensor_00" in result.stdout
    assert "count 0, expected ≥ 1 · no data" in result.stdout
    assert "more\n" in result.stdout


def test_with_json_each_finding_is_an_object_and_the_run_has_their_number(watched, stillwell, said):
    watched()
    out = stillwell("run", "--quiet", "--json").stdout
    objects = [json.loads(text) for text in out.splitlines()]
    found = [one for one in objects if one["schema"] == "stillwell.finding/1"]
    assert {(one["expectation"], one["kind"], one["observed"], one["status"]) for one in found} == {
        ("sensor.silent", "no data", 0.0, "final")
    }
    windows = said(out, "run")["windows"]
    assert windows["findings"] == len(found) > 10
    assert windows["stopped"] is None
    assert {one["group"][0] for one in found} <= {f"sensor_00{number}" for number in range(2, 6)}


def test_a_rule_of_severity_fail_ends_the_run_with_one(watched, stillwell, said):
    watched(", severity: fail")
    result = stillwell("run", "--quiet", "--json")
    assert result.exit_code == 1
    assert said(result.stdout, "run")["windows"]["stopped"]["expectation"] == "sensor.silent"
    assert "stopped by sensor.silent" in result.stderr
    assert stillwell("audit").exit_code == 0


def test_a_plan_says_what_is_watched_and_where_it_is_kept(watched, stillwell):
    watched()
    assert "watches      windows sensor, kept in " in stillwell("run", "--plan").stdout


def test_names_of_groups_cannot_steer_the_terminal():
    found = Finding("c", "m.v", ("\x1b[31m", None), "count", 0, 1, "limit", "warn", None, "≥ 1", "provisional")
    assert "[\\x1b[31m/null]" in line(found)
    assert line(found).endswith("count nothing to measure, expected ≥ 1 (provisional)")


def test_the_page_about_windows_shows_what_happens():
    assert timeless(page()) == timeless(PAGE.read_text(encoding="utf-8")), "write it anew: make docs"


def test_the_queries_of_the_page_give_what_it_says(watched, stillwell, here):
    watched()
    assert stillwell("run", "--quiet").exit_code == 0
    store, table = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    with sqlite3.connect(next(here.glob(".stillwell/*/monitor.sqlite"))) as database:
        hours, findings, lines = (database.execute(one).fetchall() for one in store.split(";")[:3])
    assert sum(read for _, read, _ in hours) == sum(line[3] for line in lines) == 3000
    assert len(findings) == 116
    with duckdb.connect(str(here / "counts.duckdb"), read_only=True) as database:
        rates, failing = (database.execute(f"SELECT key FROM ({one})").fetchall() for one in table.split(";")[:2])
        assert database.execute("SELECT sum(read) FROM metrics").fetchall() == [(3000,)]
    assert {key for (key,) in rates} == {f"sensor_00{number}" for number in range(1, 6)}
    assert failing == []
