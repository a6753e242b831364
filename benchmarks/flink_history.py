"""What sequence rules cost a task of Flink, saves included: the six of `history.py` over 100,000 keys, and none.

It is the task's own work without Flink around it (batches in, messages out), by the processor time that it takes, in
microseconds a record; `ratio_to_without` is the time without them as a share of that with them. Four partitions come
mixed in batches of 20,000, as a task has them.

    python benchmarks/flink_history.py [--records N]
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from _measure import report, say
from history import CONTRACT, SEQUENCE, readings

from stillwell.contract.digest import digest
from stillwell.contract.load import parse
from stillwell.engines.flink.judging import Judging
from stillwell.engines.flink.remembered import remembering
from stillwell.engines.flink.writes import Topics, Writes
from stillwell.kernel import Format
from stillwell.kernel.sequence.history import MOST_KEYS

KEYS, PARTITIONS, BATCH = 100_000, 4, 20_000


def batches(count: int) -> list[pa.Table]:
    """What a task is given."""
    number = np.arange(count)
    table = pa.table(
        {
            "partition": pa.array(number % PARTITIONS, pa.int32()),
            "offset": pa.array(number // PARTITIONS),
            "payload": readings(count, KEYS, faulty=True)["payload"],
            "key": pa.nulls(count, pa.binary()),
            "topic": pa.repeat(pa.scalar("readings"), count),
        }
    )
    return [table.slice(begin, BATCH) for begin in range(0, count, BATCH)]


def spent(text: str, given: list[pa.Table]) -> tuple[float, int]:
    """Seconds of the processor that a task takes, and the bytes of what it saved and nobody removed."""
    contract = parse(text)
    with tempfile.TemporaryDirectory() as folder:
        known = remembering(Path(folder), MOST_KEYS, {}, restored=False) if contract.sequence else None
        task = Judging(
            Writes("bench", "kafka:c/t", "readings", contract.text, digest(contract), {}, Topics(*"abcdef"), {},
                   Format(), dt.timedelta(minutes=1), remembering=known)
        )  # fmt: skip
        began = time.process_time()
        for batch in given:
            task(batch)
        seconds = time.process_time() - began
        task.close()
        return seconds, sum(path.stat().st_size for path in Path(folder).rglob("*.npz"))


def main() -> None:
    """Measure, refresh the table, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    given = batches(options.records)
    found: dict[str, list[float]] = {"without": [], "with": []}
    size = 0
    for turn in range(options.rounds):
        for name, text in (("without", CONTRACT), ("with", CONTRACT + SEQUENCE)):
            seconds, size = spent(text, given)
            found[name].append(seconds / options.records * 1e6)
            say(f"{name} sequence rules, round {turn + 1}: {found[name][-1]:.2f} µs a record")
    without, along = (statistics.median(found[name]) for name in ("without", "with"))
    figures: dict[str, object] = {
        "records": options.records,
        "keys": KEYS,
        "micros_without": round(without, 2),
        "micros_with": round(along, 2),
        "ratio_to_without": round(without / along, 2),
        "saved_bytes_per_record": round(size / options.records, 1),
    }
    report(
        "flink_history", "Sequence rules in a task of Flink", [(key, str(one)) for key, one in figures.items()], figures
    )


if __name__ == "__main__":
    main()
