"""The sensors example: every fault it promises to catch is caught, it goes on where it stopped, and its audit holds."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deltalake import DeltaTable

from stillwell.cli._score import Score
from stillwell.pipeline.audit import audit
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from stillwell.pipeline.run import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "sensors"


@pytest.fixture
def planned(tmp_path):
    """The example as it is, with so many rows, its tables in a folder of the test's own."""
    return lambda rows: plan(load(EXAMPLE / "pipeline.yml", [f"source.generator.rows={rows}"]), folder=tmp_path)


def test_every_fault_a_record_shows_is_caught_and_nothing_else(planned, tmp_path):
    score = Score()
    summary = run(planned(20_000), score.see)
    assert (summary.read, summary.conserved) == (20_000, True)
    assert (score.precision, score.recall) == (1.0, 1.0)
    readings = DeltaTable(tmp_path / "lake" / "readings").to_pyarrow_table()
    quarantine = DeltaTable(tmp_path / "lake" / "quarantine").to_pyarrow_table()
    assert (len(readings), len(quarantine)) == (summary.accepted, summary.quarantined)
    assert set(readings.column_names) >= {"sensor_id", "timestamp", "temperature", "humidity", "pressure"}
    assert all(quarantine["reasons"].to_pylist())


def test_it_goes_on_where_it_stopped_and_its_audit_holds(planned):
    assert run(planned(8_000)).read == 8_000
    assert run(planned(20_000)).read == 12_000
    found = audit(planned(20_000))
    assert (found.holds, found.proved) == (True, 20_000)
    assert found.accepted + found.quarantined == 20_000


def test_on_kafka_two_runs_share_the_topic_and_its_audit_holds(kafka, tmp_path, monkeypatch):
    monkeypatch.setenv("BROKERS", kafka.address)
    # A topic of its own: other tests of this example fill the one that it names.
    generate = ["generate", "--rows", "6000", "--out", f"kafka://{kafka.address}/sensors-of-two?partitions=4"]
    subprocess.run([Path(sys.executable).with_name("stillwell"), *generate], check=True)
    stop, read = threading.Event(), []
    topic = "source.kafka.topic=sensors-of-two"
    settings = ["epoch.wait=300ms", topic]

    def watch(progress):
        read.append(progress.judged.read)
        if sum(read) >= 6_000:
            stop.set()

    def member():
        return run(plan(load(EXAMPLE / "kafka.yml", settings), folder=tmp_path), watch, stop)

    with ThreadPoolExecutor(2) as pool:
        summaries = [one.result(120) for one in [pool.submit(member), pool.submit(member)]]
    assert sum(one.read for one in summaries) == 6_000
    found = audit(plan(load(EXAMPLE / "kafka.yml", [topic]), folder=tmp_path))
    assert (found.holds, found.proved, found.accepted + found.quarantined) == (True, 6_000, 6_000)


def test_its_readme_shows_a_record_as_it_is_and_each_fault(planned):
    readme = (EXAMPLE / "README.md").read_text()
    block = readme.partition("```json\n")[2].partition("\n```")[0]
    seen = []
    run(planned(2_000), lambda progress: seen.append(progress.batch))
    payload = next(one["payload"] for one in seen[0].to_pylist() if one["fault"] is None)
    assert list(json.loads(block)) == list(json.loads(payload))
    assert all(f"`{kind}`" in readme for kind in Score().by_fault())
