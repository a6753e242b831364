"""The topics of a Kafka sink: how they are made, and which are refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from stillwell.connectors.kafka.sink import Sink
from stillwell.errors import ConnectorError
from tests.connectors.kafka import outside
from tests.connectors.kafka.test_sink import LETTERS
from tests.connectors.suite import SCHEMA, build, rows, step


def refused(kafka, topic, folder, schema=SCHEMA, attempt="check", **more):
    with pytest.raises(ConnectorError) as caught:
        getattr(build(Sink, {"brokers": kafka.address, "topic": topic, **more}, folder), attempt)(schema)
    (problem,) = caught.value.problems
    return problem


def test_topics_are_made_as_told_and_marks_are_kept_for_ever(opened, kafka, topic):
    opened(create={"partitions": 3, "replication": 1, "config": {"retention.ms": 172_800_000}})
    assert outside.settings(kafka, topic)["retention.ms"] == "172800000"
    assert outside.settings(kafka, f"{topic}.marks")["cleanup.policy"] == "compact"
    assert opened().check(SCHEMA) == f"Kafka topic {topic} (3 partitions, kept for 2 days) at {kafka.address}"


def test_dead_letters_are_kept_for_ever_and_may_be_large(opened, kafka, topic):
    told = opened(LETTERS).check(LETTERS)
    assert (
        told == f"dead letters to Kafka topic {topic} (1 partition, records up to 16,711,680 bytes) at {kafka.address}"
    )
    assert outside.settings(kafka, topic)["retention.ms"] == "-1"


def test_what_existing_topics_forget_or_refuse_is_said_beforehand(kafka, topic, tmp_path):
    outside.create(kafka, topic, **{"retention.ms": "43200000", "max.message.bytes": "100000"})
    told = build(Sink, {"brokers": kafka.address, "topic": topic}, tmp_path).check(LETTERS)
    forgets = "1 partition, kept for 0.5 days, records up to 34,464 bytes"
    assert told == f"dead letters to Kafka topic {topic} ({forgets}) at {kafka.address}"


def test_without_leave_nothing_is_made(kafka, topic, tmp_path):
    for attempt in ("check", "open"):
        assert refused(kafka, topic, tmp_path, attempt=attempt, create=False).code == "no-topic"
    outside.create(kafka, topic)
    assert f"{topic}.marks" in refused(kafka, topic, tmp_path, create=False).what
    assert not outside.exists(kafka, f"{topic}.marks")
    outside.create(kafka, f"{topic}.marks", **{"cleanup.policy": "compact"})
    build(Sink, {"brokers": kafka.address, "topic": topic, "create": False}, tmp_path).open(SCHEMA)


@pytest.mark.parametrize("schema", [SCHEMA, LETTERS], ids=["rows", "letters"])
def test_a_compacted_topic_would_lose_rows(kafka, topic, tmp_path, schema):
    outside.create(kafka, topic, **{"cleanup.policy": "compact,delete"})
    problem = refused(kafka, topic, tmp_path, schema)
    assert (problem.code, "compacted" in problem.what) == ("not-supported", True)
    more = {"create": {"config": {"cleanup.policy": "compact"}}}
    assert refused(kafka, f"{topic}-2", tmp_path, schema, "open", **more).code == "not-supported"


def test_marks_that_would_be_forgotten_are_refused(kafka, topic, tmp_path):
    outside.create(kafka, f"{topic}.marks", **{"cleanup.policy": "delete"})
    assert "forget marks" in refused(kafka, topic, tmp_path).what


def test_a_topic_with_messages_of_others_is_left_alone(kafka, topic, tmp_path):
    outside.create(kafka, topic)
    outside.send(kafka, topic, b"mine")
    for attempt in ("check", "open"):
        assert refused(kafka, topic, tmp_path, attempt=attempt).code == "sink-foreign"


def test_a_topic_that_was_deleted_since_is_not_taken_for_the_old_one(opened, kafka, topic, tmp_path):
    opened().write(rows(0, 5), step(0, 5))
    outside.delete(kafka, topic)
    assert refused(kafka, topic, tmp_path).code == "sink-damaged"
    outside.create(kafka, topic)
    assert refused(kafka, topic, tmp_path).code == "sink-damaged"
    outside.delete(kafka, topic)
    outside.delete(kafka, f"{topic}.marks")
    opened().write(rows(0, 5), step(0, 5))


def test_of_two_that_begin_at_once_with_other_columns_one_is_refused(kafka, topic, tmp_path):
    sinks = [build(Sink, {"brokers": kafka.address, "topic": topic}, tmp_path) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        opening = [pool.submit(sink.open, schema) for sink, schema in zip(sinks, (SCHEMA, LETTERS), strict=True)]
    refusals = [one.exception() for one in opening if one.exception()]
    assert [{problem.code for problem in refusal.problems} for refusal in refusals] == [{"sink-schema"}]


def test_what_belongs_to_a_sink_gets_a_topic_beside_it(kafka, topic, opened):
    beside = opened(key="sensor").beside("outcomes")
    beside.open(pa.schema([("passed", pa.bool_())]))
    assert outside.exists(kafka, f"{topic}.outcomes")
    assert outside.exists(kafka, f"{topic}.outcomes.marks")
    beside.close()
