"""Kills what can be killed while a job runs on Flink, and looks whether anything was lost or doubled.

`python -m tests.engines.flink.failures [--table FILE] [NAME …]`, in Flink's environment; ends with one line of JSON.
Each scenario has a broker and, where it needs one, a cluster of its own; records come all the time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stillwell import lab
from tests.engines.flink.stage import Running, Stage

RATE = 1_000.0
SOME = 3_000
"""Records after which a job is taken to be in full run."""


def ended(stage: Stage, run: Running) -> None:
    """Let a followed run end: all that was sent must have come out by then."""
    last = time.monotonic() + 120
    while time.monotonic() < last:
        out = len(stage.read(stage.accepted)) + len(stage.read(stage.quarantine))
        if out >= sum(stage.sent.values()):
            break
        assert not run.over, run.finished()
        time.sleep(1)
    run.stop()


def follow(stage: Stage) -> None:
    """Followed for ever, instead of to what was the end when it began."""
    del stage.pipeline["source"]["kafka"]["until"]
    stage.write()


def driver_killed(stage: Stage, *_: object) -> str:
    """Kill -9 of the process that holds a mini-cluster, twice, in mid-run; the next run goes on from the marks."""
    follow(stage)
    with stage.sending(RATE):
        for _ in range(2):
            run = stage.start("run", "--json")
            run.reads(SOME)
            run.kill()
    ended(stage, stage.start("run", "--json"))
    return "driver with its mini-cluster killed twice (kill -9), run again"


def stopped(stage: Stage, *_: object) -> str:
    """Stopped with a savepoint, twice, and run again."""
    follow(stage)
    with stage.sending(RATE):
        for _ in range(2):
            run = stage.start("run", "--json")
            run.reads(SOME)
            assert run.stop()["interrupted"]
    ended(stage, stage.start("run", "--json"))
    return "stopped with a savepoint twice, run again"


def taskmanager_killed(stage: Stage, _kafka: object, cluster: object) -> str:
    """Kill -9 of the TaskManagers, one after the other, in mid-run; Flink restores its checkpoint by itself."""
    follow(stage)
    with stage.sending(RATE):
        run = stage.start("run", "--json")
        run.reads(SOME)
        cluster.crash("taskmanager-1")
        run.reads(4 * SOME)
        cluster.crash("taskmanager-2")
        run.reads(8 * SOME)
    ended(stage, run)
    return "TaskManager killed (kill -9), one after the other, in mid-run"


def run_without_its_jobmanager(stage: Stage, cluster: object) -> None:
    """A run whose JobManager is killed in mid-run, up to where the cluster answers again."""
    run = stage.start("run", "--json")
    run.reads(SOME)
    cluster.crash("jobmanager")
    run.finished(3)
    while not cluster.answers():
        time.sleep(0.5)


def jobmanager_killed(stage: Stage, _kafka: object, cluster: object) -> str:
    """Kill -9 of the JobManager in mid-run, and a new run from the newest checkpoint that it left."""
    follow(stage)
    with stage.sending(RATE):
        run_without_its_jobmanager(stage, cluster)
        whole = stage.folder.glob(".stillwell/numbers/flink/checkpoints/*/chk-*/_metadata")
        newest = max(whole, key=lambda one: one.stat().st_mtime)
        stage.pipeline["engine"]["flink"]["restore"] = newest.parent.as_uri()
        stage.write()
        run = stage.start("run", "--json")
        run.reads(SOME)
    ended(stage, run)
    return "JobManager killed (kill -9) in mid-run, new run from its newest checkpoint (`restore`)"


def checkpoint_lost(stage: Stage, _kafka: object, cluster: object) -> str:
    """Kill -9 of the JobManager in mid-run, all checkpoints lost, and a new run from the marks."""
    follow(stage)
    with stage.sending(RATE):
        run_without_its_jobmanager(stage, cluster)
        run = stage.start("run", "--json")
        run.reads(SOME)
    ended(stage, run)
    return "JobManager killed (kill -9) in mid-run, new run without any checkpoint, from the marks"


def old_savepoint(stage: Stage, _kafka: object, _cluster: object) -> str:
    """Restored from a savepoint that is older than what was committed since: nothing is written twice."""
    follow(stage)
    with stage.sending(RATE):
        for _ in range(2):
            run = stage.start("run", "--json")
            run.reads(SOME)
            run.stop()
    points = sorted(
        stage.folder.glob(".stillwell/numbers/flink/checkpoints/savepoint-*"), key=lambda one: one.stat().st_mtime
    )
    stage.pipeline["engine"]["flink"]["restore"] = points[0].as_uri()
    stage.write()
    ended(stage, stage.start("run", "--json"))
    return "restored from the older of two savepoints (`restore`)"


def broker_restarted(stage: Stage, kafka: object, _cluster: object) -> str:
    """The broker is killed in mid-run and started again after a while."""
    follow(stage)
    with stage.sending(RATE):
        run = stage.start("run", "--json")
        run.reads(SOME)
        kafka.kill()
        time.sleep(4)
        kafka.start()
        run.reads(8 * SOME)
    ended(stage, run)
    return "broker killed (kill -9) in mid-run, back after 4 s"


MINI = (driver_killed, stopped, broker_restarted)
CLUSTER = (taskmanager_killed, jobmanager_killed, checkpoint_lost, old_savepoint)


def play(scenario: Callable[..., str]) -> dict[str, object]:
    """Play one scenario; what it did, how many records there were, and what is wrong in the end."""
    with tempfile.TemporaryDirectory(prefix="flink-") as folder, lab.up("kafka") as kafka:
        place = Path(folder) / "p"
        place.mkdir()
        began = time.monotonic()
        if scenario in CLUSTER:
            with lab.up("flink") as cluster:
                stage = Stage(place, kafka.address, {"flink": {"cluster": cluster.address, "parallelism": 2}})
                did = scenario(stage, kafka, cluster)
        else:
            stage = Stage(place, kafka.address, {"flink": {"parallelism": 2}})
            did = scenario(stage, kafka, None)
        wrong = stage.unequal()
        audited = stage.run("audit")
        # What is not judged again would tell nothing of what tasks remembered.
        held = not audited["findings"] and audited["proved"] == sum(stage.sent.values())
    return {"scenario": did, "records": sum(stage.sent.values()), "wrong": len(wrong), "first": wrong[:3],
            "audit": held, "seconds": round(time.monotonic() - began)}  # fmt: skip


def table(found: list[dict[str, object]]) -> str:
    """The table that is committed."""
    lines = ["| what happened | records | lost, doubled or strange | `audit` |", "|---|---|---|---|"]
    lines += [
        f"| {one['scenario']} | {one['records']:,} | {one['wrong']} | {'holds' if one['audit'] else 'FINDS'} |"
        for one in found
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Play the scenarios that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", type=Path)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    found = []
    for scenario in (*MINI, *CLUSTER):
        if not asked.names or scenario.__name__ in asked.names:
            found.append(play(scenario))
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    if asked.table:
        asked.table.write_text(table(found))
    bad = [one for one in found if one["wrong"] or not one["audit"]]
    print(json.dumps({"scenarios": len(found), "failed": len(bad)}))
    return bool(bad)


if __name__ == "__main__":
    raise SystemExit(main())
