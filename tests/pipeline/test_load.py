"""A pipeline file becomes a frozen pipeline, or every problem of it at its place."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from stillwell.contract.model import PlugIn
from stillwell.engines.base import EpochLimits
from stillwell.errors import PipelineError, Where
from stillwell.pipeline.load import load, parse
from stillwell.pipeline.model import Alert, ContractChoice, Limits, Lookup, Monitor
from tests.pipeline.conftest import PIPELINE, problems_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "sensors" / "pipeline.yml"

WHOLE = """\
pipeline: all-of-it
contract: {by: $header.type, when: {a: a.yml, b: b.yml}, else: b.yml}
source: stdin
accepted: [{delta: {path: lake/a}}, {parquet: {path: lake/b}}]
quarantine: {delta: {path: lake/q}}
engine: {embedded: {threads: 2}}
state: elsewhere
epoch: {records: 1000, bytes: 1MiB, wait: 500ms}
limits: {keys: 5, memory: 512MiB}
lookups: {sites: {files: {path: sites.csv}, refresh: 5m}, units: {files: {path: units.csv}}}
monitor: {store: {sqlite: {path: monitor.db}}, reference: {delta: {path: ref}}}
alerts: {ops: {email: {to: [ops@example.org]}, when: {severity: fail, rule: [a, b]}}, all: log}
"""

HEAD = "pipeline: a\ncontract: c.yml\nsource: stdin\naccepted: memory\nquarantine: memory\n"


def found(text: str, **environment: str) -> list[tuple[str, int, int, str]]:
    with pytest.raises(PipelineError) as caught:
        parse(text, file="pipeline.yml", environment=environment)
    return problems_of(caught.value)


def test_the_pipeline_of_the_example_is_read() -> None:
    pipeline = load(EXAMPLE)
    assert (pipeline.name, pipeline.contract) == ("sensors", "contract.yml")
    assert pipeline.source == dataclasses.replace(pipeline.source, options={"sensors": "100", "seed": "7"})
    assert [part.name for part in pipeline.accepted] == ["delta"]
    assert pipeline.quarantine[0].options == {"path": "lake/quarantine"}
    assert (pipeline.engine.name, pipeline.state, pipeline.epoch) == ("embedded", None, EpochLimits())
    assert pipeline.folder == EXAMPLE.parent


def test_every_key_of_the_grammar_is_read() -> None:
    pipeline = parse(WHOLE)
    assert pipeline.contract == ContractChoice("$header.type", {"a": "a.yml", "b": "b.yml"}, "b.yml")
    assert [(part.name, part.path) for part in pipeline.accepted] == [
        ("delta", "accepted[0].delta"),
        ("parquet", "accepted[1].parquet"),
    ]
    assert pipeline.engine.options == {"threads": "2"}
    assert pipeline.state == "elsewhere"
    assert pipeline.epoch == EpochLimits(1000, 1 << 20, dt.timedelta(milliseconds=500))
    assert pipeline.limits == Limits(5, 512 << 20)
    assert isinstance(pipeline.lookups["sites"], Lookup)
    assert [(one.part.name, one.refresh) for one in pipeline.lookups.values()] == [
        ("files", dt.timedelta(minutes=5)),
        ("files", dt.timedelta(hours=1)),
    ]
    assert isinstance(pipeline.monitor, Monitor)
    assert (pipeline.monitor.store.name, pipeline.monitor.reference.options) == ("sqlite", {"path": "ref"})
    assert isinstance(pipeline.alerts["ops"], Alert)
    assert pipeline.alerts["ops"].part.options == {"to": ("ops@example.org",)}
    assert pipeline.alerts["ops"].when == {"severity": ("fail",), "rule": ("a", "b")}
    assert pipeline.alerts["all"].part.name == "log"


def test_a_single_sink_needs_no_list_and_keeps_its_short_path() -> None:
    [part] = parse(HEAD.replace("accepted: memory", "accepted: {memory: {name: x}}")).accepted
    assert (part.path, part.where(("name",))) == ("accepted.memory", Where("", 4, 27))
    assert isinstance(part, PlugIn)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("missing-key", 1, 1, "")),
        (HEAD + "sorce: {}\n", ("unknown-key", 6, 1, "sorce")),
        (HEAD.replace("a\n", "a b\n", 1), ("bad-value", 1, 11, "pipeline")),
        (HEAD.replace("stdin", "{files: {path: a}, stdin: {}}"), ("wrong-type", 3, 9, "source")),
        (HEAD.replace("stdin", "[stdin]"), ("wrong-type", 3, 9, "source")),
        (HEAD.replace("stdin", "{files: }"), ("empty-value", 3, 16, "source.files")),
        (HEAD.replace("quarantine: memory", "quarantine: []"), ("bad-value", 5, 13, "quarantine")),
        (HEAD.replace("quarantine: memory\n", ""), ("missing-key", 1, 1, "")),
        (HEAD + "epoch: {records: 0}\n", ("bad-value", 6, 18, "epoch.records")),
        (HEAD + "epoch: {bytes: 64}\n", ("bad-value", 6, 16, "epoch.bytes")),
        (HEAD + "epoch: {wait: 0s}\n", ("bad-value", 6, 15, "epoch.wait")),
        (HEAD + "epoch: {wait: 1 month}\n", ("bad-value", 6, 15, "epoch.wait")),
        (HEAD + "limits: {memory: lots}\n", ("bad-value", 6, 18, "limits.memory")),
        (HEAD + "lookups: {x: {files: {path: a}, refesh: 1h}}\n", ("unknown-key", 6, 33, "lookups.x.refesh")),
        (HEAD + "lookups: {x: {files: {path: a}, memory: {}}}\n", ("wrong-type", 6, 14, "lookups.x")),
        (HEAD + "alerts: {x: {when: {severity: fail}}}\n", ("wrong-type", 6, 13, "alerts.x")),
        (HEAD + "alerts: {x: {log: {}, when: {severty: fail}}}\n", ("unknown-key", 6, 30, "alerts.x.when.severty")),
        (HEAD.replace("c.yml", "{when: {a: b}}"), ("missing-key", 2, 1, "contract")),
        (HEAD + "state: &here x\n", ("yaml", 6, 8, "state")),
    ],
)
def test_each_problem_is_told_at_its_place(text, expected) -> None:
    assert expected in found(text)


def test_all_problems_of_a_file_come_at_once_sorted_by_line() -> None:
    problems = found("pipeline: a\nsource: ${NO}\nepoch: {records: x}\nengin: spark\n")
    assert [(code, line) for code, line, _, _ in problems] == [
        ("missing-key", 1),
        ("missing-key", 1),
        ("missing-key", 1),
        ("unset", 2),
        ("bad-value", 3),
        ("unknown-key", 4),
    ]


def test_the_nearest_key_is_offered() -> None:
    with pytest.raises(PipelineError) as caught:
        parse(HEAD + "lookup: {}\n")
    assert caught.value.problems[0].fix == "Did you mean `lookups`?"


def test_a_file_that_is_not_there_is_one_problem(tmp_path) -> None:
    with pytest.raises(PipelineError) as caught:
        load(tmp_path / "no.yml")
    assert [problem.code for problem in caught.value.problems] == ["unreadable"]


def test_settings_replace_what_the_file_says_before_it_is_read() -> None:
    text = PIPELINE.replace("in.jsonl", "'${NOT_SET}'").replace("contract.yml", "[")
    pipeline = load(EXAMPLE, ["source.generator.rows=1000", "epoch.wait=5s"])
    assert pipeline.source.options == {"sensors": "100", "seed": "7", "rows": "1000"}
    assert pipeline.epoch.wait == dt.timedelta(seconds=5)
    replaced = parse(text.replace("[", "c.yml"), settings=["source.files.path=b.jsonl"], environment={})
    assert replaced.source.options == {"path": "b.jsonl"}


def test_a_bad_setting_is_named_as_such() -> None:
    with pytest.raises(PipelineError) as caught:
        parse(HEAD, settings=["epoch.records=many"])
    assert str(caught.value).startswith("error[bad-value] --set epoch.records  epoch.records\n")


def test_values_from_outside_are_shown_in_no_repr_and_no_message() -> None:
    text = HEAD.replace("stdin", "{files: {path: 'data/${SECRET}.jsonl'}}")
    pipeline = parse(text, environment={"SECRET": "swordfish"})
    assert pipeline.source.options["path"] == "data/swordfish.jsonl"
    assert "swordfish" not in repr(pipeline)
    assert "data/${SECRET}.jsonl" in repr(pipeline)
    with pytest.raises(PipelineError) as caught:
        parse(HEAD + "epoch: {records: '${SECRET}'}", environment={"SECRET": "swordfish"})
    assert "swordfish" not in str(caught.value)
    assert "`${SECRET}` is not a whole number" in str(caught.value)
