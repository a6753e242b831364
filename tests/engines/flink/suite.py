"""Everything that tests want to know of real jobs on Flink, in one process with one Java: `suite.py BROKERS FOLDER`.

It runs in Flink's environment, and writes what it found to FOLDER/found.json; `test_jobs.py` says what must hold.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stillwell.engines.flink.gateway import java
from stillwell.engines.flink.job import insertion, table_environment
from stillwell.engines.flink.run import Run
from stillwell.pipeline.audit import audit
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import Plan, plan
from stillwell.pipeline.run import run
from tests.cases.play import for_engine
from tests.engines.flink.cases_job import outcomes
from tests.engines.flink.stage import CONTRACT, PARTITIONS, ROOT, Stage
from tests.engines.flink.table import batch_environment

FATAL = 1_502
"""The number of the record that no job may see."""
ENGINE = {"flink": {"parallelism": 2, "batch": 700}}


def planned(stage: Stage, *settings: str, engine: str | None = None) -> Plan:
    return plan(load(stage.folder / "pipeline.yml", settings).on(engine))


def counts(summary: Any) -> list[int]:
    return [summary.read, summary.accepted, summary.quarantined]


def audited(stage: Stage) -> dict[str, Any]:
    found = audit(planned(stage))
    return {"holds": found.holds, "proved": found.proved, "findings": [str(one) for one in found.findings]}


def all_cases(folder: Path, _brokers: str) -> Any:
    """All cases, in one job."""
    java(folder / "log", "1g")
    return outcomes(batch_environment(), for_engine("flink"), folder)


def to_kafka(folder: Path, brokers: str) -> Any:
    """Kafka to Kafka: followed on Flink and stopped with a savepoint, then embedded, then on Flink again to the end."""
    port = free_port()
    stage = Stage(folder, brokers, {"flink": {**ENGINE["flink"], "config": {"rest.port": port}}})
    stage.send(3_000)
    stop, read, metrics = threading.Event(), [], {}

    def watch(progress: Any) -> None:
        read.append(progress.judged.read)
        if sum(read) >= 3_000 and not stop.is_set():
            metrics.update(asked(port))
            stop.set()

    source = stage.pipeline["source"]["kafka"]
    del source["until"]
    stage.write()
    first = run(planned(stage), watch, stop)
    source["until"] = "end"
    stage.write()
    stage.send(700)
    second = counts(run(planned(stage, engine="embedded")))
    stage.send(1_100)
    third = counts(run(planned(stage)))
    whole = [f"{sink}.kafka.topic={stage.source}.{sink}" for sink in ("accepted", "quarantine")]
    run(plan(load(stage.folder / "pipeline.yml", whole).on("embedded"), state=folder / "whole"))
    return {
        "runs": [counts(first), second, third],
        "interrupted": first.interrupted,
        "savepoints": len(list(stage.folder.glob(".stillwell/numbers/flink/checkpoints/savepoint-*"))),
        "metrics": metrics,
        "sent": sum(stage.sent.values()),
        "unequal": stage.unequal(),
        "rejected": [stage.quarantined(topic) for topic in (stage.quarantine, f"{stage.source}.quarantine")],
        "audit": audited(stage),
        "plan": explained(stage),
    }


def explained(stage: Stage) -> str:
    """Flink's own plan of the job, and how its parts are joined."""
    from pyflink.table import ExplainDetail

    made = planned(stage)
    job = Run(made.job, made.engine._options, lambda _: None, threading.Event())
    try:
        made.job.source.open()
        layout = job._layout({})
        return table_environment(layout).explain_sql(insertion(layout), ExplainDetail.JSON_EXECUTION_PLAN)
    finally:
        made.job.source.close()


def asked(port: int) -> dict[str, float]:
    """What Flink's REST interface says of our counters, all tasks together."""

    def get(path: str) -> Any:
        with urllib.request.urlopen(f"http://localhost:{port}{path}", timeout=10) as answer:
            return json.load(answer)

    found: dict[str, float] = {}
    job = get("/jobs")["jobs"][0]["id"]
    for vertex in get(f"/jobs/{job}")["vertices"]:
        path = f"/jobs/{job}/vertices/{vertex['id']}/subtasks/metrics"
        for _ in range(30):
            names = [one["id"] for one in get(path) if ".stillwell." in one["id"]]
            if names:
                for one in get(f"{path}?get={','.join(names)}"):
                    found[one["id"].split(".stillwell.", 1)[1].split(".", 1)[1]] = one["sum"]
            if found.get("read", 0) >= 3_000:
                break
            time.sleep(0.5)
    return found


def free_port() -> int:
    import socket

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def to_delta(folder: Path, brokers: str) -> Any:
    """Into Delta, which Flink cannot write: through Kafka, and from there by this process."""
    through = {"through": {"brokers": brokers, "topic": f"{folder.name}.staged"}}
    stage = Stage(
        folder, brokers, {"flink": {**ENGINE["flink"], **through}},
        accepted={"delta": {"path": "good"}}, quarantine={"jsonl": {"path": "bad"}},
    )  # fmt: skip
    stage.send(2_500)
    first = counts(run(planned(stage)))
    stage.send(600)
    second = counts(run(planned(stage, engine="embedded")))
    return {"runs": [first, second], "sent": sum(stage.sent.values()), "audit": audited(stage)}


def stopped(folder: Path, brokers: str) -> Any:
    """A rule of severity `fail` ends a job that would follow for ever; the next run goes on after it."""
    stage = Stage(folder, brokers, ENGINE)
    rules = f"rules:\n  never: {{expect: id <> {FATAL}, severity: fail}}\n"
    (folder / "contract.yml").write_text(CONTRACT + rules)
    source = stage.pipeline["source"]["kafka"]
    del source["until"]
    stage.write()
    stage.send(2_000)
    first = run(planned(stage))
    stage.send(1_000)
    source["until"] = "end"
    stage.write()
    second = run(planned(stage))
    return {
        "runs": [counts(first), counts(second)],
        "stopped": [one.stopped and vars(one.stopped) for one in (first, second)],
        "interrupted": [first.interrupted, second.interrupted],
        "broke": stage.quarantined(stage.quarantine)[f"{FATAL % PARTITIONS}:{FATAL // PARTITIONS}"],
        "savepoints": len(list(stage.folder.glob(".stillwell/numbers/flink/checkpoints/savepoint-*"))),
        "unequal": stage.unequal(),
        "audit": audited(stage),
    }


def example(folder: Path, brokers: str) -> Any:
    """The sensors example, and the two jobs behind it."""
    os.environ["BROKERS"] = brokers
    bin_ = Path(sys.executable).parent
    generate = [bin_ / "stillwell", "generate", "--rows", "4000", "--faults", "null=5%,outlier=5%,malformed=2%"]
    subprocess.run([*generate, "--out", f"kafka://{brokers}/sensor-topic?partitions=4"], check=True)
    file, found = ROOT / "examples" / "sensors" / "flink.yml", {}
    for engine, settings in (
        ("flink", ()),
        ("embedded", ("accepted.kafka.topic=readings-here", "quarantine.kafka.topic=rejects-here")),
    ):
        loaded = load(file, ("source.kafka.until=end", *settings)).on(engine)
        found[engine] = counts(run(plan(loaded, folder=folder, state=folder / engine)))
    # PyFlink tells processes that we start that they are its workers.
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYFLINK")}
    jobs = [sys.executable, ROOT / "examples" / "sensors" / "flink_jobs.py", brokers, "--until-end"]
    subprocess.run(jobs, check=True, env=own)
    stage = Stage(folder, brokers)
    enriched, quality = ([json.loads(one.value()) for one in stage.read(topic)] for topic in ("enriched", "quality"))
    return {**found, "enriched": enriched[:3], "count": len(enriched), "quality": quality}


PARTS: tuple[Callable[[Path, str], Any], ...] = (all_cases, to_kafka, to_delta, stopped, example)

if __name__ == "__main__":
    address, place = sys.argv[1], Path(sys.argv[2])
    result = {}
    for part in PARTS:
        if not sys.argv[3:] or part.__name__ in sys.argv[3:]:
            began = time.monotonic()
            own = place / f"{part.__name__}-{time.time_ns()}"
            own.mkdir()
            result[part.__name__] = part(own, address)
            print(part.__name__, f"{time.monotonic() - began:.1f} s", flush=True)
    (place / "found.json").write_text(json.dumps(result))
