"""Apache Spark: a standalone cluster of one master and two workers, with the pages of what ran on it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import urllib.request
from pathlib import Path
from typing import Any

from stillwell._need import need
from stillwell.errors import StillwellError, fail
from stillwell.lab._crew import crew, members
from stillwell.lab._java import java
from stillwell.lab._place import written
from stillwell.lab._ports import HOST
from stillwell.lab._process import Process
from stillwell.lab.base import Service as Base

OLDEST_JAVA = 17
WORKERS = ("worker-1", "worker-2")

_TITLE = "Apache Spark 4.1"
_FLAGS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
_CORES, _MEMORY, _DAEMON = 1, "1g", "320m"

SETTINGS = {
    "spark.eventLog.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.driver.host": HOST,
    "spark.driver.bindAddress": HOST,
    "spark.driver.memory": "768m",
    "spark.executor.memory": "512m",
    "spark.executor.extraJavaOptions": _FLAGS,
    # Who died is missed after seconds, not after minutes.
    "spark.network.timeout": "60s",
    "spark.executor.heartbeatInterval": "5s",
}
"""What applications have that are submitted with the configuration of this folder."""


class Service(Base):
    """A cluster of its own; whichever of its processes dies is started again."""

    name = "spark"
    title = _TITLE
    roles = ("master", "ui", "history", *WORKERS)
    taken = b"Address already in use"
    patience = 120.0

    @property
    def addresses(self) -> dict[str, str]:
        """The master, its page, and the page of applications that have ended."""
        pages = {
            "ui": f"http://{HOST}:{self.state.ports['ui']}",
            "history": f"http://{HOST}:{self.state.ports['history']}",
        }
        return {"master": self.address, **pages}

    @property
    def address(self) -> str:
        """The master, as `spark://HOST:PORT`."""
        return f"spark://{HOST}:{self.state.ports['master']}"

    @property
    def configuration(self) -> Path:
        """A folder for `SPARK_CONF_DIR`."""
        return self.folder / "conf"

    @classmethod
    def fetch(cls, *, thorough: bool = False) -> None:  # noqa: ARG003 - as services have it
        """Nothing to fetch: Spark comes with PySpark."""
        java(_TITLE, OLDEST_JAVA)
        home()

    def prepare(self) -> None:
        """Write the configuration of applications, and make room for what they log."""
        for name in ("conf", "events", *WORKERS):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        told = {
            **SETTINGS,
            "spark.master": self.address,
            "spark.eventLog.dir": self._events,
            "spark.pyspark.python": python(),
            **self.settings,
        }
        written(self.configuration / "spark-defaults.conf", "".join(f"{key} {told[key]}\n" for key in told).encode())
        written(self.configuration / "log4j2.properties", b"rootLogger.level = warn\n")

    def command(self) -> list[str]:
        """The crew of all four."""
        ports = self.state.ports
        master = ("Master", "--host", HOST, "--port", str(ports["master"]), "--webui-port", str(ports["ui"]))
        words = {"master": self._words("SPARK_MASTER_OPTS", f"deploy.master.{master[0]}", *master[1:])}
        for name in WORKERS:
            words[name] = self._words(
                "SPARK_WORKER_OPTS",
                "deploy.worker.Worker",
                *("--host", HOST, "--webui-port", str(ports[name]), "--work-dir", str(self.folder / name)),
                *("--cores", str(_CORES), "--memory", _MEMORY, self.address),
            )
        shown = f"-Dspark.history.fs.logDirectory={self._events} -Dspark.history.ui.port={ports['history']}"
        words["history"] = self._words("SPARK_HISTORY_OPTS", "deploy.history.HistoryServer", options=shown)
        return crew(self.folder, words)

    def answers(self) -> bool:
        """Whether our master answers, and has both workers."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            told = self.ask()
            return bool(told["url"] == self.address and told["aliveworkers"] == len(WORKERS))
        return False

    def ask(self) -> Any:
        """What the master says of itself, its workers and applications.

        Raises:
            OSError: when it does not answer.
        """
        with urllib.request.urlopen(f"http://{HOST}:{self.state.ports['ui']}/json/", timeout=5) as answer:
            return json.load(answer)

    def variables(self) -> dict[str, str]:
        """Where it is, and the configuration for applications."""
        return {"STILLWELL_SPARK": self.address, "SPARK_CONF_DIR": str(self.configuration)}

    def members(self) -> dict[str, int]:
        """Its processes by name: `master`, `worker-1`, `worker-2`, `history`."""
        return members(self.folder)

    def crash(self, name: str) -> None:
        """End one of its processes as a crash would; it is started again."""
        process = Process.of(self.members()[name])
        if process:
            process.signal(signal.SIGKILL, 10.0)

    @property
    def _events(self) -> str:
        return (self.folder / "events").as_uri()

    def _words(self, variable: str, name: str, *words: str, options: str = "") -> list[str]:
        """Run a class of Spark with its own script, which knows what this Java needs, and becomes it."""
        env = {
            "SPARK_HOME": str(home()),
            "SPARK_LOCAL_IP": HOST,
            "SPARK_DAEMON_MEMORY": _DAEMON,
            "SPARK_CONF_DIR": str(self.configuration),
            "JAVA_HOME": str(java(_TITLE, OLDEST_JAVA).parents[1]),
            variable: f"{_FLAGS} {options}".strip(),
        }
        told = [f"{key}={value}" for key, value in env.items()]
        script = home() / "bin" / "spark-class"
        return [str(shutil.which("env")), *told, "bash", str(script), f"org.apache.spark.{name}", *words]


def home() -> Path:
    """Where Spark is: `SPARK_HOME`, or else what came with PySpark.

    Raises:
        StillwellError: codes `missing-extra`; `missing-spark`, when `SPARK_HOME` is no Spark.
    """
    told = os.environ.get("SPARK_HOME")
    if told is None:
        return Path(str(need("pyspark", who=_TITLE, extra="spark").__file__)).parent
    if not (Path(told) / "bin" / "spark-class").exists():
        what = f"SPARK_HOME ({told}) is not the folder of a Spark."
        raise fail(StillwellError, "missing-spark", what, "Point it at one, or unset it.")
    return Path(told)


def python() -> str:
    """The Python of executors: `PYSPARK_PYTHON`, or the one whose PySpark this is, or else this one."""
    told = os.environ.get("PYSPARK_PYTHON")
    beside = home().parents[3] / "bin" / "python"
    return told or (str(beside) if beside.exists() else sys.executable)
