"""Judges records inside Spark's `mapInArrow`: `spark_job.py CONTRACT CLOCK RECORDS VERDICTS`, both Parquet."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from tests.parity.verdict_lines import lines_by_pieces

contract, clock, records, verdicts = sys.argv[1:]


def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One verdict line for each record of one task."""
    for batch in batches:
        lines = lines_by_pieces(contract, clock, pa.Table.from_batches([batch]))
        yield pa.RecordBatch.from_arrays(
            [batch["partition"], batch["offset"], pa.array(lines, pa.string())], ["partition", "offset", "line"]
        )


spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.ui.enabled", "false")
    .config("spark.local.dir", str(Path(verdicts).parent))
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.sql.execution.arrow.maxRecordsPerBatch", "700")
    .getOrCreate()
)
judged = (
    spark.read.parquet(records)
    .repartition(4, "partition")
    .sortWithinPartitions("partition", "offset")
    .mapInArrow(judge, "partition int, offset long, line string")
)
pq.write_table(judged.toArrow(), verdicts)
spark.stop()
