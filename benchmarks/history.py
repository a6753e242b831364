"""What sequence rules cost: 1 M JSON readings of 100,000 keys judged with six of them and without any.

`ratio_to_without` is the speed with them as a share of the speed without; both judge the same fields by the same record
rules, epoch by epoch, as a run does. Of 200 readings 16 break a record rule and 3 a sequence rule, the shares that the
generator of sensor records has where nobody says others; `ratio_clean` is the same where none breaks any. Then the
history of 1 M keys is saved to disk and taken up again, as at the end of an epoch and at a restart; `bytes_per_key` is
what it takes in memory with room for more, `least_bytes_per_key` without it, `saved_bytes_per_key` on disk.

Last, runs to Parquet with and without these rules, on Spark and here, in epochs of 500,000 (left out where Spark's
environment is not made): `ratio_on_spark` and `ratio_of_runs` are the speed with the rules as a share of that without.

    python benchmarks/history.py [--records N] [--keys N]
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from _measure import alternate, report, say

from stillwell.contract.load import parse
from stillwell.delivery.intent import Intent
from stillwell.delivery.memory import Memory
from stillwell.delivery.slice import Position, Slice
from stillwell.kernel import Kernel
from stillwell.kernel.sequence.cost import costs
from stillwell.kernel.sequence.history import History

ROOT = Path(__file__).parents[1]

CONTRACT = """
contract: readings
version: 1.0.0
key: id
time: at
identity: [id, at]
fields:
  id:    {type: string, required: true, pattern: 'k[0-9]{7}'}
  at:    {type: timestamp, required: true}
  value: {type: double, required: true, min: -40, max: 85}
"""
SEQUENCE = """
sequence:
  no_jump:  {kind: jump, field: value, max: 30, within: 10m}
  stuck:    {kind: unchanged, field: value, for: 10m, severity: warn}
  once:     {kind: unique, within: 5m}
  in_order: {kind: order}
  in_time:  {kind: late, max: 10m}
  silence:  {kind: gap, max: 5m}
"""
EPOCH = 250_000
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)


def readings(count: int, keys: int, *, faulty: bool = False) -> pa.Table:
    """Of each key in turn, a minute apart; of 200 `faulty` ones 16 are too high, 3 jump or come late."""
    payloads = []
    for number in range(count):
        turn, key = divmod(number, keys)
        odd = (number * 2_654_435_761 >> 7) % 200 if faulty else 199
        value = 20 + (number * 40_503 % 1000) / 100 + (50 if odd == 1 else 90 if 10 <= odd < 26 else 0)
        seconds = turn * 60 + key % 60 - (60 if odd == 2 and turn else 900 if odd == 3 and turn else 0)
        at = (BEGAN + dt.timedelta(seconds=seconds)).isoformat()
        payloads.append(b'{"id":"k%07d","at":"%s","value":%.2f}' % (key * 7919 % keys, at.encode(), value))
    columns = {"partition": pa.array([0] * count, pa.int32()), "offset": pa.array(range(count), pa.int64())}
    return pa.table({**columns, "payload": pa.array(payloads, pa.binary())})


def judged(kernel: Kernel, batch: pa.Table, history: History | None) -> int:
    """Judge a batch in epochs; how many records were quarantined."""
    parts = (batch.slice(begin, EPOCH) for begin in range(0, len(batch), EPOCH))
    return sum(len(kernel.judge(part, NOW, history).quarantined) for part in parts)


def kept(keys: int) -> dict[str, float]:
    """Seconds and bytes of what is remembered of so many keys."""
    contract = parse(CONTRACT + SEQUENCE)
    with tempfile.TemporaryDirectory() as folder:
        memory = Memory(contract, Path(folder), keys)
        judged(Kernel(contract), readings(keys, keys), memory.history)
        sets = memory.history.of(0).sets
        say(f"{', '.join(f'{one.used:,}' for one in sets)} keys are remembered")
        arrays = [array for one in sets for array in (one.hashes, one.words, one.touched, one.table)]
        end = Position(keys)
        began = time.perf_counter()
        word = memory.save(memory.changes({0}), {0: end}).word
        saved = time.perf_counter()
        size = sum(path.stat().st_size for path in Path(folder).rglob("*.npz"))
        facts = Kernel(contract).judge(readings(1, 1), NOW).facts[0]
        intent = Intent("p", "s", (Slice(0, Position(0), end, facts),), "c", {}, NOW, history=word)
        again = Memory(contract, Path(folder), keys)
        before = time.perf_counter()
        again.take_up([intent], contract)
        restored = time.perf_counter() - before
        assert [one.used for one in again.history.of(0).sets] == [one.used for one in sets]
    return {
        "keys_kept": keys,
        "save_seconds": round(saved - began, 3),
        "restore_seconds": round(restored, 3),
        "bytes_per_key": round(sum(array.nbytes for array in arrays) / keys, 1),
        "least_bytes_per_key": sum(cost.bytes for cost in costs(contract)),
        "saved_bytes_per_key": round(size / keys, 1),
    }


def runs(records: int, keys: int) -> dict[str, float]:
    """Seconds of runs over so many readings in two partitions, each of half the keys, on both engines."""
    python = ROOT / ".environments" / "spark" / "bin" / "python"
    if not python.exists():
        return {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "parts").mkdir()
        (folder / "without.yml").write_text(CONTRACT)
        (folder / "with.yml").write_text(CONTRACT + SEQUENCE)
        some = readings(records // 2, keys // 2, faulty=True)
        some = some.append_column("ingest_time", pa.array([NOW] * len(some), pa.timestamp("us", "UTC")))
        for part in range(2):
            partition = pa.array([part] * len(some), pa.int32())
            own = some.set_column(0, "partition", partition).select(["partition", "offset", "ingest_time", "payload"])
            pq.write_table(own, folder / "parts" / f"{part}.parquet", row_group_size=100_000)
        job = subprocess.run(
            [python, ROOT / "benchmarks/engines/history_job.py", name, "3"],
            env={
                **os.environ,
                "PYSPARK_PYTHON": str(python),
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'benchmarks'}",
            },
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    found: dict[str, float] = json.loads(job.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, refresh the table, print the figures."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--records", type=int, default=1_000_000)
    asked.add_argument("--keys", type=int, default=100_000)
    asked.add_argument("--kept", type=int, default=1_000_000)
    options = asked.parse_args()
    say(f"making {options.records:,} records …")
    batch = readings(options.records, options.keys, faulty=True)
    clean = readings(options.records, options.keys)
    plain, with_rules = parse(CONTRACT), parse(CONTRACT + SEQUENCE)
    without, kernel = Kernel(plain), Kernel(with_rules)
    quarantined = judged(kernel, batch, History(with_rules))
    say(f"read {len(batch):,}, quarantined {quarantined:,}")
    medians = alternate(
        {
            "without": lambda: judged(without, batch, None),
            "with": lambda: judged(kernel, batch, History(with_rules)),
            "clean without": lambda: judged(without, clean, None),
            "clean with": lambda: judged(kernel, clean, History(with_rules)),
        },
        rounds=5,
    )
    figures = {
        "records": options.records,
        "keys": options.keys,
        "rules": len(with_rules.sequence),
        "quarantined": quarantined,
        "ratio_to_without": round(medians["without"] / medians["with"], 3),
        "ratio_clean": round(medians["clean without"] / medians["clean with"], 3),
        **kept(options.kept),
    }
    took = runs(4 * options.records, options.keys)
    if took:
        figures["ratio_on_spark"] = round(took["Spark without"] / took["Spark with"], 3)
        figures["ratio_of_runs"] = round(took["embedded without"] / took["embedded with"], 3)
    rows = [
        (f"{name} sequence rules", f"{options.records / took / 1e6:.2f} M records/s") for name, took in medians.items()
    ]
    rows += [
        (f"run, {name}", f"{4 * options.records / seconds / 1e6:.2f} M records/s") for name, seconds in took.items()
    ]
    rows += [(name, f"{value:,}") for name, value in figures.items()]
    report("history", "Sequence rules over 100,000 keys", rows, figures)


if __name__ == "__main__":
    sys.exit(main())
