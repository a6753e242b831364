"""How fast a run is on Spark, against the same rules as native Spark SQL expressions, and against the embedded engine.

All three read the same Parquet files of JSON records, in one warm session on two cores, and write what they found to
Parquet with the reasons; the native way in one pass into one table. Before anything is reported, the broken rules of
every rejected record are compared. `ratio_to_native` is how many times as fast as the native way a run on Spark is,
`ratio_to_embedded_core` its share of the speed of the embedded engine on the same two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from _measure import report
from kernel import CONTRACT, records

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / ".environments" / "spark"
PARTS = 2
BLOCK = 1_000_000


def write(folder: Path, rows: int) -> None:
    """The records as two partitions; blocks of a million repeat with other offsets."""
    (folder / "parts").mkdir()
    (folder / "contract.yml").write_text(CONTRACT)
    block = records(min(rows, BLOCK)).select(["payload", "ingest_time"])
    for part in range(PARTS):
        own = block.slice(part * len(block) // PARTS, len(block) // PARTS)
        path, offset = folder / "parts" / f"{part}.parquet", 0
        with pq.ParquetWriter(path, _numbered(own, part, 0).schema, compression="zstd") as writer:
            while offset < rows // PARTS:
                some = own.slice(0, rows // PARTS - offset)
                writer.write_table(_numbered(some, part, offset), row_group_size=100_000)
                offset += len(some)


def _numbered(rows: pa.Table, part: int, offset: int) -> pa.Table:
    return pa.table(
        {
            "partition": pa.array([part] * len(rows), pa.int32()),
            "offset": pa.array(range(offset, offset + len(rows)), pa.int64()),
            "ingest_time": rows["ingest_time"],
            "payload": rows["payload"],
        }
    )


def differences(folder: Path) -> int:
    """How many records the two ways on Spark judge otherwise: verdict, or the rules that were broken."""
    ours = (
        f'SELECT _stillwell.partition AS p, _stillwell."offset" AS o, list_sort([r.rule FOR r IN reasons]) AS rules '
        f"FROM '{folder}/spark/quarantine/*.parquet'"
    )
    theirs = (
        'SELECT partition AS p, "offset" AS o, list_sort([r.rule FOR r IN reasons]) AS rules '
        f"FROM read_parquet('{folder}/native/verdict=quarantined/*.parquet', hive_partitioning = false)"
    )
    counted = _count(
        f"SELECT count(*) FROM (SELECT * FROM ({ours}) EXCEPT SELECT * FROM ({theirs}) UNION ALL "
        f"(SELECT * FROM ({theirs}) EXCEPT SELECT * FROM ({ours})))"
    )
    accepted = [
        _count(f"SELECT count(*) FROM read_parquet('{folder}/{place}/*.parquet', hive_partitioning = false)")
        for place in ("spark/accepted", "native/verdict=accepted")
    ]
    return counted + abs(accepted[0] - accepted[1])


def _count(query: str) -> int:
    return int(duckdb.execute(query).fetchall()[0][0])


def main() -> None:
    """Measure, refresh the table, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="more rounds")
    parser.add_argument("--rows", type=int, default=5_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, options.rows)
        python = str(ENVIRONMENT / "bin" / "python")
        job = subprocess.run(
            [python, ROOT / "benchmarks/engines/spark_job.py", name, "5" if options.long else "3"],
            env={**os.environ, "PYSPARK_PYTHON": python, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}"},
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        seconds = json.loads(job.stdout.splitlines()[-1])
        wrong = differences(folder)
    if wrong:
        sys.exit(f"{wrong:,} records are judged otherwise: there is nothing to compare")
    figures = {
        "records": options.rows,
        "ratio_to_native": round(seconds["native"] / seconds["spark"], 2),
        "ratio_to_embedded_core": round(seconds["embedded"] / seconds["spark"], 2),
    }
    rows = [(way, f"{options.rows / took / 1e6:.2f} M records/s") for way, took in seconds.items()]
    rows += [(what, str(figure)) for what, figure in figures.items()]
    report("spark", "A run on Spark against native Spark SQL", rows, figures)


if __name__ == "__main__":
    main()
