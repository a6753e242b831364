"""The job as Flink has it: Kafka in, the kernel once, Kafka out; each task is one chain, from source to sink."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillwell.connectors.kafka.native import NativeSource
from stillwell.engines.flink.gateway import pyflink
from stillwell.engines.flink.packed import unpacking
from stillwell.engines.flink.properties import properties
from stillwell.engines.flink.writes import Writes
from stillwell.kernel.base import INGEST

TRANSACTION = dt.timedelta(minutes=15)
"""The longest that brokers let a transaction be open, unless they are told otherwise."""

_SOURCE, _SINK = "records", "messages"
_JUDGED = "SELECT judge({columns}) AS p FROM records"


@dataclass(frozen=True)
class Layout:
    """A job's tables and options, ready to be given to Flink. `config` are keys of Flink itself."""

    source: NativeSource
    writes: Writes
    sink: Mapping[str, str]
    compression: str
    prefix: str
    config: Mapping[str, str]


def table_environment(layout: Layout) -> Any:
    """An environment that knows source, sink and kernel of a job."""
    table = pyflink("table")
    environment = table.TableEnvironment.create(table.EnvironmentSettings.in_streaming_mode())
    for key, value in layout.config.items():
        environment.get_config().set(key, value)
    environment.create_temporary_table(_SOURCE, _source(table, layout))
    environment.create_temporary_table(_SINK, _sink(table, layout))
    environment.create_temporary_system_function("judge", kernel_function(layout.writes))
    return environment


def insertion(layout: Layout) -> str:
    """The one statement of a job."""
    columns = ["payload", "record_key", "`partition`", "`offset`"]
    if layout.source.stamped:
        columns.append("CASE WHEN stamp_kind = 'LogAppendTime' THEN stamp END")
    return f"INSERT INTO {_SINK} {unpacking(_JUDGED.format(columns=', '.join(columns)))}"


def kernel_function(writes: Writes) -> Any:
    """The kernel as a pandas UDF: one list of messages for each record of an Arrow batch."""
    table, pandas = pyflink("table"), pyflink("table.udf")

    class Kernel(pandas.ScalarFunction):  # type: ignore[misc,name-defined]
        """One for each task; what it holds is made where it runs."""

        def is_deterministic(self) -> bool:
            """Not so, or the planner would take the liberty of calling it twice."""
            return False

        def open(self, context: Any) -> None:
            from stillwell.engines.flink.judging import COUNTED, Judging

            group = context.get_metric_group().add_group("stillwell", writes.pipeline)
            counters = {name: group.counter(name) for name in COUNTED}

            def count(name: str, number: int) -> None:
                if name not in counters:
                    counters[name] = group.counter(name)
                counters[name].inc(number)

            self.judging = Judging(writes, count)

        def close(self) -> None:
            self.judging.close()

        def eval(self, payload: Any, key: Any, partition: Any, offset: Any, *stamps: Any) -> Any:
            from stillwell.engines.flink.job import batch_of, series_of

            return series_of(self.judging(batch_of(payload, key, partition, offset, *stamps, topic=writes.topic)))

    kind = table.DataTypes.ARRAY(table.DataTypes.BYTES())
    return pandas.udf(Kernel(), result_type=kind, func_type="pandas", deterministic=False)


def batch_of(payload: Any, key: Any, partition: Any, offset: Any, stamp: Any = None, *, topic: str) -> pa.Table:
    """The series of an Arrow batch as the kernel's batch."""
    columns = {
        "partition": pa.array(partition, pa.int32()),
        "offset": pa.array(offset, pa.int64()),
        "payload": pa.array(payload, pa.binary()),
        "key": pa.array(key, pa.binary()),
        "topic": pa.repeat(pa.scalar(topic), len(offset)),
    }
    if stamp is not None:
        columns["ingest_time"] = pa.array(stamp).cast(INGEST)
    return pa.table(columns)


def series_of(array: pa.Array) -> Any:
    """An Arrow array as the series that PyFlink insists on, made back into the same array by it, without a copy."""
    from stillwell._need import need

    pandas = need("pandas", who="Flink", extra="flink")
    series = pandas.Series(pandas.arrays.ArrowExtensionArray(array))
    # PyFlink asks for a mask of nulls, which Arrow refuses for what is Arrow already.
    series.isnull = lambda: None
    return series


def _source(table: Any, layout: Layout) -> Any:
    source, types = layout.source, table.DataTypes
    schema = (
        table.Schema.new_builder()
        .column("record_key", types.BYTES())
        .column("payload", types.BYTES())
        .column_by_metadata("partition", types.INT().not_null(), "partition", True)
        .column_by_metadata("offset", types.BIGINT().not_null(), "offset", True)
    )
    if source.stamped:
        stamp = types.TIMESTAMP_WITH_LOCAL_TIME_ZONE(3)
        schema = schema.column_by_metadata("stamp", stamp, "timestamp", True)
        schema = schema.column_by_metadata("stamp_kind", types.STRING(), "timestamp-type", True)
    bounds = {"scan.topic-partition-discovery.interval": f"{max(1, int(source.refresh * 1000))} ms"}
    if source.ends is not None:
        bounds = {"scan.bounded.mode": "specific-offsets", "scan.bounded.specific-offsets": _offsets(source.ends)}
    options = {
        "topic": source.topic,
        "properties.group.id": f"stillwell-{layout.writes.pipeline}",
        "properties.isolation.level": source.isolation,
        "scan.startup.mode": "specific-offsets",
        "scan.startup.specific-offsets": _offsets(source.begins),
        **bounds,
        **_keyed(properties(source.access, source.place)),
    }
    return _described(table, schema, options, "record_key")


def _sink(table: Any, layout: Layout) -> Any:
    types = table.DataTypes
    schema = (
        table.Schema.new_builder()
        .column("message_key", types.BYTES())
        .column("message_value", types.BYTES())
        .column_by_metadata("topic", types.STRING().not_null(), "topic")
        .column_by_metadata("headers", types.MAP(types.STRING(), types.BYTES()), "headers")
    )
    options = {
        "topic": ";".join(layout.writes.topics.all()),
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": layout.prefix,
        "properties.transaction.timeout.ms": str(int(TRANSACTION.total_seconds() * 1000)),
        "properties.compression.type": layout.compression,
        "properties.max.request.size": "100000000",
        **_keyed(layout.sink),
    }
    return _described(table, schema, options, "message_key")


def _described(table: Any, schema: Any, options: Mapping[str, str], key: str) -> Any:
    found = table.TableDescriptor.for_connector("kafka").schema(schema.build())
    formats = {
        "key.format": "raw",
        "key.fields": key,
        "value.format": "raw",
        "value.fields-include": "EXCEPT_KEY",
    }
    for name, value in {**formats, **options}.items():
        found = found.option(name, value)
    return found.build()


def _keyed(keys: Mapping[str, str]) -> dict[str, str]:
    return {f"properties.{name}": value for name, value in keys.items()}


def _offsets(positions: Mapping[int, int]) -> str:
    return ";".join(f"partition:{partition},offset:{offset}" for partition, offset in sorted(positions.items()))
