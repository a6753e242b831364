"""How fast peers count, and split with reasons, what breaks five rules in a typed Parquet file of 1 M records.

Each peer runs in an environment of its own, at its newest version (locks in `environments/peer-*.txt`), on two cores,
with telemetry off; it reads the file anew each time. Imports and what can be made beforehand are reported apart. All
must find the same counts and write the same records. `times_NAME_count` and `times_NAME_split` say how many times as
fast Stillwell is; `ratio_to_duckdb_*` is its speed as a share of that of a job written by hand in DuckDB.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _measure import RESULTS, say

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.append(str(HERE / "peers"))
from rules import ALLOWED, BAD, LEAST, MOST, NOT_NULL, PATTERN, RANGE, RULES, STATUSES, TWO  # noqa: E402

QUIET = {
    "SODA_CORE_TELEMETRY_ENABLED": "false",
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
}
TWO_THREADS = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")


@dataclass(frozen=True)
class Contender:
    """One row of the tables: `environment` is None for this one, `rounds` None for as many as asked."""

    name: str
    title: str
    distributions: tuple[str, ...]
    environment: str | None = None
    modes: tuple[str, ...] = ("count", "split")
    rounds: int | None = None


CONTENDERS = (
    Contender("stillwell", "Stillwell", ("stillwell", "duckdb", "pyarrow")),
    Contender("duckdb", "DuckDB, by hand", ("duckdb",)),
    Contender("polars", "polars, by hand", ("polars",), "polars"),
    Contender("pointblank", "Pointblank", ("pointblank", "polars"), "pointblank"),
    Contender("pandera", "Pandera", ("pandera", "polars"), "pandera"),
    Contender("cuallee", "cuallee", ("cuallee", "polars"), "cuallee", ("count",)),
    Contender("soda", "Soda Core", ("soda-core", "soda-duckdb", "duckdb"), "soda", ("count",)),
    Contender(
        "great_expectations", "Great Expectations", ("great-expectations", "pandas"), "great-expectations", rounds=3
    ),
)


def orders(path: Path, count: int, seed: int = 11) -> dict[str, int]:
    """Write orders of which about one in ten breaks a rule; returns how many break each, and how many any."""
    draw = np.random.default_rng(seed)
    number = np.arange(count)
    broken = dict(zip(RULES, draw.random((len(RULES), count)) < 0.021, strict=True))
    name = np.char.add("o_", np.char.zfill(number.astype("U8"), 8)).astype(object)
    name[broken[PATTERN]] = np.char.add("X", number[broken[PATTERN]].astype("U8"))
    status = draw.choice(np.array(STATUSES, object), count)
    status[broken[ALLOWED]] = draw.choice(np.array(["PAID", "lost", ""], object), int(broken[ALLOWED].sum()))
    moment = np.datetime64("2024-01-01", "us") + (number * 13_000_000).astype("timedelta64[us]")
    price = np.round(draw.gamma(2, 30, count) + 0.5, 2)
    discount = np.where(broken[TWO], price + 5, np.round(price * draw.random(count) * 0.3, 2))
    quantity = draw.integers(LEAST, 20, count)
    quantity[broken[RANGE]] = draw.choice([LEAST - 1, -7, MOST + 1], int(broken[RANGE].sum()))
    columns = {
        "order_id": pa.array(name, pa.string()),
        "status": pa.array(status, pa.string()),
        "ordered_at": pa.array(moment, pa.timestamp("us", tz="UTC"), mask=broken[NOT_NULL]),
        "price": pa.array(price),
        "discount": pa.array(discount),
        "quantity": pa.array(quantity),
    }
    pq.write_table(pa.table(columns), path, row_group_size=125_000)
    counts = {rule: int(mask.sum()) for rule, mask in broken.items()}
    return counts | {BAD: int(np.any([*broken.values()], axis=0).sum())}


def environment(name: str) -> Path:
    """The interpreter of a peer's environment, which is made when its lock is new."""
    lock, folder = ROOT / "environments" / f"peer-{name}.txt", ROOT / ".environments" / "peers" / name
    ready, digest = folder / ".ready", hashlib.sha256(lock.read_bytes()).hexdigest()
    if not ready.exists() or ready.read_text() != digest:
        uv = [str(Path(sys.executable).with_name("uv"))]
        python = str(folder / "bin" / "python")
        built = ["--build-constraints", str(ROOT / "environments" / "build.txt")]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
        install = [*uv, "pip", "install", "--quiet", "--require-hashes", *built, "--python", python]
        subprocess.run([*install, "--requirement", str(lock)], check=True)
        ready.write_text(digest)
    return folder / "bin" / "python"


@dataclass
class Running:
    """A contender's process, and what it has said so far."""

    contender: Contender
    process: subprocess.Popen[str]
    started: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    busy: dict[str, list[float]] = field(default_factory=dict)
    mib: int = 0

    def hear(self) -> dict[str, Any]:
        """The next answer.

        Raises:
            RuntimeError: when there is none.
        """
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.contender.title} ended with {self.process.wait()}: see its log above")
        return dict(json.loads(line))

    def work(self, mode: str) -> tuple[float, float, dict[str, int]]:
        """One piece of work: seconds on the clock, seconds of processor time, and what it found."""
        assert self.process.stdin is not None
        self.process.stdin.write(mode + "\n")
        self.process.stdin.flush()
        said = self.hear()
        self.mib = max(self.mib, said["mib"])
        return said["seconds"], said["busy"], said["found"]


def start(contender: Contender, python: Path, data: Path, folder: Path) -> Running:
    """Start a contender and wait until it is ready."""
    command = [str(python), str(HERE / "peers" / "worker.py"), contender.name, str(data), str(folder)]
    with (folder / f"{contender.name}.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *contender.distributions],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | QUIET | TWO_THREADS,
        )
    running = Running(contender, process)
    said = running.hear()
    running.started, running.versions = said["started"], said["versions"]
    say(f"{contender.title} is ready after {running.started:.1f} s")
    return running


def checked(running: Running, mode: str, found: dict[str, int], expected: dict[str, int], folder: Path) -> None:
    """Refuse an answer that is wrong: a peer that does other work than the rest proves nothing."""
    if mode == "split":
        good, bad = (folder / f"{running.contender.name}_{kind}.parquet" for kind in ("good", "bad"))
        schema = pq.read_schema(bad)
        reason = "reason.rule" if pa.types.is_struct(schema.field("reasons").type.value_type) else "reason"
        database = duckdb.connect()
        rows = database.execute(f"SELECT count(*) FROM '{good}'").fetchall()
        reasons = f"SELECT {reason}, count(*) FROM (SELECT unnest(reasons) AS reason FROM '{bad}') GROUP BY ALL"
        found = {STILLWELL.get(rule, rule): number for rule, number in database.execute(reasons).fetchall()}
        found[BAD] = database.execute(f"SELECT count(*) FROM '{bad}'").fetchall()[0][0]
        if rows[0][0] != expected["records"] - expected[BAD]:
            raise SystemExit(f"{running.contender.title} kept {rows[0][0]:,} records as good")
    wrong = {rule: number for rule, number in found.items() if number != expected[rule]}
    if wrong or not set(RULES) <= set(found):
        raise SystemExit(f"{running.contender.title} found {found} in mode {mode}, not {expected}")


STILLWELL = {
    "ordered_at.required": NOT_NULL,
    "quantity.range": RANGE,
    "status.allowed": ALLOWED,
    "order_id.pattern": PATTERN,
}


def measure(everybody: list[Running], mode: str, rounds: int, expected: dict[str, int], folder: Path) -> None:
    """In turn, `rounds` times after one that is not counted, in which every answer is checked."""
    for turn in range(rounds + 1):
        said = []
        for running in everybody:
            contender = running.contender
            if mode not in contender.modes or turn > (contender.rounds or rounds):
                continue
            seconds, busy, found = running.work(mode)
            if turn:
                running.seconds.setdefault(mode, []).append(seconds)
                running.busy.setdefault(mode, []).append(busy)
            else:
                checked(running, mode, found, expected, folder)
            said.append(f"{contender.name} {seconds:.3f} ({busy:.3f})")
        say(f"{mode}, round {turn} of {rounds}: {', '.join(said)}")


def table(everybody: list[Running], count: int) -> tuple[list[str], dict[str, object]]:
    """The lines of the committed page, and the figures."""
    ours = {mode: statistics.median(everybody[0].seconds[mode]) for mode in ("count", "split")}
    figures: dict[str, object] = {"records": count}
    lines = [f"{count:,} records, five rules, two cores, medians of rounds in turn.", ""]
    titles = {
        "count": "Counting only",
        "split": "Splitting: good records in one Parquet file, bad ones with their reasons in another",
    }
    for mode, heading in titles.items():
        lines += [f"## {heading}", "", "| who | seconds | least … most | of processor time | Stillwell is | rounds |"]
        lines.append("|---|---|---|---|---|---|")
        for running in everybody:
            name, title = running.contender.name, running.contender.title
            if mode not in running.seconds:
                lines.append(f"| {title} | cannot | | | | |")
                continue
            seconds = running.seconds[mode]
            median = statistics.median(seconds)
            times = "" if running is everybody[0] else f"{median / ours[mode]:.2f} × as fast"
            if times:
                figures[f"times_{name}_{mode}"] = round(median / ours[mode], 2)
            span = f"{min(seconds):.3f} … {max(seconds):.3f}"
            busy = statistics.median(running.busy[mode])
            lines.append(f"| {title} | {median:.3f} | {span} | {busy:.3f} | {times} | {len(seconds)} |")
        lines.append("")
    for mode in ("count", "split"):
        figures[f"ratio_to_duckdb_{mode}"] = figures[f"times_duckdb_{mode}"]
        figures[f"seconds_{mode}"] = {
            one.contender.name: round(statistics.median(one.seconds[mode]), 4)
            for one in everybody
            if mode in one.seconds
        }
    lines += ["## What was run", "", "| who | versions | ready after | peak memory |", "|---|---|---|---|"]
    for running in everybody:
        versions = ", ".join(f"{name} {version}" for name, version in running.versions.items())
        lines.append(f"| {running.contender.title} | {versions} | {running.started:.1f} s | {running.mib} MiB |")
    figures["versions"] = {one.contender.name: one.versions for one in everybody}
    return lines, figures


def main() -> None:
    """Build what is missing, measure, refresh the page, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="records of the file")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured")
    parser.add_argument("--long", action="store_true", help="more rounds")
    parser.add_argument("--only", help="some contenders, with commas between; Stillwell and DuckDB always")
    options = parser.parse_args()
    chosen = [
        one for one in CONTENDERS if not options.only or one.name in ("stillwell", "duckdb", *options.only.split(","))
    ]
    began = time.monotonic()
    say("making what environments are missing …")
    with ThreadPoolExecutor(2) as pool:
        pythons = list(
            pool.map(lambda one: environment(one.environment) if one.environment else Path(sys.executable), chosen)
        )
    everybody: list[Running] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "orders.parquet"
        expected = orders(data, options.rows) | {"records": options.rows}
        say(f"{options.rows:,} records, {expected[BAD]:,} of them bad; all made in {time.monotonic() - began:.0f} s")
        try:
            for one, python in zip(chosen, pythons, strict=True):
                everybody.append(start(one, python, data, folder))
            for mode in ("count", "split"):
                measure(everybody, mode, 15 if options.long else options.rounds, expected, folder)
        except RuntimeError:
            for log in folder.glob("*.log"):
                shutil.copyfileobj(log.open(), sys.stderr)
            raise
        finally:
            for running in everybody:
                assert running.process.stdin is not None
                running.process.stdin.close()
                running.process.wait()
    lines, figures = table(everybody, options.rows)
    if not options.only and options.rows == 1_000_000:
        page = ["# Peers: counting and splitting the same file", "", *lines]
        (RESULTS / "peers.md").write_text("\n".join(page) + "\n")
    seconds = round(time.monotonic() - began)
    print(json.dumps({"schema": "stillwell.benchmark.peers/1", **figures, "took": seconds}))


if __name__ == "__main__":
    main()
