"""Apache Flink: a session cluster of one JobManager and two TaskManagers, with its UI."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from stillwell._need import need
from stillwell.lab._crew import crew, members
from stillwell.lab._jars import class_path, resolve
from stillwell.lab._java import java
from stillwell.lab._place import written
from stillwell.lab._ports import HOST
from stillwell.lab._process import Process
from stillwell.lab.base import Service as Base

OLDEST_JAVA = 17
KAFKA = "flink-kafka-5.0.0-2.2"
"""Where Flink's connector for Kafka is in the cache; it needs nothing else, and does not come with Flink."""
PINS = ("org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",)

_TITLE = "Apache Flink 2.3"
_JOBMANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASKMANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_FLAGS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_SLOTS = 2

SETTINGS: dict[str, Any] = {
    "jobmanager.rpc.address": HOST,
    "jobmanager.bind-host": HOST,
    "jobmanager.memory.process.size": "1024m",
    "rest.address": HOST,
    "rest.bind-address": HOST,
    "taskmanager.host": HOST,
    "taskmanager.bind-host": HOST,
    "taskmanager.numberOfTaskSlots": _SLOTS,
    # What Flink's shell scripts work out from one number.
    "taskmanager.cpu.cores": 1.0,
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "384m",
    "taskmanager.memory.task.off-heap.size": "64m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.managed.size": "256m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
    # Whoever died is missed after seconds, not after a minute.
    "heartbeat.interval": 1000,
    "heartbeat.timeout": 12000,
    "web.cancel.enable": True,
}


class Service(Base):
    """A session cluster; whichever of its processes dies is started again, as a resource manager would."""

    name = "flink"
    title = _TITLE
    roles = ("rest", "rpc")
    taken = b"Address already in use"
    patience = 90.0

    @property
    def addresses(self) -> dict[str, str]:
        """Its UI and REST interface."""
        return {"rest": self.address}

    @property
    def address(self) -> str:
        """Where its UI and REST interface are, as `HOST:PORT`."""
        return f"{HOST}:{self.state.ports['rest']}"

    @classmethod
    def fetch(cls, *, thorough: bool = False) -> None:
        """Flink comes with PyFlink; only its connector for Kafka is fetched."""
        java(_TITLE, OLDEST_JAVA)
        _home()
        resolve(KAFKA, PINS, who="Flink's connector for Kafka", thorough=thorough)

    def prepare(self) -> None:
        """Write the configuration of both kinds of process."""
        folder = self.folder / "conf"
        folder.mkdir(parents=True, exist_ok=True)
        told = {
            **SETTINGS,
            "jobmanager.rpc.port": self.state.ports["rpc"],
            "rest.port": self.state.ports["rest"],
            "io.tmp.dirs": str(self.folder / "tmp"),
            "web.tmpdir": str(self.folder / "tmp"),
            **self.settings,
        }
        (self.folder / "tmp").mkdir(exist_ok=True)
        written(folder / "config.yaml", "".join(f"{key}: {_said(value)}\n" for key, value in told.items()).encode())

    def command(self) -> list[str]:
        """The crew of all three."""
        words = {"jobmanager": _java(self.folder, _JOBMANAGER, "-Xmx512m")}
        words |= {
            f"taskmanager-{number}": _java(self.folder, _TASKMANAGER, "-Xmx512m", "-XX:MaxDirectMemorySize=256m")
            for number in (1, 2)
        }
        return crew(self.folder, words)

    def answers(self) -> bool:
        """Whether our JobManager answers, and has the slots of both TaskManagers."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            told = {one["key"]: one["value"] for one in self.ask("/jobmanager/config")}
            ours = told["web.tmpdir"].startswith(str(self.folder))
            return bool(ours and self.ask("/overview")["slots-total"] == (len(self.members()) - 1) * _SLOTS)
        return False

    def ask(self, path: str) -> Any:
        """What its REST interface says.

        Raises:
            OSError: when it does not answer.
        """
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
            return json.load(answer)

    def variables(self) -> dict[str, str]:
        """Where it is."""
        return {"STILLWELL_FLINK": self.address}

    def members(self) -> dict[str, int]:
        """Its processes by name: `jobmanager`, `taskmanager-1`, `taskmanager-2`."""
        return members(self.folder)

    def crash(self, name: str) -> None:
        """End one of its processes as a crash would; it is started again."""
        process = Process.of(self.members()[name])
        if process:
            process.signal(signal.SIGKILL, 10.0)


def _home() -> Path:
    """Where Flink is: its jars come with PyFlink."""
    return Path(str(need("pyflink", who=_TITLE, extra="flink").__file__)).parent


def _java(folder: Path, main: str, *flags: str) -> list[str]:
    home, found = _home(), java(_TITLE, OLDEST_JAVA)
    jars = [*sorted((home / "lib").glob("*.jar")), *sorted((home / "opt").glob("flink-python*.jar"))]
    logging = home / "conf" / "log4j-console.properties"
    return [
        str(found),
        *flags,
        *_FLAGS,
        *_opened(home),
        f"-Dlog4j.configurationFile={logging}",
        f"-Dlog.file={folder / 'unused'}",
        "-cp",
        os.pathsep.join([*map(str, jars), class_path(KAFKA)]),
        main,
        "--configDir",
        str(folder / "conf"),
    ]


def _opened(home: Path) -> list[str]:
    """The parts of Java that Flink looks into, as its own configuration lists them."""
    text = (home / "conf" / "config.yaml").read_text()
    return [word for word in text.split() if word.startswith(("--add-exports=", "--add-opens="))]


def _said(value: object) -> str:
    return json.dumps(value) if isinstance(value, str | bool) else str(value)
