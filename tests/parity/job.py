"""Judges all cases and all streams on one host, in its own environment: `python -m tests.parity.job HOST FOLDER BROKERS`.

FOLDER/HOST.json says which pipelines to run, and which of them to end after the first epoch and start again. What became
of the cases goes to FOLDER/HOST.cases.json, how the runs went beside each pipeline.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stillwell._find import find
from stillwell.kernel.tally import merge
from stillwell.kernel.tally_json import to_json
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from stillwell.pipeline.run import run
from tests.cases.case import Case, cases
from tests.cases.outcome import Outcome
from tests.cases.play import played
from tests.parity.hosts import Host, hosts
from tests.parity.stage import refuses, told

AT_A_TIME = 2


@contextlib.contextmanager
def session(host: Host) -> Iterator[None]:
    """One session of Spark for all, where the host asks for one."""
    if not host.session:
        yield
        return
    from stillwell.engines.spark.session import session as started

    small = {"spark.ui.enabled": "false", "spark.driver.memory": "900m"}
    spark, _ = started("parity", "local[2]", config={**small, **host.session})
    try:
        yield
    finally:
        spark.stop()


def all_cases(host: Host, folder: Path, brokers: str) -> dict[str, Outcome]:
    """What becomes of the cases that the engine does not refuse."""
    folder.mkdir()
    if host.engine == "flink":
        from tests.engines.flink import suite

        found: dict[str, Outcome] = suite.all_cases(folder, brokers)
        return found
    kind = find("engines", host.engine, "Engine")

    def play(case: Case) -> Outcome:
        return played(case, kind(kind.Options(**host.options)), folder / case.id)

    able = [case for case in cases() if not refuses(host.engine, case, folder)]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip([case.id for case in able], pool.map(play, able), strict=True))


def judged(file: Path, *, again: bool) -> dict[str, Any]:
    """Run a pipeline until its source has ended; `again`: stop it after its first epoch, and go on in another run."""
    tallies, stops, runs, began = [], [], 0, time.monotonic()
    while True:
        stop = threading.Event()
        ends = stop.set if again and not runs else lambda: None
        summary = run(plan(load(file)), lambda _, ends=ends: ends(), stop)
        runs += 1
        if summary.tally is not None:
            tallies.append(summary.tally)
        if summary.stopped is not None:
            stops.append(summary.stopped.rule)
        elif not summary.interrupted:
            break
    seconds = round(time.monotonic() - began, 1)
    return {"tally": to_json(merge(tallies)) if tallies else "", "stops": stops, "runs": runs, "seconds": seconds}


def main(name: str, folder: Path, brokers: str) -> None:
    """Cases first, then the pipelines one after the other."""
    host = next(host for host in hosts() if host.name == name)
    asked = json.loads((folder / f"{name}.json").read_text())
    with session(host):
        began = time.monotonic()
        if asked["cases"]:
            outcomes = all_cases(host, folder / f"{name} cases", brokers)
            (folder / f"{name}.cases.json").write_text(json.dumps(outcomes))
        print(f"cases: {time.monotonic() - began:.1f} s", flush=True)
        for one in asked["pipelines"]:
            file = Path(one["file"])
            said = judged(file, again=one["again"])
            told(file).write_text(json.dumps(said))
            print(f"{file.parent.name}: {said['runs']} runs, {said['seconds']} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
