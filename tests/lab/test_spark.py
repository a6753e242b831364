"""The Spark cluster of the lab: real, with two workers, and a pipeline that is submitted to it and runs on both."""

from __future__ import annotations

import json
import subprocess
import urllib.request

import pytest

from stillwell import lab
from stillwell.errors import StillwellError
from stillwell.lab.spark import home, python
from tests.engines.spark.stage import CONTRACT, ENVIRONMENT, HOME, environment, there

PIPELINE = """\
pipeline: made
contract: contract.yml
source: {generator: {rows: 3000, partitions: 4, sensors: 8}}
accepted: {parquet: {path: accepted}}
quarantine: {parquet: {path: quarantine}}
epoch: {records: 500}
engine: {spark: {tasks: 4}}
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    there()
    monkeypatch.setenv("SPARK_HOME", str(HOME))
    with lab.up("spark", folder=tmp_path / "lab") as service:
        yield service


@pytest.mark.engine
@pytest.mark.xdist_group("engines")
def test_a_pipeline_is_submitted_and_runs_on_both_workers(cluster, tmp_path) -> None:
    (tmp_path / "contract.yml").write_text(CONTRACT.replace("id: {type: integer", "sensor_id: {type: string"))
    (tmp_path / "pipeline.yml").write_text(PIPELINE)
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "stillwell", "submit", "pipeline.yml", "--master", cluster.address, "--json"],
        cwd=tmp_path,
        env=environment(SPARK_CONF_DIR=str(cluster.configuration), SPARK_HOME=str(HOME)),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    ended = json.loads(done.stdout.splitlines()[-1])
    assert (ended["read"], ended["conserved"]) == (3000, True)
    for worker in ("worker-1", "worker-2"):
        assert list((tmp_path / "lab" / worker).glob("app-*/*/stdout")), f"{worker} had no executor"
    assert [one["state"] for one in cluster.ask()["completedapps"]] == ["FINISHED"]
    with urllib.request.urlopen(cluster.addresses["history"] + "/api/v1/applications", timeout=30) as answer:
        assert answer.status == 200
    crashed = cluster.members()["worker-1"]
    cluster.crash("worker-1")
    assert cluster.members().keys() == {"master", "worker-1", "worker-2", "history"}
    assert crashed not in (cluster.members()["master"], cluster.members()["worker-2"])


def test_a_folder_that_is_no_spark_is_told(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    with pytest.raises(StillwellError, match="is not the folder of a Spark"):
        home()


def test_executors_have_the_python_that_is_told(monkeypatch, tmp_path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "spark-class").touch()
    monkeypatch.setenv("SPARK_HOME", str(tmp_path))
    monkeypatch.setenv("PYSPARK_PYTHON", "/opt/python")
    assert python() == "/opt/python"
