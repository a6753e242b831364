"""Judges records inside a PyFlink pandas UDF: `flink_job.py CONTRACT CLOCK RECORDS VERDICTS`, both Parquet."""

from __future__ import annotations

import sys

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyflink.table import DataTypes
from pyflink.table.expressions import col
from pyflink.table.udf import udf

from tests.engines.flink.table import batch_environment
from tests.parity.verdict_lines import lines_by_pieces

contract, clock, records, verdicts = sys.argv[1:]


@udf(result_type=DataTypes.STRING(), func_type="pandas")
def judge(partition: pd.Series, offset: pd.Series, ingested: pd.Series, payload: pd.Series) -> pd.Series:
    """One verdict line for each record of one Arrow batch; `ingested` counts microseconds."""
    batch = pa.table(
        {
            "partition": pa.array(partition, pa.int32()),
            "offset": pa.array(offset, pa.int64()),
            "ingest_time": pa.array(ingested, pa.int64()).cast(pa.timestamp("us", tz="UTC")),
            "payload": pa.array(payload, pa.binary()),
        }
    )
    return pd.Series(lines_by_pieces(contract, clock, batch))


flink = batch_environment()

table = pq.read_table(records)
table = table.set_column(2, "ingested", pc.cast(table["ingest_time"], pa.int64()))
row = DataTypes.ROW(
    [
        DataTypes.FIELD("partition", DataTypes.INT()),
        DataTypes.FIELD("offset", DataTypes.BIGINT()),
        DataTypes.FIELD("ingested", DataTypes.BIGINT()),
        DataTypes.FIELD("payload", DataTypes.BYTES()),
    ]
)
judged = flink.from_pandas(table.to_pandas(), row, splits_num=4).select(
    col("partition"),
    col("offset"),
    judge(col("partition"), col("offset"), col("ingested"), col("payload")).alias("line"),
)
pq.write_table(pa.Table.from_pandas(judged.to_pandas(), preserve_index=False), verdicts)
