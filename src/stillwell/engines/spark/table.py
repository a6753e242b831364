"""`spark.read.format("stillwell")`: every source of ours as a table of Spark SQL, once `register(spark)` was called.

    spark.read.format("stillwell").option("source", "kafka").option("brokers", "…").option("topic", "…").load()

The options are those of the source in pipeline.yml; one that is no text is written as JSON. A row is a record: its
envelope, and `payload` as it came, or `record` where the source is typed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillwell._find import find
from stillwell._need import need
from stillwell.connectors.base import Place, Source, Split
from stillwell.delivery.slice import Position
from stillwell.errors import StillwellError, fail
from stillwell.kernel.base import INGEST

_WHO = '`spark.read.format("stillwell")`'
_spark: Any = need("pyspark.sql.datasource", who=_WHO, extra="spark")

_AT_A_TIME = 10_000

ENVELOPE = [
    pa.field("topic", pa.string()),
    pa.field("partition", pa.int32()),
    pa.field("offset", pa.int64()),
    pa.field("ingest_time", INGEST),
    pa.field("key", pa.binary()),
]


def register(spark: Any) -> None:
    """Let a session know the format `stillwell`."""
    spark.dataSource.register(Table)


class Table(_spark.DataSource):  # type: ignore[misc]
    """A source, read to its end as it is now."""

    @classmethod
    def name(cls) -> str:
        """The format."""
        return "stillwell"

    def schema(self) -> Any:
        """The envelope, and the payload or the typed record."""
        types = need("pyspark.sql.pandas.types", who=_WHO, extra="spark")
        return types.from_arrow_schema(_schema(_maker(self.options)()))

    def reader(self, schema: object) -> Reader:  # noqa: ARG002 - Spark's own name
        """What reads it."""
        return Reader(_maker(self.options))


class Reader(_spark.DataSourceReader):  # type: ignore[misc]
    """Reads partitions side by side where the source can be split."""

    def __init__(self, make: Callable[[], Source]) -> None:
        self._make = make

    def partitions(self) -> Sequence[Any]:
        """One for each partition, or one for all (None)."""
        source = self._make()
        if not isinstance(source, Split):
            return [_spark.InputPartition(None)]
        source.open()
        there = source.partitions_there()
        source.close()
        return [_spark.InputPartition(number) for number in there]

    def read(self, partition: Any) -> Iterator[pa.RecordBatch]:
        """The records of a partition, batch by batch."""
        source = self._make()
        schema = _schema(source)
        source.open()
        if partition.value is None:
            source.seek({})
        else:
            assert isinstance(source, Split)
            source.seek_only({partition.value: Position()})
        try:
            while not source.finished:
                if (chunk := source.read(_AT_A_TIME)) is not None and len(chunk.table):
                    yield from _fitted(chunk.table, schema).to_batches()
        finally:
            source.close()


def _maker(options: Mapping[str, str]) -> Callable[[], Source]:
    """What makes the source that the options of a reader name.

    Raises:
        StillwellError: codes `missing-key`, `bad-option`, and those of an unknown source.
    """
    told = {name: _value(text) for name, text in options.items()}
    named = told.pop("source", None)
    if not isinstance(named, str):
        raise fail(StillwellError, "missing-key", "No source is named.", "Say .option('source', 'kafka').")
    kind = find("connectors", named, "Source")
    # Spark hands options on in small letters only.
    fields = {name.lower(): name for name in kind.Options.model_fields}
    told = {fields.get(name, name): value for name, value in told.items()}
    if "until" in kind.Options.model_fields:
        told.setdefault("until", "end")
    try:
        made = kind.Options.model_validate(told)
    except ValueError as error:
        what = f"The options of `{named}` are not right: {str(error).splitlines()[1:3]}."
        raise fail(StillwellError, "bad-option", what, "See them in the schema of pipeline.yml.") from None
    folder = Path(tempfile.gettempdir()) / "stillwell-spark"
    return partial(kind, made, Place("spark", Path.cwd(), folder))


def _value(text: str) -> Any:
    if text[:1] in "{[":
        return json.loads(text)
    return text


def _schema(source: Source) -> pa.Schema:
    record = getattr(source, "record_type", None)
    last = pa.field("payload", pa.binary()) if record is None else pa.field("record", record)
    return pa.schema([*ENVELOPE, last])


def _fitted(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of a batch as the schema has them; what the source does not tell is null."""
    columns = [
        pc.cast(table[field.name], field.type)
        if field.name in table.column_names
        else pa.chunked_array([pa.nulls(len(table), field.type)])
        for field in schema
    ]
    return pa.table(columns, schema=schema)
