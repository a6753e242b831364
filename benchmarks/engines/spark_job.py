"""Runs inside Spark's environment: `spark_job.py FOLDER ROUNDS`, and prints the seconds of each way as JSON."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
import threading
from functools import partial
from pathlib import Path

from _measure import alternate

from benchmarks.engines import spark_native
from benchmarks.engines.parts import Source, SourceOptions
from stillwell.connectors.base import Place
from stillwell.connectors.parquet import Sink, SinkOptions
from stillwell.contract.load import parse
from stillwell.engines import embedded, spark
from stillwell.engines.base import Engine, EpochLimits, Job
from stillwell.engines.spark.session import session

EPOCH = EpochLimits(records=500_000, bytes=256 << 20, wait=dt.timedelta(seconds=30))


def run(folder: Path, name: str, engine: Engine, contract: str = "contract.yml") -> None:
    """All records through an engine into Parquet files, from nothing."""
    lake = folder / name
    shutil.rmtree(lake, ignore_errors=True)
    place = Place("benchmark", lake, lake / "state")
    another = partial(Source, SourceOptions(path=str(folder / "parts")), place)
    accepted, quarantine = (Sink(SinkOptions(path=one), place) for one in ("accepted", "quarantine"))
    by = parse((folder / contract).read_text())
    job = Job("benchmark", by, another(), (accepted,), (quarantine,), place.state, epoch=EPOCH, another=another)
    engine.run(job, lambda _: None, threading.Event())


def main() -> None:
    """Each way in turn, in one session that is warm."""
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "1g", "spark.sql.session.timeZone": "UTC"}
    opened, _ = session("benchmark", "local[2]", config={**settings, "spark.local.dir": str(folder / "local")})
    ways = {
        "spark": partial(run, folder, "spark", spark.Engine(spark.EngineOptions(tasks=2))),
        "native": partial(spark_native.run, opened, folder / "parts", folder / "native"),
        "embedded": partial(run, folder, "embedded", embedded.Engine(embedded.EngineOptions())),
    }
    print(json.dumps(alternate(ways, rounds)))
    opened.stop()


if __name__ == "__main__":
    main()
