"""One job on Flink, from Kafka to Kafka, exactly once: `of_flink.py WHICH BROKERS TOPIC FOLDER` in its environment.

WHICH is `stillwell`, `sql` (the same twelve rules as native expressions, with reasons) or `python` (a ProcessFunction
of the DataStream API, json and re). Each writes accepted rows and, with reasons, rejected payloads; the last line is
JSON with the seconds that the job took and how many records it wrote to both.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyflink.common import Types, WatermarkStrategy
from pyflink.common.serialization import SimpleStringSchema
from pyflink.datastream import OutputTag, ProcessFunction, StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)
from pyflink.table import EnvironmentSettings, TableEnvironment

from stillwell.engines.flink.gateway import connector, java

TASKS = 2
CONFIG = {
    "parallelism.default": str(TASKS),
    "execution.checkpointing.interval": "2 s",
    "pipeline.object-reuse": "true",
    "python.executable": sys.executable,
    "python.client.executable": sys.executable,
    "python.fn-execution.bundle.size": "20000",
}
NUMBERS = {"temperature": (-40, 85), "humidity": (0, 100), "pressure": (800, 1100)}
LIMIT = "2100-01-01 00:01:00"
"""No record is so far ahead: the rule is evaluated and never broken, as in the contract."""


def of_stillwell(brokers: str, topic: str, folder: Path) -> float:
    """A pipeline."""
    from stillwell.pipeline.load import load
    from stillwell.pipeline.plan import plan
    from stillwell.pipeline.run import run

    kafka = {"brokers": brokers}
    told = {
        "pipeline": "bench",
        "contract": "contract.yml",
        "source": {"kafka": {**kafka, "topic": topic, "until": "end"}},
        "accepted": {"kafka": {**kafka, "topic": f"{topic}.stillwell.good"}},
        "quarantine": {"kafka": {**kafka, "topic": f"{topic}.stillwell.bad"}},
        "engine": {"flink": {"parallelism": TASKS}},
    }
    (folder / "pipeline.yml").write_text(json.dumps(told))
    made = plan(load(folder / "pipeline.yml"))
    began = time.perf_counter()
    summary = run(made)
    assert summary.conserved
    return time.perf_counter() - began


def of_sql(brokers: str, topic: str, folder: Path) -> float:
    """Native expressions of Flink SQL, one sink, as `stillwell` has it."""
    java(folder / "log", "1g")
    flink = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for key, value in {**CONFIG, "pipeline.jars": connector().as_uri()}.items():
        flink.get_config().set(key, value)
    flink.execute_sql(
        f"""CREATE TABLE records (payload BYTES, `partition` INT NOT NULL METADATA, `offset` BIGINT NOT NULL METADATA)
        WITH ('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{brokers}',
            'properties.group.id' = 'sql', 'scan.startup.mode' = 'earliest-offset',
            'scan.bounded.mode' = 'latest-offset', 'format' = 'raw')"""
    )
    flink.execute_sql(
        f"""CREATE TABLE messages (message BYTES, topic STRING NOT NULL METADATA, headers MAP<STRING, BYTES> METADATA)
        WITH ('connector' = 'kafka', 'topic' = '{topic}.sql.good;{topic}.sql.bad', 'format' = 'raw',
            'properties.bootstrap.servers' = '{brokers}', 'sink.delivery-guarantee' = 'exactly-once',
            'sink.transactional-id-prefix' = 'sql-', 'properties.transaction.timeout.ms' = '900000',
            'properties.compression.type' = 'lz4')"""
    )
    began = time.perf_counter()
    flink.execute_sql(f"INSERT INTO messages {_judged_in_sql(topic)}").wait()
    return time.perf_counter() - began


def _judged_in_sql(topic: str) -> str:
    texts = ["sensor_id", "timestamp", *NUMBERS]
    raw = ", ".join(f"JSON_VALUE(line, '$.{name}') AS {name}_text" for name in texts)
    typed = ", ".join(f"TRY_CAST({name}_text AS DOUBLE) AS {name}" for name in NUMBERS)
    instant = "TRY_CAST(REPLACE(REPLACE(timestamp_text, 'T', ' '), 'Z', '') AS TIMESTAMP(6)) AS instant"
    cases = [
        *_cases("payload.format", "line IS NOT JSON OBJECT"),
        *(case for name in texts for case in _cases(f"{name}.required", f"line IS JSON AND {name}_text IS NULL")),
        *_cases("sensor_id.pattern", "NOT REGEXP(sensor_id_text, '^sensor_[0-9]{3}$')"),
        # 30 February is read as the 29th, and nothing said.
        *_cases(
            "timestamp.type",
            "timestamp_text IS NOT NULL AND (instant IS NULL "
            "OR SUBSTRING(timestamp_text, 1, 10) <> SUBSTRING(CAST(instant AS STRING), 1, 10))",
        ),
        *_cases("timestamp.range", f"instant > TIMESTAMP '{LIMIT}'"),
    ]
    for name, (low, high) in NUMBERS.items():
        cases += _cases(f"{name}.type", f"{name}_text IS NOT NULL AND {name} IS NULL")
        cases += _cases(f"{name}.range", f"{name} < {low} OR {name} > {high}")
    row = ", ".join(f"KEY '{name}' VALUE {name}" for name in NUMBERS)
    warn = (
        "CONCAT_WS(',', CASE WHEN temperature > 60 AND humidity > 95 THEN 'hot_and_wet' END, "
        "CASE WHEN temperature < -35 AND pressure > 1095 THEN 'dense_cold' END)"
    )
    trace = (
        "JSON_OBJECT(KEY 'partition' VALUE `partition`, KEY 'offset' VALUE `offset`, KEY 'contract' VALUE 'readings', "
        "KEY 'version' VALUE '1.0.0', KEY 'warnings' VALUE warnings)"
    )
    return f"""
        SELECT CASE WHEN reasons = '' THEN CAST(JSON_OBJECT(KEY 'sensor_id' VALUE sensor_id_text,
                KEY 'timestamp' VALUE CAST(instant AS STRING), {row}) AS BYTES) ELSE payload END,
            CASE WHEN reasons = '' THEN '{topic}.sql.good' ELSE '{topic}.sql.bad' END,
            MAP['trace', CAST({trace} AS BYTES), 'reasons', CAST(reasons AS BYTES)]
        FROM (SELECT *, CONCAT_WS(',', {", ".join(cases)}) AS reasons, {warn} AS warnings
            FROM (SELECT *, {typed}, {instant}
                FROM (SELECT *, {raw} FROM (SELECT *, CAST(payload AS STRING) AS line FROM records))))"""


def _cases(rule: str, broken: str) -> list[str]:
    return [f"CASE WHEN {broken} THEN '{rule}' END"]


REJECTED = OutputTag("rejected", Types.STRING())


class Judge(ProcessFunction):
    """The same rules, record by record."""

    def open(self, _context: Any) -> None:
        import re
        from datetime import datetime

        self.shape = re.compile(r"sensor_[0-9]{3}").fullmatch
        self.instant = datetime.fromisoformat
        self.limit = datetime.fromisoformat(LIMIT + "+00:00")

    def process_element(self, line: str, _context: Any) -> Any:
        reasons, warnings = [], []
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            row = self.row(record, reasons)
        else:
            reasons.append("payload.format")
        if reasons:
            yield REJECTED, json.dumps({"payload": line, "reasons": reasons})
            return
        if row["temperature"] > 60 and row["humidity"] > 95:
            warnings.append("hot_and_wet")
        if row["temperature"] < -35 and row["pressure"] > 1095:
            warnings.append("dense_cold")
        yield json.dumps({**row, "contract": "readings", "version": "1.0.0", "warnings": warnings})

    def row(self, record: dict[str, Any], reasons: list[str]) -> dict[str, Any]:
        row = {}
        reasons += [f"{name}.required" for name in ("sensor_id", "timestamp", *NUMBERS) if record.get(name) is None]
        sensor, told = record.get("sensor_id"), record.get("timestamp")
        row["sensor_id"], row["timestamp"] = sensor, told
        if sensor is not None and not (isinstance(sensor, str) and self.shape(sensor)):
            reasons.append("sensor_id.pattern")
        if told is not None:
            try:
                if self.instant(told) > self.limit:
                    reasons.append("timestamp.range")
            except (TypeError, ValueError):
                reasons.append("timestamp.type")
        for name, (low, high) in NUMBERS.items():
            value = record.get(name)
            if value is None:
                continue
            try:
                row[name] = number = float(value) if not isinstance(value, bool | dict | list) else float("x")
            except ValueError:
                reasons.append(f"{name}.type")
                continue
            if not low <= number <= high:
                reasons.append(f"{name}.range")
        return row


def of_python(brokers: str, topic: str, folder: Path) -> float:
    """The DataStream API of PyFlink."""
    java(folder / "log", "1g")
    from pyflink.common import Configuration

    config = Configuration()
    for key, value in {**CONFIG, "pipeline.jars": connector().as_uri()}.items():
        config.set_string(key, value)
    flink = StreamExecutionEnvironment.get_execution_environment(config)
    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(brokers)
        .set_topics(topic)
        .set_group_id("python")
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_bounded(KafkaOffsetsInitializer.latest())
        .set_value_only_deserializer(SimpleStringSchema())
        .build()
    )
    stream = flink.from_source(source, WatermarkStrategy.no_watermarks(), "records")
    judged = stream.process(Judge(), Types.STRING())
    judged.sink_to(_sink(brokers, f"{topic}.python.good"))
    judged.get_side_output(REJECTED).sink_to(_sink(brokers, f"{topic}.python.bad"))
    began = time.perf_counter()
    flink.execute("python")
    return time.perf_counter() - began


def _sink(brokers: str, topic: str) -> KafkaSink:
    form = KafkaRecordSerializationSchema.builder().set_topic(topic)
    return (
        KafkaSink.builder()
        .set_bootstrap_servers(brokers)
        .set_record_serializer(form.set_value_serialization_schema(SimpleStringSchema()).build())
        .set_delivery_guarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .set_transactional_id_prefix(f"python-{topic}")
        .set_property("transaction.timeout.ms", "900000")
        .set_property("compression.type", "lz4")
        .build()
    )


def counted(brokers: str, topic: str) -> int:
    """The messages of a topic that are committed."""
    from confluent_kafka import Consumer, KafkaError, TopicPartition

    consumer = Consumer(
        {"bootstrap.servers": brokers, "group.id": "count", "enable.partition.eof": True,
         "isolation.level": "read_committed", "auto.offset.reset": "earliest"}
    )  # fmt: skip
    left = set(consumer.list_topics(topic, timeout=10).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
    found = 0
    while left:
        for message in consumer.consume(10_000, 1.0):
            if message.error() is None:
                found += 1
            elif message.error().code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
    consumer.close()
    return found


WORK: dict[str, Callable[[str, str, Path], float]] = {"stillwell": of_stillwell, "sql": of_sql, "python": of_python}

if __name__ == "__main__":
    which, address, name, place = sys.argv[1:]
    seconds = WORK[which](address, name, Path(place))
    good, bad = (counted(address, f"{name}.{which}.{end}") for end in ("good", "bad"))
    print(json.dumps({"seconds": seconds, "accepted": good, "rejected": bad}))
