"""The stage of a stream: its topic, and for each host a pipeline file that reads it and writes topics of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from stillwell._find import find
from stillwell.engines._features import refused
from stillwell.kernel.tally_json import from_json
from stillwell.pipeline.load import load
from stillwell.pipeline.plan import plan
from tests.cases.case import Case
from tests.cases.outcome import Outcome, outcome
from tests.cases.play import job_of, rows
from tests.parity.compare import exactly
from tests.parity.hosts import Host

PARTITIONS = 4


def refuses(engine: str, case: Case, folder: Path) -> bool:
    """Whether an engine says that it cannot judge by the contract of a case."""
    kind = find("engines", engine, "Engine")
    job = job_of(case, case.runs[-1], folder)
    return any(problem.path == "contract" for problem in refused(engine, kind(kind.Options()), job))


def send(brokers: str, case: Case) -> None:
    """Make the topic, and send all records, each to the place that the case says; their time is that of the broker."""
    admin = AdminClient({"bootstrap.servers": brokers})
    # Else the time of ingestion would be that of the epoch, which is nobody else's.
    topic = NewTopic(case.id, PARTITIONS, config={"message.timestamp.type": "LogAppendTime"})
    admin.create_topics([topic])[case.id].result(30)
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 20, "enable.idempotence": True})
    strayed: list[str] = []
    for row in case.arrivals.to_pylist():

        def sent(error: Any, message: Any, offset: int = row["offset"]) -> None:
            if error is not None or message.offset() != offset:
                strayed.append(f"{error or message.offset()} instead of {offset}")

        producer.produce(case.id, row["payload"], row["key"], row["partition"], sent)
        if row["offset"] % 500 == 0:
            producer.poll(0)
    producer.flush(60)
    assert not strayed, strayed[:3]


def write(folder: Path, brokers: str, case: Case, host: Host, contract: str) -> Path:
    """The pipeline file of a host; it judges by `contract`."""
    place = folder / case.id
    place.mkdir(exist_ok=True)
    name = host.name.replace(" ", "-")
    (place / f"{name}.contract.yml").write_text(contract)
    kafka = {"brokers": brokers}
    file = place / f"{name}.yml"
    # JSON is YAML.
    file.write_text(
        json.dumps(
            {
                "pipeline": case.id,
                "contract": f"{name}.contract.yml",
                "state": f"state-{name}",
                "source": {"kafka": {**kafka, "topic": case.id, "until": "end", "format": json.loads(case.told)}},
                "accepted": {"kafka": {**kafka, "topic": f"{case.id}.{name}.accepted"}},
                "quarantine": {"kafka": {**kafka, "topic": f"{case.id}.{name}.quarantine"}},
                "engine": {host.engine: dict(host.options)},
                "epoch": dict(host.epoch),
            }
        )
    )
    return file


def told(file: Path) -> Path:
    """Where a host says how its runs of this pipeline went."""
    return file.with_suffix(".told.json")


def found(file: Path) -> Outcome:
    """What became of a stream, as its sinks and its ledger hold it; read here, whoever wrote it."""
    job = plan(load(file).on("embedded")).job
    said = json.loads(told(file).read_text())
    tally = from_json(said["tally"]) if said["tally"] else None
    accepted, quarantine = job.accepted[0], job.quarantine[0]
    result = outcome(rows(accepted), rows(quarantine), accepted.ledger().intents(), tally, said["stops"])
    return {
        "records": result["records"],
        "ledger": result["ledger"],
        "tally": {**result["tally"], **(exactly(tally) if tally else {})},
    }
