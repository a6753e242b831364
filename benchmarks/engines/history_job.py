"""Runs inside Spark's environment: `history_job.py FOLDER ROUNDS` prints seconds with and without sequence rules."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from _measure import alternate

from benchmarks.engines.spark_job import run
from stillwell.engines import embedded, spark
from stillwell.engines.spark.session import session


def main() -> None:
    """Both engines in turn, each by both contracts, in one session that is warm."""
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "1g", "spark.local.dir": str(folder / "local")}
    opened, _ = session("benchmark", "local[2]", config=settings)
    engines = {
        "Spark": spark.Engine(spark.EngineOptions(tasks=2)),
        "embedded": embedded.Engine(embedded.EngineOptions()),
    }
    ways = {
        f"{name} {how}": partial(run, folder, name, engine, f"{how}.yml")
        for name, engine in engines.items()
        for how in ("without", "with")
    }
    print(json.dumps(alternate(ways, rounds)))
    opened.stop()


if __name__ == "__main__":
    main()
