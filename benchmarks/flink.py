"""How fast the kernel judges inside Flink, from Kafka to Kafka and exactly once, against Flink's own two ways.

`ratio_to_flink_sql`: how many times as many records a second as the same twelve rules take as native expressions of
Flink SQL (raw bytes, JSON_VALUE, TRY_CAST); `ratio_to_python_job`: as a ProcessFunction of the DataStream API. All
write accepted rows, and rejected payloads with their reasons, and agree on how many there are of each. Start-up is
removed by measuring two sizes: what counts is the time that the records between them took.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

import confluent_kafka.admin
from _measure import report, say
from kafka import PARTITIONS, fill
from kernel import CONTRACT, records
from peers import ROOT

from stillwell import lab

PLACE = ROOT / ".environments" / "flink"
WAYS = ("stillwell", "sql", "python")
NAMES = {"stillwell": "Stillwell", "sql": "Flink SQL, native expressions", "python": "PyFlink, DataStream API"}


def timed(which: str, address: str, topic: str) -> dict[str, float]:
    """One job, in a process and a cluster of its own."""
    with tempfile.TemporaryDirectory(prefix="flink-") as folder:
        (Path(folder) / "contract.yml").write_text(CONTRACT)
        ends = ("good", "bad")
        admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": address})
        names = [f"{topic}.{which}.{end}{more}" for end in ends for more in ("", ".marks", ".ledger", ".tallies")]
        there = [name for name in names if name in admin.list_topics(timeout=10).topics]
        for gone in admin.delete_topics(there).values() if there else ():
            gone.result()
        if which != "stillwell":
            new = [confluent_kafka.admin.NewTopic(f"{topic}.{which}.{end}", PARTITIONS) for end in ends]
            for made in admin.create_topics(new).values():
                made.result()
        script = ROOT / "benchmarks" / "peers" / "of_flink.py"
        command = [str(PLACE / "bin" / "python"), str(script), which, address, topic, folder]
        path = f"{PLACE / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-6000:]
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found


def main() -> None:
    """Measure, refresh the table, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs=2, default=(500_000, 2_500_000))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--long", action="store_true", help="also from 1 M to 50 M records")
    options = parser.parse_args()
    figures: dict[str, object] = {}
    rows: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as data, lab.up("kafka", folder=Path(data)) as broker:
        small, large = options.sizes
        for size in (small, large):
            say(f"filling a topic with {size:,} messages …")
            fill(broker.address, f"r{size}", records(size))
        rates = {}
        for which in WAYS:
            spent = []
            for turn in range(options.rounds):
                found = [timed(which, broker.address, f"r{size}") for size in (small, large)]
                spent.append(found[1]["seconds"] - found[0]["seconds"])
                say(f"{which}, round {turn + 1}: {found}")
                for size, one in zip((small, large), found, strict=True):
                    assert one["accepted"] + one["rejected"] == size, one
                    agreed = figures.setdefault(f"accepted_of_{size}", one["accepted"])
                    assert agreed == one["accepted"], (which, agreed, one)
            rates[which] = (large - small) / statistics.median(spent)
            rows.append((NAMES[which], f"{rates[which] / 1e3:,.0f} k records/s"))
        figures |= {
            "records": large - small,
            "ratio_to_flink_sql": round(rates["stillwell"] / rates["sql"], 2),
            "ratio_to_python_job": round(rates["stillwell"] / rates["python"], 2),
        }
        if options.long:
            figures["cost_from_1m_to_50m"] = long(broker.address, rates["stillwell"])
    rows += [(key, str(value)) for key, value in figures.items()]
    report("flink", "From Kafka to Kafka on Flink", rows, figures)


def long(address: str, rate: float) -> float:
    """How much more each record costs between 1 M and 50 M than it did before."""
    spent = []
    for size in (1_000_000, 50_000_000):
        topic = f"r{size}"
        for begin in range(0, size, 5_000_000):
            fill(address, topic, records(min(5_000_000, size - begin)))
        spent.append(timed("stillwell", address, topic)["seconds"])
    return round((spent[1] - spent[0]) / 49_000_000 * rate, 2)


if __name__ == "__main__":
    main()
