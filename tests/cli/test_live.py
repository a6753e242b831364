"""The picture of a run that goes: its counts, its worst rules and groups, fresh rejects, and how it is drawn."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from collections import Counter

import pytest

from stillwell.cli import _live
from stillwell.cli._live import Picture, drawn
from stillwell.cli.base import Output
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from stillwell.pipeline.run import run
from tests.cli.conftest import ROOT


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Three epochs of a thousand records of the example, the tally by sensor."""
    example = load(ROOT / "examples" / "sensors" / "pipeline.yml", ["source.generator.rows=3000", "epoch.records=1000"])
    made = plan(example, folder=tmp_path_factory.mktemp("live"))
    epochs = []
    run(dataclasses.replace(made, job=dataclasses.replace(made.job, group=("sensor_id",))), epochs.append)
    return epochs


@pytest.fixture
def picture(seen):
    """Of all three epochs."""
    made = Picture()
    for one in seen:
        made.see(one)
    return made


def test_counts_add_up_over_epochs(picture):
    assert picture.read == picture.accepted + picture.quarantined == 3000
    assert picture.quarantined > 0
    assert picture.lag == 0


def test_the_worst_rules_and_groups_are_those_of_all_epochs(seen, picture):
    failed = [one.judged.tally.failures() for one in seen]
    assert dict(picture.rules) == {rule: sum(one.get(rule, 0) for one in failed) for one in failed for rule in one}
    rejected = [payload for one in seen for payload in one.judged.quarantined["payload"].to_pylist()]
    assert picture.groups == Counter(sensor for sensor in map(sensor_of, rejected) if sensor is not None)


def sensor_of(payload):
    """The sensor that a record names, if it can be read."""
    try:
        named = json.loads(payload).get("sensor_id")
    except ValueError:
        return None
    return named if isinstance(named, str) else None


def test_one_line_says_how_it_goes(picture):
    share = f"{picture.accepted / 3000:.1%}"
    assert re.fullmatch(rf" *\d+\.\d s  read 3,000  [\d,]+ rec/s  accepted {share}  lag 0", picture.line())
    assert Picture().line().endswith("waiting for records")


def test_lag_is_left_out_where_nobody_knows_it(picture):
    picture.lag = None
    assert "lag" not in picture.line()


def test_a_frame_fits_80_columns_and_shows_rules_groups_and_rejects(picture):
    lines = picture.frame("pipeline.yml · embedded " + "x" * 100, Output())
    assert max(map(len, lines)) <= 80
    assert [lines[2].split(), lines[8]] == [["failing", "rules", "most", "rejected"], "  just rejected"]
    worst, count = picture.rules.most_common(1)[0]
    assert lines[3].split()[:3] == [worst, "█" * 8, f"{count:,}"]
    sensor, most = picture.groups.most_common(1)[0]
    assert lines[3].split()[3:] == [sensor, str(most)]
    assert len(lines) == 9 + len(picture.fresh)
    assert all("saw" in line for line in lines[9:])


def test_before_the_first_epoch_a_frame_is_two_lines():
    assert Picture().frame("title", Output())[0] == "title"
    assert len(Picture().frame("title", Output())) == 2


def test_a_reject_cannot_steer_the_terminal(epochs, here):
    (here / "in.jsonl").write_text('{"sensor_id": "\\u001b[2J\\u0007"}\n')
    picture = Picture()
    for one in epochs(source="{files: {path: in.jsonl}}"):
        picture.see(one)
    [(_, rule, _, _)] = picture.fresh
    assert rule == "sensor_id.pattern"
    text = "\n".join(picture.frame("title", Output()))
    assert "\\x1b[2J" in text
    assert not {"\x1b", "\x07"} & set(text)


def test_without_a_terminal_it_is_a_plain_line_now_and_then(picture, monkeypatch, capsys):
    monkeypatch.setattr(_live, "EVERY_LINE", 0.02)
    with drawn(picture, "title", Output(), quiet=False):
        time.sleep(0.3)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2
    assert all("read 3,000" in line and "\x1b" not in line for line in lines)


def test_with_json_the_lines_are_for_people_and_go_to_stderr(picture, monkeypatch, capsys):
    monkeypatch.setattr(_live, "EVERY_LINE", 0.02)
    with drawn(picture, "title", Output(json=True), quiet=False):
        time.sleep(0.2)
    told = capsys.readouterr()
    assert told.out == ""
    assert "read 3,000" in told.err


def test_quiet_draws_nothing(picture, monkeypatch, capsys):
    monkeypatch.setattr(_live, "EVERY_LINE", 0.01)
    with drawn(picture, "title", Output(), quiet=True):
        time.sleep(0.1)
    assert capsys.readouterr().out == ""


def test_on_a_terminal_each_frame_takes_the_place_of_the_one_before(picture, monkeypatch, capsys):
    monkeypatch.setattr(_live, "EVERY_FRAME", 0.02)
    monkeypatch.setattr(Output, "terminal", True)
    picture.fresh.clear()
    with drawn(picture, "title", Output(), quiet=False):
        time.sleep(0.2)
    height = len(picture.frame("title", Output()))
    text = capsys.readouterr().out
    frames = text.split(f"\x1b[{height}A")
    assert len(frames) >= 3
    assert all(frame.count("\n") == frame.count("\x1b[2K") == height for frame in frames)


def test_the_last_frame_shows_how_it_ended(picture, monkeypatch, capsys):
    monkeypatch.setattr(Output, "terminal", True)
    with drawn(Picture(), "title", Output(), quiet=False):
        assert capsys.readouterr().out == ""
    assert "waiting for records" in capsys.readouterr().out


def test_the_view_ends_with_a_run_that_fails(monkeypatch, capsys):
    monkeypatch.setattr(_live, "EVERY_LINE", 0.01)
    with pytest.raises(ValueError, match="broken"), drawn(Picture(), "title", Output(), quiet=False):
        raise ValueError("broken")
    capsys.readouterr()
    time.sleep(0.05)
    assert capsys.readouterr().out == ""


def test_what_a_source_waits_for_is_said_and_then_nobody_knows_the_lag(picture):
    assert picture.line().endswith("  lag 0")
    picture.waits = lambda: "nobody\nanswers"
    assert picture.line().endswith("  lag unknown  waiting: nobody\\nanswers")
