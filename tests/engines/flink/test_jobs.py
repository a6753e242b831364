"""Real jobs on Flink, run once in one process by `suite.py`: every case, Kafka to Kafka, and Kafka to Delta."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest

from stillwell.engines.embedded import Engine, EngineOptions
from tests.cases.case import Case
from tests.cases.check import unmet
from tests.cases.outcome import differences
from tests.cases.play import for_engine, played
from tests.engines.flink.stage import PLACE, ROOT, environment

pytestmark = [pytest.mark.engine]


@pytest.fixture(scope="module")
def found(kafka, tmp_path_factory) -> dict:
    """What the suite found."""
    if not (PLACE / ".ready").exists():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("the environment of Flink is not there: make environments")
    folder = tmp_path_factory.mktemp("flink")
    command = [PLACE / "bin" / "python", "-m", "tests.engines.flink.suite", kafka.address, folder]
    done = subprocess.run(
        command, cwd=folder, env={**environment(), "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("case", for_engine("flink"), ids=lambda case: case.id)
def test_a_case_ends_on_flink_as_it_does_here(case: Case, found, tmp_path):
    there = found["all_cases"][case.id]
    assert not unmet(case, there)
    here = played(case, Engine(EngineOptions(threads=1)), tmp_path / "case")
    assert not differences(json.loads(json.dumps(here)), there)


def test_flink_and_the_embedded_engine_take_turns_and_nothing_is_lost_or_doubled(found):
    told = found["to_kafka"]
    assert [read for read, _, _ in told["runs"]] == [3_000, 700, 1_100]
    assert all(read == accepted + quarantined for read, accepted, quarantined in told["runs"])
    assert told["unequal"] == []
    assert told["audit"] == {"holds": True, "proved": told["sent"], "findings": []}


def test_what_flink_and_the_embedded_engine_remember_is_what_one_run_remembers(found):
    taking_turns, alone = found["to_kafka"]["rejected"]
    assert taking_turns == alone
    assert {rule for rules in alone.values() for rule in rules} >= {"near", "once", "value.range"}


def test_a_job_is_stopped_with_a_savepoint(found):
    told = found["to_kafka"]
    assert (told["interrupted"], told["savepoints"]) == (True, 1)


def test_flinks_own_metrics_show_ours(found):
    told = found["to_kafka"]
    read, accepted, quarantined = told["runs"][0]
    metrics = told["metrics"]
    assert (metrics["read"], metrics["accepted"], metrics["quarantined"]) == (read, accepted, quarantined)
    assert metrics["failed_value_range"] > 0


def test_the_plan_has_the_kernel_once_and_each_task_is_one_chain(found):
    plan = found["to_kafka"]["plan"]
    optimized = plan[plan.index("== Optimized Execution Plan ==") : plan.index("== Physical Execution Plan ==")]
    assert optimized.count("judge(") == 1
    assert "Exchange" not in optimized
    assert set(re.findall(r'"ship_strategy" : "(\w+)"', plan)) == {"FORWARD"}


def test_sinks_that_flink_cannot_write_are_reached_through_kafka(found):
    told = found["to_delta"]
    assert [read for read, _, _ in told["runs"]] == [2_500, 600]
    assert told["audit"] == {"holds": True, "proved": told["sent"], "findings": []}


def test_a_rule_of_severity_fail_stops_a_job_that_follows_and_the_next_goes_on_after_it(found):
    told = found["stopped"]
    assert told["stopped"] == [{"rule": "never", "partition": 2, "offset": 375}, None]
    assert (told["interrupted"], told["savepoints"]) == ([False, False], 1)
    assert "never" in told["broke"]
    first, second = (read for read, _, _ in told["runs"])
    assert first > 1_500
    assert first + second == 3_000
    assert told["unequal"] == []
    assert told["audit"] == {"holds": True, "proved": 3_000, "findings": []}


def test_the_sensors_example_and_the_two_jobs_behind_it(found):
    told = found["example"]
    assert told["flink"] == told["embedded"]
    read, accepted, quarantined = told["flink"]
    assert (read, told["count"]) == (4_000, accepted)
    assert all(one["comfort"] and one["dew_point"] <= one["temperature"] + 0.01 for one in told["enriched"])
    counted = {
        verdict: sum(one["records"] for one in told["quality"] if one["verdict"] == verdict)
        for verdict in ("accepted", "quarantined")
    }
    assert counted == {"accepted": accepted, "quarantined": quarantined}
    assert {one["rules"] for one in told["quality"] if one["verdict"] == "quarantined"} >= {"payload.format"}
