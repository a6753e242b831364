"""Runs a pipeline from Kafka to Delta through a Connect server: `python -m tests.engines.spark.connect` says what came out.

The server is a process of its own, as it would be on another machine; no RDD and nothing of py4j gets through to it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from stillwell import lab
from stillwell.lab._ports import reserve
from tests.engines.spark.stage import HOME, Stage, descendants, end, environment

RECORDS = 10_000
_MAIN = "org.apache.spark.sql.connect.service.SparkConnectServer"


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server of two cores, by its address."""
    held = reserve(["connect"], {})["connect"]
    port = held.getsockname()[1]
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.driver.memory": "768m",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
    }
    told = [word for key, value in settings.items() for word in ("--conf", f"{key}={value}")]
    command = [str(HOME / "bin" / "spark-submit"), "--class", _MAIN, "--master", "local[2]", *told, "spark-internal"]
    with (folder / "server.log").open("w") as log, held:
        process = subprocess.Popen(command, env=environment(), stdout=log, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield f"sc://127.0.0.1:{port}"
    finally:
        end([*descendants(process.pid), process.pid])
        process.wait()


def main() -> None:
    """Run, look, and say it as JSON."""
    with tempfile.TemporaryDirectory() as name, lab.up("kafka") as broker, server(Path(name)) as address:
        engine = f"{{spark: {{remote: '{address}'}}}}"
        stage = Stage(Path(name) / "connect", broker, f"connect-{uuid.uuid4().hex[:6]}", engine, epoch=4_000)
        stage.send(RECORDS)
        ended = stage.run()
        wrong = stage.lost_or_doubled()
        said = {"read": ended["read"], "epochs": ended["epochs"], "proved": stage.audit()["proved"], "wrong": wrong}
    print(json.dumps(said))
    sys.exit(bool(wrong) or said["proved"] != RECORDS)


if __name__ == "__main__":
    main()
