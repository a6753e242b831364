"""The Spark session of a run: the one there is, one of a server that is named, or one of our own."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from stillwell._need import need
from stillwell.errors import StillwellError, fail

OURS = {
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.streaming.stopTimeout": "60s",
    "spark.log.level": "ERROR",
    "spark.ui.showConsoleProgress": "false",
}
"""What a session of ours has unless the pipeline says otherwise."""

LOCAL = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "1g"}
"""And one that is this process alone."""


def session(
    name: str, master: str | None = None, remote: str | None = None, config: Mapping[str, str] | None = None
) -> tuple[Any, bool]:
    """A session, and whether it is ours to stop.

    With neither `master` nor `remote` it is the active one, or what `spark-submit` or `SPARK_CONF_DIR` say, or else
    `local[*]`.

    Raises:
        StillwellError: code `missing-extra`, when pyspark is not installed; `engine-failed`, with what Spark says.
    """
    sql = need("pyspark.sql", who="The engine `spark`", extra="spark")
    if master is None and remote is None:
        with contextlib.suppress(need("pyspark.errors", who="The engine `spark`", extra="spark").PySparkException):
            return sql.SparkSession.active(), False
    builder = sql.SparkSession.builder.appName(f"stillwell {name}")
    if remote is not None:
        return _made(builder.remote(remote)), True
    # Who submits, or has a folder of settings, has said there where Spark is.
    submitted = "PYSPARK_GATEWAY_PORT" in os.environ
    if master is not None:
        builder = builder.master(master)
    settings = {} if submitted else dict(OURS)
    if (master or ("" if submitted or "SPARK_CONF_DIR" in os.environ else "local")).startswith("local"):
        settings |= LOCAL
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        # Workers are this Python with these libraries, whatever `python3` is on the path.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    for key, value in {**settings, **(config or {})}.items():
        builder = builder.config(key, value)
    return _made(builder), True


def _made(builder: Any) -> Any:
    try:
        return builder.getOrCreate()
    except Exception as error:
        # What Spark raises has no kind of its own: errors of its Java, of its client and of its Python are all told so.
        raise fail(
            StillwellError, "engine-failed", f"Spark did not start: {told(error)}", "See `engine` and Spark's own log."
        ) from error


def told(error: BaseException) -> str:
    """What an error of Spark says, in one line: behind the wrappings of Java and Python, what went wrong first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if re.match(r"(Caused by: |: )?[\w.$]*(Exception|Error)\b", line)]
    return (causes or lines or ["without a word"])[-1 if causes and causes[-1].startswith("Caused") else 0][:400]


def cores(master: str | None) -> int | None:
    """How many tasks run side by side, where the address of a local master says it."""
    if master is not None and not master.startswith("local"):
        return None
    inside = (master or "local[*]").partition("[")[2].rstrip("]").partition(",")[0] or "1"
    return os.cpu_count() or 1 if inside == "*" else int(inside)
