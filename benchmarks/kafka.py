"""How fast one process moves 1 M messages from Kafka through twelve rules into Delta, against a bare consumer.

`ratio_to_bare_consumer`: the speed of the whole (read, judge, two Delta tables, ledger) as a share of that of a tuned
consumer which only takes value, key, partition, offset and timestamp of each message, from the same four partitions of
the same broker. `times_quixstreams`: the same work in Quix Streams. `cpu_*` are seconds of processor time for a million
messages, the broker's not counted. `latency_ms` is the time from the broker's append to the committed verdict, at rates
that are held; the last of them is held long, to see that lag and memory stay bounded.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from _measure import alternate, report, say
from kernel import CONTRACT, records
from peers import ROOT, environment

from stillwell import lab
from stillwell.connectors import delta, kafka
from stillwell.connectors.base import Place
from stillwell.contract.load import parse
from stillwell.engines.base import EpochLimits, Job, Progress, Summary
from stillwell.engines.embedded import Engine

COUNT = 1_000_000
PARTITIONS = 4
TUNED = {
    "fetch.max.bytes": 100 << 20,
    "max.partition.fetch.bytes": 16 << 20,
    "queued.max.messages.kbytes": 256 << 10,
    "queued.min.messages": 1_000_000,
    "check.crcs": False,
    "fetch.min.bytes": 1 << 20,
    "fetch.wait.max.ms": 20,
}


def fill(address: str, topic: str, batch: pa.Table) -> None:
    """Put the records into a new topic."""
    options = kafka.Producer.Options(brokers=address, topic=topic, partitions=PARTITIONS)
    producer = kafka.Producer(options, Place("benchmark", Path(), Path()))
    producer.send(batch)
    producer.flush()


def bare(address: str, topic: str) -> int:
    """Take everything of every message, and nothing more."""
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": address, "group.id": "bare", "enable.auto.commit": False, **TUNED}
    )
    start = confluent_kafka.OFFSET_BEGINNING
    consumer.assign([confluent_kafka.TopicPartition(topic, number, start) for number in range(PARTITIONS)])
    taken = 0
    while taken < COUNT:
        messages = consumer.consume(10_000, 0.1)
        for message in messages:
            message.value(), message.key(), message.partition(), message.offset(), message.timestamp()
        taken += len(messages)
    consumer.close()
    return taken


def pipeline(
    address: str, topic: str, lake: Path, watch: Callable[[Progress], None], stop: threading.Event, **told: Any
) -> Summary:
    """One run from Kafka into Delta, from nothing; `told` are options of the source and limits of an epoch."""
    shutil.rmtree(lake, ignore_errors=True)
    place = Place("benchmark", lake, lake / "state")
    limits = EpochLimits(**{name: told.pop(name) for name in ("records", "wait") if name in told})
    source = kafka.Source(kafka.Source.Options(brokers=address, topic=topic, **told), place)
    accepted = delta.Sink(delta.Sink.Options(path="readings"), place)
    quarantine = delta.Sink(delta.Sink.Options(path="quarantine"), place)
    job = Job("benchmark", parse(CONTRACT), source, (accepted,), (quarantine,), place.state, limits)
    try:
        return Engine(Engine.Options()).run(job, watch, stop)
    finally:
        source.close()


def whole(address: str, topic: str, lake: Path) -> int:
    """Everything that is in the topic, in epochs of 250,000."""
    summary = pipeline(address, topic, lake, lambda _: None, threading.Event(), until="end")
    assert summary.read == COUNT, summary
    return summary.read


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the wall and of this process."""
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - cpu


def quix(address: str, topic: str, folder: Path) -> dict[str, float]:
    """The same work in Quix Streams, in its own environment."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    script = ROOT / "benchmarks" / "peers" / "of_quixstreams.py"
    command = [str(environment("quixstreams")), "-W", "ignore", str(script), address, topic, str(COUNT), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def memory() -> float:
    """MiB that this process holds now."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1024


def held(address: str, rate: int, seconds: int, lake: Path) -> dict[str, float]:
    """Follow a topic that is filled at a rate: percentiles of the time to a committed verdict (ms), lag, memory."""
    topic = f"held-{rate}-{seconds}"
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": address})
    new = confluent_kafka.admin.NewTopic(topic, PARTITIONS, config={"message.timestamp.type": "LogAppendTime"})
    admin.create_topics([new])[topic].result()
    stop, waits, lags, sizes = threading.Event(), [], [], []

    def watch(progress: Progress) -> None:
        now = int(time.time() * 1e6)
        waits.append((now - pc.cast(progress.batch["ingest_time"], pa.int64()).to_numpy()) / 1000)
        lags.append(progress.lag or 0)
        sizes.append(memory())

    generate = [str(Path(sys.executable).with_name("stillwell")), "generate", "--out", f"kafka://{address}/{topic}"]
    command = [*generate, "--rate", str(rate), "--seconds", str(seconds)]
    told: dict[str, Any] = {"wait": dt.timedelta(seconds=0.2), "records": 100_000}
    follower = threading.Thread(target=pipeline, args=(address, topic, lake, watch, stop), kwargs=told)
    follower.start()
    try:
        time.sleep(3)
        subprocess.run(command, check=True, capture_output=True)
        time.sleep(3)
    finally:
        stop.set()
        follower.join()
    every = np.concatenate(waits)
    assert len(every) == rate * seconds, (len(every), rate * seconds)
    third = max(1, len(sizes) // 3)
    return {
        "p50": round(float(np.percentile(every, 50))),
        "p99": round(float(np.percentile(every, 99))),
        "lag": max(lags),
        "growth": round(float(np.median(sizes[-third:]) / np.median(sizes[third : 2 * third])), 2),
    }


def main() -> None:
    """Measure, refresh the table, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="hold 20,000 messages a second for five minutes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, lab.up("kafka") as broker:
        folder, address, topic = Path(name), broker.address, "readings"
        say(f"filling a topic with {COUNT:,} messages …")
        fill(address, topic, records(COUNT))
        used: dict[str, list[float]] = {"bare": [], "whole": []}

        def measured(which: str, work: Callable[[], object]) -> None:
            used[which].append(timed(work)[1])

        medians = alternate(
            {
                "bare": lambda: measured("bare", lambda: bare(address, topic)),
                "whole": lambda: measured("whole", lambda: whole(address, topic, folder / "lake")),
            },
            rounds=7,
        )
        say("Quix Streams …")
        peer = [quix(address, topic, folder / "quix") for _ in range(2)][-1]
        figures: dict[str, Any] = {
            "messages": COUNT,
            "ratio_to_bare_consumer": round(medians["bare"] / medians["whole"], 3),
            "times_quixstreams": round(peer["seconds"] / medians["whole"], 1),
            "cpu_bare": round(float(np.median(used["bare"])), 2),
            "cpu_whole": round(float(np.median(used["whole"])), 2),
            "cpu_quixstreams": round(peer["cpu"], 2),
        }
        rows = [(f"{what}", f"{COUNT / seconds / 1e3:,.0f} k messages/s") for what, seconds in medians.items()]
        rows.append(("Quix Streams", f"{COUNT / peer['seconds'] / 1e3:,.0f} k messages/s"))
        for rate, seconds in ((1_000, 20), (10_000, 20), (20_000, 300 if options.long else 30)):
            say(f"holding {rate:,} messages a second for {seconds} s …")
            figures[f"at_{rate}"] = found = held(address, rate, seconds, folder / "lake")
            told = f"p50 {found['p50']} ms, p99 {found['p99']} ms, lag ≤ {found['lag']:,}, memory × {found['growth']}"
            rows.append((f"{rate:,} messages/s for {seconds} s", told))
    rows += [(key, str(value)) for key, value in figures.items() if not isinstance(value, dict)]
    report("kafka", "From Kafka into Delta against a bare consumer", rows, figures)


if __name__ == "__main__":
    main()
