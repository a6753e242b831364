"""A plan refuses early and all at once; its doors are tried without writing anything."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwell.errors import PipelineError
from stillwell.pipeline.load import load
from stillwell.pipeline.model import Pipeline
from stillwell.pipeline.plan import plan
from tests.pipeline.conftest import CONTRACT, Found, problems_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "sensors" / "pipeline.yml"


def refused(pipeline: Pipeline) -> Found:
    with pytest.raises(PipelineError) as caught:
        plan(pipeline)
    return problems_of(caught.value)


def closed_doors(pipeline: Pipeline) -> Found:
    with pytest.raises(PipelineError) as caught:
        plan(pipeline).try_doors()
    return problems_of(caught.value)


def test_the_example_is_planned_with_its_places_beside_its_file() -> None:
    planned = plan(load(EXAMPLE))
    assert planned.job.state == EXAMPLE.parent / ".stillwell" / "sensors"
    assert planned.job.contract.name == "sensor-readings"
    assert planned.job.memory == f"{1 << 30}B"
    assert planned.warnings == ()


def test_places_can_be_said_by_who_plans(tmp_path) -> None:
    pipeline = load(EXAMPLE, ["source.generator.rows=5"])
    assert plan(pipeline, folder=tmp_path).job.state == tmp_path / ".stillwell" / "sensors"
    planned = plan(pipeline, folder=tmp_path, state=tmp_path / "s")
    assert planned.job.state == tmp_path / "s"
    assert f"Delta table {tmp_path}/lake/readings (new)" in planned.try_doors()[2]
    assert not list(tmp_path.iterdir())


def test_trying_the_doors_says_what_would_happen_and_creates_nothing(pipeline, tree) -> None:
    accepted = "[{jsonl: {path: a.jsonl}}, {parquet: {path: a}}, {delta: {path: d}}, {duckdb: {path: a.db}}, memory]"
    planned = plan(pipeline(accepted=accepted, engine="{embedded: {threads: 1}}"))
    before = tree()
    lines = planned.try_doors()
    assert tree() == before
    assert [line.partition("  ")[0] for line in lines] == [
        "reads",
        "judges by",
        *["accepts to"] * 5,
        "rejects to",
        "keeps state",
    ]
    assert "1 json file" in lines[0]
    assert "readings 1.0.0" in lines[1]


def test_everything_wrong_with_a_plan_is_told_at_once(pipeline, folder) -> None:
    (folder / "contract.yml").write_text(
        CONTRACT + "status: retired\nkey: sensor\nsequence: {m: {kind: anomaly, field: value, detect: x}}\n"
    )
    problems = refused(
        pipeline(
            source="{fils: {path: in.jsonl}}",
            accepted="{delta: {pth: lake/a}}",
            quarantine="{jsonl: {path: q.jsonl, compression: zstd}}",
            engine="sparkle",
            monitor="{store: postgres}",
        )
    )
    assert {(code, path) for code, _, _, path in problems} == {
        ("unknown-plugin", "source.fils"),
        ("unknown-key", "accepted.delta.pth"),
        ("missing-key", "accepted.delta"),
        ("unknown-key", "quarantine.jsonl.compression"),
        ("unknown-plugin", "engine.sparkle"),
        ("not-supported", "monitor.store"),
        ("not-supported", "sequence.m"),
        ("retired", "contract"),
    }
    assert all(line for _, line, _, _ in problems)


def test_a_plug_in_of_the_wrong_side_is_refused(pipeline) -> None:
    assert refused(pipeline(source="{parquet: {path: a}}")) == [("not-supported", 5, 10, "source.parquet")]
    assert refused(pipeline(accepted="{generator: {rows: 1}}")) == [("not-supported", 5, 12, "accepted.generator")]


def test_a_contract_that_is_not_there_is_told_at_the_key(pipeline) -> None:
    assert refused(pipeline(contract="none.yml")) == [("unreadable", 5, 11, "contract")]


def test_problems_of_the_contract_are_told_in_the_contract(pipeline, folder) -> None:
    (folder / "contract.yml").write_text(CONTRACT.replace("double", "doubel"))
    with pytest.raises(PipelineError) as caught:
        plan(pipeline())
    [problem] = caught.value.problems
    assert (problem.code, problem.where.file, problem.where.line) == ("unknown-type", str(folder / "contract.yml"), 5)


def test_a_deprecated_contract_is_a_warning(pipeline, folder) -> None:
    (folder / "contract.yml").write_text(CONTRACT + "status: deprecated\n")
    [warning] = plan(pipeline()).warnings
    assert "deprecated" in warning
    assert "pipeline.yml:2:11" in warning


@pytest.mark.parametrize(
    ("key", "named"), [("sensor", "sensor"), ("[sensor, value]", "sensor, value"), (None, "sensor")]
)
def test_whose_history_it_is_must_choose_the_partition_of_a_topic(pipeline, folder, key, named) -> None:
    rules = (
        "  once: {kind: unique, fields: [sensor], within: 1h}\n"
        if key is None
        else "  turn: {kind: counter, field: value}\n"
    )
    (folder / "contract.yml").write_text(CONTRACT + (f"key: {key}\n" if key else "") + "sequence:\n" + rules)
    [warning] = plan(pipeline(source="{kafka: {brokers: 'b:9092', topic: t}}")).warnings
    assert warning.endswith(f"{named} must be the key of the messages, or what chooses their partition.")
    assert "pipeline.yml:5:10" in warning
    assert plan(pipeline(source="{files: {path: in.jsonl}}")).warnings == ()


def test_without_a_history_nothing_is_said_of_the_keys_of_messages(pipeline) -> None:
    assert plan(pipeline(source="{kafka: {brokers: 'b:9092', topic: t}}")).warnings == ()


def test_accepted_and_quarantine_in_one_place_are_refused(pipeline) -> None:
    assert refused(pipeline(quarantine="{jsonl: {path: out/../out/accepted.jsonl}}")) == [
        ("same-place", 5, 28, "quarantine.jsonl")
    ]


def test_a_format_that_nobody_reads_is_refused_at_its_source(pipeline) -> None:
    assert refused(pipeline(source="{files: {path: in.jsonl, format: debezium}}")) == [
        ("unknown-format", 5, 10, "source.files")
    ]


def test_a_sink_without_marks_is_refused(pipeline, tmp_path, monkeypatch) -> None:
    """Such a plug-in can only come from another package, so here is one, installed."""
    package = tmp_path / "site"
    (package / "plain_sink-1.0.dist-info").mkdir(parents=True)
    (package / "plain_sink-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: plain-sink\nVersion: 1.0\n"
    )
    (package / "plain_sink-1.0.dist-info" / "entry_points.txt").write_text(
        "[stillwell.connectors]\nplain = plain_sink\n"
    )
    (package / "plain_sink.py").write_text(
        "from stillwell.connectors.base import Options\n"
        "class Sink:\n"
        "    Options = Options\n"
        "    def __init__(self, options, place): ...\n"
        "    def write(self, rows, marks): ...\n"
    )
    monkeypatch.syspath_prepend(package)
    assert refused(pipeline(accepted="plain")) == [("not-supported", 5, 11, "accepted.plain")]


def test_all_closed_doors_are_told_at_once(pipeline, folder) -> None:
    (folder / "file").write_text("no folder")
    pq.write_table(pa.table({"other": [1]}), folder / "part-000000000001.parquet")
    problems = closed_doors(
        pipeline(
            source="{files: {path: none.jsonl}}",
            accepted="[{parquet: {path: .}}, {jsonl: {path: file/a.jsonl}}, {delta: {path: file/lake}}]",
            quarantine="{duckdb: {path: contract.yml}}",
            state="file/state",
        )
    )
    codes = [(code, path) for code, _, _, path in problems]
    assert ("no-file", "source.files") in codes
    assert ("sink-schema", "accepted[0].parquet") in codes
    assert ("unwritable", "accepted[1].jsonl") in codes
    assert ("unwritable", "accepted[2].delta") in codes
    assert ("unwritable", "state") in codes
    assert "quarantine.duckdb" in [path for _, path in codes]
    assert all(line for _, line, _, _ in problems)


def test_the_quarantine_of_typed_records_keeps_their_columns(pipeline, folder) -> None:
    rows = pa.table({"sensor": ["a"], "value": [1.0], "site": ["x"]})
    pq.write_table(rows, folder / "in.parquet")
    planned = plan(pipeline(source="{files: {path: in.parquet}}", quarantine="{memory: {name: typed}}"))
    assert planned.job.source.record_type == pa.struct(list(rows.schema))
    assert planned.try_doors()
    from stillwell.connectors.memory import Sink
    from stillwell.kernel.program import quarantine_schema

    sink = Sink(Sink.Options(name="typed"), None)
    sink.open(quarantine_schema(None))
    assert closed_doors(planned.pipeline)[0][0] == "sink-schema"


def test_typed_files_of_different_columns_are_refused(pipeline, folder) -> None:
    (folder / "in").mkdir()
    pq.write_table(pa.table({"sensor": ["a"], "value": [1.0]}), folder / "in" / "a.parquet")
    pq.write_table(pa.table({"sensor": ["a"], "value": [1]}), folder / "in" / "b.parquet")
    assert closed_doors(pipeline(source="{files: {path: in}}")) == [("mixed-columns", 5, 10, "source.files")]


def test_the_columns_of_a_delta_table_are_known_before_it_is_opened(pipeline, folder) -> None:
    deltalake = pytest.importorskip("deltalake")
    rows = pa.table({"sensor": ["a"], "value": [1.0]})
    deltalake.write_deltalake(str(folder / "lake"), rows)
    planned = plan(pipeline(source="{delta: {path: lake}}"))
    assert planned.job.source.record_type == pa.struct(list(rows.schema))
    assert "version 0" in planned.try_doors()[0]


def test_a_place_that_takes_nothing_is_refused_before_a_run(pipeline, folder) -> None:
    before = sorted(folder.rglob("*"))
    with pytest.raises(PipelineError) as caught:
        plan(pipeline(accepted="{jsonl: {path: /proc/stillwell/a.jsonl}}")).try_doors()
    assert [(one.code, one.path) for one in caught.value.problems] == [("unwritable", "accepted.jsonl")]
    assert sorted(folder.rglob("*")) == before


def test_a_place_from_outside_is_shown_at_its_door(pipeline, folder, monkeypatch) -> None:
    monkeypatch.setenv("PLACE", "somewhere")
    read = pipeline(accepted="{jsonl: {path: '${PLACE}/a.jsonl'}}")
    assert f"{folder}/somewhere/a.jsonl (new)" in "\n".join(plan(read).try_doors())


def test_what_may_be_secret_is_shown_at_no_door(pipeline, folder, monkeypatch) -> None:
    monkeypatch.setenv("PLACE", "swordfish")
    read = pipeline(accepted="{jsonl: {path: '${PLACE}/a.jsonl'}}", state="'state-${PLACE}'")
    assert "${PLACE}/a.jsonl (new)" in "\n".join(plan(read).try_doors())
    (folder / "swordfish").write_text("in the way")
    with pytest.raises(PipelineError) as caught:
        plan(read).try_doors()
    assert "${PLACE}" in str(caught.value)
    assert "swordfish" not in str(caught.value)
