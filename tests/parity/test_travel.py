"""The kernel travels: inside Spark and inside Flink it says of every odd record what it says here."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stillwell.contract.load import load
from stillwell.contract.rules import rule_list
from stillwell.kernel.base import ACCEPTED, QUARANTINED, WARNED
from tests.parity.odd_records import CLOCK, odd_records
from tests.parity.verdict_lines import verdict_lines

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CONTRACT = HERE / "odd.yml"

JAVA_FRAME = re.compile(r"\s+(at |\.\.\. \d+ more)")

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("engines")]


@pytest.fixture(scope="module")
def said_here() -> dict[tuple[int, int], str]:
    """What the kernel says in this process, of all records as one batch."""
    batch = odd_records()
    places = zip(batch["partition"].to_pylist(), batch["offset"].to_pylist(), strict=True)
    return dict(zip(places, verdict_lines(str(CONTRACT), CLOCK.isoformat(), batch), strict=True))


@pytest.fixture
def said_inside(request, tmp_path) -> dict[tuple[int, int], str]:
    """What the kernel says inside the engine of the test, in batches of 700 and less, in a zone with an odd offset."""
    engine = request.param
    place = ROOT / ".environments" / engine
    if not (place / ".ready").exists():
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"the environment of {engine} is not there: make environments")
    python = place / "bin" / "python"
    records, verdicts = tmp_path / "records.parquet", tmp_path / "verdicts.parquet"
    pq.write_table(odd_records(), records)
    environment = {
        **os.environ,
        "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",  # a short job is mostly start-up
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYSPARK_PYTHON": str(python),
        "PYTHONPATH": str(ROOT),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "TZ": "Asia/Kathmandu",
    }
    command = [python, HERE / f"{engine}_job.py", CONTRACT, CLOCK.isoformat(), records, verdicts]
    job = subprocess.run(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240
    )
    assert job.returncode == 0, "\n".join(line for line in job.stdout.splitlines() if not JAVA_FRAME.match(line))
    table = pq.read_table(verdicts)
    assert table.num_rows == odd_records().num_rows
    return {(row["partition"], row["offset"]): row["line"] for row in table.to_pylist()}


@pytest.mark.parametrize("said_inside", ["spark", "flink"], indirect=True)
def test_verdicts_inside_an_engine_equal_those_here(said_inside, said_here):
    assert said_inside.keys() == said_here.keys()
    different = [
        (place, said_here[place], said_inside[place]) for place in said_here if said_here[place] != said_inside[place]
    ]
    assert not different, f"{len(different)} records are judged otherwise, the first of them: {different[0]}"


def test_the_odd_records_meet_every_verdict_and_break_every_rule(said_here):
    lines = [json.loads(line) for line in said_here.values()]
    verdicts = Counter(line["verdict"] for line in lines)
    assert all(verdicts[verdict] > 100 for verdict in (ACCEPTED, WARNED, QUARANTINED)), verdicts
    said = [line["_stillwell"].get(part) or [] for line in lines for part in ("warnings", "repairs")]
    said += [line.get("reasons") or [] for line in lines]
    broken = {one["rule"] for reasons in said for one in reasons}
    unbreakable = {"other.type"}  # whatever can be read at all is JSON
    assert {rule.name for rule in rule_list(load(CONTRACT))} - broken == unbreakable
