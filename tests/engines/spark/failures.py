"""Ends what runs on Spark in mid-run, in every way, and looks whether a record is lost or doubled.

`python -m tests.engines.spark.failures [NAME…]` runs each scenario on a real cluster and a real broker, and prints a
table: that of docs/spark.md. `NAME:history` is the same with rules over a key's history, whose verdicts must be those
of the embedded engine.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillwell import lab
from tests.engines.spark.stage import CONTRACT, HISTORY, HOME, Stage, descendants, end

RECORDS, EPOCH = 30_000, 1_000


@dataclass(frozen=True)
class Scene:
    """What a scenario may touch."""

    stage: Stage
    process: Any
    broker: Any
    cluster: Any


def executor(scene: Scene) -> str:
    """An executor dies: Spark asks for another one."""
    for name in ("worker-1", "worker-2"):
        below = descendants(scene.cluster.members()[name])
        if found := [pid for pid, words in below.items() if "CoarseGrainedExecutorBackend" in words]:
            end(found)
            return "went on"
    raise AssertionError("no executor was found")


def python_worker(scene: Scene) -> str:
    """The Python that judges dies, in all executors."""
    for name in ("worker-1", "worker-2"):
        end([pid for pid, words in descendants(scene.cluster.members()[name]).items() if "pyspark.daemon" in words])
    return "went on"


def worker(scene: Scene) -> str:
    """A worker dies with its executor, and comes back."""
    below = descendants(scene.cluster.members()["worker-1"])
    scene.cluster.crash("worker-1")
    end(below)
    return "went on"


def broker(scene: Scene) -> str:
    """The broker dies and comes back."""
    scene.broker.kill()
    time.sleep(1)
    scene.broker.start()
    return "went on"


def driver(scene: Scene) -> str:
    """The process that commits dies, and its JVM with it."""
    scene.process.kill()
    scene.process.wait()
    return "started again"


def driver_without_state(scene: Scene) -> str:
    """It dies, and everything that Spark and we kept beside the sinks is deleted."""
    driver(scene)
    shutil.rmtree(scene.stage.folder / ".stillwell")
    return "started again"


def driver_and_executors(scene: Scene) -> str:
    """Both workers die with their executors while the driver is killed."""
    driver(scene)
    for name in ("worker-1", "worker-2"):
        below = descendants(scene.cluster.members()[name])
        scene.cluster.crash(name)
        end(below)
    return "started again"


SCENES: dict[str, Callable[[Scene], str]] = {
    one.__name__: one
    for one in (driver, driver_without_state, executor, python_worker, worker, broker, driver_and_executors)
}


REMEMBERING = ("executor:history", "driver:history")


def played(name: str, broker: Any, cluster: Any, folder: Path) -> dict[str, Any]:
    """Run, do it in mid-run, run to the end, and look."""
    scene, _, history = name.partition(":")
    topic = f"{scene}-{uuid.uuid4().hex[:6]}"
    contract = HISTORY if history else CONTRACT
    stage = Stage(folder / topic, broker, topic, "spark", epoch=EPOCH, contract=contract)
    stage.send(RECORDS)
    environment = {"SPARK_CONF_DIR": str(cluster.configuration), "SPARK_HOME": str(HOME)}
    master = f"engine.spark.master={cluster.address}"
    process = stage.start("--set", master, **environment)
    stage.wait_for_rows(3 * EPOCH, process)
    before = stage.count()
    how = SCENES[scene](Scene(stage, process, broker, cluster))
    assert before < RECORDS * 0.7, "it came too late to do harm"
    if how == "started again":
        ended = stage.run("--set", master, **environment)
    else:
        assert process.wait(600) == 0, stage.log()
        ended = stage.said("run")[-1]
    wrong = stage.other_than_embedded() if history else stage.lost_or_doubled()
    proved = stage.audit()
    return {
        "scenario": (SCENES[scene].__doc__ or "").strip() + (" Rules over a key's history." if history else ""),
        "rows before": before,
        "then it": how,
        "epochs of a dead run finished": ended["recovered"],
        "records proved": proved["proved"],
        "lost or doubled": len(wrong),
        "wrong": wrong,
    }


def main() -> None:
    """All scenarios, or those that are named."""
    os.environ.setdefault("SPARK_HOME", str(HOME))
    names = sys.argv[1:] or [*SCENES, *REMEMBERING]
    columns = [
        "scenario",
        "rows before",
        "then it",
        "epochs of a dead run finished",
        "records proved",
        "lost or doubled",
    ]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    failed = False
    with tempfile.TemporaryDirectory() as folder, lab.up("kafka") as broker, lab.up("spark") as cluster:
        for name in names:
            found = played(name, broker, cluster, Path(folder))
            print("| " + " | ".join(str(found[column]) for column in columns) + " |", flush=True)
            failed |= bool(found["wrong"])
            if found["wrong"]:
                print(found["wrong"], file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
