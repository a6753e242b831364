"""All that tests ask of one Spark session: `session_job.py FOLDER [KEY=VALUE…]` writes it into FOLDER.

`outcomes.json` is what became of the cases; `turns.json` the same of those with a history, in small epochs, each run on
the other engine than the one before; `looked.json` what Spark SQL reads through the format `stillwell` and what `check`
says here and in the executors. Settings are those of the session; it is of two cores, and small.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import write_deltalake
from typer.testing import CliRunner

from stillwell.cli._app import app
from stillwell.contract.load import parse
from stillwell.engines import embedded
from stillwell.engines.base import EpochLimits, Job, Summary, Watch
from stillwell.engines.spark import Engine, EngineOptions
from stillwell.engines.spark.frame import count
from stillwell.engines.spark.session import session
from stillwell.engines.spark.table import register
from tests.cases.case import Case, cases
from tests.cases.outcome import Outcome
from tests.cases.play import for_engine, played

AT_A_TIME = 2
CONTRACT = (
    "contract: n\nversion: 1.0.0\nfields:\n  id: {type: integer, required: true}\n  value: {type: double, max: 90}\n"
)


class Turns:
    """An engine that is Spark for one run and this process for the next."""

    def __init__(self) -> None:
        self._next = itertools.cycle([Engine(EngineOptions(tasks=2)), embedded.Engine(embedded.EngineOptions())])

    def run(self, job: Job, watch: Watch, stop: threading.Event) -> Summary:
        """Run the job where it is to run now."""
        return next(self._next).run(job, watch, stop)


def look(spark: Any, folder: Path) -> dict[str, Any]:
    """What is read of three sources, and what `check` says of three kinds of data, by both engines."""
    folder.mkdir()
    (folder / "contract.yml").write_text(CONTRACT)
    for part in range(3):
        rows = [{"id": one, "value": 95.5 if one % 7 == 3 else one % 85} for one in range(part * 100, part * 100 + 100)]
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        pq.write_table(pa.Table.from_pylist(rows), folder / f"{part}.parquet")
        write_deltalake(str(folder / "table"), pa.Table.from_pylist(rows), mode="append")
    register(spark)
    sources = {
        "generator": {"rows": "1000", "partitions": "3", "faults": '{"missing": 0.1}'},
        "delta": {"path": str(folder / "table")},
        "files": {"path": str(folder / "1.jsonl")},
    }
    read = {}
    for name, options in sources.items():
        frame = spark.read.format("stillwell").options(source=name, **options).load()
        counts = frame.selectExpr("count(*)", "count(distinct partition)", "max(offset)").first()
        read[name] = {"columns": frame.columns, "counts": list(counts)}
    delta = spark.read.format("stillwell").options(source="delta", path=str(folder / "table")).load()
    read["high"] = delta.where("record.value > 90").count()
    said = {}
    for data in ("table", "*.parquet", "*.jsonl"):
        words = ["check", str(folder / data), "--contract", str(folder / "contract.yml"), "--json"]
        for engine in ("embedded", "spark"):
            told = CliRunner().invoke(app, [*words, *(["--engine", "spark"] if engine == "spark" else [])])
            said.setdefault(data, {})[engine] = [told.exit_code, json.loads(told.stdout.splitlines()[-1])]
    return {"read": read, "said": said, "frames": frames(spark, folder)}


def frames(spark: Any, folder: Path) -> dict[str, Any]:
    """What is counted of a view that a query makes, and of one without rows."""
    spark.read.parquet(*sorted(map(str, folder.glob("*.parquet")))).repartition(3, "id").createOrReplaceTempView(
        "readings"
    )
    found = {}
    for name, query in {"whole": "SELECT * FROM readings", "empty": "SELECT * FROM readings WHERE id < 0"}.items():
        counts = count(spark.sql(query), parse(CONTRACT), samples=2)
        found[name] = {
            "counts": [counts.read, counts.accepted, counts.quarantined, counts.rules["value.range"].failed],
            "seen": [[one.place, one.seen] for one in counts.samples.get("value.range", ())],
        }
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    told = dict(one.split("=", 1) for one in sys.argv[2:])
    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "768m", "spark.local.dir": str(folder / "local")}
    spark, _ = session("cases", "local[2]", config=settings | told)

    def play(case: Case) -> Outcome:
        return played(case, Engine(EngineOptions(tasks=2)), folder / case.id)

    found = for_engine("spark")
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        outcomes = dict(zip([case.id for case in found], pool.map(play, found), strict=True))
    (folder / "outcomes.json").write_text(json.dumps(outcomes))
    small = EpochLimits(records=4, wait=dt.timedelta(seconds=0.2))
    turns = {one.id: played(one, Turns(), folder / "turns" / one.id, small) for one in cases("history", "forgotten")}
    (folder / "turns.json").write_text(json.dumps(turns))
    (folder / "looked.json").write_text(json.dumps(look(spark, folder / "look")))
    spark.stop()
