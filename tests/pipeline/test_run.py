"""A run is alone, tries all doors before the first record, and gives everything back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.engines.base import Summary
from stillwell.errors import PipelineError
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import Plan, plan
from stillwell.pipeline.run import run
from tests.pipeline.conftest import problems_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "sensors" / "pipeline.yml"

ENDLESS = """
import sys
from pathlib import Path
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from stillwell.pipeline.run import run
run(plan(load(sys.argv[1])), lambda progress: print(progress.judged.read, flush=True))
"""


class Watched:
    """A part of a job that notes when it is closed, and may fail in doing so."""

    def __init__(self, part, closed, fails=False):
        self._part, self._closed, self._fails = part, closed, fails

    def __getattr__(self, name):
        return getattr(self._part, name)

    def close(self):
        self._closed.append(self)
        self._part.close()
        if self._fails:
            raise RuntimeError("cannot be closed")


def watched(planned: Plan, closed: list[Watched]) -> Plan:
    job = planned.job
    parts = replace(
        job,
        source=Watched(job.source, closed),
        accepted=tuple(Watched(sink, closed) for sink in job.accepted),
        quarantine=tuple(Watched(sink, closed, fails=True) for sink in job.quarantine),
    )
    return replace(planned, job=parts)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_moves_every_record_to_one_of_its_sinks(pipeline, folder) -> None:
    summary = run(plan(pipeline()))
    assert isinstance(summary, Summary)
    assert (summary.read, summary.accepted, summary.quarantined, summary.interrupted) == (3, 2, 1, False)
    assert [row["sensor"] for row in lines(folder / "out" / "accepted.jsonl")] == ["a", "c"]
    [bad] = lines(folder / "out" / "quarantine.jsonl")
    assert bad["reasons"][0]["rule"] == "value.range"


def test_a_second_run_goes_on_after_the_first(pipeline, folder) -> None:
    run(plan(pipeline()))
    assert run(plan(pipeline())).read == 0
    assert len(lines(folder / "out" / "accepted.jsonl")) == 2


def test_the_example_runs(tmp_path) -> None:
    seen = []
    planned = plan(load(EXAMPLE, ["source.generator.rows=5000", "epoch.records=2000"]), folder=tmp_path)
    summary = run(planned, lambda progress: seen.append(progress.judged.read))
    assert summary.read == sum(seen) == 5000
    assert summary.conserved
    assert summary.quarantined > 0
    assert (tmp_path / "lake" / "readings" / "_delta_log").is_dir()


def test_a_run_stops_when_it_is_asked_to(tmp_path) -> None:
    stop = threading.Event()
    endless = load(EXAMPLE, ["epoch.records=1000"])
    summary = run(plan(endless, folder=tmp_path), lambda _: stop.set(), stop)
    assert summary.interrupted
    assert summary.read > 0


def test_no_record_is_read_where_a_door_is_closed(pipeline, folder, tree) -> None:
    (folder / "file").write_text("")
    closed: list[Watched] = []
    planned = watched(plan(pipeline(quarantine="{jsonl: {path: file/q.jsonl}}")), closed)
    planned.job.quarantine[0]._fails = False
    before = tree()
    with pytest.raises(PipelineError) as caught:
        run(planned)
    assert problems_of(caught.value) == [("unwritable", 5, 14, "quarantine.jsonl")]
    made = {".stillwell", ".stillwell/.gitignore", ".stillwell/readings", ".stillwell/readings/run.lock"}
    assert tree() - before == made
    assert len(closed) == 3


def test_everything_is_closed_even_if_closing_one_part_fails(pipeline) -> None:
    closed: list[Watched] = []
    with pytest.raises(RuntimeError, match="cannot be closed"):
        run(watched(plan(pipeline()), closed))
    assert len(closed) == 3


def test_a_second_run_at_the_same_time_is_refused(pipeline, folder) -> None:
    """With a real process that runs the same file, and is killed in the end."""
    pipeline(source="{generator: {rate: 1000}}", epoch="{wait: 100ms}")
    command = [sys.executable, "-c", ENDLESS, str(folder / "pipeline.yml")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert int(process.stdout.readline()) > 0
            with pytest.raises(PipelineError) as caught:
                run(plan(load(folder / "pipeline.yml")))
        finally:
            process.kill()
    [problem] = caught.value.problems
    assert problem.code == "already-running"
    assert str(process.pid) in problem.what


def test_typed_records_keep_their_columns_in_quarantine(pipeline, folder) -> None:
    pq.write_table(pa.table({"sensor": ["a", "b"], "value": [1.0, 1000.0], "site": ["x", "y"]}), folder / "in.parquet")
    summary = run(plan(pipeline(source="{files: {path: in.parquet}}")))
    assert (summary.accepted, summary.quarantined) == (1, 1)
    assert [row["record"] for row in lines(folder / "out" / "quarantine.jsonl")] == [
        {"sensor": "b", "value": 1000.0, "site": "y"}
    ]
