"""The Flink engine without Flink: what tasks say, what Flink is told, what is refused. Real jobs: `flink/test_jobs.py`."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from stillwell.connectors.base import Place
from stillwell.connectors.kafka.letters import NAMES, Letters
from stillwell.connectors.kafka.rows import HEADER, Rows
from stillwell.connectors.kafka.sink import SinkOptions
from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.engines.flink.engine import Engine
from stillwell.engines.flink.gateway import failed, failing, plain_environment
from stillwell.engines.flink.job import batch_of
from stillwell.engines.flink.judging import Judging
from stillwell.engines.flink.options import EngineOptions
from stillwell.engines.flink.packed import EXTRA, MOST, OWN, ROW, packed, unpacking
from stillwell.engines.flink.properties import properties
from stillwell.engines.flink.tidings import parsed
from stillwell.engines.flink.writes import Topics, Writes
from stillwell.errors import PipelineError, StillwellError
from stillwell.kernel import Format, Kernel
from stillwell.kernel.program import accepted_schema, quarantine_schema
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan

CONTRACT = """\
contract: numbers
version: 1.0.0
fields:
  id: {type: integer, required: true}
  value: {type: double, min: 0, max: 100, warn: {max: 90}}
rules:
  never: {expect: value < 99, severity: fail}
"""
TOPICS = Topics("good", "good.marks", "bad", "bad.marks", "good.ledger", "good.tallies")


def writes(positions=None, contract=CONTRACT, **more):
    known = parse(contract)
    return Writes(
        "numbers", "kafka:c/t", "t", known.text, digest(known), {"duckdb": "1"}, TOPICS, positions or {}, Format(),
        dt.timedelta(minutes=1), **more,
    )  # fmt: skip


def batch(*payloads, partition=0, begin=0):
    count = len(payloads)
    return batch_of(list(payloads), [b"k"] * count, [partition] * count, list(range(begin, begin + count)), topic="t")


def unpacked(lists):
    """What the SQL of `unpacking` takes out of lists: topic, key, value, headers."""
    for one in lists.to_pylist():
        if not one:
            continue
        letter = len(one) > ROW and one[OWN - 2] is not None
        names = NAMES if letter else (HEADER,)
        yield one[0].decode(), one[1], one[2], dict(zip(names, one[3:], strict=False))
        for at in range(OWN, len(one), EXTRA):
            yield one[at].decode(), one[at + 1], one[at + 2], {}


class Message:
    def __init__(self, told):
        self.told = told

    def key(self):
        return self.told[1]

    def value(self):
        return self.told[2]

    def headers(self):
        return [(name, value) for name, value in self.told[3].items() if value is not None]


def messages(lists, topic):
    return [Message(told) for told in unpacked(lists) if told[0] == topic]


GOOD, ODD, BAD = b'{"id": 1, "value": 2}', b'{"id": 2, "value": 95}', b'{"id": 3, "value": -1}'


def test_what_a_task_says_is_what_the_kernel_says_in_the_form_of_the_sink():
    some = batch(GOOD, BAD, None, b"\xff\x00", ODD)
    said = Judging(writes(key="id"))(some)
    assert len(said) == len(some)
    schema, wanted = accepted_schema(parse(CONTRACT)), quarantine_schema(None)
    good = Rows(schema).table(messages(said, "good"), schema.names).to_pylist()
    bad = Letters(wanted).table(messages(said, "bad"), wanted.names).to_pylist()
    told = parsed(messages(said, "good.tallies")[0].value())
    judged = Kernel(parse(CONTRACT)).judge(some, told.intent.clock)
    assert good == judged.accepted.to_pylist()
    assert bad == judged.quarantined.to_pylist()
    assert [one.key() for one in messages(said, "good")] == [b"1", b"2"]
    assert [one.value() for one in messages(said, "bad")] == [BAD, None, b"\xff\x00"]
    assert told.judged.facts == judged.facts
    assert told.tally.failures() == judged.tally.failures()
    assert (len(told.judged.accepted), len(told.judged.quarantined), told.judged.read) == (2, 3, 5)


def test_marks_and_ledger_tell_of_every_partition_once_a_batch():
    judging = Judging(writes())
    first = judging(pa.concat_tables([batch(GOOD, BAD), batch(GOOD, partition=3, begin=7)]))
    second = judging(batch(GOOD, begin=2))
    for topic, rows in (("good.marks", "good"), ("bad.marks", "bad")):
        found = {one.key(): one.value() for one in messages(first, topic)}
        mark = f"{rows}/stillwell/numbers/kafka:c/t/"
        assert found == {f"{mark}0".encode(): b"2", f"{mark}3".encode(): b"8"}
    line, later = (json.loads(messages(said, "good.ledger")[0].value()) for said in (first, second))
    assert (line["follows"], later["follows"]) == ([0, 3], [])
    assert line["contract_text"] == parse(CONTRACT).text
    assert later["contract_text"] is None
    ((part,),) = (later["intent"]["slices"],)
    assert (part["start"]["offset"], part["end"]["offset"]) == (2, 3)
    assert later["marks"] == {"stillwell/numbers/kafka:c/t/0": 3}


def test_what_was_written_before_is_neither_judged_nor_written_again():
    counts = Counter()
    judging = Judging(writes({0: 2}), lambda name, number: counts.update({name: number}))
    said = judging(batch(GOOD, BAD, ODD))
    assert counts["read"] == 1
    assert [one.told[0] for one in map(Message, unpacked(said))].count("good") == 1
    assert len(said) == 3
    assert list(unpacked(judging(batch(GOOD, BAD)))) == []


def test_a_rule_of_severity_fail_is_told():
    told = parsed(messages(Judging(writes())(batch(GOOD, b'{"id": 1, "value": 99}')), "good.tallies")[0].value())
    assert (told.stop.rule, told.stop.partition, told.stop.offset) == ("never", 0, 1)


def test_a_broker_s_stamp_is_the_ingest_time():
    stamps = np.array(["2026-01-01T00:00:00.250", "NaT"], "datetime64[ms]")
    some = batch_of([GOOD, GOOD], [None, None], [0, 0], [0, 1], pa.array(stamps, pa.timestamp("ms", "UTC")), topic="t")
    times = some["ingest_time"].to_pylist()
    assert times == [dt.datetime(2026, 1, 1, 0, 0, 0, 250_000, dt.UTC), None]


@pytest.mark.parametrize("extras", range(MOST + 1))
def test_lists_have_lengths_that_the_sql_knows(extras):
    row = [pa.array([b"good"]), pa.array([b"k"]), pa.array([b"v"]), pa.array([b"{}"])]
    letters = [pa.array([], pa.binary())] * OWN
    more = [[(b"t", None, b"%d" % number) for number in range(extras)]] if extras else []
    (own, empty) = packed(row, letters, more, 2).to_pylist()
    assert empty == []
    assert len(own) == (OWN + EXTRA * extras if extras else ROW)
    if extras:
        places = ", ".join(map(str, (0, *range(OWN, len(own), EXTRA))))
        assert f"WHEN {len(own)} THEN ARRAY[{places}]" in unpacking("x")


def place(folder):
    return Place("numbers", folder, folder)


def test_the_java_client_is_told_the_same_as_ours(tmp_path):
    (tmp_path / "all.pem").write_text("by hand\n-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\ny\n-----END PRIVATE KEY-----\n")
    told = properties(
        SinkOptions(
            brokers=["a:1", "b:2"],
            topic="t",
            tls={"ca": "all.pem", "certificate": "all.pem", "key": "key.pem", "password": "p"},
            sasl={"user": "u", "password": 'a"b\\c'},
        ),
        place(tmp_path),
    )
    assert told["bootstrap.servers"] == "a:1,b:2"
    assert told["security.protocol"] == "SASL_SSL"
    assert told["ssl.truststore.certificates"].startswith("-----BEGIN CERTIFICATE-----")
    assert told["ssl.keystore.key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert told["ssl.key.password"] == "p"
    assert told["sasl.mechanism"] == "SCRAM-SHA-512"
    assert told["sasl.jaas.config"].endswith(r'required username="u" password="a\"b\\c";')


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"config": {"linger.ms": 1}}, "not-supported"),
        ({"tls": {"ca": "missing.pem"}}, "bad-option"),
        ({"tls": {"certificate": "key.pem", "key": "key.pem"}}, "bad-option"),
    ],
)
def test_what_the_java_client_does_not_take_is_refused(tmp_path, more, code):
    (tmp_path / "key.pem").write_text("-----BEGIN RSA PRIVATE KEY-----\ny\n-----END RSA PRIVATE KEY-----\n")
    with pytest.raises(StillwellError) as refused:
        properties(SinkOptions(brokers="a:1", topic="t", **more), place(tmp_path))
    assert [one.code for one in refused.value.problems] == [code]


def planned(folder: Path, **parts):
    kafka = {"brokers": "localhost:1"}
    (folder / "contract.yml").write_text(CONTRACT.replace(", severity: fail", ""))
    told = {
        "pipeline": "numbers",
        "contract": "contract.yml",
        "source": {"kafka": {**kafka, "topic": "in"}},
        "accepted": {"kafka": {**kafka, "topic": "good"}},
        "quarantine": {"kafka": {**kafka, "topic": "bad"}},
        "engine": "flink",
        **parts,
    }
    (folder / "pipeline.yml").write_text(json.dumps(told))
    return plan(load(folder / "pipeline.yml"))


KAFKA = {"brokers": "localhost:1"}


@pytest.mark.parametrize(
    ("parts", "path", "said"),
    [
        (
            {"source": {"kafka": {**KAFKA, "topic": "in", "group": "g"}}},
            "source",
            "shares the partitions among its own",
        ),
        ({"source": {"kafka": {**KAFKA, "topic": ["in", "too"]}}}, "source", "all partitions of one topic"),
        ({"source": {"kafka": {**KAFKA, "topic": "in", "partitions": [0]}}}, "source", "all partitions of one topic"),
        ({"source": {"generator": {}}}, "source", "reads Kafka alone"),
        ({"source": "stdin"}, "source", "reads Kafka alone"),
        ({"accepted": {"delta": {"path": "good"}}}, "engine.flink", "writes Kafka exactly once"),
        ({"quarantine": {"jsonl": {"path": "bad"}}}, "engine.flink", "writes Kafka exactly once"),
        ({"quarantine": {"kafka": {"brokers": "localhost:2", "topic": "bad"}}}, "engine.flink", "different brokers"),
        (
            {"quarantine": [{"kafka": {**KAFKA, "topic": "bad"}}, {"jsonl": {"path": "b"}}]},
            "quarantine",
            "one topic of",
        ),
    ],
)
def test_what_flink_cannot_do_is_refused_when_planned(tmp_path, parts, path, said):
    with pytest.raises(PipelineError) as refused:
        planned(tmp_path, **parts)
    found = [(one.code, one.path) for one in refused.value.problems if said in one.what]
    assert found == [("not-supported", path)]


def test_a_way_through_kafka_is_planned_and_told_with_its_cost(tmp_path):
    through = {"flink": {"through": {**KAFKA, "topic": "between"}, "parallelism": 3}}
    made = planned(
        tmp_path, accepted={"delta": {"path": "good"}}, quarantine={"jsonl": {"path": "bad"}}, engine=through
    )
    steps = [one.what for one in made.engine.steps(made.job)]
    assert steps[-1] == "carry on into the sinks"
    assert any("between" in warning and "once more" in warning for warning in made.warnings)


@pytest.mark.parametrize("key", ["execution.target", "parallelism.default", "python.executable"])
def test_flinks_keys_that_follow_from_options_are_not_taken(key):
    with pytest.raises(ValueError, match="follows from the other options"):
        EngineOptions(config={key: 1})


def test_options_that_mean_nothing_are_refused():
    for wrong in ({"cluster": "nowhere"}, {"parallelism": 0}, {"heap": "much"}, {"unknown": 1}):
        with pytest.raises(ValueError, match=r"."):
            EngineOptions(**wrong)


def test_java_does_not_inherit_what_may_be_a_secret(monkeypatch):
    for name in ("PASSWORD", "KAFKA_PW", "FLINK_LOG_DIR", "PYTHONPATH", "JAVA_HOME", "TZ"):
        monkeypatch.setenv(name, "told")
    with plain_environment():
        inside = {name for name, value in os.environ.items() if value == "told"}
    assert inside == {"FLINK_LOG_DIR", "PYTHONPATH", "JAVA_HOME", "TZ"}
    assert os.environ["PASSWORD"] == "told"


def test_java_s_innermost_cause_is_what_a_person_reads():
    told = (
        "org.apache.flink.runtime.JobException: Recovery is suppressed\n\tat somewhere\n"
        "Caused by: java.lang.RuntimeException: outer\n\tat x\n"
        "Caused by: org.apache.kafka.common.errors.TimeoutException: Topic in not present in metadata.\n"
    )
    problem = failed("The job failed", told).problems[0]
    assert problem.code == "engine-failed"
    assert problem.what == "The job failed: Topic in not present in metadata."


def test_errors_of_our_own_stay_as_they_are():
    with pytest.raises(KeyError), failing("Flink does not take the job"):
        raise KeyError


def test_the_engine_is_found_by_its_name():
    from stillwell._find import find

    assert find("engines", "flink", "Engine") is Engine
