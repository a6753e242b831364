"""The ground of torture: a topic that the generator fills, a pipeline in a folder, and runs of it as processes."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from stillwell.connectors.base import Place
from stillwell.connectors.generator import Source as Generator
from tests.torture.witness import Seen, Witness

ROOT = Path(__file__).parents[2]
STILLWELL = Path(sys.executable).with_name("stillwell")
PARTITIONS = 4
PATIENCE = 60.0

LONG = pytest.mark.skipif(not os.environ.get("STILLWELL_TORTURE"), reason="takes long: make torture runs it")

QUICK = {"session.timeout.ms": 2000, "heartbeat.interval.ms": 300}
"""Dead members are missed soon."""

_SENSOR = re.compile(rb"sensor_[0-9]{3}")


class Ground:
    """One topic, one pipeline, its places. `accepted` and `quarantine` are `delta` or `kafka`; `group` for members.

    `letters`: the broker of dead letters, where it is another one. `lake`: the folder of the tables, if another. `ago`: how long ago its event time begins; every hundred records are a minute of it.
    """

    def __init__(
        self,
        kafka: Any,
        folder: Path,
        topic: str,
        *,
        accepted: str = "delta",
        quarantine: str = "delta",
        group: bool = False,
        letters: Any = None,
        lake: Path | None = None,
        config: Mapping[str, Any] = QUICK,
        seed: int = 7,
        ago: dt.timedelta = dt.timedelta(days=1),
        **told: Any,
    ) -> None:
        self.kafka, self.folder, self.topic = kafka, folder, topic
        self._kinds = {"accepted": accepted, "quarantine": quarantine}
        self._letters, self._lake = letters or kafka, lake or folder
        self._group, self._config, self._told = group, dict(config), told
        start = dt.datetime.now(dt.UTC).replace(microsecond=0) - ago
        options = Generator.Options(sensors=100, seed=seed, start=start)
        self._generator = Generator(options, Place("torture", folder, folder))
        self.produced = 0
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "examples" / "sensors" / "contract.yml", folder)
        self.create()
        self.write("pipeline.yml")
        self.write("last.yml", until="end")

    @cached_property
    def admin(self) -> AdminClient:
        """One for all: what is asked of one that is let go of is never answered."""
        return AdminClient({"bootstrap.servers": self.kafka.address, "log_level": 0})

    @cached_property
    def _producer(self) -> Producer:
        return Producer({"bootstrap.servers": self.kafka.address, "linger.ms": 5, "log_level": 0})

    def create(self) -> None:
        """Make the topic."""
        self.admin.create_topics([NewTopic(self.topic, PARTITIONS, 1)])[self.topic].result()

    def delete(self) -> None:
        """Delete the topic, and wait until nobody knows it."""
        self.admin.delete_topics([self.topic])[self.topic].result()
        wait(lambda: self.topic not in self.admin.list_topics(timeout=5).topics)

    def forget(self, ends: Mapping[int, int], *, of: str = "") -> None:
        """Retention takes what lies before these offsets of the source, or of another topic."""
        asked = [TopicPartition(of or self.topic, partition, end) for partition, end in ends.items()]
        for answer in self.admin.delete_records(asked).values():
            answer.result()

    def write(self, name: str, *, state: str = "state", **source: Any) -> None:
        """Write the pipeline; `source` are further options of the source."""
        options = {"brokers": self.kafka.address, "topic": self.topic, "config": self._config, **source}
        if self._group:
            options["group"] = self.topic
        else:
            del options["config"]
        told = {
            "pipeline": "torture",
            "contract": "contract.yml",
            "state": state,
            "source": {"kafka": options},
            **{side: self._sink(side) for side in self._kinds},
            "engine": {"embedded": {"threads": 1}},
            "epoch": {"records": 100, "wait": "300ms"},
            **self._told,
        }
        # JSON is YAML.
        (self.folder / name).write_text(json.dumps(told, indent=1))

    def _sink(self, side: str) -> dict[str, Any]:
        kind, where = self._kinds[side], self._place(side)[1]
        brokers = self._letters.address if side == "quarantine" else self.kafka.address
        return {kind: {"path": where} if kind == "delta" else {"brokers": brokers, "topic": where}}

    def _place(self, side: str) -> tuple[str, str]:
        kind = self._kinds[side]
        return kind, str(self._lake / side) if kind == "delta" else f"{self.topic}.{side}"

    def produce(self, count: int) -> None:
        """Append records of the generator, keyed by sensor; about one in ten is faulty."""
        chunk = self._generator.read(count)
        for payload in chunk.table["payload"].to_pylist():
            found = _SENSOR.search(payload)
            self._producer.produce(self.topic, payload, key=found[0] if found else None)
        assert self._producer.flush(30) == 0
        self.produced += count

    @property
    def witness(self) -> Witness:
        """An independent reader of everything."""
        places = self._place("accepted"), self._place("quarantine")
        return Witness(self.kafka.address, self.topic, *places, self._letters.address)

    def run(self, file: str = "pipeline.yml", **environment: str) -> Running:
        """The plain command line."""
        return Running([str(STILLWELL)], self.folder / file, environment)

    def fused(self, file: str = "pipeline.yml", environment: Mapping[str, str] = {}, **fuse: Any) -> Running:
        """The command line with a fuse."""
        running = Running.count + 1
        note = self.folder / f"note-{running}.json"
        told = json.dumps({"note": str(note), **fuse})
        command = [sys.executable, "-m", "tests.torture.launch", told]
        return Running(command, self.folder / file, environment, note)

    def last(self) -> dict[str, Any]:
        """A run up to what is the end now; its summary."""
        run = self.run("last.yml")
        assert run.ended() == 0, run.told()
        return run.said("run")[-1]

    def audit(self) -> dict[str, Any]:
        """What `stillwell audit` says, with its exit code."""
        asked = [str(STILLWELL), "audit", "--json", str(self.folder / "last.yml")]
        result = subprocess.run(asked, capture_output=True, text=True, timeout=600)
        told = [json.loads(line) for line in result.stdout.splitlines()]
        return {"code": result.returncode, **(told[-1] if told else {"holds": False, "stderr": result.stderr})}

    def everything(self) -> bool:
        """Whether so many rows are in the sinks as there are records; to wait for."""
        return len(self.witness.places()) >= self.produced

    def assert_whole(self) -> Seen:
        """Every record is in one place, once, as it was, and the audit holds, of all of them."""
        seen = self.witness.look()
        assert len(seen.source) == self.produced
        assert (seen.lost, seen.doubled, seen.altered) == ([], [], [])
        told = self.audit()
        assert (told["code"], told["holds"], told["proved"]) == (0, True, self.produced), told
        return seen


class Running:
    """A run of a pipeline in a process of its own; what it says goes to files beside the pipeline."""

    count = 0

    def __init__(
        self, command: Sequence[str], file: Path, environment: Mapping[str, str], note: Path | None = None
    ) -> None:
        Running.count += 1
        self._out = file.with_name(f"out-{Running.count}.jsonl")
        self._err = file.with_name(f"err-{Running.count}.txt")
        self._note = note
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [*command, "run", "--json", "--quiet", str(file)],
                stdout=out,
                stderr=err,
                cwd=ROOT,
                env={**os.environ, **environment},
            )

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The objects of one schema that it wrote so far."""
        lines = self._out.read_text().split("\n")[:-1]
        return [told for line in lines if (told := json.loads(line))["schema"].startswith(f"stillwell.{kind}/")]

    def told(self) -> str:
        """What it wrote for people, and its error, if any."""
        return f"exit code {self.process.poll()}\n{self._out.read_text()[-2000:]}\n{self._err.read_text()[-2000:]}"

    @property
    def note(self) -> dict[str, Any]:
        """What was open at its last step."""
        assert self._note is not None
        with contextlib.suppress(FileNotFoundError):
            if text := self._note.read_text():
                return dict(json.loads(text))
        return {"step": "", "open": False}

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether it stands still by a signal."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "T"

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> bool:
        """Kill it, now; False if it had ended by itself already."""
        self.process.kill()
        return self.process.wait() == -signal.SIGKILL

    def ended(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it hangs: {self.told()}") from None

    def end(self, seconds: float = PATIENCE) -> dict[str, Any]:
        """Ask it to end, as one does who stops a service; its summary."""
        self.signal(signal.SIGTERM)
        assert self.ended(seconds) == 0, self.told()
        return self.said("run")[-1]


@contextlib.contextmanager
def all_ended(*running: Running) -> Any:
    """Nothing is left running, however the block ends."""
    try:
        yield running
    finally:
        for one in running:
            if one.alive:
                one.kill()


def wait(true: Callable[[], Any], seconds: float = PATIENCE, *, told: Callable[[], str] = lambda: "") -> None:
    """Wait until this is true."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"this never came to be {told()}"
        time.sleep(0.1)
