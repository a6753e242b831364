"""Plays all cases inside one Spark session, several at a time: `cases_job.py FOLDER [KEY=VALUE…]` writes outcomes.json.

Settings are those of the session; it is of two cores, and small.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stillwell.engines.spark import Engine, EngineOptions
from stillwell.engines.spark.session import session
from tests.cases.case import Case, cases
from tests.cases.outcome import Outcome
from tests.cases.play import played

AT_A_TIME = 2

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    told = dict(one.split("=", 1) for one in sys.argv[2:])
    settings = {"spark.ui.enabled": "false", "spark.driver.memory": "768m", "spark.local.dir": str(folder / "local")}
    spark, _ = session("cases", "local[2]", config=settings | told)

    def play(case: Case) -> Outcome:
        return played(case, Engine(EngineOptions(tasks=2)), folder / case.id)

    found = cases()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        outcomes = dict(zip([case.id for case in found], pool.map(play, found), strict=True))
    (folder / "outcomes.json").write_text(json.dumps(outcomes))
    spark.stop()
