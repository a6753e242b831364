"""How fast `run` moves records from JSON lines into Delta, against the kernel alone; and that memory stays flat.

`ratio_run_to_kernel` is the speed of a whole run (read, judge, two Delta tables, ledger) as a share of the speed of the
kernel on the same records from memory. `resident_mib` is the peak of a run of ten times as many records in a process of
its own; `memory_growth` the peak of that run over the peak of a run of a fifth of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pyarrow as pa
from _measure import alternate, report, say
from kernel import CONTRACT, records

from stillwell.connectors import delta, files
from stillwell.connectors.base import Place
from stillwell.contract.load import parse
from stillwell.engines.base import Job, Summary
from stillwell.engines.embedded import Engine
from stillwell.kernel import Kernel

EPOCH = 250_000


def write_lines(path: Path, batch: pa.Table, times: int) -> None:
    """The payloads as JSON lines, several times over."""
    block = b"\n".join(batch["payload"].to_pylist()) + b"\n"
    with path.open("wb") as file:
        for _ in range(times):
            file.write(block)


def run(lines: Path, lake: Path) -> Summary:
    """One run from JSON lines into Delta, from nothing."""
    shutil.rmtree(lake, ignore_errors=True)
    place = Place("benchmark", lake, lake / "state")
    source = files.Source(files.Source.Options(path=str(lines)), place)
    accepted = delta.Sink(delta.Sink.Options(path="readings"), place)
    quarantine = delta.Sink(delta.Sink.Options(path="quarantine"), place)
    job = Job("benchmark", parse(CONTRACT), source, (accepted,), (quarantine,), place.state)
    return Engine(Engine.Options()).run(job, lambda _: None, threading.Event())


def peak(lines: Path, lake: Path) -> dict[str, float]:
    """Peak resident memory (MiB), records and seconds of a run in a process of its own."""
    command = [sys.executable, __file__, "--one", str(lines), str(lake)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def one(lines: Path, lake: Path) -> None:
    """A run in this process, and its peak memory."""
    began = time.perf_counter()
    summary = run(lines, lake)
    # The resource usage of a process counts what its parent had when it began; this does not.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    mib = int(status["VmHWM"].split()[0]) / 1024
    print(json.dumps({"mib": mib, "read": summary.read, "seconds": time.perf_counter() - began}))


def main() -> None:
    """Measure, refresh the table, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--long", action="store_true", help="more rounds")
    options = parser.parse_args()
    if options.one:
        one(*options.one)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say("making 1,000,000 records …")
        batch = records(1_000_000)
        lines, many, fifth = folder / "lines.jsonl", folder / "many.jsonl", folder / "fifth.jsonl"
        write_lines(lines, batch, 1)
        write_lines(fifth, batch, 2)
        write_lines(many, batch, 10)
        kernel = Kernel(parse(CONTRACT))
        epochs = [batch.slice(start, EPOCH) for start in range(0, len(batch), EPOCH)]
        medians = alternate(
            {
                "kernel": lambda: [kernel.judge(epoch) for epoch in epochs],
                "run": lambda: run(lines, folder / "lake"),
            },
            rounds=9 if options.long else 5,
        )
        say("10,000,000 records in a process of its own …")
        small, large = peak(fifth, folder / "lake"), peak(many, folder / "lake")
        figures = {
            "records": len(batch),
            "ratio_run_to_kernel": round(medians["kernel"] / medians["run"], 3),
            "long_run_records": int(large["read"]),
            "resident_mib": round(large["mib"]),
            "memory_growth": round(large["mib"] / small["mib"], 2),
        }
        rows = [
            ("kernel", f"{len(batch) / medians['kernel'] / 1e6:.2f} M records/s"),
            ("run, JSON lines to Delta", f"{len(batch) / medians['run'] / 1e6:.2f} M records/s"),
            ("run of 10 M records", f"{large['read'] / large['seconds'] / 1e6:.2f} M records/s"),
            *((key, str(value)) for key, value in figures.items()),
        ]
        report("run", "A run from JSON lines into Delta against the kernel alone", rows, figures)


if __name__ == "__main__":
    main()
