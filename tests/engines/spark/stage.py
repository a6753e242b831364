"""A pipeline from Kafka to Delta on Spark, and what a test does with it: fill the topic, run it, kill it, look at it.

Its process is the `stillwell` of Spark's environment; this one only looks on.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from stillwell.lab._process import Process

ROOT = Path(__file__).parents[3]
ENVIRONMENT = ROOT / ".environments" / "spark"
HOME = next(ENVIRONMENT.glob("lib/python*/site-packages/pyspark"), ENVIRONMENT)

CONTRACT = """\
contract: numbers
version: 1.0.0
time: at
fields:
  id: {type: integer, required: true}
  at: {type: timestamp, required: true}
  value: {type: double, required: true, min: 0, max: 90, warn: {max: 80}}
"""
HISTORY = (
    CONTRACT
    + """\
  sensor: {type: integer, required: true}
key: sensor
sequence:
  no_jump: {kind: jump, field: value, max: 42, within: 5m}
  no_spike: {kind: spike, field: value, max: 30}
  upward: {kind: counter, field: id}
"""
)
"""By which about half of the records of `payload` are rejected for what came before them."""
PIPELINE = """\
pipeline: numbers
contract: contract.yml
source: {{kafka: {{brokers: '{brokers}', topic: {topic}, until: {until}}}}}
accepted: {{delta: {{path: accepted}}}}
quarantine: {{delta: {{path: quarantine}}}}
epoch: {{records: {epoch}, wait: 500ms}}
engine: {engine}
"""


def there() -> None:
    """Skip a test where Spark's environment is not made; fail where CI wants it."""
    if not (ENVIRONMENT / ".ready").exists():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("the environment of spark is not there: make environments")


def environment(**more: str) -> dict[str, str]:
    """The variables of a process in Spark's environment."""
    return {
        **os.environ,
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # a short job is mostly start-up
        "PATH": f"{ENVIRONMENT / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYSPARK_PYTHON": str(ENVIRONMENT / "bin" / "python"),
        "PYTHONPATH": str(ROOT),
        "SPARK_LOCAL_IP": "127.0.0.1",
        **more,
    }


def payload(number: int) -> bytes:
    """Record `number`: one in seven is too high, one in 50 is broken. The 40 sensors keep to their partition of four."""
    if number % 50 == 49:
        return b'{"id": %d' % number
    value = 95.5 if number % 7 == 3 else number % 85
    return json.dumps({"id": number, "at": "2026-01-01T00:00:00Z", "value": value, "sensor": number % 40}).encode()


def good(number: int) -> bool:
    """What must become of it, said without the code that is tested."""
    return number % 50 != 49 and number % 7 != 3


class Stage:
    """A folder with the pipeline `numbers`, and a topic of its own, which may be `made`."""

    def __init__(
        self, folder: Path, broker: Any, topic: str, engine: str, *, partitions: int = 4, epoch: int = 5000,
        until: str = "end", contract: str = CONTRACT, made: bool = False,
    ) -> None:  # fmt: skip
        self.folder, self._broker, self._topic, self._partitions = folder, broker, topic, partitions
        self.sent = 0
        from confluent_kafka.admin import AdminClient, NewTopic

        if not made:
            admin = AdminClient({"bootstrap.servers": broker.address})
            admin.create_topics([NewTopic(topic, partitions)])[topic].result(30)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "contract.yml").write_text(contract)
        told = PIPELINE.format(brokers=broker.address, topic=topic, until=until, epoch=epoch, engine=engine)
        (folder / "pipeline.yml").write_text(told)

    def send(self, count: int) -> None:
        """Add so many records, dealt to the partitions in turn."""
        from confluent_kafka import Producer

        # Each once, also where a broker that is busy lets it send again.
        told = {"bootstrap.servers": self._broker.address, "linger.ms": 20, "enable.idempotence": True}
        producer = Producer(told)
        for number in range(self.sent, self.sent + count):
            producer.produce(self._topic, payload(number), partition=number % self._partitions)
            if number % 1000 == 0:
                producer.poll(0)
        producer.flush(60)
        self.sent += count

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """A run, as a process; what it says is in `run.log`."""
        with (self.folder / "run.log").open("a") as log:
            return subprocess.Popen(
                [ENVIRONMENT / "bin" / "stillwell", "run", "pipeline.yml", "--json", "--quiet", *words],
                cwd=self.folder, env=environment(**more), stdout=log, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip

    def run(self, *words: str, **more: str) -> dict[str, Any]:
        """Run to the end; what it says of itself. Gaps, and they alone, are a warning."""
        code = self.start(*words, **more).wait(600)
        assert code in (0, 2), self.log()
        ended = self.said("run")[-1]
        assert code == (2 if ended["gaps"] else 0), self.log()
        return ended

    def log(self) -> str:
        """The end of what runs said."""
        return (self.folder / "run.log").read_text()[-4000:]

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What runs said of this kind: `epoch`, `run`."""
        lines = (line for line in (self.folder / "run.log").read_text().splitlines() if line.startswith("{"))
        return [one for line in lines if (one := json.loads(line))["schema"] == f"stillwell.{kind}/1"]

    def wait_for_rows(self, least: int, process: subprocess.Popen[str], patience: float = 400.0) -> None:
        """Wait until so many rows are accepted, while the run goes on."""
        until = time.monotonic() + patience
        while self.count() < least:
            assert process.poll() is None, f"the run ended: {self.log()}"
            assert time.monotonic() < until, f"{self.count()} rows after {patience} s: {self.log()}"
            time.sleep(0.1)

    def count(self) -> int:
        """Accepted rows."""
        return len(self.ids("accepted"))

    def ids(self, sink: str) -> list[int]:
        """The number of each row's record, as the record itself says it."""
        if not (self.folder / sink / "_delta_log").exists():
            return []
        column = "id" if sink == "accepted" else "payload"
        values = DeltaTable(str(self.folder / sink)).to_pyarrow_table(columns=[column])[column].to_pylist()
        return values if sink == "accepted" else [int(value.split(b":")[1].split(b",")[0]) for value in values]

    def lost_or_doubled(self) -> list[str]:
        """What an independent reader finds wrong: nothing, if every record is where it must be, once."""
        wrong = []
        for sink, wanted in (("accepted", True), ("quarantine", False)):
            found = Counter(self.ids(sink))
            expected = {number for number in range(self.sent) if good(number) is wanted}
            wrong += [f"{sink}: {number} is there {times} times" for number, times in found.items() if times > 1]
            wrong += [f"{sink}: {number} is lost" for number in sorted(expected - found.keys())[:5]]
            wrong += [f"{sink}: {number} is wrong here" for number in sorted(found.keys() - expected)[:5]]
        return wrong

    def other_than_embedded(self) -> list[str]:
        """Which records the embedded engine, in one run that nothing disturbs, puts elsewhere."""
        beside = copy.copy(self)
        beside.folder = self.folder / "embedded"
        beside.folder.mkdir()
        for name in ("contract.yml", "pipeline.yml"):
            shutil.copy(self.folder / name, beside.folder)
        beside.run("--engine", "embedded")
        there = {sink: Counter(beside.ids(sink)) for sink in ("accepted", "quarantine")}
        assert sum(map(len, there.values())) == self.sent
        return [
            f"{sink}: {sorted(odd)[:5]}"
            for sink, found in there.items()
            for odd in [(found - Counter(self.ids(sink))) + (Counter(self.ids(sink)) - found)]
            if odd
        ]

    def audit(self) -> dict[str, Any]:
        """What `stillwell audit` says; it must say yes."""
        process = subprocess.run(
            [ENVIRONMENT / "bin" / "stillwell", "audit", "pipeline.yml", "--json"],
            cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert process.returncode in (0, 2), process.stdout + process.stderr
        found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
        assert process.returncode == (2 if found["missed"] else 0), found
        return found


def descendants(pid: int) -> dict[int, str]:
    """The processes below a process, and the words of each."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(path.parent.name))
    found: dict[int, str] = {}
    left = list(children.get(pid, ()))
    while left:
        one = left.pop()
        left += children.get(one, ())
        try:
            found[one] = Path(f"/proc/{one}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def end(pids: Sequence[int] | Mapping[int, str]) -> None:
    """Kill -9, each by its number."""
    for pid in pids:
        if process := Process.of(pid):
            process.signal(signal.SIGKILL, 5.0)
