"""Where streams are judged: every engine with what it is told, each in a world of its own that must change nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillwell._find import names

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Host:
    """An engine as a pipeline names it; `session` are settings of Spark's, `world` are variables, `java` its locale."""

    name: str
    engine: str
    options: Mapping[str, Any] = field(default_factory=dict)
    epoch: Mapping[str, Any] = field(default_factory=lambda: {"wait": "1s"})
    session: Mapping[str, str] = field(default_factory=dict)
    world: Mapping[str, str] = field(default_factory=dict)
    java: tuple[str, str] = ("en", "US")

    @property
    def python(self) -> Path:
        """The Python of the engine's own environment, or this one."""
        own = ROOT / ".environments" / self.engine / "bin" / "python"
        return own if own.exists() else Path(sys.executable)

    def environment(self) -> dict[str, str]:
        """The variables of its process; a short job is mostly start-up, and Java's first compiler is quick."""
        language, country = self.java
        return {
            **os.environ,
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
            f" -Duser.language={language} -Duser.country={country}",
            "PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}",
            "PYSPARK_PYTHON": str(self.python),
            "PYTHONPATH": str(ROOT),
            "SPARK_LOCAL_IP": "127.0.0.1",
            **self.world,
        }


_KNOWN = (
    Host("embedded", "embedded", {"threads": 2}, {"records": 1500, "wait": "1s"}, world={"TZ": "UTC", "LC_ALL": "C"}),
    Host(
        "spark", "spark", {"tasks": 2}, {"records": 2500, "wait": "500ms"},
        {"spark.sql.ansi.enabled": "true", "spark.sql.session.timeZone": "America/St_Johns"},
        {"TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8"}, ("tr", "TR"),
    ),
    Host(
        "spark without ANSI rules", "spark", {"tasks": 2}, {"records": 100_000, "wait": "2s"},
        {"spark.sql.ansi.enabled": "false", "spark.sql.session.timeZone": "Pacific/Chatham"},
        {"TZ": "America/New_York", "LC_ALL": "tr_TR.UTF-8"}, ("ar", "EG"),
    ),
    Host(
        "flink", "flink", {"parallelism": 2, "batch": 700},
        world={"TZ": "Pacific/Chatham", "LC_ALL": "tr_TR.UTF-8"}, java=("tr", "TR"),
    ),
)  # fmt: skip


def hosts() -> list[Host]:
    """All of them; an engine that nobody thought of here is one too."""
    known = {host.engine for host in _KNOWN}
    return [*_KNOWN, *(Host(name, name) for name in names("engines") if name not in known)]
