"""The engine Spark: the cases in one session, a run that is killed and goes on, and what is refused; each job is real.

Everything that needs Spark runs in its own environment, as a process that is looked at from here.
"""

from __future__ import annotations

import datetime as dt
import json
import random
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stillwell.connectors.base import Place
from stillwell.connectors.files import Source as Files
from stillwell.connectors.generator import Source as Generator
from stillwell.connectors.kafka import Source as Kafka
from stillwell.contract.load import parse
from stillwell.delivery.slice import Gap, Position
from stillwell.engines import embedded
from stillwell.engines.base import EpochLimits
from stillwell.engines.spark import Engine, EngineOptions, task
from stillwell.engines.spark.planner import Planner
from stillwell.engines.spark.recipe import Part, Recipe, Report
from stillwell.engines.spark.run import Once
from stillwell.engines.spark.session import cores, told
from stillwell.engines.spark.staging import AHEAD, Staging
from stillwell.engines.spark.task import perform
from stillwell.errors import PipelineError, StillwellError
from stillwell.kernel import Kernel
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from tests.cases.case import Case, cases
from tests.cases.check import unmet
from tests.cases.outcome import Outcome, differences
from tests.cases.play import for_engine, played
from tests.connectors.kafka.outside import forget
from tests.connectors.kafka.stage import create, numbers, produce
from tests.engines.spark.stage import ENVIRONMENT, ROOT, Stage, descendants, environment, there

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
group = pytest.mark.xdist_group("engines")


# In one session: an odd zone of the machine, another one of Spark, and no ANSI rules (other tests have them).


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Path:
    there()
    folder: Path = tmp_path_factory.mktemp("session")
    job = subprocess.run(
        [
            ENVIRONMENT / "bin" / "python",
            ROOT / "tests" / "engines" / "spark" / "session_job.py",
            folder,
            "spark.sql.ansi.enabled=false",
            "spark.sql.session.timeZone=America/St_Johns",
        ],
        env=environment(TZ="Asia/Kathmandu", LC_ALL="C.UTF-8"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert job.returncode == 0, job.stdout[-4000:]
    return folder


@pytest.fixture(scope="module")
def outcomes(session) -> dict[str, Outcome]:
    found: dict[str, Outcome] = json.loads((session / "outcomes.json").read_text())
    return found


@pytest.fixture(scope="module")
def turns(session) -> dict[str, Outcome]:
    found: dict[str, Outcome] = json.loads((session / "turns.json").read_text())
    return found


@pytest.fixture(scope="module")
def looked(session) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((session / "looked.json").read_text())
    return found


@group
@pytest.mark.engine
@pytest.mark.parametrize("case", for_engine("spark"), ids=lambda case: case.id)
def test_a_case_ends_on_spark_as_it_must_and_as_it_does_here(case: Case, outcomes, tmp_path) -> None:
    assert not unmet(case, outcomes[case.id])
    here = played(case, embedded.Engine(embedded.EngineOptions(threads=1)), tmp_path / "here")
    assert not differences(json.loads(json.dumps(here)), outcomes[case.id])


@group
@pytest.mark.engine
@pytest.mark.parametrize("case", cases("history", "forgotten"), ids=lambda case: case.id)
def test_either_engine_goes_on_with_what_the_other_remembered(case: Case, turns, tmp_path) -> None:
    here = played(case, embedded.Engine(embedded.EngineOptions(threads=1)), tmp_path / "here")
    assert not differences(json.loads(json.dumps(here)), turns[case.id])


ENVELOPE = ["topic", "partition", "offset", "ingest_time", "key"]


@group
@pytest.mark.engine
def test_every_source_is_a_table_of_spark_sql(looked) -> None:
    read = looked["read"]
    assert read["generator"] == {"columns": [*ENVELOPE, "payload"], "counts": [1000, 3, 333]}
    assert read["delta"] == {"columns": [*ENVELOPE, "record"], "counts": [300, 1, 299]}
    assert read["files"] == {"columns": [*ENVELOPE, "payload"], "counts": [100, 1, 99]}
    assert read["high"] == len([one for one in range(300) if one % 7 == 3])


@group
@pytest.mark.engine
@pytest.mark.parametrize("data", ["table", "*.parquet", "*.jsonl"])
def test_check_says_the_same_in_the_executors(looked, data) -> None:
    (code, here), (code_there, there) = looked["said"][data]["embedded"], looked["said"][data]["spark"]
    assert code == code_there == 1
    assert there["quarantined"] == here["quarantined"] == 43
    for answer in (here, there):
        # What fields are like is told of rows that come back; the clock of each is its own.
        answer.update(seconds=0, now="", fields={})
    assert there == here


@group
@pytest.mark.engine
def test_any_frame_is_counted_in_the_executors(looked) -> None:
    whole, empty = looked["frames"]["whole"], looked["frames"]["empty"]
    assert whole["counts"] == [300, 257, 43, 43]
    assert [seen for _, seen in whole["seen"]] == ["95.5", "95.5"]
    assert len({place for place, _ in whole["seen"] if 0 <= place < 300}) == 2
    assert empty == {"counts": [0, 0, 0, 0], "seen": []}


@pytest.mark.engine
def test_a_run_that_is_killed_leaves_nothing_lost_or_doubled(kafka, topic, tmp_path) -> None:
    """Kill -9 of the process that commits; what Spark and we kept beside the sinks is no help after it."""
    there()
    stage = Stage(tmp_path / "numbers", kafka, topic, "{spark: {master: 'local[2]'}}", epoch=1000)
    stage.send(12_000)
    process = stage.start()
    stage.wait_for_rows(1, process)
    below = descendants(process.pid)
    process.kill()
    process.wait()
    before = stage.count()
    assert 0 < before < 12_000
    assert any("java" in words for words in below.values())
    stage.send(500)
    ended = stage.run()
    assert ended["conserved"]
    assert not stage.lost_or_doubled()
    assert stage.audit()["proved"] == 12_500
    assert not (stage.folder / ".stillwell" / "numbers" / "spark").exists()


# What planning and tasks do, without Spark.


@pytest.fixture
def recipe(tmp_path) -> Recipe:
    """A run over a hundred generated records in three partitions, ten of each in an epoch."""
    options = Generator.Options(rows=100, partitions=3, sensors=3)
    staging = Staging(tmp_path / "spark" / "run1")
    staging.begin()
    contract = "contract: c\nversion: 1.0.0\nfields:\n  sensor_id: {type: string, required: true}\n"
    return Recipe(
        folder=staging.folder,
        another=lambda: Generator(options, Place("p", tmp_path, tmp_path)),
        contract=contract,
        limits=EpochLimits(records=10, wait=dt.timedelta(seconds=5)),
        positions={0: Position(4)},
        tasks=2,
        threads=1,
        window=dt.timedelta(minutes=1),
    )


def judged(recipe: Recipe, parts) -> list[Report]:
    return [perform(recipe, part) for part in parts]


def test_an_epoch_begins_where_the_one_before_ended_and_is_planned_once(recipe) -> None:
    planner = Planner(recipe)
    assert planner.latest() == 1
    parts = planner.parts(1)
    assert [part.positions for part in parts] == [{0: Position(4), 2: Position()}, {1: Position()}]
    assert planner.parts(1) == parts
    assert planner.latest() == 1, "the next one waits for what this one reads"
    first, second = judged(recipe, parts)
    assert (first.read, second.read) == (10, 10)
    assert planner.latest() == 2
    after = {partition: at for part in planner.parts(2) for partition, at in part.positions.items()}
    assert after == {**first.ends, **second.ends}
    assert sum(at.offset for at in after.values()) == 24


def test_no_more_is_judged_than_may_wait_to_be_committed(recipe) -> None:
    planner, staging = Planner(recipe), Staging(recipe.folder)
    for number in range(1, AHEAD + 1):
        assert planner.latest() == number
        judged(recipe, planner.parts(number))
    assert planner.latest() == AHEAD
    staging.committed(1)
    assert planner.latest() == AHEAD + 1
    staging.stop()
    assert planner.latest() == AHEAD


def test_nothing_more_is_planned_when_all_was_read(recipe) -> None:
    planner, staging, read, number = Planner(recipe), Staging(recipe.folder), 0, 0
    while planner.latest() > number:
        number += 1
        read += sum(report.read for report in judged(recipe, planner.parts(number)))
        staging.committed(number)
    assert read == 96


def test_the_first_of_two_attempts_counts_and_a_second_one_is_seen(recipe) -> None:
    """Spark may run a task again: what it staged first is taken, and the counter of judgements tells of it."""
    parts = Planner(recipe).parts(1)
    first, again, other = perform(recipe, parts[0]), perform(recipe, parts[0]), perform(recipe, parts[1])
    assert first.accepted != again.accepted
    assert [one.accepted for one in Staging(recipe.folder).reports(1) or ()] == [first.accepted, other.accepted]
    orderly, twice = Once(), Once()
    orderly.add([first])
    assert orderly.again == 0
    twice.add([first, other])
    assert twice.again == again.read == 10


def fates(accepted: pa.Table, quarantined: pa.Table) -> set[tuple[int, int, str]]:
    """What became of each record, by its place."""
    rows = {"accepted": accepted["_stillwell"], "quarantined": quarantined["_stillwell"]}
    return {(one["partition"], one["offset"], name) for name, traces in rows.items() for one in traces.to_pylist()}


def test_tasks_of_any_process_go_on_with_what_was_remembered_where_theirs_begin(recipe, monkeypatch) -> None:
    """Tasks wander between processes, and some are asked twice; verdicts are those of one pass over each partition."""
    contract = (
        "contract: c\nversion: 1.0.0\nkey: sensor_id\ntime: timestamp\nfields:\n  sensor_id: {type: string}\n"
        "  timestamp: {type: timestamp, required: true}\n  temperature: {type: double}\n"
        "sequence:\n  steady: {kind: jump, field: temperature, max: 0.4, within: 10m}\n"
    )
    recipe = replace(recipe, contract=contract, state=recipe.folder.parent, positions={})
    source, alone = recipe.another(), Kernel(parse(contract), threads=1)
    source.open()
    source.seek({})
    whole = alone.judge(pa.concat_tables([source.read(100).table for _ in range(3) if not source.finished]), NOW)
    assert 0 < len(whole.quarantined) < whole.read == 100
    planner, staging = Planner(recipe), Staging(recipe.folder)
    processes, chances = [None, None], random.Random(7)
    found, number = set[tuple[int, int, str]](), 0
    while planner.latest() > number:
        number += 1
        parts = planner.parts(number)
        for part in [*parts, *parts[: number % 3]]:
            one = chances.randrange(2)
            monkeypatch.setattr(task, "_held", processes[one])
            perform(recipe, part)
            processes[one] = task._held
        for report in staging.reports(number) or ():
            if report.read:
                found |= fates(*(staging.rows(number, [name]) for name in (report.accepted, report.quarantined)))
        staging.committed(number)
    assert found == fates(whole.accepted, whole.quarantined)


def test_records_of_other_columns_wait_for_the_next_epoch(recipe, tmp_path) -> None:
    """Text with another header ends an epoch; what was read behind it is read again."""
    for name, header in (("a", "id,value"), ("b", "value,id"), ("c", "id,more")):
        (tmp_path / f"{name}.csv").write_text(header + "\n" + "1,2\n" * 4)
    options = Files.Options(path=str(tmp_path / "*.csv"), format="csv")
    recipe = replace(recipe, another=lambda: Files(options, Place("p", tmp_path, tmp_path)), positions={})
    planner, staging, number, read = Planner(recipe), Staging(recipe.folder), 0, []
    while planner.latest() > number:
        number += 1
        reports = judged(recipe, planner.parts(number))
        read += [(report.read, report.columns) for report in reports if report.read]
        staging.committed(number)
    assert [count for count, _ in read] == [4, 4, 4]
    assert len({columns for _, columns in read}) == 3


def test_a_gap_is_told_by_the_epoch_whose_records_lie_behind_it(recipe, kafka, topic, tmp_path) -> None:
    """Retention overtakes a run, and of that partition nothing comes for a while."""
    create(kafka, topic, 2)
    options = Kafka.Options(brokers=kafka.address, topic=topic, refresh=0.3)
    recipe = replace(
        recipe,
        another=lambda: Kafka(options, Place("p", tmp_path, tmp_path)),
        limits=EpochLimits(records=20, wait=dt.timedelta(seconds=3)),
        positions={},
        tasks=1,
    )
    planner, staging, told = Planner(recipe), Staging(recipe.folder), []
    for number, first, second in ((1, 10, 10), (2, 0, 5), (3, 20, 0)):
        produce(kafka, topic, numbers(first), 0)
        produce(kafka, topic, numbers(second), 1)
        if number == 2:
            # Another process reads on, which has nothing at hand.
            task._held.let_go()
            produce(kafka, topic, numbers(30), 0)
            forget(kafka, topic, {0: 40})
        (report,) = judged(recipe, planner.parts(number))
        told.append(({one: end.offset for one, end in report.ends.items()}, report.gaps))
        staging.committed(number)
    task._held.let_go()
    gap = Gap(0, 10, 40)
    assert told == [({0: 10, 1: 10}, ()), ({1: 15}, (gap,)), ({0: 60}, (gap,))]


def test_who_commits_and_gives_no_sign_is_taken_to_be_dead(recipe) -> None:
    (recipe.folder / "alive").unlink()
    with pytest.raises(RuntimeError, match="is gone"):
        Planner(recipe).latest()


def test_what_keeps_a_task_from_its_work_is_reported_with_its_kind(recipe) -> None:
    part = Part(1, 0, {0: Position()}, only=True, clock=NOW)
    (recipe.folder / "epoch-000000000001").mkdir()
    broken = replace(recipe, folder=recipe.folder, contract="contract: c\n")
    broken = replace(broken, another=recipe.another)
    task._held = None
    failure = perform(broken, part).failure
    task._held = None
    assert failure is not None
    assert issubclass(failure[0], StillwellError)


# What is refused.


def refusal(tmp_path: Path, source: str, engine: str = "spark") -> tuple[str, str, int]:
    (tmp_path / "contract.yml").write_text("contract: c\nversion: 1.0.0\nfields:\n  id: {type: string}\n")
    (tmp_path / "pipeline.yml").write_text(
        f"pipeline: p\ncontract: contract.yml\nsource: {source}\naccepted: {{jsonl: {{path: a}}}}\n"
        f"quarantine: {{jsonl: {{path: q}}}}\nengine: {engine}\n"
    )
    with pytest.raises(PipelineError) as caught:
        plan(load(tmp_path / "pipeline.yml"))
    problem = caught.value.problems[0]
    return problem.code, problem.path, problem.where.line


def test_what_spark_cannot_do_is_refused_at_its_line(tmp_path) -> None:
    assert refusal(tmp_path, "stdin") == ("not-supported", "source", 3)
    group = "{kafka: {brokers: 'b:9092', topic: t, group: g}}"
    assert refusal(tmp_path, group)[:2] == ("not-supported", "source")
    native = refusal(tmp_path, "{generator: {rows: 5}}", "{spark: {reader: native}}")
    assert native == ("not-supported", "engine.spark", 6)
    both = refusal(tmp_path, "{generator: {rows: 5}}", "{spark: {master: 'local[1]', remote: 'sc://h:1'}}")
    assert both[0] == "bad-option"


def test_where_what_runs_is_told_without_spark() -> None:
    pipeline = load(ROOT / "examples" / "sensors" / "pipeline.yml")
    steps = Engine(EngineOptions(master="spark://h:7077")).steps(plan(pipeline).job)
    assert "spark://h:7077" in steps[0].where
    assert "a few partitions each" in steps[1].where
    assert steps[-1].where == "this process"


def test_how_many_tasks_run_side_by_side_is_told_by_a_local_master_only() -> None:
    assert (cores("local[3]"), cores("local"), cores("local[2, 4]"), cores("spark://h:7077")) == (3, 1, 2, None)
    assert (cores(None) or 0) >= 1


def test_of_what_spark_says_the_cause_is_told() -> None:
    said = "An error occurred while calling x.\n: java.lang.Wrapped: no\n\tat a.b(C.java:1)\nCaused by: java.io.IOException: disk"
    assert told(RuntimeError(said)) == "Caused by: java.io.IOException: disk"
    assert told(RuntimeError("")) == "without a word"
