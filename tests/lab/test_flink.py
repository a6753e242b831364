"""The session cluster of the lab, in Flink's environment: up, a crash, and down again; nothing is left of it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.engines.flink.stage import PLACE, environment

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engines")]

PROGRAM = """
import json, os, sys, time
from pathlib import Path
from stillwell import lab

with lab.up("flink", folder=Path(sys.argv[1])) as flink:
    first = flink.members()
    flink.crash("taskmanager-2")
    end = time.monotonic() + 60
    while not (flink.members() != first and flink.answers()) and time.monotonic() < end:
        time.sleep(0.2)
    second, overview = flink.members(), flink.ask("/overview")
    variables = flink.variables()
time.sleep(0.5)
left = [pid for pid in {*first.values(), *second.values()} if os.path.exists(f"/proc/{pid}")]
print(json.dumps({"first": first, "second": second, "overview": overview, "variables": variables, "left": left}))
"""


def test_a_cluster_comes_up_bears_a_crash_and_leaves_nothing(tmp_path):
    if not (PLACE / ".ready").exists():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("the environment of Flink is not there: make environments")
    done = subprocess.run(
        [PLACE / "bin" / "python", "-c", PROGRAM, tmp_path], env=environment(), capture_output=True, text=True,
        timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert set(told["first"]) == {"jobmanager", "taskmanager-1", "taskmanager-2"}
    assert told["first"]["taskmanager-1"] == told["second"]["taskmanager-1"]
    assert told["first"]["taskmanager-2"] != told["second"]["taskmanager-2"]
    assert told["overview"]["slots-total"] == 4
    assert told["variables"]["STILLWELL_FLINK"].startswith("127.0.0.1:")
    assert told["left"] == []
