"""A pipeline on Flink as a person has it: a folder, a broker, the command line in Flink's own environment.

What came out is read by a plain consumer that knows nothing of marks and ledgers: `Stage.unequal` says how it differs.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).parents[3]
PLACE = ROOT / ".environments" / "flink"
PARTITIONS = 4

CONTRACT = """\
contract: numbers
version: 1.0.0
key: meter
fields:
  id:    {type: integer, required: true}
  meter: {type: integer, required: true}
  value: {type: double, min: 0, max: 100, warn: {max: 90}}
sequence:
  near:  {kind: jump, field: value, max: 60, within: 1d}
  once:  {kind: unique, fields: [meter, value], within: 1d}
  many:  {kind: count, max: 9, within: 1s, severity: warn}
"""


class Stage:
    """A folder with contract and pipeline, and topics of its own on the broker at `address`."""

    def __init__(self, folder: Path, address: str, engine: dict | str = "flink", **more: object) -> None:
        self.folder, self.address = folder, address
        self.source, self.accepted, self.quarantine = (f"{folder.name}.{one}" for one in ("in", "good", "bad"))
        (folder / "contract.yml").write_text(CONTRACT)
        kafka = {"brokers": address}
        self.pipeline = {
            "pipeline": "numbers",
            "contract": "contract.yml",
            "source": {"kafka": {**kafka, "topic": self.source, "until": "end"}},
            "accepted": {"kafka": {**kafka, "topic": self.accepted, "key": "id"}},
            "quarantine": {"kafka": {**kafka, "topic": self.quarantine}},
            "engine": engine,
            "epoch": {"wait": "1s"},
            **more,
        }
        self.write()
        self.sent: Counter[tuple[int, int]] = Counter()
        self._admin = AdminClient({"bootstrap.servers": address})
        self._admin.create_topics([NewTopic(self.source, PARTITIONS)])[self.source].result()

    def write(self) -> None:
        """Write the pipeline's file, which is YAML because JSON is."""
        (self.folder / "pipeline.yml").write_text(json.dumps(self.pipeline))

    def send(self, count: int) -> None:
        """Send records, of which every fifth is bad by itself, and others after what came before them."""
        producer = Producer({"bootstrap.servers": self.address, "linger.ms": 20})
        base = sum(self.sent.values())

        def sent(error: object, message: Message) -> None:
            assert error is None, error
            self.sent[message.partition(), message.offset()] += 1

        for number in range(base, base + count):
            usual = number % 97 if number % 2 else number % 997 / 10
            value = "x" if number % 10 == 5 else 500 if number % 10 == 0 else usual
            payload = None if number % 101 == 0 else json.dumps({"id": number, "meter": number % 7, "value": value})
            producer.produce(self.source, payload, str(number % 7), partition=number % PARTITIONS, on_delivery=sent)
            if number % 1000 == 0:
                producer.poll(0)
        producer.flush(60)

    @contextmanager
    def sending(self, rate: float) -> Iterator[None]:
        """Send so many records a second while the block lasts."""
        over = threading.Event()

        def send() -> None:
            while not over.wait(0.5):
                self.send(int(rate / 2))

        thread = threading.Thread(target=send)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def command(self, *words: str) -> list[str]:
        return [str(PLACE / "bin" / "stillwell"), *words]

    def start(self, *words: str) -> Running:
        """A verb on this pipeline, in Flink's environment, not waited for."""
        return Running(self.command(*words), self.folder)

    def run(self, *words: str, code: int = 0) -> dict:
        """Run it, or another verb, to its end: the last JSON object that it wrote."""
        return self.start(*(words or ("run",)), "--json").finished(code)

    def unequal(self) -> list[str]:
        """What is wrong with what came out: records lost, doubled or strange, by place."""
        good = Counter(
            (place["partition"], place["offset"])
            for message in self.read(self.accepted)
            for place in [json.loads(dict(message.headers())["stillwell"])]
        )
        bad = Counter()
        for message in self.read(self.quarantine):
            headers = dict(message.headers())
            bad[int(headers["stillwell.partition"]), int(headers["stillwell.offset"])] += 1
        found = good + bad
        wrong = [f"{place} is there {count} times" for place, count in found.items() if count > 1]
        wrong += [f"{place} is lost" for place in self.sent if place not in found]
        return wrong + [f"{place} was never sent" for place in found if place not in self.sent]

    def quarantined(self, topic: str) -> dict[str, list[str]]:
        """The rules by which a record was rejected, by its place."""
        found = {}
        for message in self.read(topic):
            told = {name: value.decode() for name, value in message.headers() if value is not None}
            place = f"{told['stillwell.partition']}:{told['stillwell.offset']}"
            found[place] = [one["rule"] for one in json.loads(told["stillwell.reasons"]) if one["severity"] != "warn"]
        return found

    def read(self, topic: str) -> list:
        """Every message of a topic that is committed; transactions that hang hide what lies behind them."""
        consumer = Consumer(
            {"bootstrap.servers": self.address, "group.id": "reader", "isolation.level": "read_committed",
             "enable.partition.eof": True, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        )  # fmt: skip
        there = self._admin.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in there])
        found, left = [], set(there)
        while left:
            for message in consumer.consume(10_000, 1.0):
                if message.error() is None:
                    found.append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
        consumer.close()
        return found


def environment() -> dict[str, str]:
    """A machine that speaks Turkish; a short job is mostly start-up, and Java's first compiler is quick."""
    return {
        **os.environ,
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Duser.language=tr -Duser.country=TR",
        "PATH": f"{PLACE / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "TZ": "Asia/Kathmandu",
    }


class Running:
    """A verb that runs; what it says goes to files, because nobody reads it meanwhile."""

    def __init__(self, command: list[str], folder: Path) -> None:
        number = len(list(folder.glob("said-*.out")))
        self._out, self._err = folder / f"said-{number}.out", folder / f"said-{number}.err"
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=out, stderr=err)

    @property
    def over(self) -> bool:
        return self.process.poll() is not None

    def reads(self, least: int, seconds: float = 180) -> None:
        """Wait until it has told of so many records."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told = [json.loads(line) for line in self._out.read_text().splitlines() if line.endswith("}")]
            if sum(one.get("read", 0) for one in told) >= least:
                return
            assert not self.over, self.finished()
            time.sleep(0.2)
        raise AssertionError(f"less than {least} records were read: {self._err.read_text()[-3000:]}")

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self.finished(None)

    def stop(self) -> dict:
        """As Ctrl-C would."""
        self.process.send_signal(signal.SIGINT)
        return self.finished()

    def finished(self, code: int | None = 0, timeout: float = 240) -> dict:
        """The last JSON object that it wrote before it ended."""
        self.process.wait(timeout)
        out, err = self._out.read_text(), self._err.read_text()
        assert code is None or self.process.returncode == code, (
            f"exit {self.process.returncode}\n{out[-3000:]}\n{err[-5000:]}"
        )
        lines = [line for line in out.splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if lines else {}
