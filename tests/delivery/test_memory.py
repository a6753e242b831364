"""What sequence rules remember survives any death: verdicts are those of one run that nothing disturbed."""

from __future__ import annotations

import pytest

from stillwell.connectors.memory import forget
from stillwell.contract.load import parse
from stillwell.delivery import memory
from stillwell.errors import StillwellError
from tests.delivery.stage import Died, Fuse, Stage, batch, contract, timeless

HISTORY = """
contract: readings
version: {version}
key: sensor
time: at
fields:
  sensor: {{type: string, required: true}}
  at: {{type: timestamp, required: true}}
  value: {{type: double, min: 0, max: 50, repair: {{range: clamp}}}}
  count: {{type: double, required: true, max: 90}}
sequence:
  steady: {{kind: jump, field: value, max: 3.6, within: 20s}}
  once: {{kind: unique, fields: [sensor, count], within: {within}}}
  upward: {{kind: counter, field: count, reset: true, severity: warn}}
"""
BY = parse(HISTORY.format(version="1.0.0", within="150s"))
LATER = parse(
    HISTORY.format(version="1.1.0", within="60s").replace(
        "  upward", "  quiet: {kind: gap, max: 8s, severity: warn}\n  upward"
    )
)
EPOCH = 37


def source(stage):
    return stage.memory({0: batch(260), 1: batch(130, start=77)})


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    stage = Stage(tmp_path_factory.mktemp("whole"), "parquet")
    fuse = Fuse()
    stage.run(source(stage), by=BY, fuse=fuse, records=EPOCH)
    rows = [timeless(stage.held(name)) for name in ("accepted", "quarantine")]
    broken = {reason["rule"] for row in rows[1] for reason in row["reasons"]}
    assert {"steady", "once"} <= broken
    return rows, fuse.steps


def held(stage):
    return [timeless(stage.held(name)) for name in ("accepted", "quarantine")]


def test_it_does_not_matter_where_epochs_end(tmp_path, undisturbed):
    for number, records in enumerate((11, 1000)):
        stage = Stage(tmp_path / str(number), "parquet")
        stage.run(source(stage), by=BY, records=records)
        assert held(stage) == undisturbed[0]


@pytest.mark.parametrize("ahead", range(6))
def test_a_run_that_dies_at_any_step_goes_on_with_what_was_remembered(tmp_path, undisturbed, ahead):
    stage = Stage(tmp_path, "parquet")
    steps = len(undisturbed[1])
    # Other epochs after each death, so that what was saved and never declared is met too.
    for at, records in ((steps // 2 + ahead, EPOCH), (3 + ahead, 23), (2 + ahead, 50)):
        with pytest.raises(Died):
            stage.run(source(stage), by=BY, fuse=Fuse(at), records=records)
    stage.run(source(stage), by=BY, records=EPOCH)
    assert held(stage) == undisturbed[0]
    audited = stage.audit(source(stage))
    assert (audited.proved, audited.findings) == (390, ())


def test_a_sink_that_is_new_gets_what_the_others_have(tmp_path, undisturbed):
    stage = Stage(tmp_path, "parquet")
    stage.run(source(stage), by=BY, records=EPOCH)
    more = Stage(tmp_path, "parquet", accepted=("accepted", "second"))
    more.run(source(more), by=BY, records=EPOCH)
    assert timeless(more.held("second")) == undisturbed[0][0]


def test_a_contract_deployed_between_death_and_restart_judges_what_comes_after(tmp_path):
    stage = Stage(tmp_path, "parquet")
    with pytest.raises(Died):
        stage.run(source(stage), by=BY, fuse=Fuse(14), records=EPOCH)
    stage.run(source(stage), by=LATER, records=EPOCH)
    assert stage.everywhere() == [(0, n) for n in range(260)] + [(1, n) for n in range(130)]
    versions = [row["_stillwell"]["version"] for row in held(stage)[0]]
    assert set(versions) == {"1.0.0", "1.1.0"}
    audited = stage.audit(source(stage))
    assert (audited.proved, audited.findings) == (390, ())


def test_rules_that_come_after_a_time_without_any_begin_anew(tmp_path):
    stage = Stage(tmp_path, "parquet")
    for by, records in ((BY, 100), (contract("1.5.0"), 100), (LATER, 37)):
        with pytest.raises(Died):
            stage.run(source(stage), by=by, fuse=Fuse(8), records=records)
    stage.run(source(stage), by=LATER, records=EPOCH)
    assert len(stage.everywhere()) == 390
    audited = stage.audit(source(stage))
    assert (audited.proved, audited.findings) == (390, ())


def test_old_saves_go_and_the_newest_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_WHOLE", 4)
    stage = Stage(tmp_path, "parquet")
    stage.run(source(stage), by=BY, records=11)
    saves = sorted((tmp_path / "state/history/0").iterdir())
    assert 1 <= len(saves) <= 5
    forget(str(tmp_path))
    stage.run(stage.memory({0: batch(300), 1: batch(130, start=77)}), by=BY, records=11)
    whole = Stage(tmp_path / "whole", "parquet")
    whole.run(whole.memory({0: batch(300), 1: batch(130, start=77)}), by=BY, records=11)
    assert held(stage) == held(whole)


def test_a_save_that_is_gone_is_one_clear_error(tmp_path):
    stage = Stage(tmp_path, "parquet")
    stage.run(source(stage), by=BY, records=EPOCH)
    for path in (tmp_path / "state/history/0").iterdir():
        path.unlink()
    with pytest.raises(StillwellError, match="what sequence rules remember, cannot be read") as raised:
        stage.run(source(stage), by=BY, records=EPOCH)
    assert raised.value.problems[0].code == "history-lost"
